//! Indexing what came by the thousand, afterwards and in small steps.
//!
//! A first sync stores rows faster than their text can be indexed, so large pages leave the text in a queue
//! (`ct_memory_queue`, written in the transaction that stores the rows: a crash loses nothing). Here the queue is worked
//! off, oldest first, since later entries of the index count as newer. Each step is a short transaction, so that hooks
//! never wait for it; as long as the queue grows, steps are rare, as they would slow down what fills it.

use std::time::Duration;

use sync::local::{ReadTx, WriteTx};
use sync::{Clock, Store, StoreError};

use crate::news::Next;

/// How long a step may hold the writer, in microseconds.
const STEP_US: u64 = 20_000;
/// Rows of a step at most.
const STEP_ROWS: u32 = 500;
/// Between two looks at an empty queue, at least.
const QUIET: Duration = Duration::from_millis(500);
/// Between two steps while the queue grows.
const GROWING: Duration = Duration::from_millis(200);

/// Works on the queue, and says when to do the next step. Errors: as of any write.
pub(crate) async fn step(store: &Store, last_end: &mut i64) -> Result<Next, StoreError> {
    let clock = std::sync::Arc::clone(store.clock());
    let Some((_, end)) = store.read_async(bounds).await? else { return Ok(Next::News(QUIET)) };
    let grows = end > *last_end;
    *last_end = end;
    store.write_async(move |tx| index_some(tx, clock.as_ref())).await?;
    Ok(if grows { Next::In(GROWING) } else { Next::NOW })
}

/// In one SELECT, SQLite would read the whole queue for the two, and that with every step.
const BOUNDS: &str = "SELECT (SELECT min(position) FROM ct_memory_queue), (SELECT max(position) FROM ct_memory_queue)";

/// Entries of the queue, or None when it is empty: the positions of the first and of the last.
fn bounds(tx: &ReadTx<'_>) -> Result<Option<(i64, i64)>, StoreError> {
    let found = tx.connection().prepare_cached(BOUNDS)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (first, last): (Option<i64>, Option<i64>) = found;
    Ok(first.zip(last))
}

/// About how many rows recall does not find yet.
pub(crate) fn unindexed(tx: &ReadTx<'_>) -> Result<u64, StoreError> {
    let db = tx.connection();
    // A replica that no daemon of this version has opened has no queue.
    if !db.prepare_cached("SELECT 1 FROM sqlite_master WHERE name = 'ct_memory_queue'")?.exists([])? {
        return Ok(0);
    }
    let bounds = bounds(tx)?;
    Ok(bounds.map_or(0, |(first, last)| u64::try_from(last - first + 1).unwrap_or(0)))
}

fn index_some(tx: &mut WriteTx<'_>, clock: &dyn Clock) -> Result<(), StoreError> {
    let db = tx.connection();
    let started_us = clock.now_us();
    let mut next =
        db.prepare_cached("SELECT position, source_table, source_id FROM ct_memory_queue ORDER BY position LIMIT ?1")?;
    let entries = next.query_map([STEP_ROWS], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let entries: Vec<(i64, String, String)> = entries.collect::<Result<_, _>>()?;
    let mut index = db.prepare_cached("INSERT INTO ct_memory_late (source_table, source_id) VALUES (?1, ?2)")?;
    let mut done = None;
    for (position, table, id) in entries {
        index.execute([table, id])?;
        done = Some(position);
        if clock.now_us().saturating_sub(started_us) >= STEP_US {
            break;
        }
    }
    db.prepare_cached("DELETE FROM ct_memory_queue WHERE position <= ?1")?.execute([done])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rusqlite::StatementStatus;
    use sync::SystemClock;

    use super::*;

    #[test]
    fn a_look_at_the_queue_costs_the_same_however_long_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        let steps_with = |entries: u32| {
            let look = move |tx: &mut WriteTx<'_>| {
                let fill = "INSERT INTO ct_memory_queue (source_table, source_id) \
                            SELECT 'none', value FROM json_each(?1)";
                let ids: Vec<String> = (0..entries).map(|id| id.to_string()).collect();
                tx.connection().execute(fill, [format!("[{}]", ids.join(","))])?;
                let mut statement = tx.connection().prepare(BOUNDS)?;
                let ends: (i64, i64) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok((ends, statement.get_status(StatementStatus::VmStep)))
            };
            store.write(look).unwrap()
        };
        let (few, at_first) = steps_with(10);
        let (many, afterwards) = steps_with(5_000);
        assert_eq!((few, many), ((1, 10), (1, 5_010)));
        assert_eq!(at_first, afterwards);
    }
}
