-- Logins of this machine. Nothing here travels, and nothing here lets anybody in: of a refresh token only its hash is kept.
CREATE TABLE ct_auth_refresh (
  token_hash    TEXT    NOT NULL PRIMARY KEY,   -- SHA-256
  family        TEXT    NOT NULL,               -- of one login: each token is followed by the next one
  email         TEXT    NOT NULL,
  role          TEXT    NOT NULL,
  token_version INTEGER NOT NULL,
  expires_us    INTEGER NOT NULL,
  used          INTEGER NOT NULL DEFAULT 0,     -- 1: it was traded in; whoever shows it again has stolen it, or was robbed
  revoked       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX ct_auth_refresh_family ON ct_auth_refresh (family);
