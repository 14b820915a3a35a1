-- Step 1: the tables of the replica, parents before children. The catalogue in ../src/catalogue says what each
-- column means.
--
-- A boolean is 0 or 1, a decimal an integer (value x 10^scale), a time text of 27 characters in UTC, so that the order
-- of text is the order of time. Foreign keys only refuse, and only at the end of the transaction: the daemon carries
-- out what a delete means, and rows from central may arrive in any order within a batch.

-- A workstation that runs the daemon and Claude Code, created by the daemon at enrolment, one row per OS account
-- and platform.
CREATE TABLE machines (
  id                       TEXT    NOT NULL,
  hostname                 TEXT    NOT NULL,
  machine_fingerprint      TEXT,
  friendly_name            TEXT,
  machine_type             TEXT,
  platform                 TEXT,
  os_version               TEXT,
  username                 TEXT,
  home_directory           TEXT,
  has_vpn_access           INTEGER NOT NULL DEFAULT 0,
  vpn_profiles             TEXT,
  has_docker               INTEGER NOT NULL DEFAULT 0,
  has_powershell           INTEGER NOT NULL DEFAULT 0,
  powershell_version       TEXT,
  has_ssh                  INTEGER NOT NULL DEFAULT 1,
  has_git                  INTEGER NOT NULL DEFAULT 1,
  typical_network_location TEXT,
  static_ip                TEXT,
  claude_working_directory TEXT,
  additional_working_dirs  TEXT,
  installed_tools          TEXT,
  available_mcps           TEXT,
  mcp_capabilities         TEXT,
  available_skills         TEXT,
  is_active                INTEGER NOT NULL DEFAULT 1,
  last_seen_at             TEXT,
  created_at               TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at               TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT ck_machines_machine_type CHECK (machine_type IN ('laptop', 'desktop', 'workstation', 'vm'))
) STRICT;
CREATE UNIQUE INDEX uq_machines_hostname    ON machines (hostname);
CREATE UNIQUE INDEX uq_machines_fingerprint ON machines (machine_fingerprint);
CREATE INDEX idx_machines_is_active         ON machines (is_active);

-- A customer organisation (or the shop itself, type internal).
CREATE TABLE clients (
  id                  TEXT    NOT NULL,
  name                TEXT    NOT NULL,
  client_type         TEXT    NOT NULL DEFAULT 'msp_client',
  domain_name         TEXT,
  primary_contact     TEXT,
  contact_email       TEXT,
  contact_phone       TEXT,
  address             TEXT,
  default_hourly_rate INTEGER,
  external_ref        TEXT,
  notes               TEXT,
  is_active           INTEGER NOT NULL DEFAULT 1,
  created_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT ck_clients_client_type CHECK (client_type IN ('msp_client', 'internal', 'project', 'prospect'))
) STRICT;
CREATE UNIQUE INDEX uq_clients_name  ON clients (name);
CREATE INDEX idx_clients_is_active   ON clients (is_active);
CREATE INDEX idx_clients_domain_name ON clients (domain_name);

-- A physical location of a client.
CREATE TABLE sites (
  id             TEXT    NOT NULL,
  client_id      TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  network_subnet TEXT,
  vpn_required   INTEGER NOT NULL DEFAULT 0,
  vpn_subnet     TEXT,
  gateway_ip     TEXT,
  dns_servers    TEXT,
  notes          TEXT,
  created_at     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_sites_client_id FOREIGN KEY (client_id) REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE UNIQUE INDEX uq_sites_client_name ON sites (client_id, name);
CREATE INDEX idx_sites_client            ON sites (client_id);

-- A subnet, VLAN or VPN range of a client, at a site or site-less (cloud, VPN).
CREATE TABLE networks (
  id           TEXT    NOT NULL,
  client_id    TEXT    NOT NULL,
  site_id      TEXT,
  name         TEXT    NOT NULL,
  network_type TEXT    NOT NULL DEFAULT 'lan',
  cidr         TEXT,
  gateway_ip   TEXT,
  vlan_id      INTEGER,
  dns_servers  TEXT,
  dhcp_range   TEXT,
  notes        TEXT,
  created_at   TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at   TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_networks_client_id FOREIGN KEY (client_id) REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_networks_site_id   FOREIGN KEY (site_id)   REFERENCES sites (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE UNIQUE INDEX uq_networks_client_site_name ON networks (client_id, site_id, name);
CREATE INDEX idx_networks_site                   ON networks (site_id);

-- A body of work, usually one git repository, the unit that memory is recalled by.
CREATE TABLE projects (
  id           TEXT NOT NULL,
  client_id    TEXT,
  name         TEXT NOT NULL,
  slug         TEXT NOT NULL,
  description  TEXT,
  project_type TEXT NOT NULL DEFAULT 'client_project',
  status       TEXT NOT NULL DEFAULT 'active',
  git_remote   TEXT,
  technologies TEXT,
  started_on   TEXT,
  target_on    TEXT,
  completed_on TEXT,
  notes        TEXT,
  created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_projects_client_id FOREIGN KEY (client_id) REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_projects_status
    CHECK (status IN ('planning', 'active', 'on_hold', 'completed', 'cancelled', 'archived'))
) STRICT;
CREATE UNIQUE INDEX uq_projects_slug ON projects (slug);
CREATE INDEX idx_projects_client     ON projects (client_id);
CREATE INDEX idx_projects_status     ON projects (status);

-- One sitting of work by a person, usually one Claude Code session on one machine.
CREATE TABLE sessions (
  id                TEXT    NOT NULL,
  client_id         TEXT,
  project_id        TEXT,
  machine_id        TEXT,
  claude_session_id TEXT,
  title             TEXT,
  work_mode         TEXT,
  status            TEXT    NOT NULL DEFAULT 'in_progress',
  user_id           TEXT,
  started_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  ended_at          TEXT,
  duration_minutes  INTEGER,
  is_billable       INTEGER NOT NULL DEFAULT 0,
  working_directory TEXT,
  git_branch        TEXT,
  summary           TEXT,
  notes             TEXT,
  created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_sessions_client_id  FOREIGN KEY (client_id)  REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_sessions_project_id FOREIGN KEY (project_id) REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_sessions_machine_id FOREIGN KEY (machine_id) REFERENCES machines (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_sessions_status CHECK (status IN ('in_progress', 'paused', 'completed', 'abandoned')),
  CONSTRAINT ck_sessions_times  CHECK (ended_at IS NULL OR ended_at >= started_at)
) STRICT;
CREATE UNIQUE INDEX uq_sessions_claude_session ON sessions (claude_session_id);
CREATE INDEX idx_sessions_client               ON sessions (client_id);
CREATE INDEX idx_sessions_project              ON sessions (project_id);
CREATE INDEX idx_sessions_machine              ON sessions (machine_id);
CREATE INDEX idx_sessions_started_at           ON sessions (started_at);

-- A to-do with hierarchy, within a project or session (the assistant's and the person's working list).
CREATE TABLE tasks (
  id                TEXT    NOT NULL,
  parent_task_id    TEXT,
  session_id        TEXT,
  client_id         TEXT,
  project_id        TEXT,
  title             TEXT    NOT NULL,
  description       TEXT,
  status            TEXT    NOT NULL DEFAULT 'pending',
  priority          TEXT,
  task_order        INTEGER NOT NULL DEFAULT 0,
  assigned_to       TEXT,
  blocking_reason   TEXT,
  due_on            TEXT,
  estimated_minutes INTEGER,
  started_at        TEXT,
  completed_at      TEXT,
  created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_tasks_parent_task_id
    FOREIGN KEY (parent_task_id) REFERENCES tasks (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_tasks_session_id
    FOREIGN KEY (session_id)     REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_tasks_client_id
    FOREIGN KEY (client_id)      REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_tasks_project_id
    FOREIGN KEY (project_id)     REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_tasks_status   CHECK (status IN ('pending', 'in_progress', 'blocked', 'completed', 'cancelled')),
  CONSTRAINT ck_tasks_priority CHECK (priority IN ('critical', 'high', 'medium', 'low'))
) STRICT;
CREATE INDEX idx_tasks_parent_task ON tasks (parent_task_id);
CREATE INDEX idx_tasks_session     ON tasks (session_id);
CREATE INDEX idx_tasks_client      ON tasks (client_id);
CREATE INDEX idx_tasks_project     ON tasks (project_id);
CREATE INDEX idx_tasks_status      ON tasks (status);

-- What is still owed to a client across sessions (follow-up queue, shown at session start).
CREATE TABLE pending_tasks (
  id           TEXT NOT NULL,
  client_id    TEXT,
  project_id   TEXT,
  title        TEXT NOT NULL,
  description  TEXT,
  status       TEXT NOT NULL DEFAULT 'pending',
  priority     TEXT NOT NULL DEFAULT 'medium',
  blocked_by   TEXT,
  assigned_to  TEXT,
  source       TEXT,
  due_on       TEXT,
  completed_at TEXT,
  completed_by TEXT,
  created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_pending_tasks_client_id
    FOREIGN KEY (client_id)  REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_pending_tasks_project_id
    FOREIGN KEY (project_id) REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_pending_tasks_status
    CHECK (status IN ('pending', 'in_progress', 'blocked', 'completed', 'cancelled')),
  CONSTRAINT ck_pending_tasks_priority CHECK (priority IN ('critical', 'high', 'medium', 'low'))
) STRICT;
CREATE INDEX idx_pending_tasks_client        ON pending_tasks (client_id);
CREATE INDEX idx_pending_tasks_project       ON pending_tasks (project_id);
CREATE INDEX idx_pending_tasks_status_due_on ON pending_tasks (status, due_on);

-- One word to group sessions, work items and infrastructure.
CREATE TABLE tags (
  id          TEXT NOT NULL,
  name        TEXT NOT NULL,
  category    TEXT,
  description TEXT,
  created_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX uq_tags_name ON tags (name);
CREATE INDEX idx_tags_category   ON tags (category);

-- Session <-> tag.
CREATE TABLE session_tags (
  session_id TEXT NOT NULL,
  tag_id     TEXT NOT NULL,
  PRIMARY KEY (session_id, tag_id),
  CONSTRAINT fk_session_tags_session_id FOREIGN KEY (session_id) REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_session_tags_tag_id     FOREIGN KEY (tag_id)     REFERENCES tags (id) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_session_tags_tag ON session_tags (tag_id);

-- One thing done within a session, what reports and invoices are made from.
CREATE TABLE work_items (
  id                TEXT    NOT NULL,
  session_id        TEXT    NOT NULL,
  category          TEXT    NOT NULL,
  title             TEXT    NOT NULL,
  description       TEXT    NOT NULL,
  status            TEXT    NOT NULL DEFAULT 'completed',
  priority          TEXT,
  is_billable       INTEGER NOT NULL DEFAULT 0,
  estimated_minutes INTEGER,
  actual_minutes    INTEGER,
  affected_systems  TEXT,
  technologies_used TEXT,
  item_order        INTEGER,
  completed_at      TEXT,
  created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_work_items_session_id FOREIGN KEY (session_id) REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_work_items_category
    CHECK (category IN ('infrastructure', 'troubleshooting', 'configuration', 'development', 'maintenance',
                        'security', 'documentation')),
  CONSTRAINT ck_work_items_status   CHECK (status IN ('completed', 'in_progress', 'blocked', 'pending', 'deferred')),
  CONSTRAINT ck_work_items_priority CHECK (priority IN ('critical', 'high', 'medium', 'low'))
) STRICT;
CREATE INDEX idx_work_items_session  ON work_items (session_id);
CREATE INDEX idx_work_items_category ON work_items (category);
CREATE INDEX idx_work_items_status   ON work_items (status);

-- Work item <-> tag.
CREATE TABLE work_item_tags (
  work_item_id TEXT NOT NULL,
  tag_id       TEXT NOT NULL,
  PRIMARY KEY (work_item_id, tag_id),
  CONSTRAINT fk_work_item_tags_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_work_item_tags_tag_id
    FOREIGN KEY (tag_id)       REFERENCES tags (id) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_work_item_tags_tag ON work_item_tags (tag_id);

-- A server, VM, container, network device, workstation or firewall.
CREATE TABLE infrastructure (
  id                  TEXT NOT NULL,
  client_id           TEXT,
  site_id             TEXT,
  parent_host_id      TEXT,
  asset_type          TEXT NOT NULL,
  hostname            TEXT NOT NULL,
  ip_address          TEXT,
  mac_address         TEXT,
  os                  TEXT,
  os_version          TEXT,
  role_description    TEXT,
  status              TEXT NOT NULL DEFAULT 'active',
  manufacturer_model  TEXT,
  serial_number       TEXT,
  warranty_expires_on TEXT,
  environmental_notes TEXT,
  shell_type          TEXT,
  limitations         TEXT,
  notes               TEXT,
  created_at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_infrastructure_client_id
    FOREIGN KEY (client_id)      REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_infrastructure_site_id
    FOREIGN KEY (site_id)        REFERENCES sites (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_infrastructure_parent_host_id
    FOREIGN KEY (parent_host_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_infrastructure_asset_type
    CHECK (asset_type IN ('physical_server', 'virtual_machine', 'container', 'network_device', 'nas_storage',
                          'workstation', 'firewall', 'domain_controller')),
  CONSTRAINT ck_infrastructure_status
    CHECK (status IN ('active', 'migration_source', 'migration_destination', 'decommissioned'))
) STRICT;
CREATE INDEX idx_infrastructure_client      ON infrastructure (client_id);
CREATE INDEX idx_infrastructure_site        ON infrastructure (site_id);
CREATE INDEX idx_infrastructure_parent_host ON infrastructure (parent_host_id);
CREATE INDEX idx_infrastructure_hostname    ON infrastructure (hostname);
CREATE INDEX idx_infrastructure_asset_type  ON infrastructure (asset_type);

-- Infrastructure <-> tag.
CREATE TABLE infrastructure_tags (
  infrastructure_id TEXT NOT NULL,
  tag_id            TEXT NOT NULL,
  PRIMARY KEY (infrastructure_id, tag_id),
  CONSTRAINT fk_infrastructure_tags_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_infrastructure_tags_tag_id
    FOREIGN KEY (tag_id)            REFERENCES tags (id) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_infrastructure_tags_tag ON infrastructure_tags (tag_id);

-- An application or service, on an asset or hosted elsewhere.
CREATE TABLE services (
  id                TEXT    NOT NULL,
  infrastructure_id TEXT,
  client_id         TEXT,
  service_name      TEXT    NOT NULL,
  service_type      TEXT,
  external_url      TEXT,
  internal_url      TEXT,
  port              INTEGER,
  protocol          TEXT,
  version           TEXT,
  status            TEXT    NOT NULL DEFAULT 'running',
  notes             TEXT,
  created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_services_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_services_client_id
    FOREIGN KEY (client_id)         REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_services_status
    CHECK (status IN ('running', 'stopped', 'degraded', 'error', 'maintenance', 'decommissioned'))
) STRICT;
CREATE UNIQUE INDEX uq_services_infrastructure_service_name ON services (infrastructure_id, service_name);
CREATE INDEX idx_services_client                            ON services (client_id);
CREATE INDEX idx_services_status                            ON services (status);

-- Directed dependency between two services.
CREATE TABLE service_relationships (
  id                TEXT NOT NULL,
  from_service_id   TEXT NOT NULL,
  to_service_id     TEXT NOT NULL,
  relationship_type TEXT NOT NULL,
  notes             TEXT,
  created_at        TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_service_relationships_from_service_id
    FOREIGN KEY (from_service_id) REFERENCES services (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_service_relationships_to_service_id
    FOREIGN KEY (to_service_id)   REFERENCES services (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_service_relationships_relationship_type
    CHECK (relationship_type IN ('depends_on', 'hosted_on', 'proxied_by', 'authenticates_via', 'backend_for',
                                 'backs_up_to')),
  CONSTRAINT ck_service_relationships_not_self CHECK (from_service_id <> to_service_id)
) STRICT;
CREATE UNIQUE INDEX uq_service_relationships_triple
  ON service_relationships (from_service_id, to_service_id, relationship_type);
CREATE INDEX idx_service_relationships_to_service ON service_relationships (to_service_id);

-- One rule on a firewall or host.
CREATE TABLE firewall_rules (
  id                TEXT    NOT NULL,
  infrastructure_id TEXT    NOT NULL,
  rule_name         TEXT    NOT NULL,
  rule_order        INTEGER NOT NULL DEFAULT 0,
  direction         TEXT,
  action            TEXT    NOT NULL,
  protocol          TEXT,
  source            TEXT,
  destination       TEXT,
  port_range        TEXT,
  is_enabled        INTEGER NOT NULL DEFAULT 1,
  description       TEXT,
  created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_firewall_rules_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_firewall_rules_action CHECK (action IN ('allow', 'deny', 'drop', 'reject'))
) STRICT;
CREATE INDEX idx_firewall_rules_infrastructure ON firewall_rules (infrastructure_id, rule_order);

-- A Microsoft 365 tenant of a client.
CREATE TABLE m365_tenants (
  id                   TEXT    NOT NULL,
  client_id            TEXT    NOT NULL,
  tenant_id            TEXT    NOT NULL,
  tenant_name          TEXT,
  default_domain       TEXT,
  admin_email          TEXT,
  partner_relationship TEXT,
  gdap_expires_on      TEXT,
  mfa_enforced         INTEGER,
  licences             TEXT,
  notes                TEXT,
  created_at           TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at           TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_m365_tenants_client_id FOREIGN KEY (client_id) REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE UNIQUE INDEX uq_m365_tenants_tenant ON m365_tenants (tenant_id);
CREATE INDEX idx_m365_tenants_client       ON m365_tenants (client_id);

-- A secret of a client, service or asset, every value column is AES-256-GCM.
CREATE TABLE credentials (
  id                          TEXT    NOT NULL,
  client_id                   TEXT,
  service_id                  TEXT,
  infrastructure_id           TEXT,
  credential_type             TEXT    NOT NULL,
  service_name                TEXT    NOT NULL,
  username                    TEXT,
  password_encrypted          BLOB,
  api_key_encrypted           BLOB,
  client_id_oauth             TEXT,
  client_secret_encrypted     BLOB,
  token_encrypted             BLOB,
  private_key_encrypted       BLOB,
  connection_string_encrypted BLOB,
  url                         TEXT,
  requires_vpn                INTEGER NOT NULL DEFAULT 0,
  requires_mfa                INTEGER NOT NULL DEFAULT 0,
  expires_at                  TEXT,
  last_rotated_at             TEXT,
  notes                       TEXT,
  is_active                   INTEGER NOT NULL DEFAULT 1,
  created_at                  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at                  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_credentials_client_id
    FOREIGN KEY (client_id)         REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_credentials_service_id
    FOREIGN KEY (service_id)        REFERENCES services (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_credentials_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_credentials_credential_type
    CHECK (credential_type IN ('password', 'api_key', 'oauth', 'ssh_key', 'shared_secret', 'jwt', 'connection_string',
                               'certificate'))
) STRICT;
CREATE INDEX idx_credentials_client          ON credentials (client_id);
CREATE INDEX idx_credentials_service         ON credentials (service_id);
CREATE INDEX idx_credentials_infrastructure  ON credentials (infrastructure_id);
CREATE INDEX idx_credentials_credential_type ON credentials (credential_type);
CREATE INDEX idx_credentials_expires_at      ON credentials (expires_at);

-- Who did what with which credential, and when, HMAC per row, never edited, never deleted by sync.
CREATE TABLE credential_audit_log (
  id               TEXT NOT NULL,
  credential_id    TEXT NOT NULL,
  credential_label TEXT,
  action           TEXT NOT NULL,
  user_id          TEXT NOT NULL,
  machine          TEXT,
  ip_address       TEXT,
  user_agent       TEXT,
  details          TEXT,
  row_hmac         TEXT NOT NULL,
  created_at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_credential_audit_log_credential_id
    FOREIGN KEY (credential_id) REFERENCES credentials (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_credential_audit_log_action
    CHECK (action IN ('create', 'view', 'decrypt', 'update', 'rotate', 'delete', 'export', 'permission_change',
                      'access_denied'))
) STRICT;
CREATE INDEX idx_credential_audit_log_credential ON credential_audit_log (credential_id);
CREATE INDEX idx_credential_audit_log_user       ON credential_audit_log (user_id);
CREATE INDEX idx_credential_audit_log_created_at ON credential_audit_log (created_at);

-- Who may use which credential.
CREATE TABLE credential_permissions (
  id               TEXT NOT NULL,
  credential_id    TEXT NOT NULL,
  user_id          TEXT NOT NULL,
  permission_level TEXT NOT NULL DEFAULT 'read',
  granted_by       TEXT,
  expires_at       TEXT,
  created_at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_credential_permissions_credential_id
    FOREIGN KEY (credential_id) REFERENCES credentials (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE UNIQUE INDEX uq_credential_permissions_credential_user ON credential_permissions (credential_id, user_id);
CREATE INDEX idx_credential_permissions_user                  ON credential_permissions (user_id);

-- A security incident and its remediation.
CREATE TABLE security_incidents (
  id                 TEXT NOT NULL,
  client_id          TEXT,
  infrastructure_id  TEXT,
  incident_type      TEXT,
  severity           TEXT NOT NULL,
  status             TEXT NOT NULL DEFAULT 'investigating',
  title              TEXT NOT NULL,
  description        TEXT NOT NULL,
  affected_resources TEXT,
  findings           TEXT,
  remediation_steps  TEXT,
  detected_at        TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  resolved_at        TEXT,
  reported_by        TEXT,
  notes              TEXT,
  created_at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_security_incidents_client_id
    FOREIGN KEY (client_id)         REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_security_incidents_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_security_incidents_severity CHECK (severity IN ('critical', 'high', 'medium', 'low')),
  CONSTRAINT ck_security_incidents_status
    CHECK (status IN ('investigating', 'contained', 'remediated', 'monitoring', 'resolved', 'false_positive'))
) STRICT;
CREATE INDEX idx_security_incidents_client         ON security_incidents (client_id);
CREATE INDEX idx_security_incidents_infrastructure ON security_incidents (infrastructure_id);
CREATE INDEX idx_security_incidents_status         ON security_incidents (status);
CREATE INDEX idx_security_incidents_detected_at    ON security_incidents (detected_at);

-- Link from a session or work item to a ticket in SyncroMSP, Autotask, ConnectWise ...
CREATE TABLE ticket_links (
  id               TEXT NOT NULL,
  client_id        TEXT,
  session_id       TEXT,
  work_item_id     TEXT,
  integration_type TEXT NOT NULL,
  ticket_id        TEXT NOT NULL,
  ticket_number    TEXT,
  ticket_title     TEXT,
  ticket_url       TEXT,
  ticket_status    TEXT,
  link_type        TEXT NOT NULL DEFAULT 'related',
  last_checked_at  TEXT,
  created_at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_ticket_links_client_id
    FOREIGN KEY (client_id)    REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_ticket_links_session_id
    FOREIGN KEY (session_id)   REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_ticket_links_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX idx_ticket_links_client    ON ticket_links (client_id);
CREATE INDEX idx_ticket_links_session   ON ticket_links (session_id);
CREATE INDEX idx_ticket_links_work_item ON ticket_links (work_item_id);
CREATE INDEX idx_ticket_links_ticket    ON ticket_links (integration_type, ticket_id);

-- Time to be invoiced.
CREATE TABLE billable_time (
  id                TEXT    NOT NULL,
  work_item_id      TEXT,
  session_id        TEXT,
  client_id         TEXT    NOT NULL,
  user_id           TEXT    NOT NULL,
  category          TEXT    NOT NULL DEFAULT 'support',
  description       TEXT    NOT NULL,
  started_at        TEXT    NOT NULL,
  ended_at          TEXT,
  duration_minutes  INTEGER NOT NULL,
  hourly_rate       INTEGER NOT NULL,
  total_amount      INTEGER NOT NULL,
  is_billable       INTEGER NOT NULL DEFAULT 1,
  is_invoiced       INTEGER NOT NULL DEFAULT 0,
  invoice_reference TEXT,
  invoiced_at       TEXT,
  notes             TEXT,
  created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_billable_time_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_billable_time_session_id
    FOREIGN KEY (session_id)   REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_billable_time_client_id
    FOREIGN KEY (client_id)    REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_billable_time_duration CHECK (duration_minutes >= 0),
  CONSTRAINT ck_billable_time_rate     CHECK (hourly_rate >= 0),
  CONSTRAINT ck_billable_time_amount   CHECK (total_amount >= 0),
  CONSTRAINT ck_billable_time_times    CHECK (ended_at IS NULL OR ended_at >= started_at)
) STRICT;
CREATE INDEX idx_billable_time_work_item   ON billable_time (work_item_id);
CREATE INDEX idx_billable_time_session     ON billable_time (session_id);
CREATE INDEX idx_billable_time_client      ON billable_time (client_id);
CREATE INDEX idx_billable_time_started_at  ON billable_time (started_at);
CREATE INDEX idx_billable_time_is_invoiced ON billable_time (is_invoiced);

-- Software or configuration put on an asset or service.
CREATE TABLE deployments (
  id                 TEXT NOT NULL,
  work_item_id       TEXT,
  session_id         TEXT,
  infrastructure_id  TEXT,
  service_id         TEXT,
  deployment_type    TEXT NOT NULL,
  description        TEXT NOT NULL,
  version            TEXT,
  git_commit         TEXT,
  source_path        TEXT,
  target_path        TEXT,
  status             TEXT NOT NULL DEFAULT 'succeeded',
  deployed_by        TEXT,
  deployed_at        TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  rollback_procedure TEXT,
  notes              TEXT,
  created_at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_deployments_work_item_id
    FOREIGN KEY (work_item_id)      REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_deployments_session_id
    FOREIGN KEY (session_id)        REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_deployments_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_deployments_service_id
    FOREIGN KEY (service_id)        REFERENCES services (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_deployments_status
    CHECK (status IN ('pending', 'in_progress', 'succeeded', 'failed', 'rolled_back'))
) STRICT;
CREATE INDEX idx_deployments_work_item      ON deployments (work_item_id);
CREATE INDEX idx_deployments_session        ON deployments (session_id);
CREATE INDEX idx_deployments_infrastructure ON deployments (infrastructure_id);
CREATE INDEX idx_deployments_service        ON deployments (service_id);

-- A change to a client's or own database, with what is needed to undo it.
CREATE TABLE database_changes (
  id                TEXT    NOT NULL,
  work_item_id      TEXT,
  session_id        TEXT,
  infrastructure_id TEXT,
  database_name     TEXT    NOT NULL,
  change_type       TEXT    NOT NULL,
  description       TEXT    NOT NULL,
  sql_executed      TEXT,
  rows_affected     INTEGER,
  backup_taken      INTEGER NOT NULL DEFAULT 0,
  backup_location   TEXT,
  rollback_sql      TEXT,
  executed_by       TEXT,
  rolled_back_at    TEXT,
  rolled_back_by    TEXT,
  created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_database_changes_work_item_id
    FOREIGN KEY (work_item_id)      REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_database_changes_session_id
    FOREIGN KEY (session_id)        REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_database_changes_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_database_changes_change_type
    CHECK (change_type IN ('schema', 'data', 'index', 'optimization', 'cleanup', 'migration', 'permission'))
) STRICT;
CREATE INDEX idx_database_changes_work_item      ON database_changes (work_item_id);
CREATE INDEX idx_database_changes_session        ON database_changes (session_id);
CREATE INDEX idx_database_changes_infrastructure ON database_changes (infrastructure_id);
CREATE INDEX idx_database_changes_database_name  ON database_changes (database_name);

-- A configuration change on an asset, with state before and after.
CREATE TABLE infrastructure_changes (
  id                 TEXT    NOT NULL,
  work_item_id       TEXT,
  session_id         TEXT,
  infrastructure_id  TEXT    NOT NULL,
  change_type        TEXT    NOT NULL,
  target_system      TEXT,
  description        TEXT    NOT NULL,
  before_state       TEXT,
  after_state        TEXT,
  is_permanent       INTEGER NOT NULL DEFAULT 1,
  rollback_procedure TEXT,
  performed_by       TEXT,
  verified_at        TEXT,
  verification_notes TEXT,
  created_at         TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_infrastructure_changes_work_item_id
    FOREIGN KEY (work_item_id)      REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_infrastructure_changes_session_id
    FOREIGN KEY (session_id)        REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_infrastructure_changes_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX idx_infrastructure_changes_work_item      ON infrastructure_changes (work_item_id);
CREATE INDEX idx_infrastructure_changes_session        ON infrastructure_changes (session_id);
CREATE INDEX idx_infrastructure_changes_infrastructure ON infrastructure_changes (infrastructure_id, created_at);

-- A file created, modified or deleted during a work item.
CREATE TABLE file_changes (
  id            TEXT    NOT NULL,
  work_item_id  TEXT    NOT NULL,
  session_id    TEXT    NOT NULL,
  file_path     TEXT    NOT NULL,
  change_type   TEXT    NOT NULL,
  old_path      TEXT,
  host          TEXT,
  size_bytes    INTEGER,
  sha256        TEXT,
  lines_added   INTEGER,
  lines_removed INTEGER,
  description   TEXT,
  diff_zst      BLOB,
  created_at    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_file_changes_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_file_changes_session_id
    FOREIGN KEY (session_id)   REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX idx_file_changes_work_item ON file_changes (work_item_id);
CREATE INDEX idx_file_changes_session   ON file_changes (session_id);

-- A shell command run during a session.
CREATE TABLE command_runs (
  id                TEXT    NOT NULL,
  work_item_id      TEXT,
  session_id        TEXT    NOT NULL,
  command_text      TEXT    NOT NULL,
  host              TEXT,
  shell_type        TEXT,
  working_directory TEXT,
  exit_code         INTEGER,
  success           INTEGER,
  duration_ms       INTEGER,
  output_summary    TEXT,
  output_zst        BLOB,
  created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_command_runs_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_command_runs_session_id
    FOREIGN KEY (session_id)   REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX idx_command_runs_work_item  ON command_runs (work_item_id);
CREATE INDEX idx_command_runs_session    ON command_runs (session_id);
CREATE INDEX idx_command_runs_created_at ON command_runs (created_at);

-- One concrete failure met during work, and what resolved it.
CREATE TABLE operation_failures (
  id                    TEXT    NOT NULL,
  session_id            TEXT,
  work_item_id          TEXT,
  operation_type        TEXT    NOT NULL,
  operation_description TEXT    NOT NULL,
  host                  TEXT,
  error_code            TEXT,
  error_message         TEXT    NOT NULL,
  root_cause            TEXT,
  resolution            TEXT,
  is_resolved           INTEGER NOT NULL DEFAULT 0,
  resolved_at           TEXT,
  created_at            TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_operation_failures_session_id
    FOREIGN KEY (session_id)   REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_operation_failures_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX idx_operation_failures_session        ON operation_failures (session_id);
CREATE INDEX idx_operation_failures_work_item      ON operation_failures (work_item_id);
CREATE INDEX idx_operation_failures_operation_type ON operation_failures (operation_type);
CREATE INDEX idx_operation_failures_is_resolved    ON operation_failures (is_resolved);

-- A recurring failure with its known cure, warned about before it recurs.
CREATE TABLE failure_patterns (
  id                     TEXT    NOT NULL,
  infrastructure_id      TEXT,
  pattern_signature      TEXT    NOT NULL,
  title                  TEXT    NOT NULL,
  error_pattern          TEXT,
  affected_systems       TEXT,
  root_cause             TEXT,
  recommended_solution   TEXT    NOT NULL,
  alternative_approaches TEXT,
  severity               TEXT    NOT NULL DEFAULT 'minor',
  occurrence_count       INTEGER NOT NULL DEFAULT 1,
  first_seen_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  last_seen_at           TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  is_active              INTEGER NOT NULL DEFAULT 1,
  created_at             TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at             TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_failure_patterns_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE UNIQUE INDEX uq_failure_patterns_signature ON failure_patterns (pattern_signature);
CREATE INDEX idx_failure_patterns_infrastructure  ON failure_patterns (infrastructure_id);
CREATE INDEX idx_failure_patterns_last_seen_at    ON failure_patterns (last_seen_at);

-- A solved problem, written so that it can be found and reused.
CREATE TABLE problem_solutions (
  id                  TEXT    NOT NULL,
  work_item_id        TEXT,
  session_id          TEXT,
  client_id           TEXT,
  title               TEXT    NOT NULL,
  problem_description TEXT    NOT NULL,
  symptoms            TEXT,
  error_message       TEXT,
  investigation_steps TEXT,
  root_cause          TEXT,
  solution_applied    TEXT    NOT NULL,
  verification_method TEXT,
  tags                TEXT,
  times_reused        INTEGER NOT NULL DEFAULT 0,
  last_reused_at      TEXT,
  created_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_problem_solutions_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_problem_solutions_session_id
    FOREIGN KEY (session_id)   REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_problem_solutions_client_id
    FOREIGN KEY (client_id)    REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX idx_problem_solutions_work_item ON problem_solutions (work_item_id);
CREATE INDEX idx_problem_solutions_session   ON problem_solutions (session_id);
CREATE INDEX idx_problem_solutions_client    ON problem_solutions (client_id);

-- A fact about a client's environment that the assistant must respect (for example: PowerShell 2 only on SRV1).
CREATE TABLE environmental_insights (
  id                TEXT    NOT NULL,
  client_id         TEXT,
  infrastructure_id TEXT,
  category          TEXT    NOT NULL,
  title             TEXT    NOT NULL,
  description       TEXT    NOT NULL,
  examples          TEXT,
  source            TEXT,
  confidence        TEXT    NOT NULL DEFAULT 'likely',
  priority          INTEGER NOT NULL DEFAULT 5,
  last_verified_at  TEXT,
  created_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at        TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_environmental_insights_client_id
    FOREIGN KEY (client_id)         REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_environmental_insights_infrastructure_id
    FOREIGN KEY (infrastructure_id) REFERENCES infrastructure (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_environmental_insights_confidence CHECK (confidence IN ('confirmed', 'likely', 'suspected')),
  CONSTRAINT ck_environmental_insights_priority   CHECK (priority BETWEEN 1 AND 10)
) STRICT;
CREATE INDEX idx_environmental_insights_client         ON environmental_insights (client_id);
CREATE INDEX idx_environmental_insights_infrastructure ON environmental_insights (infrastructure_id);
CREATE INDEX idx_environmental_insights_category       ON environmental_insights (category);

-- One exchange with an outside system (ticket created, webhook received).
CREATE TABLE external_integrations (
  id               TEXT    NOT NULL,
  client_id        TEXT,
  session_id       TEXT,
  work_item_id     TEXT,
  integration_type TEXT    NOT NULL,
  external_id      TEXT,
  external_url     TEXT,
  direction        TEXT    NOT NULL,
  action           TEXT    NOT NULL,
  request_data     TEXT,
  response_data    TEXT,
  http_status      INTEGER,
  is_success       INTEGER NOT NULL DEFAULT 1,
  error_message    TEXT,
  created_at       TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_external_integrations_client_id
    FOREIGN KEY (client_id)    REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_external_integrations_session_id
    FOREIGN KEY (session_id)   REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_external_integrations_work_item_id
    FOREIGN KEY (work_item_id) REFERENCES work_items (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_external_integrations_direction CHECK (direction IN ('inbound', 'outbound')),
  CONSTRAINT ck_external_integrations_action    CHECK (action IN ('created', 'updated', 'linked', 'attached'))
) STRICT;
CREATE INDEX idx_external_integrations_client    ON external_integrations (client_id);
CREATE INDEX idx_external_integrations_session   ON external_integrations (session_id);
CREATE INDEX idx_external_integrations_work_item ON external_integrations (work_item_id);
CREATE INDEX idx_external_integrations_external  ON external_integrations (integration_type, external_id);

-- How to log in to an outside system, every value column is AES-256-GCM.
CREATE TABLE integration_credentials (
  id                            TEXT    NOT NULL,
  integration_name              TEXT    NOT NULL,
  credential_type               TEXT    NOT NULL,
  api_base_url                  TEXT,
  api_key_encrypted             BLOB,
  oauth_client_id               TEXT,
  oauth_client_secret_encrypted BLOB,
  oauth_token_encrypted         BLOB,
  oauth_refresh_token_encrypted BLOB,
  username                      TEXT,
  password_encrypted            BLOB,
  webhook_secret_encrypted      BLOB,
  scopes                        TEXT,
  expires_at                    TEXT,
  is_active                     INTEGER NOT NULL DEFAULT 1,
  last_success_at               TEXT,
  created_at                    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at                    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT ck_integration_credentials_credential_type
    CHECK (credential_type IN ('oauth', 'api_key', 'basic_auth'))
) STRICT;
CREATE UNIQUE INDEX uq_integration_credentials_name ON integration_credentials (integration_name);
CREATE INDEX idx_integration_credentials_is_active  ON integration_credentials (is_active);

-- A database backup made, and whether it was verified.
CREATE TABLE backup_log (
  id                   TEXT    NOT NULL,
  backup_type          TEXT    NOT NULL,
  database_name        TEXT    NOT NULL,
  machine              TEXT,
  file_path            TEXT    NOT NULL,
  file_size_bytes      INTEGER,
  sha256               TEXT,
  status               TEXT    NOT NULL DEFAULT 'running',
  started_at           TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  completed_at         TEXT,
  verification_status  TEXT    NOT NULL DEFAULT 'pending',
  verified_at          TEXT,
  verification_details TEXT,
  error_message        TEXT,
  retain_until         TEXT,
  created_at           TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT ck_backup_log_status CHECK (status IN ('running', 'success', 'failed')),
  CONSTRAINT ck_backup_log_verification_status
    CHECK (verification_status IN ('pending', 'passed', 'failed', 'skipped'))
) STRICT;
CREATE INDEX idx_backup_log_started_at ON backup_log (started_at);
CREATE INDEX idx_backup_log_status     ON backup_log (status);

-- One API request, kept 30 days on the replica, for good centrally.
CREATE TABLE api_audit_log (
  id               TEXT    NOT NULL,
  user_id          TEXT,
  machine          TEXT,
  http_method      TEXT    NOT NULL,
  endpoint         TEXT    NOT NULL,
  entity_id        TEXT,
  request_fields   TEXT,
  status_code      INTEGER NOT NULL,
  response_time_ms INTEGER,
  ip_address       TEXT,
  user_agent       TEXT,
  error_code       TEXT,
  created_at       TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id)
) STRICT;
CREATE INDEX idx_api_audit_log_user       ON api_audit_log (user_id);
CREATE INDEX idx_api_audit_log_endpoint   ON api_audit_log (endpoint);
CREATE INDEX idx_api_audit_log_created_at ON api_audit_log (created_at);

-- Which migrations this one database has had, every database keeps its own.
CREATE TABLE schema_migrations (
  version_id   TEXT    NOT NULL,
  description  TEXT,
  checksum     TEXT,
  applied_by   TEXT,
  applied_at   TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  execution_ms INTEGER,
  PRIMARY KEY (version_id)
) STRICT;

-- A compressed memory of a conversation: session summary, checkpoint, state.
CREATE TABLE conversation_contexts (
  id              TEXT    NOT NULL,
  session_id      TEXT,
  project_id      TEXT,
  machine_id      TEXT,
  context_type    TEXT    NOT NULL,
  title           TEXT    NOT NULL,
  dense_summary   TEXT    NOT NULL,
  key_decisions   TEXT,
  tags            TEXT,
  metadata        TEXT,
  relevance_score INTEGER NOT NULL DEFAULT 500,
  usage_count     INTEGER NOT NULL DEFAULT 0,
  last_used_at    TEXT,
  detail_zst      BLOB,
  created_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_conversation_contexts_session_id
    FOREIGN KEY (session_id) REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_conversation_contexts_project_id
    FOREIGN KEY (project_id) REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_conversation_contexts_machine_id
    FOREIGN KEY (machine_id) REFERENCES machines (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_conversation_contexts_relevance CHECK (relevance_score >= 0 AND relevance_score <= 1000)
) STRICT;
CREATE INDEX idx_conversation_contexts_session   ON conversation_contexts (session_id);
CREATE INDEX idx_conversation_contexts_project   ON conversation_contexts (project_id);
CREATE INDEX idx_conversation_contexts_machine   ON conversation_contexts (machine_id);
CREATE INDEX idx_conversation_contexts_type      ON conversation_contexts (context_type);
CREATE INDEX idx_conversation_contexts_relevance ON conversation_contexts (relevance_score);

-- One reusable piece of knowledge: a decision, pattern, lesson, blocker or state.
CREATE TABLE context_snippets (
  id              TEXT    NOT NULL,
  project_id      TEXT,
  client_id       TEXT,
  snippet_type    TEXT    NOT NULL,
  title           TEXT    NOT NULL,
  dense_content   TEXT    NOT NULL,
  structured_data TEXT,
  tags            TEXT,
  relevance_score INTEGER NOT NULL DEFAULT 500,
  usage_count     INTEGER NOT NULL DEFAULT 0,
  last_used_at    TEXT,
  created_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_context_snippets_project_id
    FOREIGN KEY (project_id) REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_context_snippets_client_id
    FOREIGN KEY (client_id)  REFERENCES clients (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_context_snippets_relevance CHECK (relevance_score >= 0 AND relevance_score <= 1000)
) STRICT;
CREATE INDEX idx_context_snippets_project         ON context_snippets (project_id);
CREATE INDEX idx_context_snippets_client          ON context_snippets (client_id);
CREATE INDEX idx_context_snippets_snippet_type    ON context_snippets (snippet_type);
CREATE INDEX idx_context_snippets_relevance_score ON context_snippets (relevance_score);
CREATE INDEX idx_context_snippets_usage_count     ON context_snippets (usage_count);

-- Where a project stands now, one row per project.
CREATE TABLE project_states (
  id                  TEXT    NOT NULL,
  project_id          TEXT    NOT NULL,
  last_session_id     TEXT,
  current_phase       TEXT,
  progress_percentage INTEGER,
  context_summary     TEXT,
  blockers            TEXT,
  next_actions        TEXT,
  key_files           TEXT,
  important_decisions TEXT,
  git_branch          TEXT,
  created_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_project_states_project_id
    FOREIGN KEY (project_id)      REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_project_states_last_session_id
    FOREIGN KEY (last_session_id) REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_project_states_progress CHECK (progress_percentage >= 0 AND progress_percentage <= 100)
) STRICT;
CREATE UNIQUE INDEX uq_project_states_project ON project_states (project_id);
CREATE INDEX idx_project_states_last_session  ON project_states (last_session_id);

-- A decision, why it was taken, and what was turned down.
CREATE TABLE decision_logs (
  id                      TEXT NOT NULL,
  project_id              TEXT,
  session_id              TEXT,
  decision_type           TEXT NOT NULL DEFAULT 'technical',
  title                   TEXT NOT NULL,
  decision_text           TEXT NOT NULL,
  rationale               TEXT,
  alternatives_considered TEXT,
  impact                  TEXT NOT NULL DEFAULT 'medium',
  tags                    TEXT,
  decided_by              TEXT,
  superseded_by_id        TEXT,
  created_at              TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at              TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT fk_decision_logs_project_id
    FOREIGN KEY (project_id) REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT fk_decision_logs_session_id
    FOREIGN KEY (session_id) REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_decision_logs_impact CHECK (impact IN ('low', 'medium', 'high'))
) STRICT;
CREATE INDEX idx_decision_logs_project       ON decision_logs (project_id);
CREATE INDEX idx_decision_logs_session       ON decision_logs (session_id);
CREATE INDEX idx_decision_logs_decision_type ON decision_logs (decision_type);
CREATE INDEX idx_decision_logs_impact        ON decision_logs (impact);

-- One-row schema revision marker. Fresh database: the daemon's own revision. Adopted database: belongs to Alembic,
-- read only.
CREATE TABLE alembic_version (
  version_num TEXT NOT NULL,
  PRIMARY KEY (version_num)
) STRICT;

-- Tag index over the tags arrays of the context tables, rebuilt locally from them, never synced.
CREATE TABLE context_tags (
  source_table TEXT NOT NULL,
  source_id    TEXT NOT NULL,
  tag          TEXT NOT NULL,
  PRIMARY KEY (source_table, source_id, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_context_tags_tag_source_table ON context_tags (tag, source_table);

-- A person who may log in, written only while the central database is reachable.
CREATE TABLE users (
  id                  TEXT    NOT NULL,
  email               TEXT    NOT NULL,
  full_name           TEXT    NOT NULL,
  password_hash       TEXT    NOT NULL,
  role                TEXT    NOT NULL DEFAULT 'tech',
  is_active           INTEGER NOT NULL DEFAULT 1,
  token_version       INTEGER NOT NULL DEFAULT 0,
  last_login_at       TEXT,
  password_changed_at TEXT,
  created_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at          TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id),
  CONSTRAINT ck_users_role CHECK (role IN ('admin', 'tech', 'viewer'))
) STRICT;
CREATE UNIQUE INDEX uq_users_email ON users (email);
CREATE INDEX idx_users_is_active   ON users (is_active);

-- Advisory claim of a resource by a session, claimed centrally when reachable, provisional when offline.
CREATE TABLE coord_session_locks (
  id          TEXT NOT NULL,
  project_key TEXT NOT NULL,
  session_id  TEXT NOT NULL,
  resource    TEXT NOT NULL,
  description TEXT,
  acquired_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  expires_at  TEXT,
  released_at TEXT,
  created_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id)
) STRICT;
CREATE INDEX idx_coord_session_locks_project_key_resource ON coord_session_locks (project_key, resource);
CREATE INDEX idx_coord_session_locks_session              ON coord_session_locks (session_id);
CREATE INDEX idx_coord_session_locks_expires_at           ON coord_session_locks (expires_at);

-- State of a deployed component, last writer wins as a whole row.
CREATE TABLE coord_component_states (
  project_key TEXT NOT NULL,
  component   TEXT NOT NULL,
  state       TEXT NOT NULL DEFAULT 'unknown',
  version     TEXT,
  notes       TEXT,
  updated_by  TEXT NOT NULL,
  created_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (project_key, component)
) STRICT, WITHOUT ROWID;
CREATE INDEX idx_coord_component_states_updated_at ON coord_component_states (updated_at);

-- A message from one session to another, or to all.
CREATE TABLE coord_messages (
  id           TEXT NOT NULL,
  from_session TEXT NOT NULL,
  to_session   TEXT,
  project_key  TEXT,
  subject      TEXT NOT NULL,
  body         TEXT NOT NULL,
  read_at      TEXT,
  created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  updated_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z'),
  PRIMARY KEY (id)
) STRICT;
CREATE INDEX idx_coord_messages_to_session_read_at ON coord_messages (to_session, read_at);
CREATE INDEX idx_coord_messages_from_session       ON coord_messages (from_session);
CREATE INDEX idx_coord_messages_project_key        ON coord_messages (project_key);
