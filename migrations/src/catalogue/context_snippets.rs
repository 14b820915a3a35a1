//! One reusable piece of knowledge: a decision, pattern, lesson, blocker or state.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete,
    OnOrphan, SyncPolicy,
};

/// The table `context_snippets`.
pub const CONTEXT_SNIPPETS: &Entity = &Entity {
    name: "context_snippets",
    model: "ContextSnippet",
    purpose: "One reusable piece of knowledge: a decision, pattern, lesson, blocker or state.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("project_id").null(),
        Column::uuid("client_id").null(),
        Column::string("snippet_type", 50).known(&["decision", "pattern", "lesson", "blocker", "state"]),
        Column::string("title", 500),
        Column::text("dense_content").sensitive(),
        Column::json("structured_data").null(),
        Column::json("tags").null().merge(MergeRule::Set).note("array, normalised like tags.name"),
        Column::decimal("relevance_score", 4, 2).default_decimal("5.00"),
        Column::int("usage_count").default_int(0).merge(MergeRule::Counter),
        Column::datetime("last_used_at").null().merge(MergeRule::Max),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("project_id", "projects", OnDelete::Cascade, OnOrphan::Revive, "goes with the project"),
        ForeignKey::new(
            "client_id",
            "clients",
            OnDelete::Cascade,
            OnOrphan::Revive,
            "goes with a client without history",
        ),
    ],
    indexes: &[
        Index::new("idx_context_snippets_project", &["project_id"]),
        Index::new("idx_context_snippets_client", &["client_id"]),
        Index::new("idx_context_snippets_snippet_type", &["snippet_type"]),
        Index::new("idx_context_snippets_relevance_score", &["relevance_score"]),
        Index::new("idx_context_snippets_usage_count", &["usage_count"]),
    ],
    checks: &[Check::new("ck_context_snippets_relevance", "relevance_score >= 0 AND relevance_score <= 10")
        .on_sqlite("relevance_score >= 0 AND relevance_score <= 1000")],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Context)
};
