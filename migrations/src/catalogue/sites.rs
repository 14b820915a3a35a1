//! A physical location of a client.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `sites`.
pub const SITES: &Entity = &Entity {
    name: "sites",
    model: "Site",
    purpose: "A physical location of a client.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id"),
        Column::string("name", 255).exact(),
        Column::string("network_subnet", 100).null(),
        Column::bool("vpn_required").default_bool(false),
        Column::string("vpn_subnet", 100).null(),
        Column::string("gateway_ip", 45).null(),
        Column::json("dns_servers").null().note("array"),
        Column::text("notes").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[ForeignKey::new(
        "client_id",
        "clients",
        OnDelete::Cascade,
        OnOrphan::Revive,
        "deleting a client without history deletes its sites",
    )],
    unique: &[Index::new("uq_sites_client_name", &["client_id", "name"])],
    indexes: &[Index::new("idx_sites_client", &["client_id"])],
    natural_keys: &[NaturalKey::new(&["client_id", "name"], OnCollision::Merge)],
    ..Entity::of(Group::Seed)
};
