//! Messages from session to session, or to all. A message to one session is read by its mark in the row; who has read one
//! to all, each machine knows of its own sessions.

use merge::{Key, Row, Value};
use migrations::catalogue::COORD_MESSAGES;
use rusqlite::OptionalExtension;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::local::{ReadTx, WriteTx};
use sync::{StoreError, datetime_text};

use super::HOUR_US;

/// For how long a message to all counts as unread: a session that starts later has no use for it.
const NEWS_US: u64 = 7 * 24 * HOUR_US;

/// A message.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CoordMessage")]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) from_session: String,
    /// `null`: to all.
    pub(crate) to_session: Option<String>,
    /// What it is about; a message to all reaches the sessions of that project only.
    pub(crate) project_key: Option<String>,
    pub(crate) subject: String,
    pub(crate) body: String,
    /// When the session that asks has read it.
    pub(crate) read_at: Option<String>,
    pub(crate) created_at: String,
}

/// Which messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inbox<'a> {
    /// The names of one session.
    pub(crate) names: &'a [String],
    /// Messages to all: those of no project, and those of this one; empty for none.
    pub(crate) project: &'a str,
    /// Only what it has not read.
    pub(crate) unread: bool,
}

/// A condition that our own text makes, with what is bound in it.
type Condition = (String, Vec<Value>);

impl Inbox<'_> {
    fn condition(&self, now_us: u64) -> Condition {
        let places = vec!["?"; self.names.len()].join(", ");
        let names = || self.names.iter().map(|name| Value::from(name.as_str()));
        let mut own = vec![format!("to_session IN ({places})")];
        let mut bound: Vec<Value> = names().collect();
        if self.unread {
            own.push("read_at IS NULL".to_owned());
        }
        let mut news = vec![
            format!("to_session IS NULL AND from_session NOT IN ({places})"),
            "(project_key IS NULL OR project_key = ?)".to_owned(),
        ];
        bound.extend(names());
        bound.push(self.project.into());
        if self.unread {
            news.push("created_at >= ?".to_owned());
            bound.push(datetime_text(now_us.saturating_sub(NEWS_US)).into());
            let mark = "SELECT 1 FROM ct_coord_reads r WHERE r.message_id = coord_messages.id AND r.session_id";
            news.push(format!("NOT EXISTS ({mark} IN ({places}))"));
            bound.extend(names());
        }
        (format!("WHERE ({}) OR ({})", own.join(" AND "), news.join(" AND ")), bound)
    }
}

/// How many there are.
pub(crate) fn count(tx: &ReadTx<'_>, inbox: Inbox<'_>, now_us: u64) -> Result<u64, StoreError> {
    let (condition, bound) = inbox.condition(now_us);
    tx.count(COORD_MESSAGES, &condition, &bound)
}

/// A page of them, the latest first.
pub(crate) fn page(
    tx: &ReadTx<'_>,
    inbox: Inbox<'_>,
    (skip, limit): (i64, i64),
    now_us: u64,
) -> Result<Vec<Message>, StoreError> {
    let (condition, mut bound) = inbox.condition(now_us);
    bound.extend([limit.into(), skip.into()]);
    let clause = format!("{condition} ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?");
    let rows = tx.select(COORD_MESSAGES, &clause, &bound)?;
    rows.iter().map(|row| shown(tx, row, inbox.names)).collect()
}

/// The slug of the project that a session works in, by any of its names; empty for none, and for a session that is not
/// known here.
pub(crate) fn project_of(tx: &ReadTx<'_>, session: &str) -> Result<String, StoreError> {
    let (host, end) = session.rsplit_once('/').unwrap_or_default();
    let mut statement = tx.connection().prepare_cached(
        "SELECT coalesce(p.slug, '') FROM sessions s LEFT JOIN projects p ON p.id = s.project_id
          WHERE s.id = ?1 OR s.claude_session_id = ?1
             OR (?2 <> '' AND substr(s.claude_session_id, -length(?3)) = ?3
                 AND s.machine_id = (SELECT id FROM machines WHERE hostname = ?2))
          ORDER BY s.started_at DESC LIMIT 1",
    )?;
    Ok(statement.query_row((session, host, end), |row| row.get(0)).optional()?.unwrap_or_default())
}

/// Unread messages by the session that they are for, those to all aside.
pub(crate) fn unread_by_session(tx: &ReadTx<'_>) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement = tx.connection().prepare_cached(
        "SELECT to_session, count(*) FROM coord_messages WHERE to_session IS NOT NULL AND read_at IS NULL \
          GROUP BY to_session ORDER BY to_session",
    )?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Marks a message as read by a session; None when there is no such message for it.
pub(crate) fn read(tx: &mut WriteTx<'_>, id: &str, session: &str) -> Result<Option<Message>, StoreError> {
    let Some(mut row) = tx.get(COORD_MESSAGES, &Key::new(id))? else { return Ok(None) };
    match row.text("to_session") {
        Some(to) if to != session => return Ok(None),
        Some(_) => {
            if row.get("read_at").is_null() {
                row.set("read_at", datetime_text(tx.corrected_us()));
                tx.put(row.clone())?;
            }
        }
        None => {
            let now = tx.corrected_us().cast_signed();
            tx.connection()
                .prepare_cached(
                    "INSERT OR IGNORE INTO ct_coord_reads (message_id, session_id, read_us) VALUES (?1, ?2, ?3)",
                )?
                .execute((id, session, now))?;
        }
    }
    shown(&tx.reading(), &row, &[session.to_owned()]).map(Some)
}

/// A message as these names of one session see it.
pub(crate) fn shown(tx: &ReadTx<'_>, row: &Row, names: &[String]) -> Result<Message, StoreError> {
    let text = |column: &str| row.text(column).map(str::to_owned);
    let id = text("id").unwrap_or_default();
    let read_at = match row.text("to_session") {
        Some(_) => text("read_at"),
        None => read_by(tx, &id, names)?,
    };
    Ok(Message {
        id,
        from_session: text("from_session").unwrap_or_default(),
        to_session: text("to_session"),
        project_key: text("project_key"),
        subject: text("subject").unwrap_or_default(),
        body: text("body").unwrap_or_default(),
        read_at,
        created_at: text("created_at").unwrap_or_default(),
    })
}

fn read_by(tx: &ReadTx<'_>, id: &str, names: &[String]) -> Result<Option<String>, StoreError> {
    let mut statement =
        tx.connection().prepare_cached("SELECT session_id, read_us FROM ct_coord_reads WHERE message_id = ?1")?;
    let mut found = statement.query([id])?;
    while let Some(mark) = found.next()? {
        if names.contains(&mark.get::<_, String>(0)?) {
            return Ok(Some(datetime_text(mark.get::<_, i64>(1)?.cast_unsigned())));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::tests::desk::Desk;

    fn message(id: &str, to: Option<&str>, project: Option<&str>) -> Row {
        let row = Row::new(COORD_MESSAGES).with("id", sync::local::derived_id("test", id)).with("from_session", "ann");
        let row = row.with("to_session", to.map(str::to_owned)).with("project_key", project.map(str::to_owned));
        row.with("subject", id).with("body", id)
    }

    /// What a session of this name reads without naming a project, and how many of it count as unread.
    fn read_by(desk: &Desk, session: &str) -> (Vec<String>, u64) {
        let names = [session.to_owned()];
        let read = desk.store.read(move |tx| {
            let project = project_of(tx, &names[0])?;
            let inbox = |unread| Inbox { names: &names, project: &project, unread };
            let now_us = sync::parse_datetime("2026-11-20T09:00:01Z").unwrap_or_default();
            let mut subjects: Vec<String> =
                page(tx, inbox(false), (0, 100), now_us)?.into_iter().map(|message| message.subject).collect();
            subjects.sort();
            assert_eq!(count(tx, inbox(false), now_us)?, subjects.len() as u64);
            Ok((subjects, count(tx, inbox(true), now_us)?))
        });
        read.unwrap()
    }

    #[tokio::test]
    async fn a_session_that_is_not_known_reads_what_is_for_it_and_what_is_for_everyone() {
        let desk = Desk::new();
        desk.start("known", "startup").await;
        let project = desk.one("SELECT slug FROM projects");
        let sent = desk.store.write(move |tx| {
            tx.put(message("to x", Some("x"), Some("rival")))?;
            tx.put(message("to y", Some("y"), None))?;
            tx.put(message("to all", None, None))?;
            tx.put(message("to rival", None, Some("rival")))?;
            tx.put(message("to the project", None, Some(&project)))
        });
        sent.unwrap();
        assert_eq!(read_by(&desk, "x"), (vec!["to all".to_owned(), "to x".to_owned()], 2));
        assert_eq!(read_by(&desk, "known"), (vec!["to all".to_owned(), "to the project".to_owned()], 2));
    }
}
