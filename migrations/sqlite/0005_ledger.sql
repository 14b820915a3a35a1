-- The ledger: what a loser needs to be put back, and what a refused row waits for.

-- loser: 'values' of columns, a whole 'row', or a 'delete'; '' in records that were made before this step.
ALTER TABLE ct_sync_conflicts ADD COLUMN loser           TEXT NOT NULL DEFAULT '' CHECK (loser IN ('', 'values', 'row', 'delete'));
ALTER TABLE ct_sync_conflicts ADD COLUMN parents         TEXT;      -- JSON array: the last images of rows that it referred to
ALTER TABLE ct_sync_conflicts ADD COLUMN acknowledged_us INTEGER;   -- when its user said so
ALTER TABLE ct_sync_conflicts ADD COLUMN restored_us     INTEGER;   -- when the loser was put back
CREATE INDEX ct_sync_conflicts_at ON ct_sync_conflicts (at_us);
CREATE INDEX ct_sync_conflicts_open ON ct_sync_conflicts (id) WHERE flagged AND acknowledged_us IS NULL;

-- A change of the row in the way (because_pk '': of any row of that table), of the table's definition at central, or the
-- time itself releases it.
ALTER TABLE ct_sync_quarantine ADD COLUMN because_tbl TEXT    NOT NULL DEFAULT '';
ALTER TABLE ct_sync_quarantine ADD COLUMN because_pk  TEXT    NOT NULL DEFAULT '';
ALTER TABLE ct_sync_quarantine ADD COLUMN retry_us    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ct_sync_quarantine ADD COLUMN definition  TEXT    NOT NULL DEFAULT '';
CREATE INDEX ct_sync_quarantine_because ON ct_sync_quarantine (because_tbl, because_pk);

-- 1: not written here since the agreements were forgotten; what it holds was once agreed on with a central that has forgotten it.
ALTER TABLE ct_sync_dirty ADD COLUMN enrolled INTEGER NOT NULL DEFAULT 0;
