//! Who may use which credential.

use super::CREATED_AT;
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `credential_permissions`.
pub const CREDENTIAL_PERMISSIONS: &Entity = &Entity {
    name: "credential_permissions",
    model: "CredentialPermission",
    purpose: "Who may use which credential.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("credential_id"),
        Column::string("user_id", 255).exact().note("principal = users.email, lower case"),
        Column::string("permission_level", 50).default_text("read").known(&["read", "write", "admin"]),
        Column::string("granted_by", 255).null(),
        Column::datetime("expires_at").null().merge(MergeRule::Min),
        CREATED_AT,
    ],
    foreign_keys: &[ForeignKey::new(
        "credential_id",
        "credentials",
        OnDelete::Cascade,
        OnOrphan::Drop,
        "goes with the credential",
    )],
    unique: &[Index::new("uq_credential_permissions_credential_user", &["credential_id", "user_id"])],
    indexes: &[Index::new("idx_credential_permissions_user", &["user_id"])],
    natural_keys: &[NaturalKey::new(&["credential_id", "user_id"], OnCollision::Merge)
        .note("differing levels: the lower one wins, flagged")],
    ..Entity::of(Group::Seed)
};
