//! One rule on a firewall or host.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `firewall_rules`.
pub const FIREWALL_RULES: &Entity = &Entity {
    name: "firewall_rules",
    model: "FirewallRule",
    purpose: "One rule on a firewall or host.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("infrastructure_id"),
        Column::string("rule_name", 255),
        Column::int("rule_order").default_int(0),
        Column::string("direction", 20).null().known(&["inbound", "outbound", "forward"]),
        Column::string("action", 20).one_of(&["allow", "deny", "drop", "reject"]),
        Column::string("protocol", 20).null().known(&["tcp", "udp", "icmp", "any"]),
        Column::string("source", 255).null().note("CIDR, host or alias"),
        Column::string("destination", 255).null(),
        Column::string("port_range", 100).null().note("\"443\", \"8000-8010\", \"80,443\""),
        Column::bool("is_enabled").default_bool(true),
        Column::text("description").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[ForeignKey::new(
        "infrastructure_id",
        "infrastructure",
        OnDelete::Cascade,
        OnOrphan::Revive,
        "goes with the device",
    )],
    indexes: &[Index::new("idx_firewall_rules_infrastructure", &["infrastructure_id", "rule_order"])],
    checks: &[Check::new("ck_firewall_rules_action", "action IN ('allow', 'deny', 'drop', 'reject')")],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth).note("rule_order ties are shown, not repaired")],
    ..Entity::of(Group::Seed)
};
