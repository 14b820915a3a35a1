//! The tables, one file each, parents before children.

mod alembic_version;
mod api_audit_log;
mod backup_log;
mod billable_time;
mod clients;
mod command_runs;
mod context_snippets;
mod context_tags;
mod conversation_contexts;
mod coord_component_states;
mod coord_messages;
mod coord_session_locks;
mod credential_audit_log;
mod credential_permissions;
mod credentials;
mod database_changes;
mod decision_logs;
mod deployments;
mod environmental_insights;
mod external_integrations;
mod failure_patterns;
mod file_changes;
mod firewall_rules;
mod forgotten;
mod infrastructure;
mod infrastructure_changes;
mod infrastructure_tags;
mod integration_credentials;
mod m365_tenants;
mod machines;
mod networks;
mod operation_failures;
mod pending_tasks;
mod problem_solutions;
mod project_states;
mod projects;
mod relationships;
mod schema_migrations;
mod security_incidents;
mod service_relationships;
mod services;
mod session_tags;
mod sessions;
mod sites;
mod tags;
mod tasks;
mod ticket_links;
mod users;
mod work_item_tags;
mod work_items;

use crate::Entity;
use crate::entity::{Column, MergeRule};

pub use alembic_version::ALEMBIC_VERSION;
pub use api_audit_log::API_AUDIT_LOG;
pub use backup_log::BACKUP_LOG;
pub use billable_time::BILLABLE_TIME;
pub use clients::CLIENTS;
pub use command_runs::COMMAND_RUNS;
pub use context_snippets::CONTEXT_SNIPPETS;
pub use context_tags::CONTEXT_TAGS;
pub use conversation_contexts::CONVERSATION_CONTEXTS;
pub use coord_component_states::COORD_COMPONENT_STATES;
pub use coord_messages::COORD_MESSAGES;
pub use coord_session_locks::COORD_SESSION_LOCKS;
pub use credential_audit_log::CREDENTIAL_AUDIT_LOG;
pub use credential_permissions::CREDENTIAL_PERMISSIONS;
pub use credentials::CREDENTIALS;
pub use database_changes::DATABASE_CHANGES;
pub use decision_logs::DECISION_LOGS;
pub use deployments::DEPLOYMENTS;
pub use environmental_insights::ENVIRONMENTAL_INSIGHTS;
pub use external_integrations::EXTERNAL_INTEGRATIONS;
pub use failure_patterns::FAILURE_PATTERNS;
pub use file_changes::FILE_CHANGES;
pub use firewall_rules::FIREWALL_RULES;
pub use forgotten::FORGOTTEN;
pub use infrastructure::INFRASTRUCTURE;
pub use infrastructure_changes::INFRASTRUCTURE_CHANGES;
pub use infrastructure_tags::INFRASTRUCTURE_TAGS;
pub use integration_credentials::INTEGRATION_CREDENTIALS;
pub use m365_tenants::M365_TENANTS;
pub use machines::MACHINES;
pub use networks::NETWORKS;
pub use operation_failures::OPERATION_FAILURES;
pub use pending_tasks::PENDING_TASKS;
pub use problem_solutions::PROBLEM_SOLUTIONS;
pub use project_states::PROJECT_STATES;
pub use projects::PROJECTS;
pub use relationships::{Cardinality, RELATIONSHIPS, Relationship};
pub use schema_migrations::SCHEMA_MIGRATIONS;
pub use security_incidents::SECURITY_INCIDENTS;
pub use service_relationships::SERVICE_RELATIONSHIPS;
pub use services::SERVICES;
pub use session_tags::SESSION_TAGS;
pub use sessions::SESSIONS;
pub use sites::SITES;
pub use tags::TAGS;
pub use tasks::TASKS;
pub use ticket_links::TICKET_LINKS;
pub use users::USERS;
pub use work_item_tags::WORK_ITEM_TAGS;
pub use work_items::WORK_ITEMS;

/// When a row was made: of two machines that made it, the earlier.
const CREATED_AT: Column = Column::datetime("created_at").default_now().merge(MergeRule::Min);

/// When a row was last written; set by the daemon on every write.
const UPDATED_AT: Column = Column::datetime("updated_at").default_now().merge(MergeRule::Max);

/// All tables, parents before children.
pub static ENTITIES: &[&Entity] = &[
    MACHINES,
    CLIENTS,
    SITES,
    NETWORKS,
    PROJECTS,
    SESSIONS,
    TASKS,
    PENDING_TASKS,
    TAGS,
    SESSION_TAGS,
    WORK_ITEMS,
    WORK_ITEM_TAGS,
    INFRASTRUCTURE,
    INFRASTRUCTURE_TAGS,
    SERVICES,
    SERVICE_RELATIONSHIPS,
    FIREWALL_RULES,
    M365_TENANTS,
    CREDENTIALS,
    CREDENTIAL_AUDIT_LOG,
    CREDENTIAL_PERMISSIONS,
    SECURITY_INCIDENTS,
    TICKET_LINKS,
    BILLABLE_TIME,
    DEPLOYMENTS,
    DATABASE_CHANGES,
    INFRASTRUCTURE_CHANGES,
    FILE_CHANGES,
    COMMAND_RUNS,
    OPERATION_FAILURES,
    FAILURE_PATTERNS,
    PROBLEM_SOLUTIONS,
    ENVIRONMENTAL_INSIGHTS,
    EXTERNAL_INTEGRATIONS,
    INTEGRATION_CREDENTIALS,
    BACKUP_LOG,
    API_AUDIT_LOG,
    SCHEMA_MIGRATIONS,
    CONVERSATION_CONTEXTS,
    CONTEXT_SNIPPETS,
    PROJECT_STATES,
    DECISION_LOGS,
    ALEMBIC_VERSION,
    CONTEXT_TAGS,
    USERS,
    COORD_SESSION_LOCKS,
    COORD_COMPONENT_STATES,
    COORD_MESSAGES,
    FORGOTTEN,
];

/// `ENTITIES` by name, for [`entity`], which is asked once for each row that is pulled.
static BY_NAME: [&Entity; ENTITY_COUNT] = by_name();

const ENTITY_COUNT: usize = ENTITIES.len();

/// The table of that name.
pub fn entity(name: &str) -> Option<&'static Entity> {
    BY_NAME.binary_search_by(|entity| entity.name.cmp(name)).ok().map(|found| BY_NAME[found])
}

/// Insertion sort, as `sort` is not const.
const fn by_name() -> [&'static Entity; ENTITY_COUNT] {
    let mut sorted = [ENTITIES[0]; ENTITY_COUNT];
    let mut next = 0;
    while next < ENTITY_COUNT {
        let mut place = next;
        while place > 0 && is_before(ENTITIES[next].name, sorted[place - 1].name) {
            sorted[place] = sorted[place - 1];
            place -= 1;
        }
        sorted[place] = ENTITIES[next];
        next += 1;
    }
    sorted
}

/// `a < b`, byte by byte.
const fn is_before(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() {
        if a[at] != b[at] {
            return a[at] < b[at];
        }
        at += 1;
    }
    a.len() < b.len()
}
