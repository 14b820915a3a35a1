//! The record of what was acknowledged, and the proof that nothing of it was lost.
//!
//! Every value that is written is written once only, so it can be recognised wherever it ends: it stands; or a later
//! write replaced it whose author had seen it; or a delete removed it whose author had seen it; or a conflict record of
//! some machine has set it aside; or it waits in quarantine on its machine. Anything else is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use migrations::Entity;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};
use sync::local::inspect;
use world::proxy::Proxy;

use crate::compare;
use crate::reconcile::Central;

/// The file that summaries are appended to, a line of JSON each.
const REPORT: &str = "CLAUDETOOLS_FAULTS_REPORT";
/// Set when everything is to be tried, however long it takes.
const ALL: &str = "CLAUDETOOLS_FAULTS_ALL";

/// Whether everything is to be tried: `cargo xtask faults --all`.
pub(crate) fn everything() -> bool {
    std::env::var_os(ALL).is_some()
}

/// A value of one column of one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) table: &'static str,
    pub(crate) key: String,
    pub(crate) column: &'static str,
}

/// Who wrote what where, in the order of the acknowledgements.
#[derive(Debug)]
struct Write {
    by: String,
    cell: Cell,
    /// None: the row was deleted.
    value: Option<String>,
    /// What the author saw there.
    replaced: Option<String>,
    acknowledged: bool,
}

/// All writes of a test. Machines and foreign writers share it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    writes: Mutex<Vec<Write>>,
    values: AtomicU64,
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Vec<Write>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The columns that were written.
    fn columns(&self) -> BTreeSet<(&'static str, &'static str)> {
        self.lock().iter().map(|write| (write.cell.table, write.cell.column)).collect()
    }

    /// A value that nobody has written yet.
    pub(crate) fn token(&self, by: &str) -> String {
        format!("<{by}:{}>", self.values.fetch_add(1, Ordering::Relaxed))
    }

    /// A write that was acknowledged; `replaced` is what its author saw there.
    pub(crate) fn wrote(&self, by: &str, cell: Cell, value: &str, replaced: Option<String>) {
        self.add(by, cell, Some(value.to_owned()), replaced, true);
    }

    /// A delete that was acknowledged, of a row that had this value.
    pub(crate) fn deleted(&self, by: &str, cell: Cell, replaced: Option<String>) {
        self.add(by, cell, None, replaced, true);
    }

    /// A value that was acknowledged to be somewhere in a column of a row that its author cannot name, and that nobody
    /// ever changes.
    pub(crate) fn saved(&self, by: &str, table: &'static str, column: &'static str, value: &str) {
        self.wrote(by, Cell { table, key: String::new(), column }, value, None);
    }

    /// A write whose answer was lost: it may stand or not, but it may have replaced something.
    pub(crate) fn attempted(&self, by: &str, cell: Cell, value: Option<&str>, replaced: Option<String>) {
        self.add(by, cell, value.map(str::to_owned), replaced, false);
    }

    fn add(&self, by: &str, cell: Cell, value: Option<String>, replaced: Option<String>, acknowledged: bool) {
        self.lock().push(Write { by: by.to_owned(), cell, value, replaced, acknowledged });
    }

    /// Compares what was acknowledged with what is there, and these tables of the replicas with central's.
    pub(crate) async fn settle(
        &self,
        central: &Central<'_>,
        replicas: &[&Path],
        tables: &[&'static Entity],
    ) -> Summary {
        let mut summary = Summary::default();
        let mut connection = central.connect().await;
        for table in tables {
            let there = compare::at_central(&mut connection, table).await;
            let found = replicas.iter().filter_map(|replica| {
                let difference = compare::difference(table, &there, &compare::at_replica(replica, table))?;
                Some(format!("{}: {difference}", replica.display()))
            });
            summary.diverged.extend(found);
        }
        let set_aside = replicas.iter().flat_map(|replica| texts(replica, SET_ASIDE)).collect::<Vec<_>>();
        summary.conflicts = set_aside.len() as u64;
        let waiting: BTreeSet<String> = replicas.iter().flat_map(|replica| texts(replica, WAITING)).collect();
        summary.quarantined = waiting.len() as u64;
        let standing = Standing::of(central, self.columns()).await;
        let writes = self.lock();
        summary.acknowledged = writes.iter().filter(|write| write.acknowledged).count() as u64;
        let seen: BTreeSet<(&Cell, &str)> =
            writes.iter().filter_map(|write| Some((&write.cell, write.replaced.as_deref()?))).collect();
        for write in writes.iter().filter(|write| write.acknowledged) {
            let Some(value) = &write.value else { continue };
            let is_kept = standing.has(&write.cell, value)
                || seen.contains(&(&write.cell, value.as_str()))
                || set_aside.iter().any(|text| text.contains(value))
                || waiting.contains(&format!("{} {}", write.cell.table, write.cell.key));
            if !is_kept {
                summary.lost.push(format!("{value} of {} in {:?}", write.by, write.cell));
            }
        }
        summary
    }
}

/// What was set aside, a text for each conflict.
const SET_ASIDE: &str = "SELECT set_aside || kept FROM ct_sync_conflicts";
/// The rows that one side refused.
const WAITING: &str = "SELECT DISTINCT tbl || ' ' || pk FROM ct_sync_quarantine";

fn texts(replica: &Path, sql: &str) -> Vec<String> {
    let found = inspect(replica, |tx| {
        let mut statement = tx.connection().prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?)
    });
    found.unwrap()
}

/// What central has in the cells that were written.
struct Standing(BTreeMap<(&'static str, &'static str), BTreeMap<String, String>>);

impl Standing {
    async fn of(central: &Central<'_>, columns: BTreeSet<(&'static str, &'static str)>) -> Self {
        let mut connection = central.connect().await;
        let mut standing = BTreeMap::new();
        for (table, column) in columns {
            let text = format!("SELECT CAST(id AS CHAR), {column} FROM {table} WHERE {column} IS NOT NULL");
            let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection).await.unwrap();
            let rows = rows.iter().map(|row| (row.get_unchecked(0), row.get_unchecked(1)));
            standing.insert((table, column), rows.collect());
        }
        Self(standing)
    }

    fn has(&self, cell: &Cell, value: &str) -> bool {
        let column = self.0.get(&(cell.table, cell.column));
        if cell.key.is_empty() {
            return column.is_some_and(|rows| rows.values().any(|there| there.contains(value)));
        }
        column.and_then(|rows| rows.get(&cell.key)).is_some_and(|there| there == value)
    }
}

/// What a test with faults has measured.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Writes that were acknowledged, or what `instead` names.
    pub(crate) acknowledged: u64,
    /// What is counted instead of writes; then nothing is told of faults, differences, conflicts and quarantine.
    pub(crate) instead: Option<&'static str>,
    /// Faults that were injected, by kind.
    pub(crate) faults: BTreeMap<String, u64>,
    /// Acknowledged writes that are nowhere.
    pub(crate) lost: Vec<String>,
    /// Differences between central and a replica.
    pub(crate) diverged: Vec<String>,
    /// Conflicts on record, of all machines.
    pub(crate) conflicts: u64,
    /// Rows in quarantine, of all machines.
    pub(crate) quarantined: u64,
    /// What else was measured, by name.
    pub(crate) figures: BTreeMap<&'static str, String>,
}

impl Summary {
    /// Adds faults of one kind.
    pub(crate) fn injected(&mut self, kind: &str, count: u64) {
        *self.faults.entry(kind.to_owned()).or_default() += count;
    }

    /// Adds what a proxy did.
    pub(crate) fn injected_by(&mut self, proxy: &Proxy) {
        for (kind, count) in proxy.injected() {
            self.injected(kind, count);
        }
    }

    /// Prints it, appends it to the report if one is wanted, and fails when something is lost or differs.
    pub(crate) fn report(&self, test: &str) {
        println!("{test}: {self}");
        if let Some(path) = std::env::var_os(REPORT) {
            let mut line = json!({
                "test": test, "acknowledged": self.acknowledged, "lost": self.lost.len(), "figures": self.figures,
            });
            if let Some(what) = self.instead {
                line["counted"] = what.into();
            } else {
                line["faults"] = json!(self.faults);
                line["diverged"] = self.diverged.len().into();
                line["conflicts"] = self.conflicts.into();
                line["quarantined"] = self.quarantined.into();
            }
            let file = std::fs::File::options().create(true).append(true).open(path);
            // One write, so that the lines of tests that end together do not mix.
            file.unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        let few: Vec<&String> = self.lost.iter().take(5).collect();
        assert!(few.is_empty(), "{test} lost {}, for instance {few:?}", self.lost.len());
        assert!(self.diverged.is_empty(), "{test} diverged:\n{}", self.diverged.join("\n"));
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(what) = self.instead {
            write!(f, "{} {what}; lost {}", self.acknowledged, self.lost.len())?;
        } else {
            let faults: Vec<String> = self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            write!(
                f,
                "{} writes acknowledged; {} faults ({}); lost {}, diverged {}, conflicts recorded {}, quarantined {}",
                self.acknowledged,
                self.faults.values().sum::<u64>(),
                faults.join(", "),
                self.lost.len(),
                self.diverged.len(),
                self.conflicts,
                self.quarantined
            )?;
        }
        self.figures.iter().try_for_each(|(name, figure)| write!(f, "; {name}: {figure}"))
    }
}
