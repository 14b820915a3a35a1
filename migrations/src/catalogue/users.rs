//! A person who may log in; written only while the central database is reachable.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, Group, Index, MergeRule, NaturalKey, OnCollision, SyncPolicy,
};

/// The table `users`.
pub const USERS: &Entity = &Entity {
    name: "users",
    model: "User",
    purpose: "A person who may log in; written only while the central database is reachable.",
    sync: SyncPolicy::new(Class::Entity, Direction::Pull).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::string("email", 255)
            .exact()
            .note("lower case; the JWT subject and the principal in every user_id column"),
        Column::string("full_name", 255),
        Column::string("password_hash", 255).central_only().note("Argon2id PHC string; never on a replica"),
        Column::string("role", 20).default_text("tech").one_of(&["admin", "tech", "viewer"]),
        Column::bool("is_active").default_bool(true),
        Column::int("token_version").default_int(0).merge(MergeRule::Max).note("raised to void all issued tokens"),
        Column::datetime("last_login_at").null().merge(MergeRule::Max),
        Column::datetime("password_changed_at").null(),
        CREATED_AT,
        UPDATED_AT,
        Column::json("client_ids").null().note("array: the clients that a viewer or tech is limited to; null: all"),
    ],
    unique: &[Index::new("uq_users_email", &["email"])],
    indexes: &[Index::new("idx_users_is_active", &["is_active"])],
    checks: &[Check::new("ck_users_role", "role IN ('admin', 'tech', 'viewer')")],
    natural_keys: &[
        NaturalKey::new(&["email"], OnCollision::Error).note("central write only, so a collision is an ordinary 409")
    ],
    atomic: &[&["password_hash", "password_changed_at"]],
    ..Entity::of(Group::Addition)
};
