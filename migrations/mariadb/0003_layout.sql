-- Step 3: what central says of itself to builds of other versions, and the names in an adopted database. Every statement
-- may be run again.

-- min_client: the oldest version of a build's schema with which it may write here; an older one reads only.
CREATE TABLE IF NOT EXISTS ct_sync_settings (
  name  VARCHAR(64) COLLATE ascii_bin NOT NULL,
  value VARCHAR(255)                  NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
INSERT INTO ct_sync_settings (name, value) VALUES ('min_client', '1') ON DUPLICATE KEY UPDATE name = name;

-- What has another name here than in the catalogue, as its user said: a table (col is empty) or a column.
CREATE TABLE IF NOT EXISTS ct_sync_names (
  entity   VARCHAR(64) COLLATE utf8mb4_nopad_bin NOT NULL,
  col      VARCHAR(64) COLLATE utf8mb4_nopad_bin NOT NULL,
  physical VARCHAR(64) COLLATE utf8mb4_nopad_bin NOT NULL,
  PRIMARY KEY (entity, col)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
