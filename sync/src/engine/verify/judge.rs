//! Whether a row that seems to differ does, how, and what heals it.
//!
//! The replica's side is read first, with its cursor; then central's, in one snapshot. A captured change that the replica
//! had not pulled shows there in the outbox or with a number above the cursor: then the row is only being changed
//! ([`Judge::busy`]). What differs without that, nothing captured.
//!
//! A row whose values are equal once they are decoded is none of it, and is remembered, so that the next comparison does
//! not come down to it again.

use std::collections::BTreeMap;

use merge::{Row, RowId, Value};
use migrations::{Direction, Entity};

use super::super::SyncError;
use super::is_mass;
use super::kinds::{Difference, Heal, Kind, TableFindings};
use crate::central::{Central, CentralError, Missing, Stand};
use crate::clock::parse_datetime;
use crate::digest::row_hash;
use crate::local::{self, Expectation, Orphan, Store};

/// Rows that are named in a report, for each table.
const NAMED: usize = 20;
/// Rows healed by one statement.
const AT_ONCE: usize = 256;

/// Long enough that nobody is still loading the parents of rows that were loaded first, in microseconds.
const LONG_AGO_US: u64 = 3_600_000_000;

/// When a row that refers to nothing is an orphan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// At once: somebody asked.
    None,
    /// When its parent's delete was captured, and it has waited for an hour.
    UntilDeletedLongAgo,
}

/// What judges the rows of one table.
pub(super) struct Judge<'a> {
    pub(super) central: &'a Central,
    pub(super) store: &'a Store,
    pub(super) entity: &'static Entity,
    pub(super) heal: Heal,
    pub(super) findings: TableFindings,
    /// Rows that were being changed when they were looked at.
    pub(super) busy: Vec<RowId>,
    /// Rows that vanished, as long as it is open what that means. Not longer than what is still no mass.
    vanished: Vec<RowId>,
    /// Rows of the table, for telling what is a mass.
    rows: u64,
}

/// A row that differs.
struct Found {
    id: RowId,
    kind: Kind,
    columns: Vec<&'static str>,
    here: Option<Row>,
    there: Option<Row>,
}

/// What became of a look at a row.
enum Verdict {
    Equal { here: Option<u64>, there: u64, quarantined: bool },
    Same,
    Busy,
    Differs(Found),
}

impl<'a> Judge<'a> {
    pub(super) fn new(central: &'a Central, store: &'a Store, entity: &'static Entity, heal: Heal, rows: u64) -> Self {
        let findings = TableFindings { table: entity.name.to_owned(), ..TableFindings::default() };
        Self { central, store, entity, heal, findings, busy: Vec::new(), vanished: Vec::new(), rows }
    }

    /// Looks at rows that seem to differ.
    pub(super) async fn look(&mut self, ids: Vec<RowId>) -> Result<(), SyncError> {
        let asked = ids.clone();
        let mut expected = self.store.read_async(move |tx| local::expected(tx, &asked)).await?;
        let mut standing = self.central.standing(&ids).await?;
        if expected.epoch.as_ref() != Some(&standing.epoch) {
            return Err(CentralError::Protocol("it is another one than a moment ago; compare again".into()).into());
        }
        let mut alike = Vec::new();
        let mut differing = Vec::new();
        for id in ids {
            let here = expected.rows.remove(&id).unwrap_or_default();
            let there = standing.rows.remove(&id).unwrap_or_default();
            match verdict(id.clone(), here, there, expected.cursor) {
                Verdict::Same => {}
                Verdict::Busy => self.busy.push(id),
                Verdict::Equal { here, there, quarantined } => alike.push((id, here, there, quarantined)),
                Verdict::Differs(found) => differing.push(found),
            }
        }
        if !alike.is_empty() {
            let note = move |tx: &mut local::WriteTx<'_>| {
                alike.iter().try_for_each(|(id, here, there, quarantined)| {
                    local::note_alike(tx, id, *here, *there, *quarantined)
                })
            };
            self.store.write_async(note).await?;
        }
        self.found(differing).await
    }

    /// Counts what differs and heals what needs no further thought.
    async fn found(&mut self, differing: Vec<Found>) -> Result<(), SyncError> {
        let mut missing = Vec::new();
        let mut readmitted = Vec::new();
        let mut set_aside = Vec::new();
        for found in differing {
            self.count(&found);
            match (self.heal, found.kind) {
                (Heal::Nothing, Kind::Vanished) => {}
                (Heal::Careful, Kind::Vanished) => self.wait(found.id),
                (Heal::Nothing, _) => self.leave(found.kind, 1),
                (Heal::Restore, Kind::Vanished) if can_push(self.entity) => readmitted.push(found.id),
                (_, Kind::NeverUploaded) => readmitted.push(found.id),
                (_, Kind::Vanished | Kind::DeletedThere) => missing.push(deleted(found)),
                (_, Kind::Differs | Kind::MissingHere | Kind::Orphaned) => {
                    set_aside.extend(found.newer_here().then(|| (found.id.clone(), found.here.clone())));
                    missing.push(touched(found));
                }
            }
        }
        if !set_aside.is_empty() {
            let keep = move |tx: &mut local::WriteTx<'_>| {
                set_aside.iter().try_for_each(|(id, row)| local::set_aside(tx, id, row.as_ref()))
            };
            self.store.write_async(keep).await?;
        }
        self.findings.healed += missing.len() as u64;
        if !missing.is_empty() {
            self.central.enter(&missing).await?;
        }
        if !readmitted.is_empty() {
            self.findings.healed += self.store.write_async(move |tx| local::readmit(tx, &readmitted)).await?;
        }
        Ok(())
    }

    /// At the end of the table: what the rows that vanished mean.
    pub(super) async fn decide_vanished(&mut self) -> Result<(), SyncError> {
        let count = self.findings.found.get(&Kind::Vanished).copied().unwrap_or(0);
        let kept_all = self.heal != Heal::Careful || self.vanished.len() as u64 == count;
        self.findings.mass = !kept_all || is_mass(count, self.rows.max(self.findings.rows));
        match self.heal {
            Heal::Nothing => self.leave(Kind::Vanished, count),
            Heal::Careful if self.findings.mass => self.leave(Kind::Vanished, count),
            Heal::Careful => {
                let vanished = std::mem::take(&mut self.vanished);
                for ids in vanished.chunks(AT_ONCE) {
                    let asked = ids.to_vec();
                    let mut expected = self.store.read_async(move |tx| local::expected(tx, &asked)).await?;
                    let images = ids.iter().filter_map(|id| Some((id, expected.rows.remove(id)?.row?)));
                    let missing: Vec<Missing> =
                        images.map(|(id, row)| Missing { id: id.clone(), deleted: Some(row), time_us: None }).collect();
                    self.findings.healed += missing.len() as u64;
                    self.central.enter(&missing).await?;
                }
            }
            Heal::AcceptDeletes | Heal::Restore => {}
        }
        Ok(())
    }

    /// Rows that refer to nothing. A parent that only central lacks is no such case: it vanished, which is decided first.
    pub(super) async fn orphans(&mut self, patience: Patience) -> Result<(), SyncError> {
        let entity = self.entity;
        let before_us = match patience {
            Patience::None => u64::MAX >> 1,
            Patience::UntilDeletedLongAgo => self.store.clock().now_us().saturating_sub(LONG_AGO_US),
        };
        let orphans = self.store.read_async(move |tx| local::orphans(tx, entity, before_us)).await?;
        for some in orphans.chunks(AT_ONCE) {
            let ids: Vec<RowId> = some.iter().flat_map(|one| [one.child.clone(), one.parent.clone()]).collect();
            let standing = self.central.standing(&ids).await?;
            let there = |id: &RowId| standing.rows.get(id).is_some_and(|stand| stand.row.is_some());
            let deleted = |id: &RowId| standing.rows.get(id).is_some_and(|stand| stand.seq > 0 && stand.deleted);
            let lasting = some.iter().filter(|one| there(&one.child) && !there(&one.parent));
            let lasting: Vec<&Orphan> =
                lasting.filter(|one| patience == Patience::None || deleted(&one.parent)).collect();
            for one in &lasting {
                let columns = vec![one.column];
                self.count(&Found { id: one.child.clone(), kind: Kind::Orphaned, columns, here: None, there: None });
            }
            let settled: Vec<RowId> = lasting
                .iter()
                .filter(|one| one.settleable && self.heal != Heal::Nothing)
                .map(|one| one.child.clone())
                .collect();
            self.leave(Kind::Orphaned, (lasting.len() - settled.len()) as u64);
            if !settled.is_empty() {
                self.findings.healed += settled.len() as u64;
                self.store.apply_async(move |tx| local::settle_orphans(tx, &settled)).await?;
            }
        }
        Ok(())
    }

    fn count(&mut self, found: &Found) {
        *self.findings.found.entry(found.kind).or_default() += 1;
        if self.findings.examples.len() < NAMED {
            self.findings.examples.push(Difference {
                table: found.id.entity.name.to_owned(),
                key: found.id.key.to_string(),
                kind: found.kind,
                columns: found.columns.iter().map(|column| (*column).to_owned()).collect(),
            });
        }
    }

    fn leave(&mut self, kind: Kind, rows: u64) {
        if rows > 0 {
            *self.findings.left.entry(kind).or_default() += rows;
        }
    }

    /// Keeps a row that vanished for the decision at the end, unless it is clear by now that there are too many.
    fn wait(&mut self, id: RowId) {
        if is_mass(self.vanished.len() as u64 + 1, self.rows) {
            return;
        }
        self.vanished.push(id);
    }
}

impl Found {
    /// True when the row here was changed later than the one that will replace it: central was put back to an earlier
    /// state, and what is here must stay on record.
    fn newer_here(&self) -> bool {
        let changed = |row: &Option<Row>| updated_us(row.as_ref()?);
        changed(&self.here) > changed(&self.there) && self.there.is_some()
    }
}

fn updated_us(row: &Row) -> Option<u64> {
    let position = row.entity().position("updated_at")?;
    parse_datetime(row.at(position).as_text()?)
}

fn can_push(entity: &Entity) -> bool {
    entity.sync.direction != Direction::Pull
}

fn deleted(found: Found) -> Missing {
    // Without an image the entry would say that the row is still there.
    let image = found.here.unwrap_or_else(|| Row::new(found.id.entity));
    Missing { id: found.id, deleted: Some(image), time_us: None }
}

fn touched(found: Found) -> Missing {
    let time_us = found.there.as_ref().and_then(updated_us);
    Missing { id: found.id, deleted: None, time_us }
}

fn verdict(id: RowId, here: Expectation, there: Stand, cursor: u64) -> Verdict {
    let hash = here.row.as_ref().map(row_hash);
    let equal = match (&here.row, &there.row) {
        (Some(here), Some(Ok(there))) => here == there,
        (None, None) => return Verdict::Same,
        _ => false,
    };
    if let Some(there) = there.hash.filter(|_| equal) {
        return Verdict::Equal { here: hash, there, quarantined: false };
    }
    if there.waiting || there.seq > cursor {
        return Verdict::Busy;
    }
    if here.quarantined {
        return match there.hash {
            Some(there) => Verdict::Equal { here: hash, there, quarantined: true },
            None => Verdict::Same,
        };
    }
    let (there_row, columns) = match there.row {
        Some(Ok(row)) => {
            let columns = here.row.as_ref().map_or_else(Vec::new, |here| differing(here, &row));
            (Some(row), columns)
        }
        Some(Err(unreadable)) => (None, vec![unreadable.column]),
        None => (None, Vec::new()),
    };
    let kind = match (&here.row, there.hash) {
        (Some(_), Some(_)) => Kind::Differs,
        (None, _) => Kind::MissingHere,
        (Some(_), None) if there.seq > 0 && there.deleted => Kind::DeletedThere,
        (Some(_), None) if there.seq > 0 || !can_push(id.entity) => Kind::Vanished,
        (Some(_), None) => Kind::NeverUploaded,
    };
    Verdict::Differs(Found { id, kind, columns, here: here.row, there: there_row })
}

fn differing(here: &Row, there: &Row) -> Vec<&'static str> {
    let pairs = here.entity().columns.iter().zip(here.values().iter().zip(there.values()));
    let differing = pairs.filter(|(_, (here, there)): &(_, (&Value, &Value))| here != there);
    differing.map(|(column, _)| column.name).collect()
}

/// The counts of kinds by their names.
pub(super) fn by_name(counts: &BTreeMap<Kind, u64>) -> BTreeMap<&'static str, u64> {
    counts.iter().map(|(kind, rows)| (kind.name(), *rows)).collect()
}
