//! The navigations between models that by-relation lists and detail views serve: 41 over 13 models.

/// A navigation from one model to another.
#[derive(Debug, Clone, Copy)]
pub struct Relationship {
    /// The model that it starts from (`Client`).
    pub model: &'static str,
    /// Its name there (`sites`).
    pub name: &'static str,
    /// Where it leads.
    pub kind: Cardinality,
    /// Table and column of the foreign key that it follows.
    pub via: (&'static str, &'static str),
}

/// What a navigation gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    /// At most one row: the parent, `via` is the model's own foreign key.
    One,
    /// The children, `via` is theirs.
    Many,
    /// The rows at the other end of a link table, whose second foreign key this is.
    Through(&'static str),
}

const fn one(model: &'static str, name: &'static str, via: (&'static str, &'static str)) -> Relationship {
    Relationship { model, name, kind: Cardinality::One, via }
}

const fn many(model: &'static str, name: &'static str, via: (&'static str, &'static str)) -> Relationship {
    Relationship { model, name, kind: Cardinality::Many, via }
}

const fn through(
    model: &'static str,
    name: &'static str,
    via: (&'static str, &'static str),
    to: &'static str,
) -> Relationship {
    Relationship { model, name, kind: Cardinality::Through(to), via }
}

/// All navigations, by model.
pub const RELATIONSHIPS: &[Relationship] = &[
    many("Client", "sites", ("sites", "client_id")),
    many("Client", "projects", ("projects", "client_id")),
    many("Client", "sessions", ("sessions", "client_id")),
    many("Client", "pending_tasks", ("pending_tasks", "client_id")),
    many("Client", "infrastructure", ("infrastructure", "client_id")),
    many("Client", "m365_tenants", ("m365_tenants", "client_id")),
    many("Client", "credentials", ("credentials", "client_id")),
    one("Site", "client", ("sites", "client_id")),
    many("Site", "networks", ("networks", "site_id")),
    many("Site", "infrastructure", ("infrastructure", "site_id")),
    many("Machine", "sessions", ("sessions", "machine_id")),
    one("Project", "client", ("projects", "client_id")),
    many("Project", "sessions", ("sessions", "project_id")),
    many("Project", "tasks", ("tasks", "project_id")),
    many("Project", "pending_tasks", ("pending_tasks", "project_id")),
    one("Session", "client", ("sessions", "client_id")),
    one("Session", "project", ("sessions", "project_id")),
    one("Session", "machine", ("sessions", "machine_id")),
    many("Session", "work_items", ("work_items", "session_id")),
    many("Session", "deployments", ("deployments", "session_id")),
    many("Session", "database_changes", ("database_changes", "session_id")),
    many("Session", "billable_time", ("billable_time", "session_id")),
    through("Session", "tags", ("session_tags", "session_id"), "tag_id"),
    one("WorkItem", "session", ("work_items", "session_id")),
    many("WorkItem", "file_changes", ("file_changes", "work_item_id")),
    many("WorkItem", "command_runs", ("command_runs", "work_item_id")),
    through("WorkItem", "tags", ("work_item_tags", "work_item_id"), "tag_id"),
    one("Task", "parent_task", ("tasks", "parent_task_id")),
    many("Task", "subtasks", ("tasks", "parent_task_id")),
    one("PendingTask", "client", ("pending_tasks", "client_id")),
    one("PendingTask", "project", ("pending_tasks", "project_id")),
    one("Infrastructure", "parent_host", ("infrastructure", "parent_host_id")),
    many("Infrastructure", "guests", ("infrastructure", "parent_host_id")),
    many("Infrastructure", "services", ("services", "infrastructure_id")),
    many("Infrastructure", "deployments", ("deployments", "infrastructure_id")),
    many("Infrastructure", "database_changes", ("database_changes", "infrastructure_id")),
    many("Infrastructure", "infrastructure_changes", ("infrastructure_changes", "infrastructure_id")),
    one("Service", "infrastructure", ("services", "infrastructure_id")),
    many("Credential", "audit_log", ("credential_audit_log", "credential_id")),
    one("BillableTime", "work_item", ("billable_time", "work_item_id")),
    through("Tag", "sessions", ("session_tags", "tag_id"), "session_id"),
];
