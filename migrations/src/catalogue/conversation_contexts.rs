//! A compressed memory of a conversation: session summary, checkpoint, state.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete,
    OnOrphan, SyncPolicy,
};

/// The table `conversation_contexts`.
pub const CONVERSATION_CONTEXTS: &Entity = &Entity {
    name: "conversation_contexts",
    model: "ConversationContext",
    purpose: "A compressed memory of a conversation: session summary, checkpoint, state.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("session_id").null(),
        Column::uuid("project_id").null(),
        Column::uuid("machine_id").null(),
        Column::string("context_type", 50)
            .known(&["session_summary", "project_state", "checkpoint", "technical_decision", "general_context"])
            .note("the original's CHECK list is unknown: no CHECK"),
        Column::string("title", 500).note("what it is about, never only a time"),
        Column::text("dense_summary").sensitive(),
        Column::json("key_decisions").null().sensitive().note("array of {decision, rationale, impact, timestamp}"),
        Column::json("tags").null().merge(MergeRule::Set).note("array, normalised like tags.name"),
        Column::json("metadata").null().note("object: git_branch, git_commit, files_changed, source"),
        Column::decimal("relevance_score", 4, 2)
            .default_decimal("5.00")
            .note("stored importance 0-10; age and usage are applied when read"),
        Column::int("usage_count")
            .default_int(0)
            .merge(MergeRule::Counter)
            .note("flushed in batches, not at every recall"),
        Column::datetime("last_used_at").null().merge(MergeRule::Max),
        Column::blob("detail_zst")
            .null()
            .sensitive()
            .compressed()
            .note("the fuller text the summary was made from, on demand"),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("session_id", "sessions", OnDelete::SetNull, OnOrphan::Null, "memory outlives the session row"),
        ForeignKey::new(
            "project_id",
            "projects",
            OnDelete::Cascade,
            OnOrphan::Revive,
            "deleting a project deletes its memory, after showing how much",
        ),
        ForeignKey::new("machine_id", "machines", OnDelete::SetNull, OnOrphan::Null, "memory outlives the machine"),
    ],
    indexes: &[
        Index::new("idx_conversation_contexts_session", &["session_id"]),
        Index::new("idx_conversation_contexts_project", &["project_id"]),
        Index::new("idx_conversation_contexts_machine", &["machine_id"]),
        Index::new("idx_conversation_contexts_type", &["context_type"]),
        Index::new("idx_conversation_contexts_relevance", &["relevance_score"]),
    ],
    checks: &[Check::new("ck_conversation_contexts_relevance", "relevance_score >= 0 AND relevance_score <= 10")
        .on_sqlite("relevance_score >= 0 AND relevance_score <= 1000")],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)
        .note("imports use UUIDv5(source file + message id), so a repeated import is the same row")],
    fulltext: &[Index::new("idx_fulltext_summary", &["dense_summary"]), Index::new("idx_fulltext_title", &["title"])],
    ..Entity::of(Group::Context)
};
