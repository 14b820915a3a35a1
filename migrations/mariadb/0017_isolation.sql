-- Step 17: to which clients a user is limited: a JSON array of their ids; NULL: to none in particular. The statement may be
-- run again.
ALTER TABLE users ADD COLUMN IF NOT EXISTS client_ids MEDIUMTEXT COLLATE utf8mb4_bin;
