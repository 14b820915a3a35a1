//! Directed dependency between two services.

use super::CREATED_AT;
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `service_relationships`.
pub const SERVICE_RELATIONSHIPS: &Entity = &Entity {
    name: "service_relationships",
    model: "ServiceRelationship",
    purpose: "Directed dependency between two services.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("from_service_id"),
        Column::uuid("to_service_id"),
        Column::string("relationship_type", 50).one_of(&[
            "depends_on",
            "hosted_on",
            "proxied_by",
            "authenticates_via",
            "backend_for",
            "backs_up_to",
        ]),
        Column::text("notes").null(),
        CREATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("from_service_id", "services", OnDelete::Cascade, OnOrphan::Drop, "goes with either service"),
        ForeignKey::new("to_service_id", "services", OnDelete::Cascade, OnOrphan::Drop, "goes with either service"),
    ],
    unique: &[Index::new(
        "uq_service_relationships_triple",
        &["from_service_id", "to_service_id", "relationship_type"],
    )],
    indexes: &[Index::new("idx_service_relationships_to_service", &["to_service_id"])],
    checks: &[
        Check::new(
            "ck_service_relationships_relationship_type",
            "relationship_type IN ('depends_on', 'hosted_on', 'proxied_by', 'authenticates_via', 'backend_for', 'backs_up_to')",
        ),
        Check::new("ck_service_relationships_not_self", "from_service_id <> to_service_id"),
    ],
    natural_keys: &[NaturalKey::new(&["from_service_id", "to_service_id", "relationship_type"], OnCollision::Merge)],
    atomic: &[&["from_service_id", "to_service_id", "relationship_type"]],
    ..Entity::of(Group::Seed)
};
