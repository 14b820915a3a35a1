//! Work item <-> tag.

use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `work_item_tags`.
pub const WORK_ITEM_TAGS: &Entity = &Entity {
    name: "work_item_tags",
    model: "WorkItemTag",
    purpose: "Work item <-> tag.",
    sync: SyncPolicy::new(Class::Junction, Direction::Both),
    primary_key: &["work_item_id", "tag_id"],
    columns: &[Column::uuid("work_item_id"), Column::uuid("tag_id")],
    foreign_keys: &[
        ForeignKey::new("work_item_id", "work_items", OnDelete::Cascade, OnOrphan::Drop, "goes with the work item"),
        ForeignKey::new("tag_id", "tags", OnDelete::Cascade, OnOrphan::Drop, "goes with the tag"),
    ],
    indexes: &[Index::new("idx_work_item_tags_tag", &["tag_id"])],
    natural_keys: &[NaturalKey::new(&["work_item_id", "tag_id"], OnCollision::Merge)],
    ..Entity::of(Group::Seed)
};
