//! A to-do with hierarchy, within a project or session (the assistant's and the person's working list).

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `tasks`.
pub const TASKS: &Entity = &Entity {
    name: "tasks",
    model: "Task",
    purpose: "A to-do with hierarchy, within a project or session (the assistant's and the person's working list).",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("parent_task_id").null(),
        Column::uuid("session_id").null(),
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
        Column::string("priority", 20).null().one_of(&["critical", "high", "medium", "low"]),
        Column::int("task_order").default_int(0),
        Column::string("assigned_to", 255).null().note("principal (users.email) or agent name"),
        Column::text("blocking_reason").null(),
        Column::date("due_on").null(),
        Column::int("estimated_minutes").null(),
        Column::datetime("started_at").null(),
        Column::datetime("completed_at").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new(
            "parent_task_id",
            "tasks",
            OnDelete::Cascade,
            OnOrphan::Null,
            "subtasks are deleted too, after showing how many",
        ),
        ForeignKey::new(
            "session_id",
            "sessions",
            OnDelete::SetNull,
            OnOrphan::Null,
            "where it was created; the task stays",
        ),
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
            OnDelete::Cascade,
            OnOrphan::Revive,
            "deleting a project deletes its tasks, after showing how many",
        ),
    ],
    indexes: &[
        Index::new("idx_tasks_parent_task", &["parent_task_id"]),
        Index::new("idx_tasks_session", &["session_id"]),
        Index::new("idx_tasks_client", &["client_id"]),
        Index::new("idx_tasks_project", &["project_id"]),
        Index::new("idx_tasks_status", &["status"]),
    ],
    checks: &[
        Check::new("ck_tasks_status", "status IN ('pending', 'in_progress', 'blocked', 'completed', 'cancelled')"),
        Check::new("ck_tasks_priority", "priority IN ('critical', 'high', 'medium', 'low')"),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    atomic: &[&["status", "completed_at", "blocking_reason"]],
    ..Entity::of(Group::Seed)
};
