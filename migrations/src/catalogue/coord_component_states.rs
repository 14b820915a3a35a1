//! State of a deployed component, last writer wins as a whole row.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{Class, Column, Direction, Entity, Group, Index, NaturalKey, OnCollision, SyncPolicy};

/// The table `coord_component_states`.
pub const COORD_COMPONENT_STATES: &Entity = &Entity {
    name: "coord_component_states",
    model: "CoordComponentState",
    purpose: "State of a deployed component, last writer wins as a whole row.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both),
    primary_key: &["project_key", "component"],
    columns: &[
        Column::string("project_key", 200).exact(),
        Column::string("component", 200).exact(),
        Column::string("state", 50)
            .default_text("unknown")
            .known(&["deployed", "building", "stable", "broken", "unknown"]),
        Column::string("version", 100).null(),
        Column::text("notes").null(),
        Column::string("updated_by", 200),
        CREATED_AT,
        UPDATED_AT,
    ],
    indexes: &[Index::new("idx_coord_component_states_updated_at", &["updated_at"])],
    natural_keys: &[NaturalKey::new(&["project_key", "component"], OnCollision::Merge).note("same key = same row")],
    atomic: &[&["state", "version", "notes", "updated_by"]],
    ..Entity::of(Group::Addition)
};
