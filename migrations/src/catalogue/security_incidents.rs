//! A security incident and its remediation.

use super::{CREATED_AT, UPDATED_AT};
use crate::entity::{
    Check, Class, Column, Direction, Entity, ForeignKey, Group, Index, MergeRule, NaturalKey, OnCollision, OnDelete,
    OnOrphan, SyncPolicy,
};

/// The table `security_incidents`.
pub const SECURITY_INCIDENTS: &Entity = &Entity {
    name: "security_incidents",
    model: "SecurityIncident",
    purpose: "A security incident and its remediation.",
    sync: SyncPolicy::new(Class::Entity, Direction::Both).flagged(),
    columns: &[
        Column::uuid("id"),
        Column::uuid("client_id").null(),
        Column::uuid("infrastructure_id").null(),
        Column::string("incident_type", 100).null().known(&[
            "account_compromise",
            "phishing",
            "malware",
            "ransomware",
            "unauthorized_access",
            "data_breach",
            "misconfiguration",
            "vulnerability",
            "other",
        ]),
        Column::string("severity", 20).one_of(&["critical", "high", "medium", "low"]),
        Column::string("status", 50).default_text("investigating").one_of(&[
            "investigating",
            "contained",
            "remediated",
            "monitoring",
            "resolved",
            "false_positive",
        ]),
        Column::string("title", 500),
        Column::text("description").sensitive(),
        Column::json("affected_resources").null().merge(MergeRule::Set).note("array"),
        Column::text("findings").null().sensitive(),
        Column::text("remediation_steps").null(),
        Column::datetime("detected_at").default_now(),
        Column::datetime("resolved_at").null(),
        Column::string("reported_by", 255).null(),
        Column::text("notes").null(),
        CREATED_AT,
        UPDATED_AT,
    ],
    foreign_keys: &[
        ForeignKey::new(
            "client_id",
            "clients",
            OnDelete::Restrict,
            OnOrphan::Revive,
            "a client with incidents cannot be deleted",
        ),
        ForeignKey::new(
            "infrastructure_id",
            "infrastructure",
            OnDelete::SetNull,
            OnOrphan::Null,
            "the incident stays, without the asset",
        ),
    ],
    indexes: &[
        Index::new("idx_security_incidents_client", &["client_id"]),
        Index::new("idx_security_incidents_infrastructure", &["infrastructure_id"]),
        Index::new("idx_security_incidents_status", &["status"]),
        Index::new("idx_security_incidents_detected_at", &["detected_at"]),
    ],
    checks: &[
        Check::new("ck_security_incidents_severity", "severity IN ('critical', 'high', 'medium', 'low')"),
        Check::new(
            "ck_security_incidents_status",
            "status IN ('investigating', 'contained', 'remediated', 'monitoring', 'resolved', 'false_positive')",
        ),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    atomic: &[&["status", "resolved_at"]],
    ..Entity::of(Group::Seed)
};
