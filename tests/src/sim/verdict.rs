//! Whether anything was lost, made up, counted twice or left apart: the invariants, checked when all is still.
//!
//! Convergence alone is no proof: replicas that all forget the same thing agree. So each write is asked for (is it
//! there, was it superseded by one who saw it, deleted by one who saw it, or is it in a conflict record?), and each value
//! that is there is asked whether it should be.

use std::collections::{BTreeMap, BTreeSet};

use merge::{Row, RowId};
use sync::engine::RoundReport;

use super::links::{links_kept, names_of};
use super::machine::Machine;
use super::tokens::{Tokens, tokens_in};
use super::world::{World, id_of, text};

/// What a machine's bookkeeping says.
pub(super) struct Books {
    /// Rows that a side refused: kind by row.
    pub(super) quarantined: BTreeMap<RowId, String>,
    dirty: BTreeSet<RowId>,
    parked: u64,
    in_flight: u64,
    conflicts: u64,
    dangling: u64,
}

/// Records that do not tell by which rule which side stands, and what lost against it.
const INCOMPLETE: &str = "SELECT tbl || '/' || pk, '' FROM ct_sync_conflicts \
     WHERE rule = '' OR winner NOT IN ('local', 'remote') OR columns IN ('', '[]') OR loser NOT IN ('values', 'row', 'delete') \
       OR (loser = 'row' AND set_aside = '{}') OR (loser = 'delete' AND kept = '{}')";

/// Remembers what a machine's conflict record has.
pub(super) fn harvest(machine: &Machine, tokens: &mut Tokens) -> Result<u64, String> {
    let records = pairs(machine, "SELECT tbl || '/' || pk, set_aside FROM ct_sync_conflicts")?;
    if let Some((row, _)) = pairs(machine, INCOMPLETE)?.first() {
        return Err(format!("a conflict record of {row} does not tell rule, winner, columns and what lost"));
    }
    for (row, set_aside) in &records {
        let (table, key) = row.split_once('/').unwrap_or_default();
        tokens.record(table, key, set_aside);
    }
    Ok(records.len() as u64)
}

/// Remembers which ids a machine has given up for others.
pub(super) fn note_aliases(machine: &Machine, tokens: &mut Tokens) -> Result<(), String> {
    for (row, target) in pairs(machine, "SELECT tbl || '/' || alias, target FROM ct_sync_aliases")? {
        let Some((table, key)) = row.split_once('/') else { continue };
        tokens.aliases.entry((table.to_owned(), key.to_owned())).or_default().insert(target);
    }
    Ok(())
}

/// How far a machine has come with a central, by its own bookkeeping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// Its identity and central's epoch.
    with: Vec<String>,
    cursor: i64,
    batch_no: i64,
    acknowledged_no: i64,
}

impl Progress {
    pub(super) fn of(machine: &Machine) -> Result<Self, String> {
        let known: BTreeMap<String, String> =
            pairs(machine, "SELECT name, CAST(value AS TEXT) FROM ct_sync_state")?.into_iter().collect();
        let number = |name: &str| known.get(name).and_then(|value| value.parse().ok()).unwrap_or(0);
        let with = ["replica_id", "epoch"].iter().filter_map(|name| known.get(*name).cloned()).collect();
        let (cursor, batch_no) = (number("cursor"), number("batch_no"));
        Ok(Self { with, cursor, batch_no, acknowledged_no: number("acknowledged_no") })
    }

    /// With one central, as one machine, nothing ever goes back.
    pub(super) fn goes_on_from(&self, before: &Self) -> bool {
        self.with != before.with
            || (self.cursor >= before.cursor
                && self.batch_no >= before.batch_no
                && self.acknowledged_no >= before.acknowledged_no)
    }
}

/// True when a conflict record of the machine has the token.
pub(super) fn has_on_record(machine: &Machine, token: usize) -> bool {
    let records = pairs(machine, "SELECT tbl, set_aside FROM ct_sync_conflicts").unwrap_or_default();
    records.iter().any(|(_, set_aside)| tokens_in(set_aside).any(|known| known == token))
}

pub(super) fn pairs(machine: &Machine, sql: &'static str) -> Result<Vec<(String, String)>, String> {
    let read = machine.store.read(|tx| {
        let mut statement = tx.connection().prepare_cached(sql)?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<Vec<_>, _>>()?)
    });
    read.map_err(text)
}

fn count(machine: &Machine, sql: &'static str) -> Result<u64, String> {
    machine.store.read(|tx| Ok(tx.connection().query_row(sql, [], |row| row.get(0))?)).map_err(text)
}

fn books(machine: &Machine, tokens: &mut Tokens) -> Result<Books, String> {
    let by_row = |sql| -> Result<Vec<(RowId, String)>, String> {
        let found = pairs(machine, sql)?.into_iter();
        let with_id = found.filter_map(|(row, rest)| {
            let (table, key) = row.split_once('/')?;
            Some((id_of(table, key)?, rest))
        });
        Ok(with_id.collect())
    };
    Ok(Books {
        quarantined: by_row(
            "SELECT tbl || '/' || pk, refused_by || ' ' || kind || ' ' || reason FROM ct_sync_quarantine",
        )?
        .into_iter()
        .collect(),
        dirty: by_row("SELECT tbl || '/' || pk, '' FROM ct_sync_dirty")?.into_iter().map(|(id, _)| id).collect(),
        parked: count(machine, "SELECT count(*) FROM ct_sync_parked")?,
        in_flight: count(machine, "SELECT count(*) FROM ct_sync_inflight")?,
        conflicts: harvest(machine, tokens)?,
        dangling: count(machine, "SELECT count(*) FROM pragma_foreign_key_check")?,
    })
}

/// Checks a world in which nothing moves any more.
pub(super) fn check(world: &mut World) -> Result<(), String> {
    let central: BTreeMap<RowId, Row> = world.model.state().rows().map(|row| (row.id(), row.clone())).collect();
    world.tally.rows = central.len() as u64;
    let mut all = Vec::new();
    for at in 0..world.machines.len() {
        let books = books(&world.machines[at], &mut world.tokens)?;
        converged(at, &world.machines[at], &books, &central)?;
        world.tally.conflicts += books.conflicts;
        world.tally.quarantined += books.quarantined.len() as u64;
        all.push(books);
    }
    world.tally.acknowledged = world.tokens.acknowledged;
    let mut present: BTreeMap<usize, RowId> = BTreeMap::new();
    for row in central.values() {
        let found = row.values().iter().filter_map(|value| value.as_text()).flat_map(tokens_in);
        present.extend(found.map(|token| (token, row.id())));
    }
    // A machine that was away hears of it in no other way.
    if let Some(id) = world.model.state().untold() {
        return Err(format!("the change log does not tell the end of {id}"));
    }
    let set_apart = set_apart(world, &all)?;
    none_made_up(world, &present)?;
    none_lost(world, &present, &set_apart)?;
    none_stale(world, &present)?;
    links_kept(world, &central, &all)?;
    deletes_kept(world, &central, &all)?;
    counts_exact(world, &central, &all)
}

/// One replica against central.
fn converged(at: usize, machine: &Machine, books: &Books, central: &BTreeMap<RowId, Row>) -> Result<(), String> {
    let here = machine.rows().map_err(text)?;
    let ids: BTreeSet<&RowId> = here.keys().chain(central.keys()).collect();
    for id in ids {
        if here.get(id) != central.get(id) && !books.quarantined.contains_key(id) {
            let how = match (here.get(id), central.get(id)) {
                (Some(here), Some(there)) => differences(here, there),
                (Some(_), None) => "central lacks it".to_owned(),
                _ => "the machine lacks it".to_owned(),
            };
            return Err(format!("machine {at} and central differ in {id}: {how}"));
        }
    }
    if let Some(id) = books.dirty.iter().find(|id| !books.quarantined.contains_key(id)) {
        return Err(format!("machine {at} still has to push {id}"));
    }
    if books.in_flight > 0 || books.parked > 0 || books.dangling > 0 {
        let (flight, parked, dangling) = (books.in_flight, books.parked, books.dangling);
        return Err(format!("machine {at}: in flight {flight}, parked {parked}, dangling references {dangling}"));
    }
    for (id, kind) in &books.quarantined {
        // Another row, which has a reason of its own, stands in the way.
        let of_parent = kind.contains("missing parent");
        let refers = |other: &RowId| central.get(other).is_some_and(|row| refers_to(row, id));
        let of_child = kind.contains("has children") && books.quarantined.keys().any(refers);
        let rival = |other: &RowId| {
            let pair = (here.get(id), central.get(other).filter(|_| other != id));
            matches!(pair, (Some(here), Some(there)) if share_a_key(here, there))
        };
        let of_rival = kind.contains("unique key") && books.quarantined.keys().any(rival);
        let excused = of_parent
            || of_child
            || of_rival
            || (kind.contains("check") && is_own_fault(here.get(id), central.get(id)));
        if !excused {
            return Err(format!("machine {at}: {id} is in quarantine without need: {kind}"));
        }
    }
    Ok(())
}

fn refers_to(row: &Row, id: &RowId) -> bool {
    merge::parents(row).any(|(reference, key)| reference.references == id.entity.name && key == id.key)
}

fn share_a_key(one: &Row, other: &Row) -> bool {
    let same = |columns: &[&str]| columns.iter().all(|column| one.get(column) == other.get(column));
    one.entity() == other.entity() && one.entity().unique.iter().any(|index| same(index.columns))
}

/// True when what a condition refuses is all of the machine's own making: what is refused whatever else there is, or a
/// change of everything that the condition is about.
fn is_own_fault(here: Option<&Row>, there: Option<&Row>) -> bool {
    let (Some(here), Some(there)) = (here, there) else { return true };
    let changed = |column: &str| here.entity().column(column).is_some() && here.get(column) != there.get(column);
    changed("address") || (changed("status") && changed("serial_number"))
}

fn differences(here: &Row, there: &Row) -> String {
    let pairs = here.values().iter().zip(there.values()).zip(here.entity().columns);
    let shown = pairs.filter(|((here, there), _)| here != there).map(|((here, there), column)| {
        let show =
            |value: &merge::Value| value.as_text().map_or_else(|| format!("{:?}", value.as_int()), str::to_owned);
        format!("{} is {} and {}", column.name, show(here), show(there))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Tokens in rows that a machine keeps to itself because a side refused them.
fn set_apart(world: &World, books: &[Books]) -> Result<BTreeSet<usize>, String> {
    let mut tokens = BTreeSet::new();
    for (machine, books) in world.machines.iter().zip(books) {
        for id in books.quarantined.keys() {
            let row = machine.store.read(|tx| tx.get(id.entity, &id.key)).map_err(text)?;
            let texts = row.iter().flat_map(Row::values).filter_map(|value| value.as_text());
            tokens.extend(texts.flat_map(tokens_in));
        }
    }
    Ok(tokens)
}

/// Every value that is there was written by somebody, into that column.
fn none_made_up(world: &World, present: &BTreeMap<usize, RowId>) -> Result<(), String> {
    for (number, row) in present {
        match world.tokens.get(*number).filter(|token| token.row.is_some()) {
            None => return Err(format!("w{number} in {row} was never acknowledged")),
            Some(token) if token.place.0 != row.entity.name => {
                return Err(format!("w{number} was written into {} and is in {row}", token.place.0));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Every acknowledged write is there, superseded, deleted on purpose, or on record.
fn none_lost(world: &World, present: &BTreeMap<usize, RowId>, set_apart: &BTreeSet<usize>) -> Result<(), String> {
    for (number, token) in world.tokens.written() {
        let known =
            present.contains_key(&number) || set_apart.contains(&number) || world.tokens.recorded.contains(&number);
        let meant = !token.superseded_by.is_empty() || token.emptied || token.deleted || token.forgiven;
        if !known && !meant {
            let row = token.row.as_ref().map(ToString::to_string).unwrap_or_default();
            return Err(format!(
                "w{number}, written by {} into {} of {row}, is lost",
                who(token.writer),
                token.place.1
            ));
        }
    }
    Ok(())
}

fn who(writer: super::tokens::Writer) -> String {
    writer.map_or_else(|| "another program".to_owned(), |machine| format!("machine {machine}"))
}

/// No value is there that somebody wrote over, unless what was written over it lost on record.
fn none_stale(world: &World, present: &BTreeMap<usize, RowId>) -> Result<(), String> {
    if world.has_restored_central {
        return Ok(());
    }
    for (number, row) in present {
        let Some(token) = world.tokens.get(*number) else { continue };
        for &later in &token.superseded_by {
            // What never left its machine, and was deleted there, is known to nobody.
            let known = world.model.state().has_seen(later);
            let lives_on = is_there(&world.tokens, later, present, &mut BTreeSet::new());
            if known && !is_dead(&world.tokens, later, &mut BTreeSet::new()) && !lives_on {
                return Err(format!("w{number} in {row} is stale: w{later} was written over it"));
            }
        }
    }
    Ok(())
}

/// Present, or written over by what is: a row that one machine folded into another has two heirs.
fn is_there(tokens: &Tokens, number: usize, present: &BTreeMap<usize, RowId>, seen: &mut BTreeSet<usize>) -> bool {
    let later = tokens.get(number).filter(|_| seen.insert(number)).map(|token| token.superseded_by.as_slice());
    present.contains_key(&number)
        || later.unwrap_or_default().iter().any(|&later| is_there(tokens, later, present, seen))
}

/// Lost on record, or never to be had.
fn is_dead(tokens: &Tokens, number: usize, seen: &mut BTreeSet<usize>) -> bool {
    let Some(token) = tokens.get(number).filter(|_| seen.insert(number)) else { return true };
    let superseded =
        !token.superseded_by.is_empty() && token.superseded_by.iter().all(|&later| is_dead(tokens, later, seen));
    tokens.recorded.contains(&number) || token.forgiven || superseded
}

/// No row is there that nobody made, and none that was deleted, unless it is on record or was made again.
fn deletes_kept(world: &World, central: &BTreeMap<RowId, Row>, books: &[Books]) -> Result<(), String> {
    for id in central.keys() {
        let Some(fate) = world.tokens.fates.get(id) else {
            if id.entity.primary_key.len() > 1 {
                continue; // A link is made anew when one of its ends gets another name.
            }
            return Err(format!("nobody made {id}"));
        };
        let recorded = world.tokens.recorded_rows.contains(&(id.entity.name.to_owned(), id.key.as_str().to_owned()));
        // A link that two make is none that one of them can take back.
        let same = |other: &RowId| other.entity == id.entity && names_of(other, &world.tokens.aliases).contains(id);
        let made_twice = id.entity.primary_key.len() > 1
            && world
                .tokens
                .fates
                .iter()
                .filter(|(other, _)| same(other))
                .map(|(_, fate)| fate.made.len())
                .sum::<usize>()
                > 1;
        let unheard = world.has_restored && world.tokens.unheard.contains(id);
        let waits = books.iter().any(|books| books.quarantined.contains_key(id));
        let excused =
            unheard || waits || fate.made_after_delete || recorded || made_twice || world.has_restored_central;
        if !fate.deleted.is_empty() && !excused {
            return Err(format!("{id} was deleted, is there, and no record says why"));
        }
    }
    Ok(())
}

/// Each counter is the sum of what was added to it.
fn counts_exact(world: &World, central: &BTreeMap<RowId, Row>, books: &[Books]) -> Result<(), String> {
    if world.has_restored || world.has_restored_central {
        return Ok(());
    }
    for ((id, column), sum) in &world.tokens.counts {
        let untouched =
            world.tokens.fates.get(id).is_some_and(|fate| fate.deleted.is_empty()) && id.entity.unique.is_empty();
        let found = central.get(id).and_then(|row| row.int(column));
        let waits = books.iter().any(|books| books.quarantined.contains_key(id));
        if untouched && !waits && found.is_some_and(|found| found != *sum) {
            return Err(format!("{column} of {id} is {found:?}, and {sum} were counted"));
        }
    }
    Ok(())
}

/// A number that two runs of one seed have in common.
pub(super) fn hash(world: &World) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let state = world.model.state();
    for byte in state.rows().flat_map(merge::encode) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

/// What each machine still has to do when rows move for ever.
pub(super) fn unsettled(world: &mut World, reports: &[RoundReport]) -> Result<String, String> {
    let mut told = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        let books = books(&world.machines[at], &mut world.tokens)?;
        let dirty: Vec<String> = books.dirty.iter().map(ToString::to_string).collect();
        let refused: Vec<String> = books.quarantined.iter().map(|(id, kind)| format!("{id} ({kind})")).collect();
        told.push(format!(
            "machine {at} pulled {} pushed {} merged {}, dirty [{}], refused [{}], parked {}",
            report.pulled,
            report.pushed,
            report.merged,
            dirty.join(", "),
            refused.join(", "),
            books.parked
        ));
    }
    Ok(told.join("; "))
}
