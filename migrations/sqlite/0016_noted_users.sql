-- What central said of a user when this machine last asked, which the replica hears of with a later round. Nothing here travels.
CREATE TABLE ct_auth_noted (
  id            TEXT    NOT NULL PRIMARY KEY,   -- of the user
  email         TEXT    NOT NULL,
  role          TEXT    NOT NULL,
  is_active     INTEGER NOT NULL,               -- 0: may not log in, or was deleted
  token_version INTEGER NOT NULL,               -- counts while the replica has a lower one, or none yet
  noted_us      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
