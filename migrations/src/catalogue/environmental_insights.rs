//! A fact about a client's environment that the assistant must respect (for example: PowerShell 2 only on SRV1).

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete,
    OnOrphan, SyncPolicy,
};

/// The table `environmental_insights`.
pub const ENVIRONMENTAL_INSIGHTS: &Entity = &Entity {
    name: "environmental_insights",
    model: "EnvironmentalInsight",
    purpose: "A fact about a client's environment that the assistant must respect (for example: PowerShell 2 only on SRV1).",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id").null(),
        Column::uuid("infrastructure_id").null(),
        Column::string("category", 100)
            .known(&[
                "command_constraints",
                "service_configuration",
                "version_limitations",
                "network_constraints",
                "custom_installations",
                "permissions",
            ])
            .note("the original's list is known only in part: no CHECK"),
        Column::string("title", 500),
        Column::text("description"),
        Column::json("examples").null().note("array"),
        Column::string("source", 255).null().note("how it was learned"),
        Column::string("confidence", 20).default_text("likely").one_of(&["confirmed", "likely", "suspected"]),
        Column::int("priority").default_int(5),
        Column::datetime("last_verified_at").null().merge(MergeRule::Max),
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
            "infrastructure_id",
            "infrastructure",
            OnDelete::Cascade,
            OnOrphan::Null,
            "goes with the asset; arriving late it stays, without an asset",
        ),
    ],
    indexes: &[
        Index::new("idx_environmental_insights_client", &["client_id"]),
        Index::new("idx_environmental_insights_infrastructure", &["infrastructure_id"]),
        Index::new("idx_environmental_insights_category", &["category"]),
    ],
    checks: &[
        Check::new("ck_environmental_insights_confidence", "confidence IN ('confirmed', 'likely', 'suspected')"),
        Check::new("ck_environmental_insights_priority", "priority BETWEEN 1 AND 10"),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth).note("equal folded (client, asset, title) flagged")],
    ..Entity::of(Group::Seed)
};
