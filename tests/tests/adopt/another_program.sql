-- The database of another program, as ClaudeTools may find it: names, types, collations and keys are its own, some
-- columns are missing and some are more, and its keys cascade.

CREATE TABLE Client (
  id           CHAR(36)     NOT NULL,
  name         VARCHAR(255) NOT NULL,
  client_type  ENUM('msp_client', 'internal', 'project', 'prospect'),
  notes        TEXT,
  active       TINYINT(1)   DEFAULT 1,
  tenant       INT          NOT NULL DEFAULT 7,
  created_at   DATETIME     NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE sites (
  id             CHAR(36)     NOT NULL,
  client_id      CHAR(36)     NOT NULL,
  name           VARCHAR(255) NOT NULL,
  notes          TEXT,
  created_at     DATETIME(6)  NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  updated_at     TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  UNIQUE KEY site_name (client_id, name),
  CONSTRAINT site_client FOREIGN KEY (client_id) REFERENCES Client (id) ON DELETE CASCADE ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE networks (
  id             CHAR(36)     NOT NULL,
  client_id      CHAR(36)     NOT NULL,
  site_id        CHAR(36),
  name           VARCHAR(100) NOT NULL,
  network_type   VARCHAR(50)  NOT NULL DEFAULT 'lan',
  PRIMARY KEY (id),
  CONSTRAINT network_client FOREIGN KEY (client_id) REFERENCES Client (id) ON DELETE CASCADE,
  CONSTRAINT network_site FOREIGN KEY (site_id) REFERENCES sites (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE tags (
  id          UUID         NOT NULL,
  name        VARCHAR(50)  NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY tag_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE tasks (
  id              CHAR(36)     NOT NULL,
  parent_task_id  CHAR(36),
  client_id       CHAR(36),
  title           VARCHAR(500) NOT NULL,
  status          VARCHAR(50)  NOT NULL DEFAULT 'pending',
  created_at      TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  updated_at      TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  PRIMARY KEY (id),
  CONSTRAINT task_parent FOREIGN KEY (parent_task_id) REFERENCES tasks (id) ON DELETE CASCADE,
  CONSTRAINT task_client FOREIGN KEY (client_id) REFERENCES Client (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Its key is a number: nothing of ClaudeTools can be held here.
CREATE TABLE projects (
  id    INT          NOT NULL AUTO_INCREMENT,
  name  VARCHAR(255) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A column that must be given, and that ClaudeTools does not know.
CREATE TABLE machines (
  id        CHAR(36)     NOT NULL,
  hostname  VARCHAR(255) NOT NULL,
  rack      VARCHAR(20)  NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Its own business.
CREATE TABLE invoices (
  number     INT      NOT NULL AUTO_INCREMENT,
  client_id  CHAR(36) NOT NULL,
  cents      INT      NOT NULL,
  PRIMARY KEY (number),
  CONSTRAINT invoice_client FOREIGN KEY (client_id) REFERENCES Client (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE schema_migrations (
  version BIGINT NOT NULL,
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
INSERT INTO schema_migrations VALUES (20190101000000), (20210607120000);

INSERT INTO Client (id, name, client_type, notes, created_at) VALUES
  ('00000000-0000-4000-8000-00000000000a', 'Acme', 'msp_client', 'the first', '2020-02-29 12:00:00'),
  ('00000000-0000-4000-8000-00000000000b', 'Acme', NULL, 'the same name', NULL),
  ('00000000-0000-4000-8000-00000000000C', 'Müller', 'internal', NULL, '2021-01-01 00:00:00');
INSERT INTO sites (id, client_id, name) VALUES
  ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-00000000000a', 'Berlin'),
  ('00000000-0000-4000-8000-0000000000c1', '00000000-0000-4000-8000-00000000000c', 'Bonn');
INSERT INTO networks (id, client_id, site_id, name) VALUES
  ('00000000-0000-4000-8000-000000000a11', '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000A1', 'office'),
  ('00000000-0000-4000-8000-000000000b11', '00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000a1', 'guests');
INSERT INTO tags (id, name) VALUES ('0199AAAA-0000-7000-8000-000000000001', 'Rust');
INSERT INTO machines (id, hostname, rack) VALUES ('00000000-0000-4000-8000-0000000000d1', 'old-server', 'r1');
INSERT INTO invoices (client_id, cents) VALUES ('00000000-0000-4000-8000-00000000000a', 100);
