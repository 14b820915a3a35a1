//! One-row schema revision marker. Fresh database: the daemon's own revision. Adopted database: belongs to Alembic,
//! read only.

use crate::entity::{Class, Column, Direction, Entity, Group, SyncPolicy};

/// The table `alembic_version`.
pub const ALEMBIC_VERSION: &Entity = &Entity {
    name: "alembic_version",
    purpose: "One-row schema revision marker. Fresh database: the daemon's own revision. Adopted database: belongs to Alembic, read only.",
    sync: SyncPolicy::new(Class::Local, Direction::None),
    primary_key: &["version_num"],
    columns: &[Column::string("version_num", 32).exact()],
    ..Entity::of(Group::Migration)
};
