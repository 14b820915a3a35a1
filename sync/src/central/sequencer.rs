//! Numbers what is committed: from the outbox to the change log.
//!
//! The triggers append to `ct_sync_outbox` within their writers' transactions and wait for nobody. Whoever pulls first
//! takes the lock of the counter, reads what is committed (`SKIP LOCKED` leaves out what is not, however long it takes)
//! and gives each key the next number. So a number is only ever given to what is visible, and a cursor over the numbers
//! misses nothing.
//!
//! Two things follow from the outbox not being in the order of commits:
//! - The last operation of a key does not tell whether its row is there. Keys with a delete among their operations are
//!   looked up. A change that commits after the look-up brings an entry, and a number, of its own.
//! - A key that several writers touched has no origin: a replica that takes its own pushes for known would overlook what
//!   another one wrote in between.

use std::collections::{HashMap, HashSet};

use merge::Key;
use sqlx::Row as _;
use sqlx::mysql::{MySqlConnection, MySqlRow};

use super::connect::BATCH_WITHIN;
use super::layout::Layout;
use super::pool::within;
use super::rows::existing_keys;
use super::sql::{repeated, run, statement};
use super::{Central, CentralError};

/// Entries of one transaction: few enough that other machines do not wait for long.
const ENTRIES_AT_ONCE: u64 = 1024;
/// Keys written in one statement.
const WRITTEN_AT_ONCE: usize = 256;

/// What one call of [`Central::sequence`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequenced {
    /// Numbers given out.
    pub numbered: u64,
    /// True when another machine was at it: its numbers are there to be pulled as well.
    pub elsewhere: bool,
}

impl Central {
    /// Numbers all changes that were committed before the call, or leaves it to another machine that is at it.
    pub async fn sequence(&self) -> Result<Sequenced, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let mut total = Sequenced::default();
        loop {
            let step = within(BATCH_WITHIN, number_some(lease.connection(), &layout)).await?;
            match step {
                Step::Numbered(count) => total.numbered += count,
                Step::Last(count) => {
                    total.numbered += count;
                    break;
                }
                Step::Elsewhere => {
                    total.elsewhere = true;
                    break;
                }
            }
        }
        lease.keep();
        Ok(total)
    }
}

/// One transaction.
enum Step {
    /// So many numbers were given out, and more entries may be waiting.
    Numbered(u64),
    /// These were all. To look again would have no end while others write.
    Last(u64),
    Elsewhere,
}

async fn number_some(connection: &mut MySqlConnection, layout: &Layout) -> Result<Step, CentralError> {
    run(connection, "START TRANSACTION").await?;
    let lock = "SELECT last_seq FROM ct_sync_counter WHERE id = 1 FOR UPDATE SKIP LOCKED";
    let Some(row) = sqlx::query(lock).fetch_optional(&mut *connection).await? else {
        run(connection, "ROLLBACK").await?;
        return Ok(Step::Elsewhere);
    };
    let last_seq: u64 = row.try_get_unchecked(0)?;
    let entries = committed_entries(connection).await?;
    if entries.is_empty() {
        run(connection, "ROLLBACK").await?;
        return Ok(Step::Last(0));
    }
    let ids: Vec<u64> = entries.iter().map(|entry| entry.id).collect();
    let mut changes = coalesced(entries);
    look_up_deleted(connection, layout, &mut changes).await?;
    let count = changes.len() as u64;
    write_changes(connection, last_seq, &changes).await?;
    copy_images(connection, &changes).await?;
    sqlx::query("UPDATE ct_sync_counter SET last_seq = ? WHERE id = 1")
        .bind(last_seq + count)
        .execute(&mut *connection)
        .await?;
    delete_entries(connection, &ids).await?;
    run(connection, "COMMIT").await?;
    Ok(if (ids.len() as u64) < ENTRIES_AT_ONCE { Step::Last(count) } else { Step::Numbered(count) })
}

/// An entry of the outbox.
#[derive(Clone, Debug)]
pub struct OutboxEntry {
    /// In the order of the statements, not of their commits.
    pub id: u64,
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// True for a delete.
    pub is_delete: bool,
    /// The replica that pushed it, None for other writers.
    pub origin: Option<String>,
    /// Hybrid time.
    pub time_us: i64,
}

impl OutboxEntry {
    fn read(row: &MySqlRow) -> Result<Self, CentralError> {
        Ok(Self {
            id: row.try_get_unchecked(0)?,
            table: row.try_get_unchecked(1)?,
            key: row.try_get_unchecked(2)?,
            is_delete: row.try_get_unchecked::<String, _>(3)? == "D",
            origin: row.try_get_unchecked(4)?,
            time_us: row.try_get_unchecked(5)?,
        })
    }
}

async fn committed_entries(connection: &mut MySqlConnection) -> Result<Vec<OutboxEntry>, CentralError> {
    let text = "SELECT id, tbl, pk, op, origin, time_us FROM ct_sync_outbox ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED";
    let rows = sqlx::query(text).bind(ENTRIES_AT_ONCE).fetch_all(connection).await?;
    rows.iter().map(OutboxEntry::read).collect()
}

/// What becomes of all entries of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: String,
    /// None for writers of plain SQL, and when the entries do not agree.
    pub origin: Option<String>,
    /// The latest.
    pub time_us: i64,
    /// The entry of its latest delete, which holds the last image.
    pub delete: Option<u64>,
    /// By the last entry; if any of them is a delete, the table itself is to be asked.
    pub deleted: bool,
}

/// One change for each key, in the order in which each was last touched.
pub fn coalesced(entries: Vec<OutboxEntry>) -> Vec<Change> {
    let mut places: HashMap<(String, String), usize> = HashMap::with_capacity(entries.len());
    let mut changes: Vec<Option<Change>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = places.insert((entry.table.clone(), entry.key.clone()), changes.len());
        let earlier = place.and_then(|place| changes[place].take());
        let delete = if entry.is_delete { Some(entry.id) } else { earlier.as_ref().and_then(|earlier| earlier.delete) };
        let agreed = earlier.as_ref().is_none_or(|earlier| earlier.origin == entry.origin);
        changes.push(Some(Change {
            table: entry.table,
            key: entry.key,
            origin: entry.origin.filter(|_| agreed),
            time_us: earlier.map_or(entry.time_us, |earlier| earlier.time_us.max(entry.time_us)),
            delete,
            deleted: entry.is_delete,
        }));
    }
    changes.into_iter().flatten().collect()
}

/// Replaces what the last operation says by what is: see the module's documentation.
async fn look_up_deleted(
    connection: &mut MySqlConnection,
    layout: &Layout,
    changes: &mut [Change],
) -> Result<(), CentralError> {
    let mut asked: HashMap<&str, Vec<Key>> = HashMap::new();
    for change in changes.iter().filter(|change| change.delete.is_some()) {
        asked.entry(&change.table).or_default().push(Key::new(change.key.clone()));
    }
    let mut existing: HashMap<&'static str, HashSet<Key>> = HashMap::new();
    for (name, keys) in asked {
        if let Some(table) = migrations::entity(name).and_then(|entity| layout.table(entity)) {
            let keys = existing_keys(connection, table, &keys).await?;
            existing.insert(table.entity.name, keys.into_iter().collect());
        }
    }
    for change in changes.iter_mut().filter(|change| change.delete.is_some()) {
        if let Some(keys) = existing.get(change.table.as_str()) {
            change.deleted = !keys.contains(&Key::new(change.key.clone()));
        }
    }
    Ok(())
}

async fn write_changes(
    connection: &mut MySqlConnection,
    last_seq: u64,
    changes: &[Change],
) -> Result<(), CentralError> {
    let mut seq = last_seq;
    for changes in changes.chunks(WRITTEN_AT_ONCE) {
        let text = format!(
            "INSERT INTO ct_sync_rows (tbl, pk, seq, deleted, origin, time_us) VALUES {} ON DUPLICATE KEY UPDATE \
             seq = VALUES(seq), deleted = VALUES(deleted), origin = VALUES(origin), \
             time_us = GREATEST(time_us, VALUES(time_us)), image = NULL",
            repeated("(?, ?, ?, ?, ?, ?)", changes.len()),
        );
        let mut query = statement(text).persistent(changes.len() == WRITTEN_AT_ONCE);
        for change in changes {
            seq += 1;
            query = query.bind(&change.table).bind(&change.key).bind(seq);
            query = query.bind(change.deleted).bind(&change.origin).bind(change.time_us);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The outbox by its entries' ids, which are one parameter, a JSON array.
///
/// Left alone, the optimiser reads the whole of a small table, and a reader that is to lock waits for every row in it,
/// also for those of transactions that are still open. So, only the rows asked for are touched.
const ENTRIES_BY_ID: &str = "JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT UNSIGNED PATH '$')) k \
                             STRAIGHT_JOIN ct_sync_outbox o FORCE INDEX (PRIMARY) ON o.id = k.id";

/// Tombstones keep the row's last image. It never leaves the server: an image may be large.
async fn copy_images(connection: &mut MySqlConnection, changes: &[Change]) -> Result<(), CentralError> {
    let ids: Vec<u64> = changes.iter().filter(|change| change.deleted).filter_map(|change| change.delete).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let text = format!(
        "UPDATE {ENTRIES_BY_ID} STRAIGHT_JOIN ct_sync_rows r FORCE INDEX (PRIMARY) \
         ON r.tbl = o.tbl AND r.pk = o.pk SET r.image = o.image"
    );
    statement(text).bind(array(&ids)).execute(connection).await?;
    Ok(())
}

/// By their ids, not by a range: an entry in between may have been committed since.
async fn delete_entries(connection: &mut MySqlConnection, ids: &[u64]) -> Result<(), CentralError> {
    statement(format!("DELETE o FROM {ENTRIES_BY_ID}")).bind(array(ids)).execute(connection).await?;
    Ok(())
}

/// Numbers as a JSON array.
fn array(numbers: &[u64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    format!("[{}]", numbers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, key: &str, is_delete: bool, origin: Option<&str>, time_us: i64) -> OutboxEntry {
        OutboxEntry {
            id,
            table: "clients".into(),
            key: key.into(),
            is_delete,
            origin: origin.map(str::to_owned),
            time_us,
        }
    }

    #[test]
    fn each_key_is_one_change_in_the_order_of_its_last_entry() {
        let changes = coalesced(vec![
            entry(1, "a", false, None, 10),
            entry(2, "b", false, Some("m1"), 11),
            entry(3, "a", true, None, 9),
        ]);
        let seen: Vec<_> = changes.iter().map(|c| (c.key.as_str(), c.deleted, c.delete, c.time_us)).collect();
        assert_eq!(seen, [("b", false, None, 11), ("a", true, Some(3), 10)]);
    }

    #[test]
    fn a_delete_is_remembered_though_an_insert_comes_after_it() {
        let changes = coalesced(vec![entry(1, "a", true, None, 1), entry(2, "a", false, None, 2)]);
        assert_eq!((changes[0].deleted, changes[0].delete), (false, Some(1)));
    }

    #[test]
    fn only_a_single_writer_is_an_origin() {
        for (first, second, agreed) in [
            (Some("m1"), Some("m1"), Some("m1")),
            (Some("m1"), Some("m2"), None),
            (Some("m1"), None, None),
            (None, Some("m1"), None),
        ] {
            let changes = coalesced(vec![entry(1, "a", false, first, 1), entry(2, "a", false, second, 2)]);
            assert_eq!(changes[0].origin.as_deref(), agreed, "{first:?} {second:?}");
        }
        let mixed = [Some("m1"), None, Some("m1"), Some("m1")];
        let entries = mixed.into_iter().zip(1..).map(|(origin, id)| entry(id, "a", false, origin, 1)).collect();
        assert_eq!(coalesced(entries)[0].origin, None, "once mixed, never single again");
    }
}
