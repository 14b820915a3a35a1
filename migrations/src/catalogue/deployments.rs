//! Software or configuration put on an asset or service.

use super::CREATED_AT;
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `deployments`.
pub const DEPLOYMENTS: &Entity = &Entity {
    name: "deployments",
    model: "Deployment",
    purpose: "Software or configuration put on an asset or service.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("work_item_id").null(),
        Column::uuid("session_id").null(),
        Column::uuid("infrastructure_id").null(),
        Column::uuid("service_id").null(),
        Column::string("deployment_type", 50).known(&[
            "code",
            "config",
            "database",
            "container",
            "package",
            "service_restart",
            "script",
        ]),
        Column::text("description"),
        Column::string("version", 100).null(),
        Column::string("git_commit", 64).null(),
        Column::string("source_path", 500).null(),
        Column::string("target_path", 500).null(),
        Column::string("status", 50).default_text("succeeded").one_of(&[
            "pending",
            "in_progress",
            "succeeded",
            "failed",
            "rolled_back",
        ]),
        Column::string("deployed_by", 255).null(),
        Column::datetime("deployed_at").default_now(),
        Column::text("rollback_procedure").null(),
        Column::text("notes").null(),
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
        ForeignKey::new("service_id", "services", OnDelete::SetNull, OnOrphan::Null, "the record stays with the asset"),
    ],
    indexes: &[
        Index::new("idx_deployments_work_item", &["work_item_id"]),
        Index::new("idx_deployments_session", &["session_id"]),
        Index::new("idx_deployments_infrastructure", &["infrastructure_id"]),
        Index::new("idx_deployments_service", &["service_id"]),
    ],
    checks: &[Check::new(
        "ck_deployments_status",
        "status IN ('pending', 'in_progress', 'succeeded', 'failed', 'rolled_back')",
    )],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Seed)
};
