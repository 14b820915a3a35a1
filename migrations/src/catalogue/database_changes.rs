//! A change to a client's or own database, with what is needed to undo it.

use super::CREATED_AT;
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `database_changes`.
pub const DATABASE_CHANGES: &Entity = &Entity {
    name: "database_changes",
    model: "DatabaseChange",
    purpose: "A change to a client's or own database, with what is needed to undo it.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("work_item_id").null(),
        Column::uuid("session_id").null(),
        Column::uuid("infrastructure_id").null(),
        Column::string("database_name", 255),
        Column::string("change_type", 50).one_of(&[
            "schema",
            "data",
            "index",
            "optimization",
            "cleanup",
            "migration",
            "permission",
        ]),
        Column::text("description"),
        Column::text("sql_executed").null().sensitive(),
        Column::bigint("rows_affected").null(),
        Column::bool("backup_taken").default_bool(false),
        Column::string("backup_location", 500).null(),
        Column::text("rollback_sql").null().sensitive(),
        Column::string("executed_by", 255).null(),
        Column::datetime("rolled_back_at").null(),
        Column::string("rolled_back_by", 255).null(),
        CREATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("work_item_id", "work_items", OnDelete::SetNull, OnOrphan::Null, "the record stays"),
        ForeignKey::new("session_id", "sessions", OnDelete::SetNull, OnOrphan::Null, "the record stays"),
        ForeignKey::new(
            "infrastructure_id",
            "infrastructure",
            OnDelete::Restrict,
            OnOrphan::Revive,
            "an asset with change history is decommissioned, not deleted",
        ),
    ],
    indexes: &[
        Index::new("idx_database_changes_work_item", &["work_item_id"]),
        Index::new("idx_database_changes_session", &["session_id"]),
        Index::new("idx_database_changes_infrastructure", &["infrastructure_id"]),
        Index::new("idx_database_changes_database_name", &["database_name"]),
    ],
    checks: &[Check::new(
        "ck_database_changes_change_type",
        "change_type IN ('schema', 'data', 'index', 'optimization', 'cleanup', 'migration', 'permission')",
    )],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    atomic: &[&["rolled_back_at", "rolled_back_by"]],
    ..Entity::of(Group::Seed)
};
