//! Which migrations this one database has had; every database keeps its own.

use crate::entity::{Class, Column, Direction, Entity, Group, SyncPolicy};

/// The table `schema_migrations`.
pub const SCHEMA_MIGRATIONS: &Entity = &Entity {
    name: "schema_migrations",
    model: "SchemaMigration",
    purpose: "Which migrations this one database has had; every database keeps its own.",
    sync: SyncPolicy::new(Class::Local, Direction::None),
    primary_key: &["version_id"],
    columns: &[
        Column::string("version_id", 100).exact(),
        Column::string("description", 500).null(),
        Column::string("checksum", 64).null().exact().note("SHA-256 of the migration's text"),
        Column::string("applied_by", 255).null(),
        Column::datetime("applied_at").default_now(),
        Column::bigint("execution_ms").null(),
    ],
    ..Entity::of(Group::Seed)
};
