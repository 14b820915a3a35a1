//! The way from here to central: one transaction a batch, exactly once.
//!
//! The transaction locks this machine's row first, so that its batches come one after another even if the connection of
//! an earlier one is still alive somewhere. It plans against what is there now, not against what was pulled; writes; and
//! stores the outcome of every row in a receipt before it commits. If the acknowledgement is lost, the receipt is asked
//! for: [`Central::resolve`] waits for the lock, and either finds the receipt or uses the number up, so that a transaction
//! which is still on its way will find its number taken and do nothing.
//!
//! A number alone does not name a batch: a replica that was copied to another machine sends other rows under the same
//! number. So receipts carry a digest of what was sent, and a different one under a known number is
//! [`CentralError::Rewound`].

use std::collections::HashMap;

use merge::{HybridTime, RowId};
use migrations::Kind;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::batch::bytes_of_row;
use super::connect::BATCH_WITHIN;
use super::pool::within;
use super::schema::{LATEST_STEP, require_step};
use super::sides::decide;
use super::sql::{run, statement};
use super::triggers::NOW_US;
use super::write::{Job, Written, write};
use super::{Batch, Central, CentralError, ItemOutcome, Limits, PushItem, Receipt, Refusal, RefusalKind, receipt};

/// Rounds of a batch: rows that were refused because of others are tried again after those, as long as that gets
/// something done. A chain of names that move on takes a round for each link.
const MOST_ROUNDS: usize = 5;
/// Receipts kept for each replica; only the latest is ever needed, the others are for people who look for a fault.
const RECEIPTS_KEPT: u64 = 8;

impl Central {
    /// Merges a batch with what is there now and writes the result, in one transaction, exactly once.
    ///
    /// A batch that was already done gives the receipt it had. Errors: [`CentralError::Rewound`] when this replica is an
    /// older copy of itself; [`CentralError::Deadlock`], [`CentralError::LockWait`] and [`CentralError::TooBig`] when
    /// nothing was done, and half of the batch, under the same number, may succeed; [`CentralError::Unreachable`] when it
    /// is not known whether it was done: [`Central::resolve`] tells.
    pub async fn push(&self, batch: &Batch) -> Result<Receipt, CentralError> {
        let mut lease = self.lease().await?;
        let receipt = within(BATCH_WITHIN, push(lease.connection(), batch, self.limits())).await?;
        lease.keep();
        Ok(receipt)
    }

    /// Whether a batch was done: its receipt, or None, and then it never will be, even if its transaction is still on its
    /// way: the number is used up, and the next batch needs a greater one.
    pub async fn resolve(&self, batch: &Batch) -> Result<Option<Receipt>, CentralError> {
        let mut lease = self.lease().await?;
        let receipt = within(BATCH_WITHIN, resolve(lease.connection(), batch)).await?;
        lease.keep();
        Ok(receipt)
    }
}

/// Commits, and takes the marks of a push off the session: other statements on this connection are not of that origin.
const COMMIT: &str = "COMMIT; SET @ct_sync_origin = NULL, @ct_sync_time = NULL";

async fn push(connection: &mut MySqlConnection, batch: &Batch, limits: Limits) -> Result<Receipt, CentralError> {
    run(connection, "START TRANSACTION").await?;
    let machine = lock_machine(connection, &batch.replica_id).await?;
    if batch.batch_no <= machine.batch_no {
        let receipt = receipt_of(connection, batch).await?;
        run(connection, "ROLLBACK").await?;
        return receipt.ok_or(CentralError::Rewound { known: machine.batch_no, sent: batch.batch_no });
    }
    sqlx::query("SET @ct_sync_origin = ?").bind(&batch.replica_id).execute(&mut *connection).await?;
    let receipt =
        Receipt { batch_no: batch.batch_no, outcomes: carry_out(connection, batch, limits, machine.now).await? };
    store(connection, batch, &receipt, limits).await?;
    run(connection, COMMIT).await?;
    Ok(receipt)
}

async fn resolve(connection: &mut MySqlConnection, batch: &Batch) -> Result<Option<Receipt>, CentralError> {
    run(connection, "START TRANSACTION").await?;
    let machine = lock_machine(connection, &batch.replica_id).await?;
    let receipt = if batch.batch_no > machine.batch_no {
        use_up(connection, batch).await?;
        None
    } else {
        let rewound = CentralError::Rewound { known: machine.batch_no, sent: batch.batch_no };
        let receipt = receipt_of(connection, batch).await?;
        let used_up = batch.batch_no == machine.batch_no && !has_receipt(connection, batch).await?;
        if receipt.is_none() && !used_up {
            return Err(rewound);
        }
        receipt
    };
    run(connection, "COMMIT").await?;
    Ok(receipt)
}

/// What central knows of a machine, under lock.
struct Machine {
    /// Its latest batch.
    batch_no: u64,
    /// Central's clock.
    now: HybridTime,
}

async fn lock_machine(connection: &mut MySqlConnection, replica_id: &str) -> Result<Machine, CentralError> {
    let text =
        format!("SELECT batch_no, {NOW_US}, {LATEST_STEP} FROM ct_sync_machines WHERE replica_id = ? FOR UPDATE");
    for _ in 0..2 {
        let row = statement(text.clone()).bind(replica_id).fetch_optional(&mut *connection).await?;
        if let Some(row) = row {
            require_step(row.try_get_unchecked(2)?)?;
            let now: i64 = row.try_get_unchecked(1)?;
            return Ok(Machine { batch_no: row.try_get_unchecked(0)?, now: HybridTime(now.max(0).unsigned_abs()) });
        }
        let add =
            "INSERT INTO ct_sync_machines (replica_id) VALUES (?) ON DUPLICATE KEY UPDATE replica_id = replica_id";
        sqlx::query(add).bind(replica_id).execute(&mut *connection).await?;
    }
    Err(CentralError::Protocol("a machine's row that was just written is not there".into()))
}

/// The receipt of this very batch.
async fn receipt_of(connection: &mut MySqlConnection, batch: &Batch) -> Result<Option<Receipt>, CentralError> {
    let text = "SELECT outcomes FROM ct_sync_receipts WHERE replica_id = ? AND batch_no = ? AND digest = ?";
    let query = sqlx::query(text).bind(&batch.replica_id).bind(batch.batch_no).bind(batch.digest());
    match query.fetch_optional(connection).await? {
        Some(row) => receipt::read(batch, row.try_get_unchecked(0)?).map(Some),
        None => Ok(None),
    }
}

async fn has_receipt(connection: &mut MySqlConnection, batch: &Batch) -> Result<bool, CentralError> {
    let text = "SELECT 1 FROM ct_sync_receipts WHERE replica_id = ? AND batch_no = ?";
    let query = sqlx::query(text).bind(&batch.replica_id).bind(batch.batch_no);
    Ok(query.fetch_optional(connection).await?.is_some())
}

async fn use_up(connection: &mut MySqlConnection, batch: &Batch) -> Result<(), CentralError> {
    let text = "UPDATE ct_sync_machines SET batch_no = ? WHERE replica_id = ?";
    sqlx::query(text).bind(batch.batch_no).bind(&batch.replica_id).execute(connection).await?;
    Ok(())
}

async fn store(
    connection: &mut MySqlConnection,
    batch: &Batch,
    receipt: &Receipt,
    limits: Limits,
) -> Result<(), CentralError> {
    let outcomes = receipt::write(batch, receipt)?;
    if outcomes.len() > limits.row_bytes {
        return Err(CentralError::TooBig);
    }
    use_up(connection, batch).await?;
    let text = format!(
        "INSERT INTO ct_sync_receipts (replica_id, batch_no, digest, outcomes, created_us) VALUES (?, ?, ?, ?, {NOW_US})"
    );
    let insert = statement(text).bind(&batch.replica_id).bind(batch.batch_no);
    insert.bind(batch.digest()).bind(outcomes).execute(&mut *connection).await?;
    // Never by a scan of the table, which would wait for the receipts that other machines are writing.
    sqlx::query("DELETE r FROM ct_sync_receipts r FORCE INDEX (PRIMARY) WHERE replica_id = ? AND batch_no <= ?")
        .bind(&batch.replica_id)
        .bind(batch.batch_no.saturating_sub(RECEIPTS_KEPT))
        .execute(connection)
        .await?;
    Ok(())
}

/// Decides and writes, round after round; the outcome of each item, in the batch's order.
async fn carry_out(
    connection: &mut MySqlConnection,
    batch: &Batch,
    limits: Limits,
    now: HybridTime,
) -> Result<Vec<(RowId, ItemOutcome)>, CentralError> {
    let mut outcomes: HashMap<RowId, ItemOutcome> = HashMap::with_capacity(batch.items.len());
    let mut open: Vec<&PushItem> = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        match refused_unsent(item, limits) {
            Some(refusal) => drop(outcomes.insert(item.id.clone(), ItemOutcome::Refused(refusal))),
            None => open.push(item),
        }
    }
    for round in 1..=MOST_ROUNDS {
        let decided = decide(connection, &open, batch.cursor, now).await?;
        outcomes.extend(decided.settled);
        let Written { outcomes: written, refused } = write(connection, decided.jobs, limits).await?;
        let progress = !written.is_empty() || (round == 1 && refused.iter().any(is_made_meanwhile));
        outcomes.extend(written);
        open.retain(|item| refused.iter().any(|(job, why)| job.id == item.id && why.depends_on_others()));
        let last = open.is_empty() || !progress || round == MOST_ROUNDS;
        outcomes.extend(refused.into_iter().map(|(job, why)| (job.id, ItemOutcome::Refused(why))));
        if last {
            break;
        }
    }
    let in_order = batch.items.iter().filter_map(|item| outcomes.remove_entry(&item.id));
    Ok(in_order.collect())
}

/// A row of this id that was not there when it was looked for: another machine made it at the same moment.
fn is_made_meanwhile((job, why): &(Job, Refusal)) -> bool {
    matches!(&why.kind, RefusalKind::Unique { columns, .. } if columns == job.id.entity.primary_key)
}

/// What need not be sent to be refused.
fn refused_unsent(item: &PushItem, limits: Limits) -> Option<Refusal> {
    if !is_key(&item.id) {
        return Some(Refusal::unsent(RefusalKind::Other, "its key has not the form of this table's keys"));
    }
    let too_big = item.local.row().is_some_and(|row| bytes_of_row(row) > limits.row_bytes);
    too_big.then(|| Refusal::unsent(RefusalKind::TooBig, "the row is larger than central takes (max_allowed_packet)"))
}

/// A key of another form would fail the statement that locks the rows of the whole batch.
fn is_key(id: &RowId) -> bool {
    let columns = id.entity.primary_key;
    let fits = |(column, part): (&&str, &str)| match id.entity.column(column).map(|column| column.kind) {
        Some(Kind::Uuid) => !part.is_empty() && part.is_ascii(),
        _ => !part.is_empty(),
    };
    id.key.parts().count() == columns.len() && columns.iter().zip(id.key.parts()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use merge::Key;

    #[test]
    fn keys_have_the_form_of_their_table() {
        let id = |table: &str, key: &str| RowId::new(migrations::entity(table).unwrap(), Key::new(key));
        for (table, key, fits) in [
            ("clients", "0199", true),
            ("clients", "é", false),
            ("clients", "", false),
            ("clients", "a\u{1f}b", false),
            ("session_tags", "a\u{1f}b", true),
            ("session_tags", "a", false),
            ("session_tags", "a\u{1f}", false),
            ("coord_component_states", "é\u{1f}b", true),
        ] {
            assert_eq!(is_key(&id(table, key)), fits, "{table} {key:?}");
        }
    }
}
