//! One word to group sessions, work items and infrastructure.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{Class, Column, Direction, Entity, Group, Index, NaturalKey, OnCollision, SyncPolicy};

/// The table `tags`.
pub const TAGS: &Entity = &Entity {
    name: "tags",
    model: "Tag",
    purpose: "One word to group sessions, work items and infrastructure.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::string("name", 100).exact().note("normalised on write: NFC, lower case, blanks to \"-\""),
        Column::string("category", 50).null().known(&[
            "technology",
            "client",
            "infrastructure",
            "problem_type",
            "action",
            "service",
        ]),
        Column::string("description", 500).null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    unique: &[Index::new("uq_tags_name", &["name"])],
    indexes: &[Index::new("idx_tags_category", &["category"])],
    natural_keys: &[NaturalKey::new(&["name"], OnCollision::Merge)],
    ..Entity::of(Group::Seed)
};
