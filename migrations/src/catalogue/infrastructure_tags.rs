//! Infrastructure <-> tag.

use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `infrastructure_tags`.
pub const INFRASTRUCTURE_TAGS: &Entity = &Entity {
    name: "infrastructure_tags",
    model: "InfrastructureTag",
    purpose: "Infrastructure <-> tag.",
    sync: SyncPolicy::new(Class::Junction, Direction::Both),
    primary_key: &["infrastructure_id", "tag_id"],
    columns: &[Column::uuid("infrastructure_id"), Column::uuid("tag_id")],
    foreign_keys: &[
        ForeignKey::new(
            "infrastructure_id",
            "infrastructure",
            OnDelete::Cascade,
            OnOrphan::Drop,
            "goes with the asset",
        ),
        ForeignKey::new("tag_id", "tags", OnDelete::Cascade, OnOrphan::Drop, "goes with the tag"),
    ],
    indexes: &[Index::new("idx_infrastructure_tags_tag", &["tag_id"])],
    natural_keys: &[NaturalKey::new(&["infrastructure_id", "tag_id"], OnCollision::Merge)],
    ..Entity::of(Group::Seed)
};
