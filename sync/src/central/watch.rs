//! What is looked at when a connection was made, and now and then: whether the capture triggers are there, and whether
//! tables are still those that they were. `CREATE OR REPLACE TABLE`, a `RENAME` swap and online schema changes take the
//! triggers away with the table, silently; what was changed since then only a comparison finds.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::ANSWER_WITHIN;
use super::init::wanting_triggers;
use super::layout::Layout;
use super::pool::within;
use super::schema::known_version;
use super::sql::{run, run_made};
use super::triggers::{SQL_MODE, Trigger, installed};
use super::{Central, CentralError};

/// Waiting for a table's lock blocks other programs' statements on it, so it is given up soon and tried again later.
const SESSION: &str = "SET SESSION lock_wait_timeout = 3, innodb_lock_wait_timeout = 3";

/// What became of capture triggers that were missing, altered, or without a definer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restored {
    /// Tables all of whose changes are captured again; what happened before was not seen.
    pub(crate) tables: BTreeSet<&'static str>,
    /// Tables of which changes are still not captured.
    pub(crate) blind: BTreeSet<&'static str>,
    /// Why not.
    pub(crate) refused: Option<CentralError>,
}

impl Central {
    /// Puts back the capture triggers that are not as they should be, as far as this user may, and as central is of this
    /// build's version.
    pub(crate) async fn restore_triggers(&self) -> Result<Restored, CentralError> {
        // Not kept: the session's modes are those of the triggers afterwards.
        let mut lease = self.lease().await?;
        let layout = self.layout();
        within(ANSWER_WITHIN, restore(lease.connection(), &layout)).await
    }

    /// When the table of each entity was made, as text; dropping and making it again, or swapping it, shows here.
    pub(crate) async fn made_at(&self) -> Result<HashMap<String, String>, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let text = "SELECT table_name, CAST(create_time AS CHAR) FROM information_schema.tables \
                    WHERE table_schema = DATABASE() AND create_time IS NOT NULL";
        let rows = within(ANSWER_WITHIN, async { Ok(sqlx::query(text).fetch_all(lease.connection()).await?) }).await?;
        let mut made = HashMap::with_capacity(rows.len());
        for row in &rows {
            let physical: String = row.try_get_unchecked(0)?;
            if let Some(table) = layout.named(&physical) {
                made.insert(table.entity.name.to_owned(), row.try_get_unchecked(1)?);
            }
        }
        lease.keep();
        Ok(made)
    }
}

async fn restore(connection: &mut MySqlConnection, layout: &Layout) -> Result<Restored, CentralError> {
    let (wanting, _) = wanting_triggers(connection, layout).await?;
    let mut restored = Restored::default();
    if wanting.is_empty() {
        return Ok(restored);
    }
    if let Some(other) = other_version(layout) {
        // Each version makes its own form: two builds would undo each other's for ever. Only what is gone is a finding.
        let there = installed(connection).await?;
        let missing = wanting.iter().filter(|trigger| !there.contains_key(&trigger.name));
        restored.blind = missing.flat_map(|trigger| trigger.concerns.iter().copied()).collect();
        restored.refused = (!restored.blind.is_empty()).then_some(other);
        return Ok(restored);
    }
    run(connection, SESSION).await?;
    run_made(connection, format!("SET sql_mode = '{SQL_MODE}'")).await?;
    for trigger in &wanting {
        if let Err(error) = make(connection, trigger).await {
            restored.blind.extend(&trigger.concerns);
            restored.refused = Some(error);
        }
    }
    let touched = wanting.iter().flat_map(|trigger| trigger.concerns.iter().copied());
    restored.tables = touched.filter(|table| !restored.blind.contains(table)).collect();
    Ok(restored)
}

/// That central's schema is of another version than this build's.
fn other_version(layout: &Layout) -> Option<CentralError> {
    let (found, known) = (layout.version, known_version());
    match found.cmp(&known) {
        Ordering::Equal => None,
        Ordering::Greater => Some(CentralError::Newer { found, known }),
        Ordering::Less => Some(CentralError::Older { found, known }),
    }
}

/// An error that is not about this trigger ends it all.
async fn make(connection: &mut MySqlConnection, trigger: &Trigger) -> Result<(), CentralError> {
    run_made(connection, trigger.create()).await.map_err(CentralError::from)
}
