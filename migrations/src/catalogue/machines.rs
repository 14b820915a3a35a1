//! A workstation that runs the daemon and Claude Code; created by the daemon at enrolment, one row per OS account and
//! platform.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, Group, Index, MergeRule, NaturalKey, OnCollision, SyncPolicy,
};

/// The table `machines`.
pub const MACHINES: &Entity = &Entity {
    name: "machines",
    model: "Machine",
    purpose: "A workstation that runs the daemon and Claude Code; created by the daemon at enrolment, one row per OS account and platform.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::string("hostname", 255).exact().note("as the OS reports it, not folded"),
        Column::string("machine_fingerprint", 500).null().exact().note("hash of hostname + username + platform"),
        Column::string("friendly_name", 255).null(),
        Column::string("machine_type", 50).null().one_of(&["laptop", "desktop", "workstation", "vm"]),
        Column::string("platform", 50).null().known(&["win32", "darwin", "linux"]),
        Column::string("os_version", 100).null(),
        Column::string("username", 255).null(),
        Column::string("home_directory", 500).null(),
        Column::bool("has_vpn_access").default_bool(false),
        Column::json("vpn_profiles").null().note("array of profile names"),
        Column::bool("has_docker").default_bool(false),
        Column::bool("has_powershell").default_bool(false),
        Column::string("powershell_version", 20).null(),
        Column::bool("has_ssh").default_bool(true),
        Column::bool("has_git").default_bool(true),
        Column::string("typical_network_location", 100).null().note("home, office, mobile"),
        Column::string("static_ip", 45).null(),
        Column::string("claude_working_directory", 500).null(),
        Column::json("additional_working_dirs").null().note("array"),
        Column::json("installed_tools").null().note("object tool -> version"),
        Column::json("available_mcps").null().note("array"),
        Column::json("mcp_capabilities").null().note("object"),
        Column::json("available_skills").null().note("array"),
        Column::bool("is_active").default_bool(true).note("false instead of deletion once the machine has sessions"),
        Column::datetime("last_seen_at").null().merge(MergeRule::Max).note("write at most every 15 minutes, or it churns the sync"),
        CREATED_AT,
        UPDATED_AT,
    ],
    unique: &[
        Index::new("uq_machines_hostname", &["hostname"]),
        Index::new("uq_machines_fingerprint", &["machine_fingerprint"]),
    ],
    indexes: &[
        Index::new("idx_machines_is_active", &["is_active"]),
    ],
    checks: &[
        Check::new("ck_machines_machine_type", "machine_type IN ('laptop', 'desktop', 'workstation', 'vm')"),
    ],
    natural_keys: &[
        NaturalKey::new(&["machine_fingerprint"], OnCollision::Merge).note("same fingerprint = same machine, re-enrolled: keep the older id"),
        NaturalKey::new(&["hostname"], OnCollision::Rename).note("same hostname with another fingerprint is real (WSL beside Windows, re-imaged laptop): the later one becomes \"NAME~2\", flagged"),
    ],
    ..Entity::of(Group::Seed)
};
