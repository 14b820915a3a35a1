//! What the catalogue does not say of a table: under which path it is offered, and what is offered.

use migrations::Entity;
use migrations::catalogue as tables;

/// How rows of a table are offered.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) entity: &'static Entity,
    /// Path segment below `/api`.
    pub(crate) path: &'static str,
    /// One of them, for people.
    pub(crate) noun: &'static str,
    pub(crate) verbs: Verbs,
    /// The column that `from` and `to` bound.
    pub(crate) main_time: &'static str,
    /// Lists by what a row refers to or by one of its values.
    pub(crate) by: &'static [By],
    /// The link table through which rows carry tags.
    pub(crate) tagged: Option<&'static Entity>,
}

/// What can be done with rows, besides listing and getting them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbs {
    /// Nothing.
    Read,
    /// Creating them.
    Append,
    /// Creating, changing and deleting them.
    All,
}

/// A list under a path of its own.
#[derive(Debug)]
pub(crate) enum By {
    /// `/by-client/{client_id}`: the rows whose column has this value.
    Column(&'static str, &'static str),
    /// `/by-client/{client_id}`: through a table that the row refers to (segment, its column here, the column there).
    Through(&'static str, &'static str, &'static str),
}

impl Offer {
    const fn new(entity: &'static Entity, path: &'static str, noun: &'static str) -> Self {
        Self { entity, path, noun, verbs: Verbs::All, main_time: "created_at", by: &[], tagged: None }
    }

    const fn verbs(mut self, verbs: Verbs) -> Self {
        self.verbs = verbs;
        self
    }

    const fn main_time(mut self, column: &'static str) -> Self {
        self.main_time = column;
        self
    }

    const fn by(mut self, by: &'static [By]) -> Self {
        self.by = by;
        self
    }

    const fn tagged(mut self, junction: &'static Entity) -> Self {
        self.tagged = Some(junction);
        self
    }
}

const CLIENT: By = By::Column("by-client", "client_id");
const SITE: By = By::Column("by-site", "site_id");
const PROJECT: By = By::Column("by-project", "project_id");
const MACHINE: By = By::Column("by-machine", "machine_id");
const SESSION: By = By::Column("by-session", "session_id");
const WORK_ITEM: By = By::Column("by-work-item", "work_item_id");
const INFRASTRUCTURE: By = By::Column("by-infrastructure", "infrastructure_id");
const SERVICE: By = By::Column("by-service", "service_id");
const CREDENTIAL: By = By::Column("by-credential", "credential_id");

/// Every table that is offered by the generic handlers, in the order of the documentation.
pub(crate) static OFFERS: &[Offer] = &[
    Offer::new(tables::MACHINES, "machines", "machine").main_time("last_seen_at"),
    Offer::new(tables::CLIENTS, "clients", "client"),
    Offer::new(tables::SITES, "sites", "site").by(&[CLIENT]),
    Offer::new(tables::NETWORKS, "networks", "network").by(&[CLIENT, SITE]),
    Offer::new(tables::TAGS, "tags", "tag"),
    Offer::new(tables::SESSIONS, "sessions", "session")
        .main_time("started_at")
        .by(&[CLIENT, PROJECT, MACHINE])
        .tagged(tables::SESSION_TAGS),
    Offer::new(tables::PROJECTS, "projects", "project").by(&[CLIENT]),
    Offer::new(tables::TASKS, "tasks", "task").by(&[CLIENT, PROJECT, SESSION]),
    Offer::new(tables::BILLABLE_TIME, "billable-time", "entry of billable time")
        .main_time("started_at")
        .by(&[CLIENT, SESSION, WORK_ITEM]),
    Offer::new(tables::INFRASTRUCTURE, "infrastructure", "asset")
        .by(&[CLIENT, SITE])
        .tagged(tables::INFRASTRUCTURE_TAGS),
    Offer::new(tables::SERVICES, "services", "service").by(&[CLIENT, INFRASTRUCTURE]),
    Offer::new(tables::WORK_ITEMS, "work-items", "work item")
        .by(&[SESSION, By::Through("by-client", "session_id", "client_id")])
        .tagged(tables::WORK_ITEM_TAGS),
    Offer::new(tables::FIREWALL_RULES, "firewall-rules", "firewall rule").by(&[INFRASTRUCTURE]),
    Offer::new(tables::M365_TENANTS, "m365-tenants", "Microsoft 365 tenant").by(&[CLIENT]),
    Offer::new(tables::CREDENTIALS, "credentials", "credential").by(&[CLIENT, SERVICE, INFRASTRUCTURE]),
    Offer::new(tables::CREDENTIAL_AUDIT_LOG, "credential-audit-logs", "audit row")
        .verbs(Verbs::Read)
        .by(&[CREDENTIAL, By::Column("by-user", "user_id")]),
    Offer::new(tables::SECURITY_INCIDENTS, "security-incidents", "security incident")
        .main_time("detected_at")
        .by(&[CLIENT, INFRASTRUCTURE]),
    Offer::new(tables::CONVERSATION_CONTEXTS, "conversation-contexts", "conversation context").by(&[PROJECT, SESSION]),
    Offer::new(tables::CONTEXT_SNIPPETS, "context-snippets", "context snippet").by(&[PROJECT, CLIENT]),
    Offer::new(tables::PROJECT_STATES, "project-states", "project state"),
    Offer::new(tables::DECISION_LOGS, "decision-logs", "decision").by(&[
        PROJECT,
        SESSION,
        By::Column("by-impact", "impact"),
        By::Column("by-type", "decision_type"),
    ]),
    Offer::new(tables::PENDING_TASKS, "pending-tasks", "pending task").by(&[CLIENT, PROJECT]),
    Offer::new(tables::FILE_CHANGES, "file-changes", "file change").verbs(Verbs::Append).by(&[SESSION, WORK_ITEM]),
    Offer::new(tables::COMMAND_RUNS, "command-runs", "command run").verbs(Verbs::Append).by(&[SESSION, WORK_ITEM]),
    Offer::new(tables::OPERATION_FAILURES, "operation-failures", "failure").by(&[SESSION, WORK_ITEM]),
    Offer::new(tables::FAILURE_PATTERNS, "failure-patterns", "failure pattern")
        .main_time("last_seen_at")
        .by(&[INFRASTRUCTURE]),
    Offer::new(tables::PROBLEM_SOLUTIONS, "problem-solutions", "solution").by(&[CLIENT]),
    Offer::new(tables::ENVIRONMENTAL_INSIGHTS, "environmental-insights", "insight").by(&[CLIENT, INFRASTRUCTURE]),
    Offer::new(tables::DEPLOYMENTS, "deployments", "deployment").main_time("deployed_at").by(&[
        SESSION,
        INFRASTRUCTURE,
        SERVICE,
    ]),
    Offer::new(tables::DATABASE_CHANGES, "database-changes", "database change").by(&[SESSION, INFRASTRUCTURE]),
    Offer::new(tables::INFRASTRUCTURE_CHANGES, "infrastructure-changes", "infrastructure change")
        .verbs(Verbs::Append)
        .by(&[SESSION, INFRASTRUCTURE]),
    Offer::new(tables::SERVICE_RELATIONSHIPS, "service-relationships", "service relationship"),
    Offer::new(tables::TICKET_LINKS, "ticket-links", "ticket link").by(&[CLIENT, SESSION, WORK_ITEM]),
    Offer::new(tables::EXTERNAL_INTEGRATIONS, "external-integrations", "exchange").verbs(Verbs::Append).by(&[CLIENT]),
    Offer::new(tables::INTEGRATION_CREDENTIALS, "integration-credentials", "integration credential"),
    Offer::new(tables::CREDENTIAL_PERMISSIONS, "credential-permissions", "permission").by(&[CREDENTIAL]),
    Offer::new(tables::BACKUP_LOG, "backup-log", "backup").verbs(Verbs::Append).main_time("started_at"),
    Offer::new(tables::API_AUDIT_LOG, "api-audit-log", "request").verbs(Verbs::Read),
];
