//! One concrete failure met during work, and what resolved it.

use super::CREATED_AT;
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `operation_failures`.
pub const OPERATION_FAILURES: &Entity = &Entity {
    name: "operation_failures",
    model: "OperationFailure",
    purpose: "One concrete failure met during work, and what resolved it.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("session_id").null(),
        Column::uuid("work_item_id").null(),
        Column::string("operation_type", 100).known(&[
            "command",
            "file_operation",
            "api_call",
            "deployment",
            "database",
            "network",
            "authentication",
            "backup",
            "other",
        ]),
        Column::text("operation_description"),
        Column::string("host", 255).null(),
        Column::string("error_code", 100).null(),
        Column::text("error_message").sensitive(),
        Column::text("root_cause").null(),
        Column::text("resolution").null(),
        Column::bool("is_resolved").default_bool(false),
        Column::datetime("resolved_at").null(),
        CREATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("session_id", "sessions", OnDelete::SetNull, OnOrphan::Null, "the record stays"),
        ForeignKey::new("work_item_id", "work_items", OnDelete::SetNull, OnOrphan::Null, "the record stays"),
    ],
    indexes: &[
        Index::new("idx_operation_failures_session", &["session_id"]),
        Index::new("idx_operation_failures_work_item", &["work_item_id"]),
        Index::new("idx_operation_failures_operation_type", &["operation_type"]),
        Index::new("idx_operation_failures_is_resolved", &["is_resolved"]),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    atomic: &[&["is_resolved", "resolved_at", "resolution"]],
    ..Entity::of(Group::Seed)
};
