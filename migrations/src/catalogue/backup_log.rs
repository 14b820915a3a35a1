//! A database backup made, and whether it was verified.

use super::CREATED_AT;
use crate::entity::{Check, Class, Column, Direction, Entity, Group, Index, NaturalKey, OnCollision, SyncPolicy};

/// The table `backup_log`.
pub const BACKUP_LOG: &Entity = &Entity {
    name: "backup_log",
    model: "BackupLog",
    purpose: "A database backup made, and whether it was verified.",
    sync: SyncPolicy::new(Class::Log, Direction::Both),
    columns: &[
        Column::uuid("id"),
        Column::string("backup_type", 50).known(&["daily", "weekly", "monthly", "manual", "pre_migration"]),
        Column::string("database_name", 255),
        Column::string("machine", 255).null().note("hostname that made it"),
        Column::string("file_path", 500),
        Column::bigint("file_size_bytes").null().late(),
        Column::string("sha256", 64).null().exact().late(),
        Column::string("status", 20).default_text("running").one_of(&["running", "success", "failed"]).late(),
        Column::datetime("started_at").default_now(),
        Column::datetime("completed_at").null().late(),
        Column::string("verification_status", 20)
            .default_text("pending")
            .one_of(&["pending", "passed", "failed", "skipped"])
            .late(),
        Column::datetime("verified_at").null().late(),
        Column::json("verification_details").null().late(),
        Column::text("error_message").null().late(),
        Column::date("retain_until").null(),
        CREATED_AT,
    ],
    indexes: &[
        Index::new("idx_backup_log_started_at", &["started_at"]),
        Index::new("idx_backup_log_status", &["status"]),
    ],
    checks: &[
        Check::new("ck_backup_log_status", "status IN ('running', 'success', 'failed')"),
        Check::new(
            "ck_backup_log_verification_status",
            "verification_status IN ('pending', 'passed', 'failed', 'skipped')",
        ),
    ],
    natural_keys: &[NaturalKey::new(&[], OnCollision::KeepBoth)],
    ..Entity::of(Group::Seed)
};
