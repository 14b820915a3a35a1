//! A message from one session to another, or to all.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{Class, Column, Direction, Entity, Group, Index, MergeRule, NaturalKey, OnCollision, SyncPolicy};

/// The table `coord_messages`.
pub const COORD_MESSAGES: &Entity = &Entity {
    name: "coord_messages",
    model: "CoordMessage",
    purpose: "A message from one session to another, or to all.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::string("from_session", 200).exact(),
        Column::string("to_session", 200).null().exact().note("null = broadcast"),
        Column::string("project_key", 200).null().exact(),
        Column::string("subject", 500),
        Column::text("body").sensitive(),
        Column::datetime("read_at")
            .null()
            .merge(MergeRule::Min)
            .note("for broadcasts each daemon keeps its own read marks beside this"),
        CREATED_AT,
        UPDATED_AT,
    ],
    indexes: &[
        Index::new("idx_coord_messages_to_session_read_at", &["to_session", "read_at"]),
        Index::new("idx_coord_messages_from_session", &["from_session"]),
        Index::new("idx_coord_messages_project_key", &["project_key"]),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Addition)
};
