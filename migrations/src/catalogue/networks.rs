//! A subnet, VLAN or VPN range of a client, at a site or site-less (cloud, VPN).

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan, SyncPolicy,
};

/// The table `networks`.
pub const NETWORKS: &Entity = &Entity {
    name: "networks",
    model: "Network",
    purpose: "A subnet, VLAN or VPN range of a client, at a site or site-less (cloud, VPN).",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id"),
        Column::uuid("site_id").null(),
        Column::string("name", 255).exact(),
        Column::string("network_type", 50).default_text("lan").known(&[
            "lan",
            "vlan",
            "wan",
            "vpn",
            "wireless",
            "dmz",
            "management",
            "cloud",
        ]),
        Column::string("cidr", 100).null(),
        Column::string("gateway_ip", 45).null(),
        Column::int("vlan_id").null(),
        Column::json("dns_servers").null().note("array"),
        Column::string("dhcp_range", 100).null().note("null = no DHCP"),
        Column::text("notes").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("client_id", "clients", OnDelete::Cascade, OnOrphan::Revive, "goes with the client"),
        ForeignKey::new("site_id", "sites", OnDelete::SetNull, OnOrphan::Null, "network stays, without a site"),
    ],
    unique: &[Index::new("uq_networks_client_site_name", &["client_id", "site_id", "name"])],
    indexes: &[Index::new("idx_networks_site", &["site_id"])],
    natural_keys: &[NaturalKey::new(&["client_id", "site_id", "name"], OnCollision::Merge)
        .note("with site_id null neither engine enforces it: keep both and flag")],
    ..Entity::of(Group::Seed)
};
