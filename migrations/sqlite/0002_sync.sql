-- Bookkeeping of the reconciliation, of this machine only. Nothing here travels.

-- Names and values: replica_id, epoch, cursor, batch_no, hybrid_time, clock_offset_us.
CREATE TABLE ct_sync_state (
  name  TEXT NOT NULL PRIMARY KEY,
  value ANY  NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal: one entry for each row that differs from what both sides last agreed on.
CREATE TABLE ct_sync_dirty (
  tbl        TEXT    NOT NULL,
  pk         TEXT    NOT NULL,
  position   INTEGER NOT NULL,   -- order of the first change since the agreement
  generation INTEGER NOT NULL,   -- raised by every change, tells an edit made while its push is in flight
  time_us    INTEGER NOT NULL,   -- hybrid time of the last change
  base       BLOB,               -- the agreed image; NULL when the row was never agreed on
  PRIMARY KEY (tbl, pk)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX ct_sync_dirty_position ON ct_sync_dirty (position);

-- The batch that was sent and is not acknowledged yet.
CREATE TABLE ct_sync_inflight (
  tbl        TEXT    NOT NULL,
  pk         TEXT    NOT NULL,
  position   INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  time_us    INTEGER NOT NULL,
  base       BLOB,
  image      BLOB,               -- what was sent; NULL for a delete
  PRIMARY KEY (tbl, pk)
) STRICT, WITHOUT ROWID;

-- Rows that one side could not take, with the reason. They stop themselves, never their batch.
CREATE TABLE ct_sync_quarantine (
  tbl        TEXT    NOT NULL,
  pk         TEXT    NOT NULL,
  refused_by TEXT    NOT NULL CHECK (refused_by IN ('central', 'replica')),
  kind       TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  hint       TEXT    NOT NULL,
  generation INTEGER NOT NULL,   -- of the journal entry that was refused; 0 for rows from central
  seq        INTEGER NOT NULL,   -- of the central change that was refused; 0 for rows from here
  tries      INTEGER NOT NULL,
  since_us   INTEGER NOT NULL,
  PRIMARY KEY (tbl, pk, refused_by)
) STRICT, WITHOUT ROWID;

-- References that point at nothing for the moment: the parent is on its way, or was deleted elsewhere.
CREATE TABLE ct_sync_parked (
  tbl          TEXT    NOT NULL,
  pk           TEXT    NOT NULL,
  col          TEXT    NOT NULL,
  parent_tbl   TEXT    NOT NULL,
  parent_pk    TEXT    NOT NULL,
  parent_image BLOB,             -- the parent's last image, when its delete came by here
  since_us     INTEGER NOT NULL,
  PRIMARY KEY (tbl, pk, col)
) STRICT, WITHOUT ROWID;
CREATE INDEX ct_sync_parked_parent ON ct_sync_parked (parent_tbl, parent_pk);

-- Ids that were given up because another row held the natural key; late rows that name them are redirected.
CREATE TABLE ct_sync_aliases (
  tbl      TEXT    NOT NULL,
  alias    TEXT    NOT NULL,
  target   TEXT    NOT NULL,
  since_us INTEGER NOT NULL,
  PRIMARY KEY (tbl, alias)
) STRICT, WITHOUT ROWID;

-- What was decided where two sides disagreed, and what was set aside.
CREATE TABLE ct_sync_conflicts (
  id        INTEGER PRIMARY KEY,
  tbl       TEXT    NOT NULL,
  pk        TEXT    NOT NULL,
  rule      TEXT    NOT NULL,
  winner    TEXT    NOT NULL CHECK (winner IN ('local', 'remote')),
  columns   TEXT    NOT NULL,    -- JSON array of column names
  kept      TEXT    NOT NULL,    -- JSON object of the values that stand
  set_aside TEXT    NOT NULL,    -- JSON object of the values that lost
  flagged   INTEGER NOT NULL,
  at_us     INTEGER NOT NULL
) STRICT;
CREATE INDEX ct_sync_conflicts_row ON ct_sync_conflicts (tbl, pk);
