//! One sitting of work by a person, usually one Claude Code session on one machine.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `sessions`.
pub const SESSIONS: &Entity = &Entity {
    name: "sessions",
    model: "Session",
    purpose: "One sitting of work by a person, usually one Claude Code session on one machine.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id").null(),
        Column::uuid("project_id").null(),
        Column::uuid("machine_id").null(),
        Column::string("claude_session_id", 100)
            .null()
            .exact()
            .note("Claude Code's own session id from the hooks; null for manual sessions"),
        Column::string("title", 500).null(),
        Column::string("work_mode", 50).null().known(&["msp", "development", "normal"]),
        Column::string("status", 50).default_text("in_progress").one_of(&[
            "in_progress",
            "paused",
            "completed",
            "abandoned",
        ]),
        Column::string("user_id", 255).null().note("principal = users.email; no FK, survives the user"),
        Column::datetime("started_at").default_now(),
        Column::datetime("ended_at").null(),
        Column::int("duration_minutes").null().note("active minutes, not wall clock"),
        Column::bool("is_billable").default_bool(false),
        Column::string("working_directory", 500).null(),
        Column::string("git_branch", 255).null(),
        Column::text("summary").null().sensitive(),
        Column::text("notes").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new(
            "client_id",
            "clients",
            OnDelete::Restrict,
            OnOrphan::Revive,
            "a client with sessions cannot be deleted: deactivate it",
        ),
        ForeignKey::new(
            "project_id",
            "projects",
            OnDelete::SetNull,
            OnOrphan::Null,
            "the session stays, without a project",
        ),
        ForeignKey::new(
            "machine_id",
            "machines",
            OnDelete::Restrict,
            OnOrphan::Revive,
            "a machine with sessions is deactivated, not deleted",
        ),
    ],
    unique: &[Index::new("uq_sessions_claude_session", &["claude_session_id"])],
    indexes: &[
        Index::new("idx_sessions_client", &["client_id"]),
        Index::new("idx_sessions_project", &["project_id"]),
        Index::new("idx_sessions_machine", &["machine_id"]),
        Index::new("idx_sessions_started_at", &["started_at"]),
    ],
    checks: &[
        Check::new("ck_sessions_status", "status IN ('in_progress', 'paused', 'completed', 'abandoned')"),
        Check::new("ck_sessions_times", "ended_at IS NULL OR ended_at >= started_at"),
    ],
    natural_keys: &[
        NaturalKey::new(&["claude_session_id"], OnCollision::Merge).note("hooks upsert on it; null = always a new row")
    ],
    atomic: &[&["started_at", "ended_at", "duration_minutes"]],
    ..Entity::of(Group::Seed)
};
