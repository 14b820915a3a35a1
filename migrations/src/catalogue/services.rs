//! An application or service, on an asset or hosted elsewhere.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `services`.
pub const SERVICES: &Entity = &Entity {
    name: "services",
    model: "Service",
    purpose: "An application or service, on an asset or hosted elsewhere.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("infrastructure_id").null(),
        Column::uuid("client_id").null(),
        Column::string("service_name", 255).exact().note("a second instance on a host gets its own name"),
        Column::string("service_type", 100).null(),
        Column::string("external_url", 500).null(),
        Column::string("internal_url", 500).null(),
        Column::int("port").null(),
        Column::string("protocol", 50).null(),
        Column::string("version", 100).null(),
        Column::string("status", 50).default_text("running").one_of(&[
            "running",
            "stopped",
            "degraded",
            "error",
            "maintenance",
            "decommissioned",
        ]),
        Column::text("notes").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new(
            "infrastructure_id",
            "infrastructure",
            OnDelete::Cascade,
            OnOrphan::Revive,
            "goes with its host",
        ),
        ForeignKey::new(
            "client_id",
            "clients",
            OnDelete::Cascade,
            OnOrphan::Revive,
            "goes with a client without history",
        ),
    ],
    unique: &[Index::new("uq_services_infrastructure_service_name", &["infrastructure_id", "service_name"])],
    indexes: &[Index::new("idx_services_client", &["client_id"]), Index::new("idx_services_status", &["status"])],
    checks: &[Check::new(
        "ck_services_status",
        "status IN ('running', 'stopped', 'degraded', 'error', 'maintenance', 'decommissioned')",
    )],
    natural_keys: &[NaturalKey::new(&["infrastructure_id", "service_name"], OnCollision::Merge)
        .note("with infrastructure_id null neither engine enforces it: keep both and flag")],
    ..Entity::of(Group::Seed)
};
