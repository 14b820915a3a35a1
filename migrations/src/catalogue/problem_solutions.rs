//! A solved problem, written so that it can be found and reused.

use super::CREATED_AT;
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `problem_solutions`.
pub const PROBLEM_SOLUTIONS: &Entity = &Entity {
    name: "problem_solutions",
    model: "ProblemSolution",
    purpose: "A solved problem, written so that it can be found and reused.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("work_item_id").null(),
        Column::uuid("session_id").null(),
        Column::uuid("client_id").null(),
        Column::string("title", 500),
        Column::text("problem_description"),
        Column::text("symptoms").null(),
        Column::text("error_message").null().sensitive(),
        Column::json("investigation_steps").null().note("array"),
        Column::text("root_cause").null(),
        Column::text("solution_applied"),
        Column::text("verification_method").null(),
        Column::json("tags").null().merge(MergeRule::Set).note("array"),
        Column::int("times_reused").default_int(0).merge(MergeRule::Counter),
        Column::datetime("last_reused_at").null().merge(MergeRule::Max),
        CREATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new(
            "work_item_id",
            "work_items",
            OnDelete::SetNull,
            OnOrphan::Null,
            "knowledge outlives its origin",
        ),
        ForeignKey::new("session_id", "sessions", OnDelete::SetNull, OnOrphan::Null, "knowledge outlives its origin"),
        ForeignKey::new("client_id", "clients", OnDelete::SetNull, OnOrphan::Null, "knowledge outlives its origin"),
    ],
    indexes: &[
        Index::new("idx_problem_solutions_work_item", &["work_item_id"]),
        Index::new("idx_problem_solutions_session", &["session_id"]),
        Index::new("idx_problem_solutions_client", &["client_id"]),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Seed)
};
