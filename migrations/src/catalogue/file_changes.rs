//! A file created, modified or deleted during a work item.

use super::CREATED_AT;
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `file_changes`.
pub const FILE_CHANGES: &Entity = &Entity {
    name: "file_changes",
    model: "FileChange",
    purpose: "A file created, modified or deleted during a work item.",
    sync: SyncPolicy::new(Class::Log, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("work_item_id"),
        Column::uuid("session_id"),
        Column::string("file_path", 1000),
        Column::string("change_type", 50)
            .known(&["created", "modified", "deleted", "renamed", "backed_up"])
            .note("the original's values are unknown: no CHECK"),
        Column::string("old_path", 1000).null().note("for renamed and backed_up"),
        Column::string("host", 255).null(),
        Column::bigint("size_bytes").null(),
        Column::string("sha256", 64).null().exact(),
        Column::int("lines_added").null(),
        Column::int("lines_removed").null(),
        Column::text("description").null(),
        Column::blob("diff_zst")
            .null()
            .sensitive()
            .compressed()
            .note("unified diff, at most 256 KiB before compression"),
        CREATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("work_item_id", "work_items", OnDelete::Cascade, OnOrphan::Drop, "goes with the work item"),
        ForeignKey::new("session_id", "sessions", OnDelete::Cascade, OnOrphan::Drop, "goes with the session"),
    ],
    indexes: &[
        Index::new("idx_file_changes_work_item", &["work_item_id"]),
        Index::new("idx_file_changes_session", &["session_id"]),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Seed)
};
