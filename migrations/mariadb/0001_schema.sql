-- Step 1: the tables of central, parents before children. The catalogue in ../src/catalogue says what each column
-- means. Needs MariaDB 10.6.
--
-- Strings in keys and closed lists are compared byte for byte (utf8mb4_nopad_bin), as SQLite does. Foreign keys only
-- refuse: cascades inside the engine fire no triggers, and change capture would miss them. Times are UTC. JSON is held
-- as text, as the engine's own type adds a hidden CHECK. Keys are declared within their table, so that the engine adds
-- none of its own.

-- A workstation that runs the daemon and Claude Code, created by the daemon at enrolment, one row per OS account
-- and platform.
CREATE TABLE machines (
  id                       CHAR(36) COLLATE ascii_bin             NOT NULL,
  hostname                 VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  machine_fingerprint      VARCHAR(500) COLLATE utf8mb4_nopad_bin,
  friendly_name            VARCHAR(255),
  machine_type             VARCHAR(50) COLLATE utf8mb4_nopad_bin,
  platform                 VARCHAR(50) COLLATE utf8mb4_nopad_bin,
  os_version               VARCHAR(100),
  username                 VARCHAR(255),
  home_directory           VARCHAR(500),
  has_vpn_access           BOOLEAN                                NOT NULL DEFAULT 0,
  vpn_profiles             MEDIUMTEXT COLLATE utf8mb4_bin,
  has_docker               BOOLEAN                                NOT NULL DEFAULT 0,
  has_powershell           BOOLEAN                                NOT NULL DEFAULT 0,
  powershell_version       VARCHAR(20),
  has_ssh                  BOOLEAN                                NOT NULL DEFAULT 1,
  has_git                  BOOLEAN                                NOT NULL DEFAULT 1,
  typical_network_location VARCHAR(100),
  static_ip                VARCHAR(45),
  claude_working_directory VARCHAR(500),
  additional_working_dirs  MEDIUMTEXT COLLATE utf8mb4_bin,
  installed_tools          MEDIUMTEXT COLLATE utf8mb4_bin,
  available_mcps           MEDIUMTEXT COLLATE utf8mb4_bin,
  mcp_capabilities         MEDIUMTEXT COLLATE utf8mb4_bin,
  available_skills         MEDIUMTEXT COLLATE utf8mb4_bin,
  is_active                BOOLEAN                                NOT NULL DEFAULT 1,
  last_seen_at             DATETIME(6),
  created_at               DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at               DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT ck_machines_machine_type CHECK (machine_type IN ('laptop', 'desktop', 'workstation', 'vm')),
  UNIQUE KEY uq_machines_hostname    (hostname),
  UNIQUE KEY uq_machines_fingerprint (machine_fingerprint),
  KEY idx_machines_is_active         (is_active)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A customer organisation (or the shop itself, type internal).
CREATE TABLE clients (
  id                  CHAR(36) COLLATE ascii_bin             NOT NULL,
  name                VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  client_type         VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'msp_client',
  domain_name         VARCHAR(255),
  primary_contact     VARCHAR(255),
  contact_email       VARCHAR(255),
  contact_phone       VARCHAR(50),
  address             MEDIUMTEXT,
  default_hourly_rate DECIMAL(10,2),
  external_ref        VARCHAR(100),
  notes               MEDIUMTEXT,
  is_active           BOOLEAN                                NOT NULL DEFAULT 1,
  created_at          DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at          DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT ck_clients_client_type CHECK (client_type IN ('msp_client', 'internal', 'project', 'prospect')),
  UNIQUE KEY uq_clients_name  (name),
  KEY idx_clients_is_active   (is_active),
  KEY idx_clients_domain_name (domain_name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A physical location of a client.
CREATE TABLE sites (
  id             CHAR(36) COLLATE ascii_bin             NOT NULL,
  client_id      CHAR(36) COLLATE ascii_bin             NOT NULL,
  name           VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  network_subnet VARCHAR(100),
  vpn_required   BOOLEAN                                NOT NULL DEFAULT 0,
  vpn_subnet     VARCHAR(100),
  gateway_ip     VARCHAR(45),
  dns_servers    MEDIUMTEXT COLLATE utf8mb4_bin,
  notes          MEDIUMTEXT,
  created_at     DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at     DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_sites_client_id FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE RESTRICT,
  UNIQUE KEY uq_sites_client_name (client_id, name),
  KEY idx_sites_client            (client_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A subnet, VLAN or VPN range of a client, at a site or site-less (cloud, VPN).
CREATE TABLE networks (
  id           CHAR(36) COLLATE ascii_bin             NOT NULL,
  client_id    CHAR(36) COLLATE ascii_bin             NOT NULL,
  site_id      CHAR(36) COLLATE ascii_bin,
  name         VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  network_type VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'lan',
  cidr         VARCHAR(100),
  gateway_ip   VARCHAR(45),
  vlan_id      INT,
  dns_servers  MEDIUMTEXT COLLATE utf8mb4_bin,
  dhcp_range   VARCHAR(100),
  notes        MEDIUMTEXT,
  created_at   DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at   DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_networks_client_id FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_networks_site_id   FOREIGN KEY (site_id)   REFERENCES sites (id) ON DELETE RESTRICT,
  UNIQUE KEY uq_networks_client_site_name (client_id, site_id, name),
  KEY idx_networks_site                   (site_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A body of work, usually one git repository, the unit that memory is recalled by.
CREATE TABLE projects (
  id           CHAR(36) COLLATE ascii_bin             NOT NULL,
  client_id    CHAR(36) COLLATE ascii_bin,
  name         VARCHAR(255)                           NOT NULL,
  slug         VARCHAR(200) COLLATE utf8mb4_nopad_bin NOT NULL,
  description  MEDIUMTEXT,
  project_type VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'client_project',
  status       VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'active',
  git_remote   VARCHAR(500),
  technologies MEDIUMTEXT COLLATE utf8mb4_bin,
  started_on   DATE,
  target_on    DATE,
  completed_on DATE,
  notes        MEDIUMTEXT,
  created_at   DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at   DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_projects_client_id FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT ck_projects_status
    CHECK (status IN ('planning', 'active', 'on_hold', 'completed', 'cancelled', 'archived')),
  UNIQUE KEY uq_projects_slug (slug),
  KEY idx_projects_client     (client_id),
  KEY idx_projects_status     (status)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One sitting of work by a person, usually one Claude Code session on one machine.
CREATE TABLE sessions (
  id                CHAR(36) COLLATE ascii_bin             NOT NULL,
  client_id         CHAR(36) COLLATE ascii_bin,
  project_id        CHAR(36) COLLATE ascii_bin,
  machine_id        CHAR(36) COLLATE ascii_bin,
  claude_session_id VARCHAR(100) COLLATE utf8mb4_nopad_bin,
  title             VARCHAR(500),
  work_mode         VARCHAR(50) COLLATE utf8mb4_nopad_bin,
  status            VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'in_progress',
  user_id           VARCHAR(255),
  started_at        DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  ended_at          DATETIME(6),
  duration_minutes  INT,
  is_billable       BOOLEAN                                NOT NULL DEFAULT 0,
  working_directory VARCHAR(500),
  git_branch        VARCHAR(255),
  summary           MEDIUMTEXT,
  notes             MEDIUMTEXT,
  created_at        DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at        DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_sessions_client_id  FOREIGN KEY (client_id)  REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_sessions_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT,
  CONSTRAINT fk_sessions_machine_id FOREIGN KEY (machine_id) REFERENCES machines (id) ON DELETE RESTRICT,
  CONSTRAINT ck_sessions_status CHECK (status IN ('in_progress', 'paused', 'completed', 'abandoned')),
  CONSTRAINT ck_sessions_times  CHECK (ended_at IS NULL OR ended_at >= started_at),
  UNIQUE KEY uq_sessions_claude_session (claude_session_id),
  KEY idx_sessions_client               (client_id),
  KEY idx_sessions_project              (project_id),
  KEY idx_sessions_machine              (machine_id),
  KEY idx_sessions_started_at           (started_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A to-do with hierarchy, within a project or session (the assistant's and the person's working list).
CREATE TABLE tasks (
  id                CHAR(36) COLLATE ascii_bin            NOT NULL,
  parent_task_id    CHAR(36) COLLATE ascii_bin,
  session_id        CHAR(36) COLLATE ascii_bin,
  client_id         CHAR(36) COLLATE ascii_bin,
  project_id        CHAR(36) COLLATE ascii_bin,
  title             VARCHAR(500)                          NOT NULL,
  description       MEDIUMTEXT,
  status            VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'pending',
  priority          VARCHAR(20) COLLATE utf8mb4_nopad_bin,
  task_order        INT                                   NOT NULL DEFAULT 0,
  assigned_to       VARCHAR(255),
  blocking_reason   MEDIUMTEXT,
  due_on            DATE,
  estimated_minutes INT,
  started_at        DATETIME(6),
  completed_at      DATETIME(6),
  created_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_tasks_parent_task_id FOREIGN KEY (parent_task_id) REFERENCES tasks (id) ON DELETE RESTRICT,
  CONSTRAINT fk_tasks_session_id     FOREIGN KEY (session_id)     REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_tasks_client_id      FOREIGN KEY (client_id)      REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_tasks_project_id     FOREIGN KEY (project_id)     REFERENCES projects (id) ON DELETE RESTRICT,
  CONSTRAINT ck_tasks_status   CHECK (status IN ('pending', 'in_progress', 'blocked', 'completed', 'cancelled')),
  CONSTRAINT ck_tasks_priority CHECK (priority IN ('critical', 'high', 'medium', 'low')),
  KEY idx_tasks_parent_task (parent_task_id),
  KEY idx_tasks_session     (session_id),
  KEY idx_tasks_client      (client_id),
  KEY idx_tasks_project     (project_id),
  KEY idx_tasks_status      (status)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- What is still owed to a client across sessions (follow-up queue, shown at session start).
CREATE TABLE pending_tasks (
  id           CHAR(36) COLLATE ascii_bin            NOT NULL,
  client_id    CHAR(36) COLLATE ascii_bin,
  project_id   CHAR(36) COLLATE ascii_bin,
  title        VARCHAR(500)                          NOT NULL,
  description  MEDIUMTEXT,
  status       VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'pending',
  priority     VARCHAR(20) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'medium',
  blocked_by   MEDIUMTEXT,
  assigned_to  VARCHAR(255),
  source       VARCHAR(255),
  due_on       DATE,
  completed_at DATETIME(6),
  completed_by VARCHAR(255),
  created_at   DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at   DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_pending_tasks_client_id  FOREIGN KEY (client_id)  REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_pending_tasks_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT,
  CONSTRAINT ck_pending_tasks_status
    CHECK (status IN ('pending', 'in_progress', 'blocked', 'completed', 'cancelled')),
  CONSTRAINT ck_pending_tasks_priority CHECK (priority IN ('critical', 'high', 'medium', 'low')),
  KEY idx_pending_tasks_client        (client_id),
  KEY idx_pending_tasks_project       (project_id),
  KEY idx_pending_tasks_status_due_on (status, due_on)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One word to group sessions, work items and infrastructure.
CREATE TABLE tags (
  id          CHAR(36) COLLATE ascii_bin             NOT NULL,
  name        VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL,
  category    VARCHAR(50) COLLATE utf8mb4_nopad_bin,
  description VARCHAR(500),
  created_at  DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at  DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  UNIQUE KEY uq_tags_name (name),
  KEY idx_tags_category   (category)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Session <-> tag.
CREATE TABLE session_tags (
  session_id CHAR(36) COLLATE ascii_bin NOT NULL,
  tag_id     CHAR(36) COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (session_id, tag_id),
  CONSTRAINT fk_session_tags_session_id FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_session_tags_tag_id     FOREIGN KEY (tag_id)     REFERENCES tags (id) ON DELETE RESTRICT,
  KEY idx_session_tags_tag (tag_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One thing done within a session, what reports and invoices are made from.
CREATE TABLE work_items (
  id                CHAR(36) COLLATE ascii_bin            NOT NULL,
  session_id        CHAR(36) COLLATE ascii_bin            NOT NULL,
  category          VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  title             VARCHAR(500)                          NOT NULL,
  description       MEDIUMTEXT                            NOT NULL,
  status            VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'completed',
  priority          VARCHAR(20) COLLATE utf8mb4_nopad_bin,
  is_billable       BOOLEAN                               NOT NULL DEFAULT 0,
  estimated_minutes INT,
  actual_minutes    INT,
  affected_systems  MEDIUMTEXT COLLATE utf8mb4_bin,
  technologies_used MEDIUMTEXT COLLATE utf8mb4_bin,
  item_order        INT,
  completed_at      DATETIME(6),
  created_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_work_items_session_id FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT ck_work_items_category
    CHECK (category IN ('infrastructure', 'troubleshooting', 'configuration', 'development', 'maintenance',
                        'security', 'documentation')),
  CONSTRAINT ck_work_items_status   CHECK (status IN ('completed', 'in_progress', 'blocked', 'pending', 'deferred')),
  CONSTRAINT ck_work_items_priority CHECK (priority IN ('critical', 'high', 'medium', 'low')),
  KEY idx_work_items_session  (session_id),
  KEY idx_work_items_category (category),
  KEY idx_work_items_status   (status)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Work item <-> tag.
CREATE TABLE work_item_tags (
  work_item_id CHAR(36) COLLATE ascii_bin NOT NULL,
  tag_id       CHAR(36) COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (work_item_id, tag_id),
  CONSTRAINT fk_work_item_tags_work_item_id FOREIGN KEY (work_item_id) REFERENCES work_items (id) ON DELETE RESTRICT,
  CONSTRAINT fk_work_item_tags_tag_id       FOREIGN KEY (tag_id)       REFERENCES tags (id) ON DELETE RESTRICT,
  KEY idx_work_item_tags_tag (tag_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A server, VM, container, network device, workstation or firewall.
CREATE TABLE infrastructure (
  id                  CHAR(36) COLLATE ascii_bin            NOT NULL,
  client_id           CHAR(36) COLLATE ascii_bin,
  site_id             CHAR(36) COLLATE ascii_bin,
  parent_host_id      CHAR(36) COLLATE ascii_bin,
  asset_type          VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  hostname            VARCHAR(255)                          NOT NULL,
  ip_address          VARCHAR(45),
  mac_address         VARCHAR(17),
  os                  VARCHAR(255),
  os_version          VARCHAR(100),
  role_description    MEDIUMTEXT,
  status              VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'active',
  manufacturer_model  VARCHAR(255),
  serial_number       VARCHAR(100),
  warranty_expires_on DATE,
  environmental_notes MEDIUMTEXT,
  shell_type          VARCHAR(50),
  limitations         MEDIUMTEXT COLLATE utf8mb4_bin,
  notes               MEDIUMTEXT,
  created_at          DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at          DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_infrastructure_client_id
    FOREIGN KEY (client_id)      REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_infrastructure_site_id
    FOREIGN KEY (site_id)        REFERENCES sites (id) ON DELETE RESTRICT,
  CONSTRAINT fk_infrastructure_parent_host_id
    FOREIGN KEY (parent_host_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  CONSTRAINT ck_infrastructure_asset_type
    CHECK (asset_type IN ('physical_server', 'virtual_machine', 'container', 'network_device', 'nas_storage',
                          'workstation', 'firewall', 'domain_controller')),
  CONSTRAINT ck_infrastructure_status
    CHECK (status IN ('active', 'migration_source', 'migration_destination', 'decommissioned')),
  KEY idx_infrastructure_client      (client_id),
  KEY idx_infrastructure_site        (site_id),
  KEY idx_infrastructure_parent_host (parent_host_id),
  KEY idx_infrastructure_hostname    (hostname),
  KEY idx_infrastructure_asset_type  (asset_type)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Infrastructure <-> tag.
CREATE TABLE infrastructure_tags (
  infrastructure_id CHAR(36) COLLATE ascii_bin NOT NULL,
  tag_id            CHAR(36) COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (infrastructure_id, tag_id),
  CONSTRAINT fk_infrastructure_tags_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  CONSTRAINT fk_infrastructure_tags_tag_id
    FOREIGN KEY (tag_id)            REFERENCES tags (id) ON DELETE RESTRICT,
  KEY idx_infrastructure_tags_tag (tag_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- An application or service, on an asset or hosted elsewhere.
CREATE TABLE services (
  id                CHAR(36) COLLATE ascii_bin             NOT NULL,
  infrastructure_id CHAR(36) COLLATE ascii_bin,
  client_id         CHAR(36) COLLATE ascii_bin,
  service_name      VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  service_type      VARCHAR(100),
  external_url      VARCHAR(500),
  internal_url      VARCHAR(500),
  port              INT,
  protocol          VARCHAR(50),
  version           VARCHAR(100),
  status            VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'running',
  notes             MEDIUMTEXT,
  created_at        DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at        DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_services_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  CONSTRAINT fk_services_client_id
    FOREIGN KEY (client_id)         REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT ck_services_status
    CHECK (status IN ('running', 'stopped', 'degraded', 'error', 'maintenance', 'decommissioned')),
  UNIQUE KEY uq_services_infrastructure_service_name (infrastructure_id, service_name),
  KEY idx_services_client                            (client_id),
  KEY idx_services_status                            (status)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Directed dependency between two services.
CREATE TABLE service_relationships (
  id                CHAR(36) COLLATE ascii_bin            NOT NULL,
  from_service_id   CHAR(36) COLLATE ascii_bin            NOT NULL,
  to_service_id     CHAR(36) COLLATE ascii_bin            NOT NULL,
  relationship_type VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  notes             MEDIUMTEXT,
  created_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_service_relationships_from_service_id
    FOREIGN KEY (from_service_id) REFERENCES services (id) ON DELETE RESTRICT,
  CONSTRAINT fk_service_relationships_to_service_id
    FOREIGN KEY (to_service_id)   REFERENCES services (id) ON DELETE RESTRICT,
  CONSTRAINT ck_service_relationships_relationship_type
    CHECK (relationship_type IN ('depends_on', 'hosted_on', 'proxied_by', 'authenticates_via', 'backend_for',
                                 'backs_up_to')),
  CONSTRAINT ck_service_relationships_not_self CHECK (from_service_id <> to_service_id),
  UNIQUE KEY uq_service_relationships_triple (from_service_id, to_service_id, relationship_type),
  KEY idx_service_relationships_to_service   (to_service_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One rule on a firewall or host.
CREATE TABLE firewall_rules (
  id                CHAR(36) COLLATE ascii_bin            NOT NULL,
  infrastructure_id CHAR(36) COLLATE ascii_bin            NOT NULL,
  rule_name         VARCHAR(255)                          NOT NULL,
  rule_order        INT                                   NOT NULL DEFAULT 0,
  direction         VARCHAR(20) COLLATE utf8mb4_nopad_bin,
  action            VARCHAR(20) COLLATE utf8mb4_nopad_bin NOT NULL,
  protocol          VARCHAR(20) COLLATE utf8mb4_nopad_bin,
  source            VARCHAR(255),
  destination       VARCHAR(255),
  port_range        VARCHAR(100),
  is_enabled        BOOLEAN                               NOT NULL DEFAULT 1,
  description       MEDIUMTEXT,
  created_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_firewall_rules_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  CONSTRAINT ck_firewall_rules_action CHECK (action IN ('allow', 'deny', 'drop', 'reject')),
  KEY idx_firewall_rules_infrastructure (infrastructure_id, rule_order)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A Microsoft 365 tenant of a client.
CREATE TABLE m365_tenants (
  id                   CHAR(36) COLLATE ascii_bin            NOT NULL,
  client_id            CHAR(36) COLLATE ascii_bin            NOT NULL,
  tenant_id            VARCHAR(36) COLLATE utf8mb4_nopad_bin NOT NULL,
  tenant_name          VARCHAR(255),
  default_domain       VARCHAR(255),
  admin_email          VARCHAR(255),
  partner_relationship VARCHAR(50) COLLATE utf8mb4_nopad_bin,
  gdap_expires_on      DATE,
  mfa_enforced         BOOLEAN,
  licences             MEDIUMTEXT COLLATE utf8mb4_bin,
  notes                MEDIUMTEXT,
  created_at           DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at           DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_m365_tenants_client_id FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE RESTRICT,
  UNIQUE KEY uq_m365_tenants_tenant (tenant_id),
  KEY idx_m365_tenants_client       (client_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A secret of a client, service or asset, every value column is AES-256-GCM.
CREATE TABLE credentials (
  id                          CHAR(36) COLLATE ascii_bin            NOT NULL,
  client_id                   CHAR(36) COLLATE ascii_bin,
  service_id                  CHAR(36) COLLATE ascii_bin,
  infrastructure_id           CHAR(36) COLLATE ascii_bin,
  credential_type             VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  service_name                VARCHAR(255)                          NOT NULL,
  username                    VARCHAR(255),
  password_encrypted          MEDIUMBLOB,
  api_key_encrypted           MEDIUMBLOB,
  client_id_oauth             VARCHAR(255),
  client_secret_encrypted     MEDIUMBLOB,
  token_encrypted             MEDIUMBLOB,
  private_key_encrypted       MEDIUMBLOB,
  connection_string_encrypted MEDIUMBLOB,
  url                         VARCHAR(500),
  requires_vpn                BOOLEAN                               NOT NULL DEFAULT 0,
  requires_mfa                BOOLEAN                               NOT NULL DEFAULT 0,
  expires_at                  DATETIME(6),
  last_rotated_at             DATETIME(6),
  notes                       MEDIUMTEXT,
  is_active                   BOOLEAN                               NOT NULL DEFAULT 1,
  created_at                  DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at                  DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_credentials_client_id
    FOREIGN KEY (client_id)         REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_credentials_service_id
    FOREIGN KEY (service_id)        REFERENCES services (id) ON DELETE RESTRICT,
  CONSTRAINT fk_credentials_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  CONSTRAINT ck_credentials_credential_type
    CHECK (credential_type IN ('password', 'api_key', 'oauth', 'ssh_key', 'shared_secret', 'jwt', 'connection_string',
                               'certificate')),
  KEY idx_credentials_client          (client_id),
  KEY idx_credentials_service         (service_id),
  KEY idx_credentials_infrastructure  (infrastructure_id),
  KEY idx_credentials_credential_type (credential_type),
  KEY idx_credentials_expires_at      (expires_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Who did what with which credential, and when, HMAC per row, never edited, never deleted by sync.
CREATE TABLE credential_audit_log (
  id               CHAR(36) COLLATE ascii_bin            NOT NULL,
  credential_id    CHAR(36) COLLATE ascii_bin            NOT NULL,
  credential_label VARCHAR(500),
  action           VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  user_id          VARCHAR(255)                          NOT NULL,
  machine          VARCHAR(255),
  ip_address       VARCHAR(45),
  user_agent       VARCHAR(500),
  details          MEDIUMTEXT COLLATE utf8mb4_bin,
  row_hmac         VARCHAR(64) COLLATE utf8mb4_nopad_bin NOT NULL,
  created_at       DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_credential_audit_log_credential_id
    FOREIGN KEY (credential_id) REFERENCES credentials (id) ON DELETE RESTRICT,
  CONSTRAINT ck_credential_audit_log_action
    CHECK (action IN ('create', 'view', 'decrypt', 'update', 'rotate', 'delete', 'export', 'permission_change',
                      'access_denied')),
  KEY idx_credential_audit_log_credential (credential_id),
  KEY idx_credential_audit_log_user       (user_id),
  KEY idx_credential_audit_log_created_at (created_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Who may use which credential.
CREATE TABLE credential_permissions (
  id               CHAR(36) COLLATE ascii_bin             NOT NULL,
  credential_id    CHAR(36) COLLATE ascii_bin             NOT NULL,
  user_id          VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  permission_level VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'read',
  granted_by       VARCHAR(255),
  expires_at       DATETIME(6),
  created_at       DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_credential_permissions_credential_id
    FOREIGN KEY (credential_id) REFERENCES credentials (id) ON DELETE RESTRICT,
  UNIQUE KEY uq_credential_permissions_credential_user (credential_id, user_id),
  KEY idx_credential_permissions_user                  (user_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A security incident and its remediation.
CREATE TABLE security_incidents (
  id                 CHAR(36) COLLATE ascii_bin             NOT NULL,
  client_id          CHAR(36) COLLATE ascii_bin,
  infrastructure_id  CHAR(36) COLLATE ascii_bin,
  incident_type      VARCHAR(100) COLLATE utf8mb4_nopad_bin,
  severity           VARCHAR(20) COLLATE utf8mb4_nopad_bin  NOT NULL,
  status             VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'investigating',
  title              VARCHAR(500)                           NOT NULL,
  description        MEDIUMTEXT                             NOT NULL,
  affected_resources MEDIUMTEXT COLLATE utf8mb4_bin,
  findings           MEDIUMTEXT,
  remediation_steps  MEDIUMTEXT,
  detected_at        DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  resolved_at        DATETIME(6),
  reported_by        VARCHAR(255),
  notes              MEDIUMTEXT,
  created_at         DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at         DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_security_incidents_client_id
    FOREIGN KEY (client_id)         REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_security_incidents_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  CONSTRAINT ck_security_incidents_severity CHECK (severity IN ('critical', 'high', 'medium', 'low')),
  CONSTRAINT ck_security_incidents_status
    CHECK (status IN ('investigating', 'contained', 'remediated', 'monitoring', 'resolved', 'false_positive')),
  KEY idx_security_incidents_client         (client_id),
  KEY idx_security_incidents_infrastructure (infrastructure_id),
  KEY idx_security_incidents_status         (status),
  KEY idx_security_incidents_detected_at    (detected_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Link from a session or work item to a ticket in SyncroMSP, Autotask, ConnectWise ...
CREATE TABLE ticket_links (
  id               CHAR(36) COLLATE ascii_bin             NOT NULL,
  client_id        CHAR(36) COLLATE ascii_bin,
  session_id       CHAR(36) COLLATE ascii_bin,
  work_item_id     CHAR(36) COLLATE ascii_bin,
  integration_type VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL,
  ticket_id        VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  ticket_number    VARCHAR(100),
  ticket_title     VARCHAR(500),
  ticket_url       VARCHAR(500),
  ticket_status    VARCHAR(100),
  link_type        VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'related',
  last_checked_at  DATETIME(6),
  created_at       DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_ticket_links_client_id    FOREIGN KEY (client_id)    REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_ticket_links_session_id   FOREIGN KEY (session_id)   REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_ticket_links_work_item_id FOREIGN KEY (work_item_id) REFERENCES work_items (id) ON DELETE RESTRICT,
  KEY idx_ticket_links_client    (client_id),
  KEY idx_ticket_links_session   (session_id),
  KEY idx_ticket_links_work_item (work_item_id),
  KEY idx_ticket_links_ticket    (integration_type, ticket_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Time to be invoiced.
CREATE TABLE billable_time (
  id                CHAR(36) COLLATE ascii_bin            NOT NULL,
  work_item_id      CHAR(36) COLLATE ascii_bin,
  session_id        CHAR(36) COLLATE ascii_bin,
  client_id         CHAR(36) COLLATE ascii_bin            NOT NULL,
  user_id           VARCHAR(255)                          NOT NULL,
  category          VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'support',
  description       MEDIUMTEXT                            NOT NULL,
  started_at        DATETIME(6)                           NOT NULL,
  ended_at          DATETIME(6),
  duration_minutes  INT                                   NOT NULL,
  hourly_rate       DECIMAL(10,2)                         NOT NULL,
  total_amount      DECIMAL(12,2)                         NOT NULL,
  is_billable       BOOLEAN                               NOT NULL DEFAULT 1,
  is_invoiced       BOOLEAN                               NOT NULL DEFAULT 0,
  invoice_reference VARCHAR(100),
  invoiced_at       DATETIME(6),
  notes             MEDIUMTEXT,
  created_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_billable_time_work_item_id FOREIGN KEY (work_item_id) REFERENCES work_items (id) ON DELETE RESTRICT,
  CONSTRAINT fk_billable_time_session_id   FOREIGN KEY (session_id)   REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_billable_time_client_id    FOREIGN KEY (client_id)    REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT ck_billable_time_duration CHECK (duration_minutes >= 0),
  CONSTRAINT ck_billable_time_rate     CHECK (hourly_rate >= 0),
  CONSTRAINT ck_billable_time_amount   CHECK (total_amount >= 0),
  CONSTRAINT ck_billable_time_times    CHECK (ended_at IS NULL OR ended_at >= started_at),
  KEY idx_billable_time_work_item   (work_item_id),
  KEY idx_billable_time_session     (session_id),
  KEY idx_billable_time_client      (client_id),
  KEY idx_billable_time_started_at  (started_at),
  KEY idx_billable_time_is_invoiced (is_invoiced)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Software or configuration put on an asset or service.
CREATE TABLE deployments (
  id                 CHAR(36) COLLATE ascii_bin            NOT NULL,
  work_item_id       CHAR(36) COLLATE ascii_bin,
  session_id         CHAR(36) COLLATE ascii_bin,
  infrastructure_id  CHAR(36) COLLATE ascii_bin,
  service_id         CHAR(36) COLLATE ascii_bin,
  deployment_type    VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  description        MEDIUMTEXT                            NOT NULL,
  version            VARCHAR(100),
  git_commit         VARCHAR(64),
  source_path        VARCHAR(500),
  target_path        VARCHAR(500),
  status             VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'succeeded',
  deployed_by        VARCHAR(255),
  deployed_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  rollback_procedure MEDIUMTEXT,
  notes              MEDIUMTEXT,
  created_at         DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_deployments_work_item_id
    FOREIGN KEY (work_item_id)      REFERENCES work_items (id) ON DELETE RESTRICT,
  CONSTRAINT fk_deployments_session_id
    FOREIGN KEY (session_id)        REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_deployments_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  CONSTRAINT fk_deployments_service_id
    FOREIGN KEY (service_id)        REFERENCES services (id) ON DELETE RESTRICT,
  CONSTRAINT ck_deployments_status
    CHECK (status IN ('pending', 'in_progress', 'succeeded', 'failed', 'rolled_back')),
  KEY idx_deployments_work_item      (work_item_id),
  KEY idx_deployments_session        (session_id),
  KEY idx_deployments_infrastructure (infrastructure_id),
  KEY idx_deployments_service        (service_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A change to a client's or own database, with what is needed to undo it.
CREATE TABLE database_changes (
  id                CHAR(36) COLLATE ascii_bin            NOT NULL,
  work_item_id      CHAR(36) COLLATE ascii_bin,
  session_id        CHAR(36) COLLATE ascii_bin,
  infrastructure_id CHAR(36) COLLATE ascii_bin,
  database_name     VARCHAR(255)                          NOT NULL,
  change_type       VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  description       MEDIUMTEXT                            NOT NULL,
  sql_executed      MEDIUMTEXT,
  rows_affected     BIGINT,
  backup_taken      BOOLEAN                               NOT NULL DEFAULT 0,
  backup_location   VARCHAR(500),
  rollback_sql      MEDIUMTEXT,
  executed_by       VARCHAR(255),
  rolled_back_at    DATETIME(6),
  rolled_back_by    VARCHAR(255),
  created_at        DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_database_changes_work_item_id
    FOREIGN KEY (work_item_id)      REFERENCES work_items (id) ON DELETE RESTRICT,
  CONSTRAINT fk_database_changes_session_id
    FOREIGN KEY (session_id)        REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_database_changes_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  CONSTRAINT ck_database_changes_change_type
    CHECK (change_type IN ('schema', 'data', 'index', 'optimization', 'cleanup', 'migration', 'permission')),
  KEY idx_database_changes_work_item      (work_item_id),
  KEY idx_database_changes_session        (session_id),
  KEY idx_database_changes_infrastructure (infrastructure_id),
  KEY idx_database_changes_database_name  (database_name)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A configuration change on an asset, with state before and after.
CREATE TABLE infrastructure_changes (
  id                 CHAR(36) COLLATE ascii_bin            NOT NULL,
  work_item_id       CHAR(36) COLLATE ascii_bin,
  session_id         CHAR(36) COLLATE ascii_bin,
  infrastructure_id  CHAR(36) COLLATE ascii_bin            NOT NULL,
  change_type        VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  target_system      VARCHAR(255),
  description        MEDIUMTEXT                            NOT NULL,
  before_state       MEDIUMTEXT,
  after_state        MEDIUMTEXT,
  is_permanent       BOOLEAN                               NOT NULL DEFAULT 1,
  rollback_procedure MEDIUMTEXT,
  performed_by       VARCHAR(255),
  verified_at        DATETIME(6),
  verification_notes MEDIUMTEXT,
  created_at         DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_infrastructure_changes_work_item_id
    FOREIGN KEY (work_item_id)      REFERENCES work_items (id) ON DELETE RESTRICT,
  CONSTRAINT fk_infrastructure_changes_session_id
    FOREIGN KEY (session_id)        REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_infrastructure_changes_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  KEY idx_infrastructure_changes_work_item      (work_item_id),
  KEY idx_infrastructure_changes_session        (session_id),
  KEY idx_infrastructure_changes_infrastructure (infrastructure_id, created_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A file created, modified or deleted during a work item.
CREATE TABLE file_changes (
  id            CHAR(36) COLLATE ascii_bin            NOT NULL,
  work_item_id  CHAR(36) COLLATE ascii_bin            NOT NULL,
  session_id    CHAR(36) COLLATE ascii_bin            NOT NULL,
  file_path     VARCHAR(1000)                         NOT NULL,
  change_type   VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  old_path      VARCHAR(1000),
  host          VARCHAR(255),
  size_bytes    BIGINT,
  sha256        VARCHAR(64) COLLATE utf8mb4_nopad_bin,
  lines_added   INT,
  lines_removed INT,
  description   MEDIUMTEXT,
  diff_zst      MEDIUMBLOB,
  created_at    DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_file_changes_work_item_id FOREIGN KEY (work_item_id) REFERENCES work_items (id) ON DELETE RESTRICT,
  CONSTRAINT fk_file_changes_session_id   FOREIGN KEY (session_id)   REFERENCES sessions (id) ON DELETE RESTRICT,
  KEY idx_file_changes_work_item (work_item_id),
  KEY idx_file_changes_session   (session_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A shell command run during a session.
CREATE TABLE command_runs (
  id                CHAR(36) COLLATE ascii_bin NOT NULL,
  work_item_id      CHAR(36) COLLATE ascii_bin,
  session_id        CHAR(36) COLLATE ascii_bin NOT NULL,
  command_text      MEDIUMTEXT                 NOT NULL,
  host              VARCHAR(255),
  shell_type        VARCHAR(50),
  working_directory VARCHAR(500),
  exit_code         INT,
  success           BOOLEAN,
  duration_ms       BIGINT,
  output_summary    MEDIUMTEXT,
  output_zst        MEDIUMBLOB,
  created_at        DATETIME(6)                NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_command_runs_work_item_id FOREIGN KEY (work_item_id) REFERENCES work_items (id) ON DELETE RESTRICT,
  CONSTRAINT fk_command_runs_session_id   FOREIGN KEY (session_id)   REFERENCES sessions (id) ON DELETE RESTRICT,
  KEY idx_command_runs_work_item  (work_item_id),
  KEY idx_command_runs_session    (session_id),
  KEY idx_command_runs_created_at (created_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One concrete failure met during work, and what resolved it.
CREATE TABLE operation_failures (
  id                    CHAR(36) COLLATE ascii_bin             NOT NULL,
  session_id            CHAR(36) COLLATE ascii_bin,
  work_item_id          CHAR(36) COLLATE ascii_bin,
  operation_type        VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL,
  operation_description MEDIUMTEXT                             NOT NULL,
  host                  VARCHAR(255),
  error_code            VARCHAR(100),
  error_message         MEDIUMTEXT                             NOT NULL,
  root_cause            MEDIUMTEXT,
  resolution            MEDIUMTEXT,
  is_resolved           BOOLEAN                                NOT NULL DEFAULT 0,
  resolved_at           DATETIME(6),
  created_at            DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_operation_failures_session_id
    FOREIGN KEY (session_id)   REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_operation_failures_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) ON DELETE RESTRICT,
  KEY idx_operation_failures_session        (session_id),
  KEY idx_operation_failures_work_item      (work_item_id),
  KEY idx_operation_failures_operation_type (operation_type),
  KEY idx_operation_failures_is_resolved    (is_resolved)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A recurring failure with its known cure, warned about before it recurs.
CREATE TABLE failure_patterns (
  id                     CHAR(36) COLLATE ascii_bin             NOT NULL,
  infrastructure_id      CHAR(36) COLLATE ascii_bin,
  pattern_signature      VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  title                  VARCHAR(500)                           NOT NULL,
  error_pattern          MEDIUMTEXT,
  affected_systems       MEDIUMTEXT COLLATE utf8mb4_bin,
  root_cause             MEDIUMTEXT,
  recommended_solution   MEDIUMTEXT                             NOT NULL,
  alternative_approaches MEDIUMTEXT,
  severity               VARCHAR(20) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'minor',
  occurrence_count       INT                                    NOT NULL DEFAULT 1,
  first_seen_at          DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  last_seen_at           DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  is_active              BOOLEAN                                NOT NULL DEFAULT 1,
  created_at             DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at             DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_failure_patterns_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  UNIQUE KEY uq_failure_patterns_signature (pattern_signature),
  KEY idx_failure_patterns_infrastructure  (infrastructure_id),
  KEY idx_failure_patterns_last_seen_at    (last_seen_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A solved problem, written so that it can be found and reused.
CREATE TABLE problem_solutions (
  id                  CHAR(36) COLLATE ascii_bin     NOT NULL,
  work_item_id        CHAR(36) COLLATE ascii_bin,
  session_id          CHAR(36) COLLATE ascii_bin,
  client_id           CHAR(36) COLLATE ascii_bin,
  title               VARCHAR(500)                   NOT NULL,
  problem_description MEDIUMTEXT                     NOT NULL,
  symptoms            MEDIUMTEXT,
  error_message       MEDIUMTEXT,
  investigation_steps MEDIUMTEXT COLLATE utf8mb4_bin,
  root_cause          MEDIUMTEXT,
  solution_applied    MEDIUMTEXT                     NOT NULL,
  verification_method MEDIUMTEXT,
  tags                MEDIUMTEXT COLLATE utf8mb4_bin,
  times_reused        INT                            NOT NULL DEFAULT 0,
  last_reused_at      DATETIME(6),
  created_at          DATETIME(6)                    NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_problem_solutions_work_item_id FOREIGN KEY (work_item_id) REFERENCES work_items (id) ON DELETE RESTRICT,
  CONSTRAINT fk_problem_solutions_session_id   FOREIGN KEY (session_id)   REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_problem_solutions_client_id    FOREIGN KEY (client_id)    REFERENCES clients (id) ON DELETE RESTRICT,
  KEY idx_problem_solutions_work_item (work_item_id),
  KEY idx_problem_solutions_session   (session_id),
  KEY idx_problem_solutions_client    (client_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A fact about a client's environment that the assistant must respect (for example: PowerShell 2 only on SRV1).
CREATE TABLE environmental_insights (
  id                CHAR(36) COLLATE ascii_bin             NOT NULL,
  client_id         CHAR(36) COLLATE ascii_bin,
  infrastructure_id CHAR(36) COLLATE ascii_bin,
  category          VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL,
  title             VARCHAR(500)                           NOT NULL,
  description       MEDIUMTEXT                             NOT NULL,
  examples          MEDIUMTEXT COLLATE utf8mb4_bin,
  source            VARCHAR(255),
  confidence        VARCHAR(20) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'likely',
  priority          INT                                    NOT NULL DEFAULT 5,
  last_verified_at  DATETIME(6),
  created_at        DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at        DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_environmental_insights_client_id
    FOREIGN KEY (client_id)         REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_environmental_insights_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) ON DELETE RESTRICT,
  CONSTRAINT ck_environmental_insights_confidence CHECK (confidence IN ('confirmed', 'likely', 'suspected')),
  CONSTRAINT ck_environmental_insights_priority   CHECK (priority BETWEEN 1 AND 10),
  KEY idx_environmental_insights_client         (client_id),
  KEY idx_environmental_insights_infrastructure (infrastructure_id),
  KEY idx_environmental_insights_category       (category)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One exchange with an outside system (ticket created, webhook received).
CREATE TABLE external_integrations (
  id               CHAR(36) COLLATE ascii_bin             NOT NULL,
  client_id        CHAR(36) COLLATE ascii_bin,
  session_id       CHAR(36) COLLATE ascii_bin,
  work_item_id     CHAR(36) COLLATE ascii_bin,
  integration_type VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL,
  external_id      VARCHAR(255) COLLATE utf8mb4_nopad_bin,
  external_url     VARCHAR(500),
  direction        VARCHAR(20) COLLATE utf8mb4_nopad_bin  NOT NULL,
  action           VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL,
  request_data     MEDIUMTEXT COLLATE utf8mb4_bin,
  response_data    MEDIUMTEXT COLLATE utf8mb4_bin,
  http_status      INT,
  is_success       BOOLEAN                                NOT NULL DEFAULT 1,
  error_message    MEDIUMTEXT,
  created_at       DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_external_integrations_client_id
    FOREIGN KEY (client_id)    REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT fk_external_integrations_session_id
    FOREIGN KEY (session_id)   REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_external_integrations_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) ON DELETE RESTRICT,
  CONSTRAINT ck_external_integrations_direction CHECK (direction IN ('inbound', 'outbound')),
  CONSTRAINT ck_external_integrations_action    CHECK (action IN ('created', 'updated', 'linked', 'attached')),
  KEY idx_external_integrations_client    (client_id),
  KEY idx_external_integrations_session   (session_id),
  KEY idx_external_integrations_work_item (work_item_id),
  KEY idx_external_integrations_external  (integration_type, external_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- How to log in to an outside system, every value column is AES-256-GCM.
CREATE TABLE integration_credentials (
  id                            CHAR(36) COLLATE ascii_bin             NOT NULL,
  integration_name              VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL,
  credential_type               VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL,
  api_base_url                  VARCHAR(500),
  api_key_encrypted             MEDIUMBLOB,
  oauth_client_id               VARCHAR(255),
  oauth_client_secret_encrypted MEDIUMBLOB,
  oauth_token_encrypted         MEDIUMBLOB,
  oauth_refresh_token_encrypted MEDIUMBLOB,
  username                      VARCHAR(255),
  password_encrypted            MEDIUMBLOB,
  webhook_secret_encrypted      MEDIUMBLOB,
  scopes                        MEDIUMTEXT COLLATE utf8mb4_bin,
  expires_at                    DATETIME(6),
  is_active                     BOOLEAN                                NOT NULL DEFAULT 1,
  last_success_at               DATETIME(6),
  created_at                    DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at                    DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT ck_integration_credentials_credential_type
    CHECK (credential_type IN ('oauth', 'api_key', 'basic_auth')),
  UNIQUE KEY uq_integration_credentials_name (integration_name),
  KEY idx_integration_credentials_is_active  (is_active)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A database backup made, and whether it was verified.
CREATE TABLE backup_log (
  id                   CHAR(36) COLLATE ascii_bin            NOT NULL,
  backup_type          VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  database_name        VARCHAR(255)                          NOT NULL,
  machine              VARCHAR(255),
  file_path            VARCHAR(500)                          NOT NULL,
  file_size_bytes      BIGINT,
  sha256               VARCHAR(64) COLLATE utf8mb4_nopad_bin,
  status               VARCHAR(20) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'running',
  started_at           DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  completed_at         DATETIME(6),
  verification_status  VARCHAR(20) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'pending',
  verified_at          DATETIME(6),
  verification_details MEDIUMTEXT COLLATE utf8mb4_bin,
  error_message        MEDIUMTEXT,
  retain_until         DATE,
  created_at           DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT ck_backup_log_status CHECK (status IN ('running', 'success', 'failed')),
  CONSTRAINT ck_backup_log_verification_status
    CHECK (verification_status IN ('pending', 'passed', 'failed', 'skipped')),
  KEY idx_backup_log_started_at (started_at),
  KEY idx_backup_log_status     (status)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One API request, kept 30 days on the replica, for good centrally.
CREATE TABLE api_audit_log (
  id               CHAR(36) COLLATE ascii_bin            NOT NULL,
  user_id          VARCHAR(255),
  machine          VARCHAR(255),
  http_method      VARCHAR(10) COLLATE utf8mb4_nopad_bin NOT NULL,
  endpoint         VARCHAR(500)                          NOT NULL,
  entity_id        CHAR(36) COLLATE ascii_bin,
  request_fields   MEDIUMTEXT COLLATE utf8mb4_bin,
  status_code      INT                                   NOT NULL,
  response_time_ms INT,
  ip_address       VARCHAR(45),
  user_agent       VARCHAR(500),
  error_code       VARCHAR(100),
  created_at       DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  KEY idx_api_audit_log_user       (user_id),
  KEY idx_api_audit_log_endpoint   (endpoint),
  KEY idx_api_audit_log_created_at (created_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Which migrations this one database has had, every database keeps its own.
CREATE TABLE schema_migrations (
  version_id   VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL,
  description  VARCHAR(500),
  checksum     VARCHAR(64) COLLATE utf8mb4_nopad_bin,
  applied_by   VARCHAR(255),
  applied_at   DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  execution_ms BIGINT,
  PRIMARY KEY (version_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A compressed memory of a conversation: session summary, checkpoint, state.
CREATE TABLE conversation_contexts (
  id              CHAR(36) COLLATE ascii_bin            NOT NULL,
  session_id      CHAR(36) COLLATE ascii_bin,
  project_id      CHAR(36) COLLATE ascii_bin,
  machine_id      CHAR(36) COLLATE ascii_bin,
  context_type    VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  title           VARCHAR(500)                          NOT NULL,
  dense_summary   MEDIUMTEXT                            NOT NULL,
  key_decisions   MEDIUMTEXT COLLATE utf8mb4_bin,
  tags            MEDIUMTEXT COLLATE utf8mb4_bin,
  metadata        MEDIUMTEXT COLLATE utf8mb4_bin,
  relevance_score DECIMAL(4,2)                          NOT NULL DEFAULT 5.00,
  usage_count     INT                                   NOT NULL DEFAULT 0,
  last_used_at    DATETIME(6),
  detail_zst      MEDIUMBLOB,
  created_at      DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at      DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_conversation_contexts_session_id FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT fk_conversation_contexts_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT,
  CONSTRAINT fk_conversation_contexts_machine_id FOREIGN KEY (machine_id) REFERENCES machines (id) ON DELETE RESTRICT,
  CONSTRAINT ck_conversation_contexts_relevance CHECK (relevance_score >= 0 AND relevance_score <= 10),
  KEY idx_conversation_contexts_session   (session_id),
  KEY idx_conversation_contexts_project   (project_id),
  KEY idx_conversation_contexts_machine   (machine_id),
  KEY idx_conversation_contexts_type      (context_type),
  KEY idx_conversation_contexts_relevance (relevance_score),
  FULLTEXT KEY idx_fulltext_summary       (dense_summary),
  FULLTEXT KEY idx_fulltext_title         (title)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One reusable piece of knowledge: a decision, pattern, lesson, blocker or state.
CREATE TABLE context_snippets (
  id              CHAR(36) COLLATE ascii_bin            NOT NULL,
  project_id      CHAR(36) COLLATE ascii_bin,
  client_id       CHAR(36) COLLATE ascii_bin,
  snippet_type    VARCHAR(50) COLLATE utf8mb4_nopad_bin NOT NULL,
  title           VARCHAR(500)                          NOT NULL,
  dense_content   MEDIUMTEXT                            NOT NULL,
  structured_data MEDIUMTEXT COLLATE utf8mb4_bin,
  tags            MEDIUMTEXT COLLATE utf8mb4_bin,
  relevance_score DECIMAL(4,2)                          NOT NULL DEFAULT 5.00,
  usage_count     INT                                   NOT NULL DEFAULT 0,
  last_used_at    DATETIME(6),
  created_at      DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at      DATETIME(6)                           NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_context_snippets_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT,
  CONSTRAINT fk_context_snippets_client_id  FOREIGN KEY (client_id)  REFERENCES clients (id) ON DELETE RESTRICT,
  CONSTRAINT ck_context_snippets_relevance CHECK (relevance_score >= 0 AND relevance_score <= 10),
  KEY idx_context_snippets_project         (project_id),
  KEY idx_context_snippets_client          (client_id),
  KEY idx_context_snippets_snippet_type    (snippet_type),
  KEY idx_context_snippets_relevance_score (relevance_score),
  KEY idx_context_snippets_usage_count     (usage_count)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Where a project stands now, one row per project.
CREATE TABLE project_states (
  id                  CHAR(36) COLLATE ascii_bin     NOT NULL,
  project_id          CHAR(36) COLLATE ascii_bin     NOT NULL,
  last_session_id     CHAR(36) COLLATE ascii_bin,
  current_phase       VARCHAR(100),
  progress_percentage INT,
  context_summary     MEDIUMTEXT,
  blockers            MEDIUMTEXT COLLATE utf8mb4_bin,
  next_actions        MEDIUMTEXT COLLATE utf8mb4_bin,
  key_files           MEDIUMTEXT COLLATE utf8mb4_bin,
  important_decisions MEDIUMTEXT COLLATE utf8mb4_bin,
  git_branch          VARCHAR(255),
  created_at          DATETIME(6)                    NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at          DATETIME(6)                    NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_project_states_project_id
    FOREIGN KEY (project_id)      REFERENCES projects (id) ON DELETE RESTRICT,
  CONSTRAINT fk_project_states_last_session_id
    FOREIGN KEY (last_session_id) REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT ck_project_states_progress CHECK (progress_percentage >= 0 AND progress_percentage <= 100),
  UNIQUE KEY uq_project_states_project (project_id),
  KEY idx_project_states_last_session  (last_session_id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A decision, why it was taken, and what was turned down.
CREATE TABLE decision_logs (
  id                      CHAR(36) COLLATE ascii_bin             NOT NULL,
  project_id              CHAR(36) COLLATE ascii_bin,
  session_id              CHAR(36) COLLATE ascii_bin,
  decision_type           VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT 'technical',
  title                   VARCHAR(500)                           NOT NULL,
  decision_text           MEDIUMTEXT                             NOT NULL,
  rationale               MEDIUMTEXT,
  alternatives_considered MEDIUMTEXT COLLATE utf8mb4_bin,
  impact                  VARCHAR(20) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'medium',
  tags                    MEDIUMTEXT COLLATE utf8mb4_bin,
  decided_by              VARCHAR(255),
  superseded_by_id        CHAR(36) COLLATE ascii_bin,
  created_at              DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at              DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT fk_decision_logs_project_id FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE RESTRICT,
  CONSTRAINT fk_decision_logs_session_id FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE RESTRICT,
  CONSTRAINT ck_decision_logs_impact CHECK (impact IN ('low', 'medium', 'high')),
  KEY idx_decision_logs_project       (project_id),
  KEY idx_decision_logs_session       (session_id),
  KEY idx_decision_logs_decision_type (decision_type),
  KEY idx_decision_logs_impact        (impact)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- One-row schema revision marker. Fresh database: the daemon's own revision. Adopted database: belongs to Alembic,
-- read only.
CREATE TABLE alembic_version (
  version_num VARCHAR(32) COLLATE utf8mb4_nopad_bin NOT NULL,
  PRIMARY KEY (version_num)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A person who may log in, written only while the central database is reachable.
CREATE TABLE users (
  id                  CHAR(36) COLLATE ascii_bin             NOT NULL,
  email               VARCHAR(255) COLLATE utf8mb4_nopad_bin NOT NULL,
  full_name           VARCHAR(255)                           NOT NULL,
  password_hash       VARCHAR(255)                           NOT NULL,
  role                VARCHAR(20) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'tech',
  is_active           BOOLEAN                                NOT NULL DEFAULT 1,
  token_version       INT                                    NOT NULL DEFAULT 0,
  last_login_at       DATETIME(6),
  password_changed_at DATETIME(6),
  created_at          DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at          DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  CONSTRAINT ck_users_role CHECK (role IN ('admin', 'tech', 'viewer')),
  UNIQUE KEY uq_users_email (email),
  KEY idx_users_is_active   (is_active)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Advisory claim of a resource by a session, claimed centrally when reachable, provisional when offline.
CREATE TABLE coord_session_locks (
  id          CHAR(36) COLLATE ascii_bin             NOT NULL,
  project_key VARCHAR(200) COLLATE utf8mb4_nopad_bin NOT NULL,
  session_id  VARCHAR(200) COLLATE utf8mb4_nopad_bin NOT NULL,
  resource    VARCHAR(500) COLLATE utf8mb4_nopad_bin NOT NULL,
  description MEDIUMTEXT,
  acquired_at DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  expires_at  DATETIME(6),
  released_at DATETIME(6),
  created_at  DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at  DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  KEY idx_coord_session_locks_project_key_resource (project_key, resource),
  KEY idx_coord_session_locks_session              (session_id),
  KEY idx_coord_session_locks_expires_at           (expires_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- State of a deployed component, last writer wins as a whole row.
CREATE TABLE coord_component_states (
  project_key VARCHAR(200) COLLATE utf8mb4_nopad_bin NOT NULL,
  component   VARCHAR(200) COLLATE utf8mb4_nopad_bin NOT NULL,
  state       VARCHAR(50) COLLATE utf8mb4_nopad_bin  NOT NULL DEFAULT 'unknown',
  version     VARCHAR(100),
  notes       MEDIUMTEXT,
  updated_by  VARCHAR(200)                           NOT NULL,
  created_at  DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at  DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (project_key, component),
  KEY idx_coord_component_states_updated_at (updated_at)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A message from one session to another, or to all.
CREATE TABLE coord_messages (
  id           CHAR(36) COLLATE ascii_bin             NOT NULL,
  from_session VARCHAR(200) COLLATE utf8mb4_nopad_bin NOT NULL,
  to_session   VARCHAR(200) COLLATE utf8mb4_nopad_bin,
  project_key  VARCHAR(200) COLLATE utf8mb4_nopad_bin,
  subject      VARCHAR(500)                           NOT NULL,
  body         MEDIUMTEXT                             NOT NULL,
  read_at      DATETIME(6),
  created_at   DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  updated_at   DATETIME(6)                            NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  PRIMARY KEY (id),
  KEY idx_coord_messages_to_session_read_at (to_session, read_at),
  KEY idx_coord_messages_from_session       (from_session),
  KEY idx_coord_messages_project_key        (project_key)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
