//! A shell command run during a session.

use super::CREATED_AT;
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `command_runs`.
pub const COMMAND_RUNS: &Entity = &Entity {
    name: "command_runs",
    model: "CommandRun",
    purpose: "A shell command run during a session.",
    sync: SyncPolicy::new(Class::Log, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("work_item_id").null(),
        Column::uuid("session_id"),
        Column::text("command_text").sensitive().note("secrets redacted before storing"),
        Column::string("host", 255).null(),
        Column::string("shell_type", 50).null(),
        Column::string("working_directory", 500).null(),
        Column::int("exit_code").null(),
        Column::bool("success").null(),
        Column::bigint("duration_ms").null(),
        Column::text("output_summary").null().sensitive(),
        Column::blob("output_zst").null().sensitive().compressed().note("at most 256 KiB before compression"),
        CREATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new(
            "work_item_id",
            "work_items",
            OnDelete::SetNull,
            OnOrphan::Null,
            "the record stays with the session",
        ),
        ForeignKey::new("session_id", "sessions", OnDelete::Cascade, OnOrphan::Drop, "goes with the session"),
    ],
    indexes: &[
        Index::new("idx_command_runs_work_item", &["work_item_id"]),
        Index::new("idx_command_runs_session", &["session_id"]),
        Index::new("idx_command_runs_created_at", &["created_at"]),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Seed)
};
