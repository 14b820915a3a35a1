//! A decision, why it was taken, and what was turned down.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete,
    OnOrphan, SyncPolicy,
};

/// The table `decision_logs`.
pub const DECISION_LOGS: &Entity = &Entity {
    name: "decision_logs",
    model: "DecisionLog",
    purpose: "A decision, why it was taken, and what was turned down.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("project_id").null(),
        Column::uuid("session_id").null(),
        Column::string("decision_type", 100).default_text("technical").known(&[
            "technical",
            "architectural",
            "process",
            "security",
            "client",
            "other",
        ]),
        Column::string("title", 500),
        Column::text("decision_text").sensitive(),
        Column::text("rationale").null().sensitive(),
        Column::json("alternatives_considered").null().note("array"),
        Column::string("impact", 20).default_text("medium").one_of(&["low", "medium", "high"]),
        Column::json("tags").null().merge(MergeRule::Set).note("array"),
        Column::string("decided_by", 255).null(),
        Column::uuid("superseded_by_id").null().note("a later decision_logs.id; no FK, shown as a link when present"),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("project_id", "projects", OnDelete::Cascade, OnOrphan::Revive, "goes with the project"),
        ForeignKey::new("session_id", "sessions", OnDelete::SetNull, OnOrphan::Null, "the decision stays"),
    ],
    indexes: &[
        Index::new("idx_decision_logs_project", &["project_id"]),
        Index::new("idx_decision_logs_session", &["session_id"]),
        Index::new("idx_decision_logs_decision_type", &["decision_type"]),
        Index::new("idx_decision_logs_impact", &["impact"]),
    ],
    checks: &[Check::new("ck_decision_logs_impact", "impact IN ('low', 'medium', 'high')")],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Context)
};
