//! Tag index over the tags arrays of the context tables; rebuilt locally from them, never synced.

use crate::entity::{Class, Column, Direction, Entity, Group, Index, SyncPolicy};

/// The table `context_tags`.
pub const CONTEXT_TAGS: &Entity = &Entity {
    name: "context_tags",
    model: "ContextTag",
    purpose: "Tag index over the tags arrays of the context tables; rebuilt locally from them, never synced.",
    sync: SyncPolicy::new(Class::Derived, Direction::None),
    primary_key: &["source_table", "source_id", "tag"],
    columns: &[
        Column::string("source_table", 50).known(&[
            "conversation_contexts",
            "context_snippets",
            "decision_logs",
            "problem_solutions",
        ]),
        Column::uuid("source_id"),
        Column::string("tag", 100).exact(),
    ],
    indexes: &[Index::new("idx_context_tags_tag_source_table", &["tag", "source_table"])],
    on_mariadb: false,
    ..Entity::of(Group::Derived)
};
