//! One thing done within a session; what reports and invoices are made from.

use super::CREATED_AT;
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete,
    OnOrphan, SyncPolicy,
};

/// The table `work_items`.
pub const WORK_ITEMS: &Entity = &Entity {
    name: "work_items",
    model: "WorkItem",
    purpose: "One thing done within a session; what reports and invoices are made from.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("session_id"),
        Column::string("category", 50).one_of(&[
            "infrastructure",
            "troubleshooting",
            "configuration",
            "development",
            "maintenance",
            "security",
            "documentation",
        ]),
        Column::string("title", 500),
        Column::text("description"),
        Column::string("status", 50).default_text("completed").one_of(&[
            "completed",
            "in_progress",
            "blocked",
            "pending",
            "deferred",
        ]),
        Column::string("priority", 20).null().one_of(&["critical", "high", "medium", "low"]),
        Column::bool("is_billable").default_bool(false),
        Column::int("estimated_minutes").null(),
        Column::int("actual_minutes").null(),
        Column::json("affected_systems").null().merge(MergeRule::Set).note("array"),
        Column::json("technologies_used").null().merge(MergeRule::Set).note("array"),
        Column::int("item_order").null(),
        Column::datetime("completed_at").null(),
        CREATED_AT,
    ],
    foreign_keys: &[ForeignKey::new(
        "session_id",
        "sessions",
        OnDelete::Cascade,
        OnOrphan::Revive,
        "deleting a session deletes its work items (refused when billed)",
    )],
    indexes: &[
        Index::new("idx_work_items_session", &["session_id"]),
        Index::new("idx_work_items_category", &["category"]),
        Index::new("idx_work_items_status", &["status"]),
    ],
    checks: &[
        Check::new(
            "ck_work_items_category",
            "category IN ('infrastructure', 'troubleshooting', 'configuration', 'development', 'maintenance', 'security', 'documentation')",
        ),
        Check::new("ck_work_items_status", "status IN ('completed', 'in_progress', 'blocked', 'pending', 'deferred')"),
        Check::new("ck_work_items_priority", "priority IN ('critical', 'high', 'medium', 'low')"),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    atomic: &[&["status", "completed_at"]],
    ..Entity::of(Group::Seed)
};
