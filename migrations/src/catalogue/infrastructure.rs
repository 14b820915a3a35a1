//! A server, VM, container, network device, workstation or firewall.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete,
    OnOrphan, SyncPolicy,
};

/// The table `infrastructure`.
pub const INFRASTRUCTURE: &Entity = &Entity {
    name: "infrastructure",
    model: "Infrastructure",
    purpose: "A server, VM, container, network device, workstation or firewall.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id").null(),
        Column::uuid("site_id").null(),
        Column::uuid("parent_host_id").null(),
        Column::string("asset_type", 50).one_of(&["physical_server", "virtual_machine", "container", "network_device", "nas_storage", "workstation", "firewall", "domain_controller"]),
        Column::string("hostname", 255),
        Column::string("ip_address", 45).null(),
        Column::string("mac_address", 17).null(),
        Column::string("os", 255).null(),
        Column::string("os_version", 100).null(),
        Column::text("role_description").null(),
        Column::string("status", 50).default_text("active").one_of(&["active", "migration_source", "migration_destination", "decommissioned"]),
        Column::string("manufacturer_model", 255).null(),
        Column::string("serial_number", 100).null(),
        Column::date("warranty_expires_on").null(),
        Column::text("environmental_notes").null().note("constraints the assistant must know"),
        Column::string("shell_type", 50).null(),
        Column::json("limitations").null().merge(MergeRule::Set).note("array"),
        Column::text("notes").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("client_id", "clients", OnDelete::Cascade, OnOrphan::Revive, "goes with a client without history"),
        ForeignKey::new("site_id", "sites", OnDelete::SetNull, OnOrphan::Null, "the asset stays, without a site"),
        ForeignKey::new("parent_host_id", "infrastructure", OnDelete::SetNull, OnOrphan::Null, "guests stay, without a host"),
    ],
    indexes: &[
        Index::new("idx_infrastructure_client", &["client_id"]),
        Index::new("idx_infrastructure_site", &["site_id"]),
        Index::new("idx_infrastructure_parent_host", &["parent_host_id"]),
        Index::new("idx_infrastructure_hostname", &["hostname"]),
        Index::new("idx_infrastructure_asset_type", &["asset_type"]),
    ],
    checks: &[
        Check::new("ck_infrastructure_asset_type", "asset_type IN ('physical_server', 'virtual_machine', 'container', 'network_device', 'nas_storage', 'workstation', 'firewall', 'domain_controller')"),
        Check::new("ck_infrastructure_status", "status IN ('active', 'migration_source', 'migration_destination', 'decommissioned')"),
    ],
    natural_keys: &[
        NaturalKey::new(&[], OnCollision::KeepBoth).note("hostnames repeat across sites; (client_id, hostname) equal when folded = flagged as a possible duplicate, merged by command only"),
    ],
    ..Entity::of(Group::Seed)
};
