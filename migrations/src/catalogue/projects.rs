//! A body of work, usually one git repository; the unit that memory is recalled by.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete,
    OnOrphan, SyncPolicy,
};

/// The table `projects`.
pub const PROJECTS: &Entity = &Entity {
    name: "projects",
    model: "Project",
    purpose: "A body of work, usually one git repository; the unit that memory is recalled by.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id").null(),
        Column::string("name", 255),
        Column::string("slug", 200).exact().note(
            "stable key, [a-z0-9._/-]: normalised git remote (host/owner/repo) or chosen; equals coord project_key",
        ),
        Column::text("description").null(),
        Column::string("project_type", 50).default_text("client_project").known(&[
            "client_project",
            "internal_product",
            "infrastructure",
            "website",
            "research",
            "other",
        ]),
        Column::string("status", 50).default_text("active").one_of(&[
            "planning",
            "active",
            "on_hold",
            "completed",
            "cancelled",
            "archived",
        ]),
        Column::string("git_remote", 500).null(),
        Column::json("technologies").null().merge(MergeRule::Set).note("array"),
        Column::date("started_on").null(),
        Column::date("target_on").null(),
        Column::date("completed_on").null(),
        Column::text("notes").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[ForeignKey::new(
        "client_id",
        "clients",
        OnDelete::Restrict,
        OnOrphan::Revive,
        "a client with projects cannot be deleted: deactivate it, or move the projects",
    )],
    unique: &[Index::new("uq_projects_slug", &["slug"])],
    indexes: &[Index::new("idx_projects_client", &["client_id"]), Index::new("idx_projects_status", &["status"])],
    checks: &[Check::new(
        "ck_projects_status",
        "status IN ('planning', 'active', 'on_hold', 'completed', 'cancelled', 'archived')",
    )],
    natural_keys: &[NaturalKey::new(&["slug"], OnCollision::Merge)
        .note("two machines that first see the same repository offline must end with one project")],
    ..Entity::of(Group::Seed)
};
