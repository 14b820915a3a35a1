//! Who did what with which credential, and when; HMAC per row; never edited, never deleted by sync.

use super::CREATED_AT;
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `credential_audit_log`.
pub const CREDENTIAL_AUDIT_LOG: &Entity = &Entity {
    name: "credential_audit_log",
    model: "CredentialAuditLog",
    purpose: "Who did what with which credential, and when; HMAC per row; never edited, never deleted by sync.",
    sync: SyncPolicy::new(Class::Log, Direction::Both).chained(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("credential_id"),
        Column::string("credential_label", 500).null().note("client / service / username as shown at the time"),
        Column::string("action", 50).one_of(&[
            "create",
            "view",
            "decrypt",
            "update",
            "rotate",
            "delete",
            "export",
            "permission_change",
            "access_denied",
        ]),
        Column::string("user_id", 255).note("principal = users.email"),
        Column::string("machine", 255).null().note("hostname"),
        Column::string("ip_address", 45).null(),
        Column::string("user_agent", 500).null(),
        Column::json("details").null().note("names of fields touched, never values"),
        Column::string("row_hmac", 64).exact().note("HMAC-SHA-256 over the other columns, canonical JSON"),
        CREATED_AT,
    ],
    foreign_keys: &[ForeignKey::new(
        "credential_id",
        "credentials",
        OnDelete::Restrict,
        OnOrphan::Revive,
        "a credential with audit rows is not removed: its secrets are wiped and it is set inactive",
    )],
    indexes: &[
        Index::new("idx_credential_audit_log_credential", &["credential_id"]),
        Index::new("idx_credential_audit_log_user", &["user_id"]),
        Index::new("idx_credential_audit_log_created_at", &["created_at"]),
    ],
    checks: &[Check::new(
        "ck_credential_audit_log_action",
        "action IN ('create', 'view', 'decrypt', 'update', 'rotate', 'delete', 'export', 'permission_change', 'access_denied')",
    )],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Seed)
};
