-- Comparing the replica with central: what each table looked like when it was last compared, of this machine only.

-- One row a table that was ever compared or suspected.
CREATE TABLE ct_sync_verify (
  tbl           TEXT    NOT NULL PRIMARY KEY,
  verified_us   INTEGER NOT NULL DEFAULT 0,   -- end of the last complete comparison
  rows          INTEGER NOT NULL DEFAULT 0,   -- rows compared then
  found         TEXT    NOT NULL DEFAULT '{}', -- JSON object: kind of difference to the number of rows left as they were
  healed        INTEGER NOT NULL DEFAULT 0,   -- rows healed by all comparisons together
  suspicion     TEXT,                         -- why it is to be compared before its turn
  suspected_us  INTEGER,
  made_at       TEXT                          -- when central made the table, as it last said
) STRICT, WITHOUT ROWID;

-- Rows whose hash differs although they are equal (central holds the value in another form, such as JSON with blanks),
-- or whose difference is on record in the quarantine: while both hashes stay, the difference is no news.
CREATE TABLE ct_sync_alike (
  tbl         TEXT    NOT NULL,
  pk          TEXT    NOT NULL,
  here        INTEGER,                        -- hash of the row here; NULL: it is not here
  there       INTEGER NOT NULL,               -- hash of the row at central
  quarantined INTEGER NOT NULL,               -- 1: counts only while the row is in quarantine
  PRIMARY KEY (tbl, pk)
) STRICT, WITHOUT ROWID;
