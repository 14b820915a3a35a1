-- Step 7: how long the change log remembers deletes. Every statement may be run again, as DDL cannot be rolled back.

-- Up to which number tombstones were removed: a machine that has not come that far takes a snapshot instead of reading on.
-- And when a machine last looked for what may go, in microseconds since 1970.
ALTER TABLE ct_sync_counter ADD COLUMN IF NOT EXISTS floor_seq BIGINT UNSIGNED NOT NULL DEFAULT 0;
ALTER TABLE ct_sync_counter ADD COLUMN IF NOT EXISTS pruned_us BIGINT NOT NULL DEFAULT 0;

-- Where the numbering stood when: a tombstone's own time is that of the delete, which may have arrived much later.
CREATE TABLE IF NOT EXISTS ct_sync_marks (
  at_us BIGINT           NOT NULL,   -- microseconds since 1970
  seq   BIGINT UNSIGNED  NOT NULL,   -- the last number that had been given out
  PRIMARY KEY (at_us)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
