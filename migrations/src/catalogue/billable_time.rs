//! Time to be invoiced.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `billable_time`.
pub const BILLABLE_TIME: &Entity = &Entity {
    name: "billable_time",
    model: "BillableTime",
    purpose: "Time to be invoiced.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("work_item_id").null(),
        Column::uuid("session_id").null(),
        Column::uuid("client_id"),
        Column::string("user_id", 255).note("who worked: users.email"),
        Column::string("category", 50).default_text("support").known(&[
            "consulting",
            "development",
            "support",
            "maintenance",
            "emergency",
            "travel",
            "project",
            "training",
            "other",
        ]),
        Column::text("description"),
        Column::datetime("started_at"),
        Column::datetime("ended_at").null(),
        Column::int("duration_minutes"),
        Column::decimal("hourly_rate", 10, 2),
        Column::decimal("total_amount", 12, 2).note("stored, not recomputed: rounding is the shop's rule"),
        Column::bool("is_billable").default_bool(true),
        Column::bool("is_invoiced").default_bool(false),
        Column::string("invoice_reference", 100).null(),
        Column::datetime("invoiced_at").null(),
        Column::text("notes").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new(
            "work_item_id",
            "work_items",
            OnDelete::Restrict,
            OnOrphan::Revive,
            "billed work cannot be deleted",
        ),
        ForeignKey::new(
            "session_id",
            "sessions",
            OnDelete::Restrict,
            OnOrphan::Revive,
            "a session with billable time cannot be deleted",
        ),
        ForeignKey::new(
            "client_id",
            "clients",
            OnDelete::Restrict,
            OnOrphan::Revive,
            "a client with billable time cannot be deleted",
        ),
    ],
    indexes: &[
        Index::new("idx_billable_time_work_item", &["work_item_id"]),
        Index::new("idx_billable_time_session", &["session_id"]),
        Index::new("idx_billable_time_client", &["client_id"]),
        Index::new("idx_billable_time_started_at", &["started_at"]),
        Index::new("idx_billable_time_is_invoiced", &["is_invoiced"]),
    ],
    checks: &[
        Check::new("ck_billable_time_duration", "duration_minutes >= 0"),
        Check::new("ck_billable_time_rate", "hourly_rate >= 0"),
        Check::new("ck_billable_time_amount", "total_amount >= 0"),
        Check::new("ck_billable_time_times", "ended_at IS NULL OR ended_at >= started_at"),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)
        .note("overlapping intervals of one user are flagged as possible double entry")],
    atomic: &[
        &["started_at", "ended_at", "duration_minutes", "hourly_rate", "total_amount", "is_billable"],
        &["is_invoiced", "invoice_reference", "invoiced_at"],
    ],
    ..Entity::of(Group::Seed)
};
