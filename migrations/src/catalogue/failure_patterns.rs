//! A recurring failure with its known cure; warned about before it recurs.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `failure_patterns`.
pub const FAILURE_PATTERNS: &Entity = &Entity {
    name: "failure_patterns",
    model: "FailurePattern",
    purpose: "A recurring failure with its known cure; warned about before it recurs.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("infrastructure_id").null(),
        Column::string("pattern_signature", 255)
            .exact()
            .note("normalised: error class + tool (+ host when host-specific), lower case"),
        Column::string("title", 500),
        Column::text("error_pattern").null().note("literal or regular expression to match output against"),
        Column::json("affected_systems").null().merge(MergeRule::Set).note("array"),
        Column::text("root_cause").null(),
        Column::text("recommended_solution"),
        Column::text("alternative_approaches").null(),
        Column::string("severity", 20).default_text("minor").known(&["blocking", "major", "minor", "info"]),
        Column::int("occurrence_count").default_int(1).merge(MergeRule::Counter),
        Column::datetime("first_seen_at").default_now().merge(MergeRule::Min),
        Column::datetime("last_seen_at").default_now().merge(MergeRule::Max),
        Column::bool("is_active").default_bool(true),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[ForeignKey::new(
        "infrastructure_id",
        "infrastructure",
        OnDelete::SetNull,
        OnOrphan::Null,
        "the pattern stays, as a general one",
    )],
    unique: &[Index::new("uq_failure_patterns_signature", &["pattern_signature"])],
    indexes: &[
        Index::new("idx_failure_patterns_infrastructure", &["infrastructure_id"]),
        Index::new("idx_failure_patterns_last_seen_at", &["last_seen_at"]),
    ],
    natural_keys: &[NaturalKey::new(&["pattern_signature"], OnCollision::Merge)
        .note("counters add up, first_seen min, last_seen max")],
    ..Entity::of(Group::Seed)
};
