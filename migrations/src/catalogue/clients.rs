//! A customer organisation (or the shop itself, type internal).

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{Check, Class, Column, Direction, Entity, Group, Index, NaturalKey, OnCollision, SyncPolicy};

/// The table `clients`.
pub const CLIENTS: &Entity = &Entity {
    name: "clients",
    model: "Client",
    purpose: "A customer organisation (or the shop itself, type internal).",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::string("name", 255).exact().note("trimmed, inner blanks collapsed, NFC before every write"),
        Column::string("client_type", 50).default_text("msp_client").one_of(&[
            "msp_client",
            "internal",
            "project",
            "prospect",
        ]),
        Column::string("domain_name", 255).null(),
        Column::string("primary_contact", 255).null(),
        Column::string("contact_email", 255).null(),
        Column::string("contact_phone", 50).null(),
        Column::text("address").null(),
        Column::decimal("default_hourly_rate", 10, 2)
            .null()
            .note("proposed rate for new billable time; null = shop default"),
        Column::string("external_ref", 100).null().note("customer id in the PSA (SyncroMSP, Autotask, ...)"),
        Column::text("notes").null(),
        Column::bool("is_active").default_bool(true).note("false instead of deletion once there is history"),
        CREATED_AT,
        UPDATED_AT,
    ],
    unique: &[Index::new("uq_clients_name", &["name"])],
    indexes: &[
        Index::new("idx_clients_is_active", &["is_active"]),
        Index::new("idx_clients_domain_name", &["domain_name"]),
    ],
    checks: &[Check::new("ck_clients_client_type", "client_type IN ('msp_client', 'internal', 'project', 'prospect')")],
    natural_keys: &[NaturalKey::new(&["name"], OnCollision::Merge)
        .note("same exact name = one client; children re-pointed to the older row")],
    ..Entity::of(Group::Seed)
};
