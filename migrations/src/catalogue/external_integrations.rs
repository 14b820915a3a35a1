//! One exchange with an outside system (ticket created, webhook received).

use super::CREATED_AT;
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `external_integrations`.
pub const EXTERNAL_INTEGRATIONS: &Entity = &Entity {
    name: "external_integrations",
    model: "ExternalIntegration",
    purpose: "One exchange with an outside system (ticket created, webhook received).",
    sync: SyncPolicy::new(Class::Log, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id").null(),
        Column::uuid("session_id").null(),
        Column::uuid("work_item_id").null(),
        Column::string("integration_type", 100).known(&[
            "syncromsp",
            "msp_backups",
            "zapier",
            "autotask",
            "connectwise",
            "other",
        ]),
        Column::string("external_id", 255).null().exact(),
        Column::string("external_url", 500).null(),
        Column::string("direction", 20).one_of(&["inbound", "outbound"]),
        Column::string("action", 50).one_of(&["created", "updated", "linked", "attached"]),
        Column::json("request_data").null().sensitive(),
        Column::json("response_data").null().sensitive(),
        Column::int("http_status").null(),
        Column::bool("is_success").default_bool(true),
        Column::text("error_message").null(),
        CREATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("client_id", "clients", OnDelete::SetNull, OnOrphan::Null, "the record stays"),
        ForeignKey::new("session_id", "sessions", OnDelete::SetNull, OnOrphan::Null, "the record stays"),
        ForeignKey::new("work_item_id", "work_items", OnDelete::SetNull, OnOrphan::Null, "the record stays"),
    ],
    indexes: &[
        Index::new("idx_external_integrations_client", &["client_id"]),
        Index::new("idx_external_integrations_session", &["session_id"]),
        Index::new("idx_external_integrations_work_item", &["work_item_id"]),
        Index::new("idx_external_integrations_external", &["integration_type", "external_id"]),
    ],
    checks: &[
        Check::new("ck_external_integrations_direction", "direction IN ('inbound', 'outbound')"),
        Check::new("ck_external_integrations_action", "action IN ('created', 'updated', 'linked', 'attached')"),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Seed)
};
