//! Locks on resources of a project: the one place where two machines that claim at once cannot both win.
//!
//! A claim holds the server's own lock of the resource's name while it looks and writes. The row is written as any other
//! program would write it, so it reaches every machine through the feed. Programs that do not ask for that name lock
//! nothing out; two live rows of one resource are settled by whoever sees them (the earlier one holds).

use std::sync::Arc;

use merge::{HybridTime, Key, Row, RowId};
use migrations::catalogue::COORD_SESSION_LOCKS;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::ANSWER_WITHIN;
use super::layout::{Layout, Table};
use super::pool::within;
use super::rows::{Lock, read_keys};
use super::session::Session;
use super::sql::statement;
use super::transaction::{Taken, Transaction};
use super::triggers::NOW_US;
use super::{Central, CentralError};
use crate::clock::datetime_text;

/// Name of the server's lock. It is at most 64 characters, and shared by all databases of the server.
const NAME: &str = "CONCAT('ct_coord_', LEFT(SHA2(CONCAT_WS('/', DATABASE(), ?, ?), 256), 40))";

/// How long another claim of the same resource is waited for, in seconds.
const WAIT_S: u8 = 2;

/// A lock that a session wants, or wants to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The row's id, the same when it is claimed again.
    pub id: String,
    /// The project.
    pub project_key: String,
    /// Whose it is to be.
    pub session_id: String,
    /// What is to be locked.
    pub resource: String,
    /// For people: what for.
    pub description: Option<String>,
    /// How long it lasts from now on, in microseconds; None: until it is released.
    pub ttl_us: Option<u64>,
    /// It was held before: one that was released since does not come back.
    pub renewal: bool,
}

/// Who has a lock after a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The session that asked, by this row.
    Held(RowId),
    /// Another session, by this row.
    Taken(RowId),
    /// It was released, though its session wanted to keep it.
    Released,
}

impl Claim {
    /// Who has the lock, of these live ones: the claimant's own, or the one that was there first. Equal as the
    /// catalogue says, whatever the collation of a table that another program made.
    pub fn among<'r>(&self, live: &'r [Row]) -> Option<(&'r Row, bool)> {
        let of = |row: &Row, column, text: &str| row.text(column) == Some(text);
        let same =
            live.iter().filter(|row| of(row, "project_key", &self.project_key) && of(row, "resource", &self.resource));
        let mut same: Vec<&Row> = same.collect();
        same.sort_by_key(|row| (row.text("acquired_at"), row.text("id")));
        let own = same.iter().find(|row| of(row, "session_id", &self.session_id));
        own.map(|row| (*row, true)).or_else(|| same.first().map(|row| (*row, false)))
    }

    /// The row of a new lock.
    pub fn row(&self, now_us: u64) -> Row {
        let now = datetime_text(now_us);
        Row::new(COORD_SESSION_LOCKS)
            .with("id", self.id.as_str())
            .with("project_key", self.project_key.as_str())
            .with("session_id", self.session_id.as_str())
            .with("resource", self.resource.as_str())
            .with("description", self.description.as_deref())
            .with("acquired_at", now.as_str())
            .with("expires_at", self.expiry(now_us))
            .with("created_at", now.as_str())
            .with("updated_at", now)
    }

    /// The row of a lock that goes on: it never ends sooner than it would have.
    pub fn extended(&self, held: &Row, now_us: u64) -> Row {
        // None is no end at all, which is later than any other.
        let until = match (held.text("expires_at"), self.expiry(now_us)) {
            (Some(held), Some(wanted)) => Some(wanted.max(held.to_owned())),
            _ => None,
        };
        held.clone().with("expires_at", until).with("updated_at", datetime_text(now_us))
    }

    fn expiry(&self, now_us: u64) -> Option<String> {
        self.ttl_us.map(|ttl_us| datetime_text(now_us.saturating_add(ttl_us)))
    }
}

impl Central {
    /// Claims a lock, or renews it: atomically for all that claim this way.
    pub async fn claim(&self, claim: &Claim) -> Result<Claimed, CentralError> {
        let versions = self.versions();
        if !versions.may_write {
            return Err(CentralError::Newer { found: versions.central, known: versions.known });
        }
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let claimed = within(ANSWER_WITHIN, async {
            let connection = lease.connection();
            take_name(connection, claim).await?;
            let claimed = decide(connection, &layout, claim).await?;
            // A connection on which anything failed is closed, which gives the name back, too.
            let release = statement(format!("DO RELEASE_LOCK({NAME})"));
            release.bind(&claim.project_key).bind(&claim.resource).execute(connection).await?;
            Ok(claimed)
        })
        .await?;
        lease.keep();
        Ok(claimed)
    }
}

async fn take_name(connection: &mut MySqlConnection, claim: &Claim) -> Result<(), CentralError> {
    let take = statement(format!("SELECT GET_LOCK({NAME}, {WAIT_S})"));
    let row = take.bind(&claim.project_key).bind(&claim.resource).fetch_one(connection).await?;
    match row.try_get_unchecked::<Option<i64>, _>(0)? {
        Some(1) => Ok(()),
        _ => Err(CentralError::LockWait),
    }
}

async fn decide(
    connection: &mut MySqlConnection,
    layout: &Arc<Layout>,
    claim: &Claim,
) -> Result<Claimed, CentralError> {
    let Some(table) = layout.table(COORD_SESSION_LOCKS) else {
        return Err(CentralError::NotInitialised("a table for locks".into()));
    };
    let now: i64 = statement(format!("SELECT {NOW_US}")).fetch_one(&mut *connection).await?.try_get_unchecked(0)?;
    let now_us = now.max(0).unsigned_abs();
    let live = live(connection, table, claim).await?;
    let key = Key::new(claim.id.as_str());
    match claim.among(&live) {
        Some((holder, false)) => return Ok(Claimed::Taken(holder.id())),
        Some((own, true)) => return write(connection, layout, Some(own), claim.extended(own, now_us), now_us).await,
        None => {}
    }
    let before = read_keys(connection, table, std::slice::from_ref(&key), Lock::No).await?.remove(&key);
    let before = before.transpose().map_err(|_| CentralError::Protocol("the lock's row cannot be read".into()))?;
    match before {
        Some(row) if !row.get("released_at").is_null() => Ok(Claimed::Released),
        None if claim.renewal => Ok(Claimed::Released),
        // It has run out, and nobody else took it.
        Some(row) => write(connection, layout, Some(&row), claim.extended(&row, now_us), now_us).await,
        None => write(connection, layout, None, claim.row(now_us), now_us).await,
    }
}

/// The live locks of the resource; the server's collation may take others for the same.
async fn live(connection: &mut MySqlConnection, table: &Table, claim: &Claim) -> Result<Vec<Row>, CentralError> {
    let column = |name: &str| {
        let held = table.column(name).map(super::layout::Physical::quoted);
        held.ok_or_else(|| CentralError::NotInitialised(format!("the column {name} of the table for locks")))
    };
    let text = format!(
        "SELECT {} FROM {} WHERE {} = ? AND {} = ? AND {} IS NULL AND ({} IS NULL OR {} > UTC_TIMESTAMP(6))",
        table.key_text(""),
        table.quoted(),
        column("project_key")?,
        column("resource")?,
        column("released_at")?,
        column("expires_at")?,
        column("expires_at")?,
    );
    let query = statement(text).bind(&claim.project_key).bind(&claim.resource);
    let found = query.fetch_all(&mut *connection).await?;
    let keys = found.iter().map(|row| Ok(Key::new(row.try_get_unchecked::<String, _>(0)?)));
    let keys = keys.collect::<Result<Vec<_>, sqlx::Error>>()?;
    let rows = read_keys(connection, table, &keys, Lock::No).await?.into_values();
    rows.collect::<Result<_, _>>().map_err(|_| CentralError::Protocol("the row of a lock cannot be read".into()))
}

async fn write(
    connection: &mut MySqlConnection,
    layout: &Arc<Layout>,
    before: Option<&Row>,
    after: Row,
    now_us: u64,
) -> Result<Claimed, CentralError> {
    let mut session = Session::begin(connection, Arc::clone(layout)).await?;
    let written: Taken = match before {
        Some(before) => session.update(before, &after, HybridTime(now_us)).await?,
        None => session.insert(&[(&after, HybridTime(now_us))]).await?,
    };
    written.map_err(|refusal| CentralError::Protocol(format!("it refuses the lock's row: {}", refusal.message)))?;
    session.commit().await?;
    Ok(Claimed::Held(after.id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::parse_datetime;

    const SECOND: u64 = 1_000_000;

    fn claim(id: &str, session: &str, ttl_us: Option<u64>) -> Claim {
        Claim {
            id: id.to_owned(),
            project_key: "acme/portal".into(),
            session_id: session.to_owned(),
            resource: "schema".into(),
            description: None,
            ttl_us,
            renewal: false,
        }
    }

    #[test]
    fn the_first_holds_and_a_session_finds_its_own() {
        let (first, second) = (claim("b", "one", None).row(SECOND), claim("a", "two", None).row(2 * SECOND));
        let other = second.clone().with("id", "c").with("resource", "Schema");
        let live = [other, second, first];
        assert_eq!(
            claim("x", "three", None).among(&live).map(|(row, own)| (row.text("id"), own)),
            Some((Some("b"), false))
        );
        assert_eq!(
            claim("x", "two", None).among(&live).map(|(row, own)| (row.text("id"), own)),
            Some((Some("a"), true))
        );
        assert_eq!(claim("x", "two", None).among(&live[..1]), None);
    }

    #[test]
    fn a_renewal_never_shortens() {
        let held = claim("a", "one", Some(100 * SECOND)).row(0);
        let until = |row: Row| row.text("expires_at").and_then(parse_datetime);
        assert_eq!(until(claim("a", "one", Some(100 * SECOND)).extended(&held, 50 * SECOND)), Some(150 * SECOND));
        assert_eq!(until(claim("a", "one", Some(10 * SECOND)).extended(&held, 50 * SECOND)), Some(100 * SECOND));
        assert_eq!(until(claim("a", "one", None).extended(&held, 50 * SECOND)), None);
        let endless = claim("a", "one", None).row(0);
        assert_eq!(until(claim("a", "one", Some(SECOND)).extended(&endless, 0)), None);
    }
}
