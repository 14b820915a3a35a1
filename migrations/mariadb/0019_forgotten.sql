-- Step 19: what was forgotten on purpose: names of rows, never their text. The statement may be run again.
CREATE TABLE IF NOT EXISTS forgotten (
  id           CHAR(36) COLLATE ascii_bin             NOT NULL,
  source_table VARCHAR(64) COLLATE utf8mb4_nopad_bin  NOT NULL,
  source_id    VARCHAR(200) COLLATE utf8mb4_nopad_bin NOT NULL,
  forgotten_at DATETIME(6)                            NOT NULL,
  created_at   DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  KEY idx_forgotten_source (source_table, source_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
