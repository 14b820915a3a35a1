//! A Microsoft 365 tenant of a client.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `m365_tenants`.
pub const M365_TENANTS: &Entity = &Entity {
    name: "m365_tenants",
    model: "M365Tenant",
    purpose: "A Microsoft 365 tenant of a client.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id"),
        Column::string("tenant_id", 36).exact().note("Entra tenant GUID, lower case"),
        Column::string("tenant_name", 255).null(),
        Column::string("default_domain", 255).null(),
        Column::string("admin_email", 255).null(),
        Column::string("partner_relationship", 50).null().known(&["gdap", "dap", "direct", "none"]),
        Column::date("gdap_expires_on").null(),
        Column::bool("mfa_enforced").null(),
        Column::json("licences").null().note("object SKU -> count"),
        Column::text("notes").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[ForeignKey::new(
        "client_id",
        "clients",
        OnDelete::Cascade,
        OnOrphan::Revive,
        "goes with a client without history",
    )],
    unique: &[Index::new("uq_m365_tenants_tenant", &["tenant_id"])],
    indexes: &[Index::new("idx_m365_tenants_client", &["client_id"])],
    natural_keys: &[NaturalKey::new(&["tenant_id"], OnCollision::Merge)],
    ..Entity::of(Group::Seed)
};
