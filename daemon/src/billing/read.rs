//! What the plan is made from: captured work of clients, and time that is settled.

use migrations::catalogue::BILLABLE_TIME;
use rusqlite::{Connection, Row};
use sync::local::ReadTx;
use sync::{StoreError, datetime_text, parse_datetime};

use super::IS_DRAFT;
use super::plan::{Claim, Span};

const US_PER_MINUTE: u64 = 60_000_000;

/// Work since `since_us` that was captured on this machine in projects of a client. The shop's own projects are not billed.
/// A turn without an end lasted until the last thing that was done in it.
pub(super) fn spans(db: &Connection, since_us: u64, user: &str) -> Result<Vec<Span>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT w.id, w.session_id, c.id, coalesce(s.user_id, ?2), coalesce(p.name, ''), w.title, w.category, \
                c.default_hourly_rate, w.created_at, \
                max(w.created_at, coalesce(w.completed_at, ''), \
                    coalesce((SELECT max(created_at) FROM command_runs WHERE work_item_id = w.id), ''), \
                    coalesce((SELECT max(created_at) FROM file_changes WHERE work_item_id = w.id), '')), \
                w.status = 'in_progress' \
           FROM ct_hook_sessions h \
           JOIN sessions s ON s.claude_session_id = h.claude_session_id \
           LEFT JOIN projects p ON p.id = s.project_id \
           JOIN clients c ON c.id = coalesce(s.client_id, p.client_id) AND c.client_type <> 'internal' \
           JOIN work_items w ON w.session_id = s.id AND w.created_at >= ?1 \
          WHERE h.last_event_us >= ?3",
    )?;
    let found = statement.query_map((datetime_text(since_us), user, since_us.cast_signed()), span)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn span(row: &Row<'_>) -> rusqlite::Result<Span> {
    Ok(Span {
        work_item: row.get(0)?,
        session: row.get(1)?,
        client: row.get(2)?,
        user: row.get(3)?,
        project: row.get(4)?,
        title: row.get(5)?,
        category: row.get(6)?,
        rate: row.get(7)?,
        start_us: time(row, 8)?,
        end_us: time(row, 9)?,
        open: row.get(10)?,
    })
}

/// Entries since `since_us` that are no drafts.
pub(super) fn settled(db: &Connection, since_us: u64) -> Result<Vec<Claim>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT client_id, user_id, started_at, coalesce(ended_at, started_at), duration_minutes FROM billable_time \
          WHERE coalesce(ended_at, started_at) >= ?1 AND NOT {IS_DRAFT}"
    ))?;
    let found = statement.query_map([datetime_text(since_us)], |row| {
        let (start_us, end_us) = (time(row, 2)?, time(row, 3)?);
        let lasted_us = row.get::<_, u32>(4).map(u64::from)? * US_PER_MINUTE;
        // An entry by hand may have no end; one that has is not stretched by rounding.
        let end_us = if end_us > start_us { end_us } else { start_us + lasted_us };
        Ok(Claim { client: row.get(0)?, user: row.get(1)?, start_us, end_us })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Drafts since `since_us`, of all machines.
pub(super) fn drafts(tx: &ReadTx<'_>, since_us: u64) -> Result<Vec<merge::Row>, StoreError> {
    let clause = format!("WHERE started_at >= ? AND {IS_DRAFT} ORDER BY id");
    tx.select(BILLABLE_TIME, &clause, &[datetime_text(since_us).into()])
}

fn time(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let text: String = row.get(at)?;
    parse_datetime(&text)
        .ok_or_else(|| rusqlite::Error::InvalidColumnType(at, "a time".to_owned(), rusqlite::types::Type::Text))
}
