//! What is still owed to a client across sessions (follow-up queue, shown at session start).

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `pending_tasks`.
pub const PENDING_TASKS: &Entity = &Entity {
    name: "pending_tasks",
    model: "PendingTask",
    purpose: "What is still owed to a client across sessions (follow-up queue, shown at session start).",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id").null(),
        Column::uuid("project_id").null(),
        Column::string("title", 500),
        Column::text("description").null(),
        Column::string("status", 50).default_text("pending").one_of(&[
            "pending",
            "in_progress",
            "blocked",
            "completed",
            "cancelled",
        ]),
        Column::string("priority", 20).default_text("medium").one_of(&["critical", "high", "medium", "low"]),
        Column::text("blocked_by").null().note("whom or what it waits for"),
        Column::string("assigned_to", 255).null(),
        Column::string("source", 255).null().note("where it came from, free text (session title, ticket number)"),
        Column::date("due_on").null(),
        Column::datetime("completed_at").null(),
        Column::string("completed_by", 255).null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new(
            "client_id",
            "clients",
            OnDelete::Cascade,
            OnOrphan::Revive,
            "goes with a client without history",
        ),
        ForeignKey::new(
            "project_id",
            "projects",
            OnDelete::SetNull,
            OnOrphan::Null,
            "the follow-up stays with the client",
        ),
    ],
    indexes: &[
        Index::new("idx_pending_tasks_client", &["client_id"]),
        Index::new("idx_pending_tasks_project", &["project_id"]),
        Index::new("idx_pending_tasks_status_due_on", &["status", "due_on"]),
    ],
    checks: &[
        Check::new(
            "ck_pending_tasks_status",
            "status IN ('pending', 'in_progress', 'blocked', 'completed', 'cancelled')",
        ),
        Check::new("ck_pending_tasks_priority", "priority IN ('critical', 'high', 'medium', 'low')"),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    atomic: &[&["status", "completed_at", "completed_by"]],
    ..Entity::of(Group::Seed)
};
