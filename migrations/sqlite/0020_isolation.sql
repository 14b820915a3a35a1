-- To which clients a user is limited, as a JSON array of their ids; NULL: to none in particular, so that all are seen.
ALTER TABLE users ADD COLUMN client_ids TEXT;

-- The same as central said it.
ALTER TABLE ct_auth_noted ADD COLUMN client_ids TEXT;
