//! A secret of a client, service or asset; every value column is AES-256-GCM.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `credentials`.
pub const CREDENTIALS: &Entity = &Entity {
    name: "credentials",
    model: "Credential",
    purpose: "A secret of a client, service or asset; every value column is AES-256-GCM.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id").null(),
        Column::uuid("service_id").null(),
        Column::uuid("infrastructure_id").null(),
        Column::string("credential_type", 50).one_of(&[
            "password",
            "api_key",
            "oauth",
            "ssh_key",
            "shared_secret",
            "jwt",
            "connection_string",
            "certificate",
        ]),
        Column::string("service_name", 255),
        Column::string("username", 255).null().sensitive(),
        Column::blob("password_encrypted").null().encrypted(),
        Column::blob("api_key_encrypted").null().encrypted(),
        Column::string("client_id_oauth", 255).null().sensitive(),
        Column::blob("client_secret_encrypted").null().encrypted(),
        Column::blob("token_encrypted").null().encrypted(),
        Column::blob("private_key_encrypted").null().encrypted().note("ssh_key and certificate"),
        Column::blob("connection_string_encrypted").null().encrypted(),
        Column::string("url", 500).null(),
        Column::bool("requires_vpn").default_bool(false),
        Column::bool("requires_mfa").default_bool(false),
        Column::datetime("expires_at").null(),
        Column::datetime("last_rotated_at").null(),
        Column::text("notes").null().sensitive(),
        Column::bool("is_active").default_bool(true),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new(
            "client_id",
            "clients",
            OnDelete::Cascade,
            OnOrphan::Revive,
            "goes with a client without history; a credential with audit rows refuses the whole delete (wipe it, deactivate the client)",
        ),
        ForeignKey::new(
            "service_id",
            "services",
            OnDelete::Cascade,
            OnOrphan::Null,
            "goes with the service; arriving late it stays, without a service",
        ),
        ForeignKey::new(
            "infrastructure_id",
            "infrastructure",
            OnDelete::Cascade,
            OnOrphan::Null,
            "goes with the asset; arriving late it stays, without an asset",
        ),
    ],
    indexes: &[
        Index::new("idx_credentials_client", &["client_id"]),
        Index::new("idx_credentials_service", &["service_id"]),
        Index::new("idx_credentials_infrastructure", &["infrastructure_id"]),
        Index::new("idx_credentials_credential_type", &["credential_type"]),
        Index::new("idx_credentials_expires_at", &["expires_at"]),
    ],
    checks: &[Check::new(
        "ck_credentials_credential_type",
        "credential_type IN ('password', 'api_key', 'oauth', 'ssh_key', 'shared_secret', 'jwt', 'connection_string', 'certificate')",
    )],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)
        .note("never auto-merge secrets; equal folded (client, service_name, username) is flagged")],
    atomic: &[&[
        "username",
        "password_encrypted",
        "api_key_encrypted",
        "client_id_oauth",
        "client_secret_encrypted",
        "token_encrypted",
        "private_key_encrypted",
        "connection_string_encrypted",
        "last_rotated_at",
        "expires_at",
    ]],
    ..Entity::of(Group::Seed)
};
