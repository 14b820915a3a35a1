//! The rows that everything else hangs on: this machine, the project, the session. Found by their natural keys, made
//! when missing with an id derived from the key, so that machines that meet the same thing offline make the same row.

use std::fmt::Write as _;

use merge::{Row, Value};
use migrations::catalogue::{MACHINES, PROJECTS, SESSIONS};
use sync::local::{WriteTx, derived_id};
use sync::{StoreError, datetime_text, parse_datetime};

use super::MachineInfo;
use super::digest::sha256;
use super::fit;
use super::ledger::Conversation;
use super::project::Place;

/// `last_seen_at` is written no more often than this, in microseconds, or it would keep the sync busy.
const SEEN_EVERY_US: u64 = 15 * 60 * 1_000_000;
/// Characters of the replica's id that tell two machines of one name apart.
const SUFFIX_CHARS: usize = 4;

/// This machine's id and the name that it goes by.
pub(super) fn machine(
    tx: &mut WriteTx<'_>,
    info: &MachineInfo,
    replica_id: &str,
    at_us: u64,
) -> Result<(String, String), StoreError> {
    let fingerprint = fingerprint(replica_id);
    let mut row = match tx.find(MACHINES, "machine_fingerprint", &fingerprint.as_str().into())? {
        Some(row) => row,
        None => new_machine(tx, info, replica_id, &fingerprint)?,
    };
    let seen = row.text("last_seen_at").and_then(parse_datetime);
    if seen.is_none_or(|seen| at_us.saturating_sub(seen) > SEEN_EVERY_US) {
        row.set("last_seen_at", datetime_text(at_us)).set("os_version", optional(info.os_version.as_deref(), 100));
        tx.put(row.clone())?;
    }
    Ok((id_of(&row), row.text("hostname").unwrap_or_default().to_owned()))
}

fn new_machine(tx: &WriteTx<'_>, info: &MachineInfo, replica_id: &str, fingerprint: &str) -> Result<Row, StoreError> {
    let mut hostname = fit::chars(&info.hostname, 240);
    if tx.find(MACHINES, "hostname", &hostname.as_str().into())?.is_some() {
        let suffix: String = replica_id.chars().rev().take(SUFFIX_CHARS).collect();
        let _ = write!(hostname, "~{suffix}");
    }
    let platform = match info.platform.as_str() {
        "windows" | "win32" => Some("win32"),
        "macos" | "darwin" => Some("darwin"),
        "linux" => Some("linux"),
        _ => None,
    };
    Ok(Row::new(MACHINES)
        .with("id", derived_id("machines", fingerprint))
        .with("hostname", hostname)
        .with("machine_fingerprint", fingerprint)
        .with("platform", platform)
        .with("username", optional(Some(&info.username), 255))
        .with("home_directory", optional(info.home_directory.to_str(), 500)))
}

/// The replica is the machine: two homes on one host are two machines, and a machine that gets another name, or whose
/// daemon is started from another environment, stays the same.
fn fingerprint(replica_id: &str) -> String {
    sha256(format!("replica {replica_id}").as_bytes())
}

/// The project's row, written when it is new.
pub(super) fn project(tx: &mut WriteTx<'_>, place: &Place) -> Result<Row, StoreError> {
    if let Some(row) = tx.find(PROJECTS, "slug", &place.slug.as_str().into())? {
        return Ok(row);
    }
    let row = Row::new(PROJECTS)
        .with("id", derived_id("projects", &place.slug))
        .with("name", fit::chars(&place.name, 255))
        .with("slug", place.slug.as_str())
        .with("git_remote", place.git_remote.as_deref());
    tx.put(row.clone())?;
    Ok(row)
}

/// The session's row, written when it is new.
pub(super) fn session(
    tx: &mut WriteTx<'_>,
    conversation: &Conversation,
    project: &Row,
    machine_id: &str,
    at_us: u64,
) -> Result<Row, StoreError> {
    if let Some(row) = tx.find(SESSIONS, "claude_session_id", &conversation.id.as_str().into())? {
        return Ok(row);
    }
    let row = Row::new(SESSIONS)
        .with("id", derived_id("sessions", &conversation.id))
        .with("client_id", project.get("client_id").clone())
        .with("project_id", id_of(project))
        .with("machine_id", machine_id)
        .with("claude_session_id", conversation.id.as_str())
        .with("status", "in_progress")
        .with("started_at", datetime_text(at_us))
        .with("working_directory", optional(Some(&conversation.cwd), 500));
    tx.put(row.clone())?;
    // As it was written, with the defaults.
    Ok(tx.get(SESSIONS, &row.key())?.unwrap_or(row))
}

/// The text of a row's `id`.
pub(super) fn id_of(row: &Row) -> String {
    row.text("id").unwrap_or_default().to_owned()
}

/// NULL for nothing, else the text as its column takes it.
pub(super) fn optional(text: Option<&str>, limit: usize) -> Value {
    text.filter(|text| !text.is_empty()).map(|text| fit::chars(&text.replace('\0', "\u{fffd}"), limit)).into()
}
