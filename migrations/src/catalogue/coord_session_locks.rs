//! Advisory claim of a resource by a session; claimed centrally when reachable, provisional when offline.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{Class, Column, Direction, Entity, Group, Index, MergeRule, NaturalKey, OnCollision, SyncPolicy};

/// The table `coord_session_locks`.
pub const COORD_SESSION_LOCKS: &Entity = &Entity {
    name: "coord_session_locks",
    model: "CoordSessionLock",
    purpose: "Advisory claim of a resource by a session; claimed centrally when reachable, provisional when offline.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::string("project_key", 200).exact(),
        Column::string("session_id", 200).exact().note("MACHINE/claude-main; a label, not sessions.id"),
        Column::string("resource", 500).exact(),
        Column::text("description").null(),
        Column::datetime("acquired_at").default_now(),
        Column::datetime("expires_at").null().note("null = never (ttl_hours 0)"),
        Column::datetime("released_at").null().merge(MergeRule::Min).note("released stays released"),
        CREATED_AT,
        UPDATED_AT,
    ],
    indexes: &[
        Index::new("idx_coord_session_locks_project_key_resource", &["project_key", "resource"]),
        Index::new("idx_coord_session_locks_session", &["session_id"]),
        Index::new("idx_coord_session_locks_expires_at", &["expires_at"]),
    ],
    natural_keys: &[
        NaturalKey::new(&[], OnCollision::KeepBoth).note("two live claims of one resource: earlier acquired_at holds, the other is released and its session gets a message"),
    ],
    atomic: &[
        &["acquired_at", "expires_at"],
    ],
    ..Entity::of(Group::Addition)
};
