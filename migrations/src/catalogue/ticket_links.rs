//! Link from a session or work item to a ticket in SyncroMSP, Autotask, ConnectWise ...

use super::CREATED_AT;
use crate::entity::{
    Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete, OnOrphan,
    SyncPolicy,
};

/// The table `ticket_links`.
pub const TICKET_LINKS: &Entity = &Entity {
    name: "ticket_links",
    model: "TicketLink",
    purpose: "Link from a session or work item to a ticket in SyncroMSP, Autotask, ConnectWise ...",
    sync: SyncPolicy::new(Class::Entity, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id").null(),
        Column::uuid("session_id").null(),
        Column::uuid("work_item_id").null(),
        Column::string("integration_type", 100).known(&[
            "syncromsp",
            "autotask",
            "connectwise",
            "halopsa",
            "zendesk",
            "freshdesk",
            "github",
            "gitea",
            "other",
        ]),
        Column::string("ticket_id", 255).exact().note("id in that system"),
        Column::string("ticket_number", 100).null(),
        Column::string("ticket_title", 500).null(),
        Column::string("ticket_url", 500).null(),
        Column::string("ticket_status", 100).null(),
        Column::string("link_type", 50).default_text("related").known(&["related", "resolves", "documents"]),
        Column::datetime("last_checked_at").null().merge(MergeRule::Max),
        CREATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new("client_id", "clients", OnDelete::SetNull, OnOrphan::Null, "the link stays"),
        ForeignKey::new("session_id", "sessions", OnDelete::SetNull, OnOrphan::Null, "the link stays with the client"),
        ForeignKey::new(
            "work_item_id",
            "work_items",
            OnDelete::SetNull,
            OnOrphan::Null,
            "the link stays with the session or client",
        ),
    ],
    indexes: &[
        Index::new("idx_ticket_links_client", &["client_id"]),
        Index::new("idx_ticket_links_session", &["session_id"]),
        Index::new("idx_ticket_links_work_item", &["work_item_id"]),
        Index::new("idx_ticket_links_ticket", &["integration_type", "ticket_id"]),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)
        .note("one ticket may be linked from many rows; an equal five-tuple is collapsed on display")],
    ..Entity::of(Group::Seed)
};
