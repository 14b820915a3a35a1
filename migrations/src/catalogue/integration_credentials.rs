//! How to log in to an outside system; every value column is AES-256-GCM.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, Group, Index, MergeRule, NaturalKey, OnCollision, SyncPolicy,
};

/// The table `integration_credentials`.
pub const INTEGRATION_CREDENTIALS: &Entity = &Entity {
    name: "integration_credentials",
    model: "IntegrationCredential",
    purpose: "How to log in to an outside system; every value column is AES-256-GCM.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::string("integration_name", 100).exact(),
        Column::string("credential_type", 50).one_of(&["oauth", "api_key", "basic_auth"]),
        Column::string("api_base_url", 500).null(),
        Column::blob("api_key_encrypted").null().encrypted(),
        Column::string("oauth_client_id", 255).null().sensitive(),
        Column::blob("oauth_client_secret_encrypted").null().encrypted(),
        Column::blob("oauth_token_encrypted").null().encrypted(),
        Column::blob("oauth_refresh_token_encrypted").null().encrypted(),
        Column::string("username", 255).null().sensitive(),
        Column::blob("password_encrypted").null().encrypted(),
        Column::blob("webhook_secret_encrypted").null().encrypted(),
        Column::json("scopes").null().note("array"),
        Column::datetime("expires_at").null(),
        Column::bool("is_active").default_bool(true),
        Column::datetime("last_success_at").null().merge(MergeRule::Max),
        CREATED_AT,
        UPDATED_AT,
    ],
    unique: &[Index::new("uq_integration_credentials_name", &["integration_name"])],
    indexes: &[Index::new("idx_integration_credentials_is_active", &["is_active"])],
    checks: &[Check::new(
        "ck_integration_credentials_credential_type",
        "credential_type IN ('oauth', 'api_key', 'basic_auth')",
    )],
    natural_keys: &[NaturalKey::new(&["integration_name"], OnCollision::Rename)
        .note("never auto-merge secrets: the later row becomes \"NAME (2)\", inactive, flagged")],
    atomic: &[&[
        "credential_type",
        "api_key_encrypted",
        "oauth_client_id",
        "oauth_client_secret_encrypted",
        "oauth_token_encrypted",
        "oauth_refresh_token_encrypted",
        "username",
        "password_encrypted",
        "webhook_secret_encrypted",
        "expires_at",
    ]],
    ..Entity::of(Group::Seed)
};
