//! One API request; kept 30 days on the replica, for good centrally.

use super::CREATED_AT;
use crate::entity::{Class, Column, Direction, Entity, Group, Index, NaturalKey, OnCollision, SyncPolicy};

/// The table `api_audit_log`.
pub const API_AUDIT_LOG: &Entity = &Entity {
    name: "api_audit_log",
    model: "ApiAuditLog",
    purpose: "One API request; kept 30 days on the replica, for good centrally.",
    sync: SyncPolicy::new(Class::Log, Direction::Push),
    columns: &[
        Column::uuid("id"),
        Column::string("user_id", 255).null().note("principal = users.email; null = unauthenticated"),
        Column::string("machine", 255).null().note("hostname of the daemon that served it"),
        Column::string("http_method", 10).exact(),
        Column::string("endpoint", 500).note("route template, not the full URL with ids and query"),
        Column::uuid("entity_id").null().note("id in the path, if any"),
        Column::json("request_fields").null().note("names of body fields, never values"),
        Column::int("status_code"),
        Column::int("response_time_ms").null(),
        Column::string("ip_address", 45).null(),
        Column::string("user_agent", 500).null(),
        Column::string("error_code", 100).null(),
        CREATED_AT,
    ],
    indexes: &[
        Index::new("idx_api_audit_log_user", &["user_id"]),
        Index::new("idx_api_audit_log_endpoint", &["endpoint"]),
        Index::new("idx_api_audit_log_created_at", &["created_at"]),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Seed)
};
