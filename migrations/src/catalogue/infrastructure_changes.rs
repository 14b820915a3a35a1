//! A configuration change on an asset, with state before and after.

use super::CREATED_AT;
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `infrastructure_changes`.
pub const INFRASTRUCTURE_CHANGES: &Entity = &Entity {
    name: "infrastructure_changes",
    model: "InfrastructureChange",
    purpose: "A configuration change on an asset, with state before and after.",
    sync: SyncPolicy::new(Class::Log, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("work_item_id").null(),
        Column::uuid("session_id").null(),
        Column::uuid("infrastructure_id"),
        Column::string("change_type", 50).known(&[
            "dns",
            "firewall",
            "routing",
            "ssl",
            "container",
            "server_config",
            "hardware",
            "network",
            "storage",
            "users",
            "software",
            "other",
        ]),
        Column::string("target_system", 255).null(),
        Column::text("description"),
        Column::text("before_state").null().sensitive(),
        Column::text("after_state").null().sensitive(),
        Column::bool("is_permanent").default_bool(true),
        Column::text("rollback_procedure").null(),
        Column::string("performed_by", 255).null(),
        Column::datetime("verified_at").null().late(),
        Column::text("verification_notes").null().late(),
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
        Index::new("idx_infrastructure_changes_work_item", &["work_item_id"]),
        Index::new("idx_infrastructure_changes_session", &["session_id"]),
        Index::new("idx_infrastructure_changes_infrastructure", &["infrastructure_id", "created_at"]),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Seed)
};
