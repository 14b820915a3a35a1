//! Where a project stands now; one row per project.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete,
    OnOrphan, SyncPolicy,
};

/// The table `project_states`.
pub const PROJECT_STATES: &Entity = &Entity {
    name: "project_states",
    model: "ProjectState",
    purpose: "Where a project stands now; one row per project.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("project_id"),
        Column::uuid("last_session_id").null(),
        Column::string("current_phase", 100).null(),
        Column::int("progress_percentage").null(),
        Column::text("context_summary").null().sensitive(),
        Column::json("blockers").null().merge(MergeRule::Set).note("array"),
        Column::json("next_actions").null().merge(MergeRule::Set).note("array"),
        Column::json("key_files").null().merge(MergeRule::Set).note("array"),
        Column::json("important_decisions").null().note("array"),
        Column::string("git_branch", 255).null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("project_id", "projects", OnDelete::Cascade, OnOrphan::Revive, "goes with the project"),
        ForeignKey::new("last_session_id", "sessions", OnDelete::SetNull, OnOrphan::Null, "the state stays"),
    ],
    unique: &[
        Index::new("uq_project_states_project", &["project_id"]),
    ],
    indexes: &[
        Index::new("idx_project_states_last_session", &["last_session_id"]),
    ],
    checks: &[
        Check::new("ck_project_states_progress", "progress_percentage >= 0 AND progress_percentage <= 100"),
    ],
    natural_keys: &[
        NaturalKey::new(&["project_id"], OnCollision::Merge).note("the scalar columns of the later row win together, the lists are joined; the other row is kept in the conflict log"),
    ],
    atomic: &[
        &["current_phase", "progress_percentage", "context_summary", "last_session_id", "git_branch"],
    ],
    ..Entity::of(Group::Context)
};
