//! Session <-> tag.

use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `session_tags`.
pub const SESSION_TAGS: &Entity = &Entity {
    name: "session_tags",
    model: "SessionTag",
    purpose: "Session <-> tag.",
    sync: SyncPolicy::new(Class::Junction, Direction::Both),
    primary_key: &["session_id", "tag_id"],
    columns: &[Column::uuid("session_id"), Column::uuid("tag_id")],
    foreign_keys: &[
        ForeignKey::new("session_id", "sessions", OnDelete::Cascade, OnOrphan::Drop, "goes with the session"),
        ForeignKey::new("tag_id", "tags", OnDelete::Cascade, OnOrphan::Drop, "goes with the tag"),
    ],
    indexes: &[Index::new("idx_session_tags_tag", &["tag_id"])],
    natural_keys: &[NaturalKey::new(&["session_id", "tag_id"], OnCollision::Merge)],
    ..Entity::of(Group::Seed)
};
