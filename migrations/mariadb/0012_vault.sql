-- Step 12: the vault's keys, wrapped, so that a machine can join with the passphrase. Nothing here opens anything by
-- itself. Every statement may be run again.
CREATE TABLE IF NOT EXISTS ct_sync_vault (
  key_id     CHAR(8) COLLATE ascii_bin NOT NULL,
  wrapped    VARBINARY(255)            NOT NULL,   -- by the passphrase
  handed_on  VARBINARY(255),                       -- sealed under the key that was current then, for machines that have it
  canary     VARBINARY(255)            NOT NULL,   -- opens with this key only
  is_current BOOLEAN                   NOT NULL,
  created_us BIGINT                    NOT NULL,   -- microseconds since 1970
  PRIMARY KEY (key_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
