-- Step 2: bookkeeping of the reconciliation. Entity tables hold nothing of it, and nobody else writes here: the triggers
-- fill the outbox, the machines do the rest. Every statement may be run again, as DDL cannot be rolled back.

-- Changes as their writers committed them, not yet numbered. Order of id is not order of commit.
CREATE TABLE IF NOT EXISTS ct_sync_outbox (
  id      BIGINT UNSIGNED                         NOT NULL AUTO_INCREMENT,
  tbl     VARCHAR(64) COLLATE ascii_bin           NOT NULL,
  pk      VARCHAR(512) COLLATE utf8mb4_nopad_bin  NOT NULL,   -- parts of a composite key are joined by CHAR(31)
  op      CHAR(1) COLLATE ascii_bin               NOT NULL,   -- I, U or D
  origin  CHAR(36) COLLATE ascii_bin,                         -- the replica that pushed it, NULL for other writers
  time_us BIGINT                                  NOT NULL,   -- microseconds since 1970, UTC
  image   MEDIUMBLOB,                                         -- of a deleted row: JSON; bytes, so that no text can be refused
  PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- The change log, one row a key, so that it compacts itself: the key's latest number, in the order of commits.
CREATE TABLE IF NOT EXISTS ct_sync_rows (
  tbl     VARCHAR(64) COLLATE ascii_bin           NOT NULL,
  pk      VARCHAR(512) COLLATE utf8mb4_nopad_bin  NOT NULL,
  seq     BIGINT UNSIGNED                         NOT NULL,
  deleted BOOLEAN                                 NOT NULL,   -- as of that number; the entity table itself tells how it is now
  origin  CHAR(36) COLLATE ascii_bin,
  time_us BIGINT                                  NOT NULL,
  image   MEDIUMBLOB,
  PRIMARY KEY (tbl, pk),
  UNIQUE KEY ct_sync_rows_seq (seq)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One row: the last number given out. Whoever numbers holds its lock. The epoch names this numbering.
CREATE TABLE IF NOT EXISTS ct_sync_counter (
  id       TINYINT                     NOT NULL,
  last_seq BIGINT UNSIGNED             NOT NULL,
  epoch    CHAR(36) COLLATE ascii_bin  NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
INSERT INTO ct_sync_counter (id, last_seq, epoch) VALUES (1, 0, UUID()) ON DUPLICATE KEY UPDATE id = id;

-- The machines. A push locks its machine's row first, so that one machine's batches come one after another.
CREATE TABLE IF NOT EXISTS ct_sync_machines (
  replica_id     CHAR(36) COLLATE ascii_bin  NOT NULL,
  hostname       VARCHAR(255)                NOT NULL DEFAULT '',
  version        VARCHAR(64)                 NOT NULL DEFAULT '',
  schema_version INT UNSIGNED                NOT NULL DEFAULT 0,
  pulled_seq     BIGINT UNSIGNED             NOT NULL DEFAULT 0,   -- its cursor
  last_seen_us   BIGINT                      NOT NULL DEFAULT 0,
  batch_no       BIGINT UNSIGNED             NOT NULL DEFAULT 0,   -- its latest batch, done or given up
  PRIMARY KEY (replica_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- What became of each row of the latest batches, written by the transaction that did it.
CREATE TABLE IF NOT EXISTS ct_sync_receipts (
  replica_id CHAR(36) COLLATE ascii_bin  NOT NULL,
  batch_no   BIGINT UNSIGNED             NOT NULL,
  digest     BINARY(32)                  NOT NULL,                -- of the batch: a copy of the replica may send another one
  outcomes   MEDIUMBLOB                  NOT NULL,                -- JSON
  created_us BIGINT                      NOT NULL,
  PRIMARY KEY (replica_id, batch_no)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
