//! Looks whether central is as it must be, and says what helps where it is not.

use serde::Serialize;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::{ANSWER_WITHIN, greet};
use super::findings;
use super::heartbeat::offset_us;
use super::layout::{Layout, Mapping, TableReport};
use super::pool::{open, within};
use super::schema::{OLDEST_VERSION, OWN_TABLES, known_version};
use super::sql::run_made;
use super::triggers::{installed, wanted};
use super::{CentralError, CentralUrl};
use crate::SystemClock;

/// What [`check`] saw.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// Where, without the password.
    pub central: String,
    /// The server's version text.
    pub server: String,
    /// Schema version, 0 for none.
    pub schema_version: u32,
    /// Version that this build needs.
    pub schema_known: u32,
    /// True when the tables are another program's, which claudetools joined.
    pub is_adopted: bool,
    /// The tables that central does not hold just as the catalogue has them.
    pub tables: Vec<TableReport>,
    /// Recorded steps.
    pub steps: Vec<String>,
    /// Microseconds that central's clock is ahead of ours.
    pub clock_offset_us: i64,
    /// Changes that no machine has numbered yet.
    pub outbox: u64,
    /// The machines that sync here.
    pub machines: Vec<MachineSeen>,
    /// What is wrong, worst first; empty when all is well.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// True when nothing needs to be done.
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Note)
    }

    /// True when nothing is wrong that keeps changes from being synced.
    pub fn is_working(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// A machine as central knows it.
#[derive(Clone, Debug, Serialize)]
pub struct MachineSeen {
    /// Its replica.
    pub replica_id: String,
    /// Its name.
    pub hostname: String,
    /// Its build.
    pub version: String,
    /// How far it has pulled.
    pub cursor: u64,
    /// When it was last there, microseconds since the epoch by central's clock.
    pub last_seen_us: u64,
}

/// Something that is wrong, and what helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub problem: String,
    /// What helps.
    pub remedy: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Changes do not reach the other machines.
    Error,
    /// It works, but something needs a look.
    Warning,
    /// It works as well as it can, and nothing needs to be done.
    Note,
}

/// Looks whether central is as it must be. An error means that it could not even be looked at.
pub async fn check(url: &CentralUrl) -> Result<CheckReport, CentralError> {
    let mut connection = open(&url.options(true)?).await?;
    greet(&mut connection).await?;
    within(ANSWER_WITHIN, look(&mut connection, url)).await
}

async fn look(connection: &mut MySqlConnection, url: &CentralUrl) -> Result<CheckReport, CentralError> {
    let layout = Layout::read(connection).await?;
    let required = OWN_TABLES.iter().filter(|(_, since)| *since <= OLDEST_VERSION);
    let has_bookkeeping = required.into_iter().all(|(table, _)| layout.database.tables.contains_key(*table));
    let server = sqlx::query("SELECT VERSION()").fetch_one(&mut *connection).await?;
    let mut report = CheckReport {
        central: url.to_string(),
        server: server.try_get_unchecked(0)?,
        schema_version: layout.version,
        schema_known: known_version(),
        is_adopted: layout.is_adopted,
        tables: if layout.version > 0 { noteworthy(&layout) } else { Vec::new() },
        steps: layout.steps.iter().map(|step| step.id.clone()).collect(),
        clock_offset_us: offset_us(connection, &SystemClock).await?,
        outbox: 0,
        machines: Vec::new(),
        findings: Vec::new(),
    };
    findings::of_server(connection, &mut report.findings).await?;
    findings::of_schema(&layout, &mut report.findings);
    if report.schema_version > 0 {
        let triggers = installed(connection).await?;
        findings::of_cascades(&layout, &triggers, &mut report.findings);
        findings::of_triggers(connection, &layout, &wanted(&layout), &triggers, &mut report.findings).await?;
        findings::of_rights(connection, &layout, &mut report.findings).await?;
    }
    if has_bookkeeping {
        report.outbox = outbox(connection).await?;
        report.machines = machines(connection).await?;
    }
    findings::of_traffic(&report.machines, report.outbox, report.clock_offset_us, &mut report.findings);
    report.findings.sort_by_key(|finding| finding.severity);
    Ok(report)
}

/// The tables that are not plainly what the catalogue says.
fn noteworthy(layout: &Layout) -> Vec<TableReport> {
    let is_plain = |it: &&TableReport| it.mapping == Mapping::Mapped && it.table.as_deref() == Some(&it.entity);
    layout.reports().iter().filter(|report| !is_plain(report)).cloned().collect()
}

/// How many entries wait; 0 as well when this user may not look, which is a finding of its own.
async fn outbox(connection: &mut MySqlConnection) -> Result<u64, CentralError> {
    match sqlx::query("SELECT COUNT(*) FROM ct_sync_outbox").fetch_one(connection).await.map_err(CentralError::from) {
        Ok(row) => Ok(row.try_get_unchecked::<i64, _>(0)?.unsigned_abs()),
        Err(CentralError::Denied(_)) => Ok(0),
        Err(error) => Err(error),
    }
}

async fn machines(connection: &mut MySqlConnection) -> Result<Vec<MachineSeen>, CentralError> {
    let text = "SELECT replica_id, hostname, version, pulled_seq, last_seen_us FROM ct_sync_machines \
                ORDER BY last_seen_us DESC, replica_id";
    let rows = match sqlx::query(text).fetch_all(connection).await.map_err(CentralError::from) {
        Err(CentralError::Denied(_)) => return Ok(Vec::new()),
        other => other?,
    };
    let mut machines = Vec::with_capacity(rows.len());
    for row in rows {
        machines.push(MachineSeen {
            replica_id: row.try_get_unchecked(0)?,
            hostname: row.try_get_unchecked(1)?,
            version: row.try_get_unchecked(2)?,
            cursor: row.try_get_unchecked(3)?,
            last_seen_us: row.try_get_unchecked::<i64, _>(4)?.max(0).unsigned_abs(),
        });
    }
    Ok(machines)
}

/// True when the server lets this user do it. It is asked by EXPLAIN, which needs the same rights and does nothing.
pub(super) async fn may(connection: &mut MySqlConnection, statement: String) -> Result<bool, CentralError> {
    match run_made(connection, format!("EXPLAIN {statement}")).await.map_err(CentralError::from) {
        // What else stands in the way of writing is a finding of its own.
        Ok(()) | Err(CentralError::Sql { .. } | CentralError::ReadOnly) => Ok(true),
        Err(CentralError::Denied(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
