//! What was forgotten on purpose: names of rows, never their text, so that no machine brings them back.

use super::CREATED_AT;
use crate::entity::{Class, Column, Direction, Entity, Group, Index, MergeRule, NaturalKey, OnCollision, SyncPolicy};

/// The table `forgotten`.
pub const FORGOTTEN: &Entity = &Entity {
    name: "forgotten",
    model: "Forgotten",
    purpose: "What was forgotten on purpose: names of rows, never their text, so that no machine brings them back.",
    sync: SyncPolicy::new(Class::Log, Direction::Both),
    columns: &[
        Column::uuid("id").note("derived from the two names, so that all machines make the same row"),
        Column::string("source_table", 64).exact().note("sessions and projects: all that was made in them until then"),
        Column::string("source_id", 200)
            .exact()
            .note("the row's id; of a session the client's id, of a project the slug"),
        Column::datetime("forgotten_at").merge(MergeRule::Max).note("what was made later is another memory"),
        CREATED_AT,
    ],
    indexes: &[Index::new("idx_forgotten_source", &["source_table", "source_id"])],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Addition)
};
