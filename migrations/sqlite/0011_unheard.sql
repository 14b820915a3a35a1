-- Rows that were made and deleted before central heard of them. If this file turns out to be an older copy of itself, its
-- former self may have sent them, and the delete is told after all.
CREATE TABLE ct_sync_unheard (
  tbl      TEXT    NOT NULL,
  pk       TEXT    NOT NULL,
  image    BLOB    NOT NULL,     -- the row as it was when it was deleted
  since_us INTEGER NOT NULL,
  PRIMARY KEY (tbl, pk)
) STRICT, WITHOUT ROWID;
