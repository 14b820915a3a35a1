-- The vault and the audit trail, of this machine only. Keys are in a file of their own, never here in clear.

-- What this machine knows of the vault's keys: those it has, and those of central.
CREATE TABLE ct_vault_keys (
  key_id     TEXT    NOT NULL PRIMARY KEY,
  canary     BLOB    NOT NULL,            -- opens with this key only
  wrapped    BLOB,                        -- by the passphrase; NULL before there is one
  handed_on  BLOB,                        -- sealed under the key that was current before
  is_current INTEGER NOT NULL,
  made_here  INTEGER NOT NULL,            -- 1: what is sealed with another key is sealed anew by this machine
  created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last link of each machine's chain of audit rows: how many it has, and what the next one follows. Of other machines:
-- as far as it was seen.
CREATE TABLE ct_audit_chains (
  chain    TEXT    NOT NULL PRIMARY KEY,  -- the machine's replica
  position INTEGER NOT NULL,
  link     BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Password hashes are central's: no machine holds them any more.
UPDATE users SET password_hash = '';
