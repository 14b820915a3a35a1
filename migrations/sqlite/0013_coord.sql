-- Locks that sessions of this machine claimed: how long they last without activity, and what central has not heard yet.
-- What it has agreed to is a row of coord_session_locks.
CREATE TABLE ct_coord_claims (
  lock_id     TEXT    NOT NULL PRIMARY KEY,
  project_key TEXT    NOT NULL,
  session_id  TEXT    NOT NULL,
  resource    TEXT    NOT NULL,
  description TEXT,
  ttl_us      INTEGER NOT NULL,     -- 0: it never ends by itself
  claimed_us  INTEGER NOT NULL,
  active_us   INTEGER NOT NULL,     -- the latest sign of life of its session, by central's clock
  agreed_us   INTEGER NOT NULL,     -- that one of which central knows
  state       TEXT    NOT NULL CHECK (state IN ('provisional', 'held', 'lost')),
  reason      TEXT                  -- why it is provisional, or lost
) STRICT, WITHOUT ROWID;

-- Which sessions have read a message to all of them: a row of coord_messages has one mark only.
CREATE TABLE ct_coord_reads (
  message_id TEXT    NOT NULL,
  session_id TEXT    NOT NULL,
  read_us    INTEGER NOT NULL,
  PRIMARY KEY (message_id, session_id)
) STRICT, WITHOUT ROWID;
