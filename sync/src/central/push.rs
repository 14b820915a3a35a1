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

use std::borrow::Cow;
use std::collections::HashMap;

use merge::{HybridTime, RowId};
use migrations::Kind;

use super::batch::bytes_of_row;
use super::circle::turn;
use super::connect::BATCH_WITHIN;
use super::pool::within;
use super::session::Session;
use super::sides::decide;
use super::transaction::{Machine, StoredReceipt, Transaction};
use super::write::{Job, Written, write};
use super::{
    Batch, Central, CentralError, ItemOutcome, Limits, PushItem, PushState, Receipt, Refusal, RefusalKind, receipt,
};
use crate::mechanism::{Mechanism, is_on};

/// Rounds of a batch: rows that were refused because of others are tried again after those, as long as that gets
/// something done. A chain of names that move on takes a round for each link.
const MOST_ROUNDS: usize = 5;

impl Central {
    /// Merges a batch with what is there now and writes the result, in one transaction, exactly once.
    ///
    /// A batch that was already done gives the receipt it had. Errors: [`CentralError::Rewound`] when this replica is an
    /// older copy of itself; [`CentralError::Restored`] when central is; [`CentralError::Deadlock`], [`CentralError::LockWait`] and [`CentralError::TooBig`] when
    /// nothing was done, and half of the batch, under the same number, may succeed; [`CentralError::Unreachable`] when it
    /// is not known whether it was done: [`Central::resolve`] tells.
    pub async fn push(&self, batch: &Batch) -> Result<Receipt, CentralError> {
        let layout = self.layout();
        layout.require_writable()?;
        let mut lease = self.lease().await?;
        let receipt = within(BATCH_WITHIN, async {
            push(&mut Session::begin(lease.connection(), layout).await?, batch, self.limits()).await
        })
        .await?;
        lease.keep();
        Ok(receipt)
    }

    /// Whether a batch was done: its receipt, or None, and then it never will be, even if its transaction is still on its
    /// way: the number is used up, and the next batch needs a greater one.
    pub async fn resolve(&self, batch: &Batch) -> Result<Option<Receipt>, CentralError> {
        let layout = self.layout();
        let mut lease = self.lease().await?;
        let receipt = within(BATCH_WITHIN, async {
            resolve(&mut Session::begin(lease.connection(), layout).await?, batch).await
        })
        .await?;
        lease.keep();
        Ok(receipt)
    }
}

/// [`Central::push`] in an open transaction, which it ends unless it fails.
pub async fn push<T: Transaction>(transaction: &mut T, batch: &Batch, limits: Limits) -> Result<Receipt, CentralError> {
    let machine = transaction.machine(&batch.replica_id).await?;
    if is_another(&machine, batch) {
        transaction.rollback().await?;
        return Err(CentralError::Restored);
    }
    if batch.batch_no <= machine.batch_no && is_on(Mechanism::Receipts) {
        let receipt = match transaction.receipt(&batch.replica_id, batch.batch_no).await? {
            Some(stored) if stored.digest == batch.digest() => Some(receipt::read(batch, &stored.outcomes)?),
            _ => None,
        };
        transaction.rollback().await?;
        return receipt.ok_or(CentralError::Rewound { known: machine.batch_no, sent: batch.batch_no });
    }
    transaction.sign(&batch.replica_id).await?;
    let outcomes = carry_out(transaction, batch, limits, machine.now).await?;
    let receipt = Receipt { batch_no: batch.batch_no, outcomes };
    let stored = StoredReceipt { digest: batch.digest(), outcomes: receipt::write(batch, &receipt)? };
    if stored.outcomes.len() > limits.row_bytes {
        return Err(CentralError::TooBig);
    }
    transaction.store(&batch.replica_id, batch.batch_no, &stored).await?;
    transaction.commit().await?;
    Ok(receipt)
}

/// [`Central::resolve`] in an open transaction, which it ends unless it fails.
pub async fn resolve<T: Transaction>(transaction: &mut T, batch: &Batch) -> Result<Option<Receipt>, CentralError> {
    let machine = transaction.machine(&batch.replica_id).await?;
    if is_another(&machine, batch) {
        // The number must not be used up: that there is none of it tells what central was restored to.
        transaction.rollback().await?;
        return Err(CentralError::Restored);
    }
    let receipt = if batch.batch_no > machine.batch_no || !is_on(Mechanism::Receipts) {
        transaction.use_up(&batch.replica_id, batch.batch_no).await?;
        None
    } else {
        match transaction.receipt(&batch.replica_id, batch.batch_no).await? {
            Some(stored) if stored.digest == batch.digest() => Some(receipt::read(batch, &stored.outcomes)?),
            // Used up by an earlier question.
            None if batch.batch_no == machine.batch_no => None,
            _ => return Err(CentralError::Rewound { known: machine.batch_no, sent: batch.batch_no }),
        }
    };
    transaction.commit().await?;
    Ok(receipt)
}

/// True when central is not the one that the batch was made for, or an older copy of it: what both sides had agreed on is
/// not known there. It may have been restored since the pull of the same round.
fn is_another(machine: &Machine, batch: &Batch) -> bool {
    let another_epoch = batch.known.epoch.as_ref().is_some_and(|epoch| *epoch != machine.epoch);
    another_epoch || machine.head < batch.cursor || machine.batch_no < batch.known.acknowledged
}

/// Decides and writes, round after round; the outcome of each item, in the batch's order.
async fn carry_out<T: Transaction>(
    transaction: &mut T,
    batch: &Batch,
    limits: Limits,
    now: HybridTime,
) -> Result<Vec<(RowId, ItemOutcome)>, CentralError> {
    let mut outcomes: HashMap<RowId, ItemOutcome> = HashMap::with_capacity(batch.items.len());
    let mut sent: Vec<Cow<'_, PushItem>> = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        match refused_unsent(item).map_or_else(|| fitted(transaction, item), Err) {
            Err(refusal) => drop(outcomes.insert(item.id.clone(), ItemOutcome::Refused(refusal))),
            Ok(item) => sent.push(item),
        }
    }
    let mut open: Vec<&PushItem> = sent.iter().map(|item| &**item).collect();
    for round in 1..=MOST_ROUNDS {
        let decided = decide(transaction, &open, batch.cursor, now).await?;
        outcomes.extend(decided.settled);
        let (jobs, too_big): (Vec<Job>, Vec<Job>) =
            decided.jobs.into_iter().partition(|job| bytes_sent(job) <= limits.row_bytes);
        outcomes.extend(too_big.into_iter().map(|job| (job.id, ItemOutcome::Refused(too_big_a_row()))));
        let Written { outcomes: mut written, mut refused } = write(transaction, jobs, limits).await?;
        if written.is_empty() {
            let turned = turn(transaction, refused).await?;
            (written, refused) = (turned.outcomes, turned.refused);
        }
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

/// The item in the form in which central would give its rows back.
fn fitted<'i, T: Transaction>(transaction: &T, item: &'i PushItem) -> Result<Cow<'i, PushItem>, Refusal> {
    let local = item.local.row().map(|row| transaction.fitted(row)).transpose()?.flatten();
    let base = item.base.as_ref().map(|base| transaction.fitted(base)).transpose()?.flatten();
    if local.is_none() && base.is_none() {
        return Ok(Cow::Borrowed(item));
    }
    let local = local.map_or_else(|| item.local.clone(), PushState::Present);
    Ok(Cow::Owned(PushItem { id: item.id.clone(), base: base.or_else(|| item.base.clone()), local, time: item.time }))
}

/// A row of this id that was not there when it was looked for: another machine made it at the same moment.
fn is_made_meanwhile((job, why): &(Job, Refusal)) -> bool {
    matches!(&why.kind, RefusalKind::Unique { columns, .. } if columns == job.id.entity.primary_key)
}

/// What need not be sent to be refused.
fn refused_unsent(item: &PushItem) -> Option<Refusal> {
    let fits = is_key(&item.id);
    (!fits).then(|| Refusal::unsent(RefusalKind::Other, "its key has not the form of this table's keys"))
}

/// Bytes of the statement that does a job: a whole row, or the columns that change. The server does not answer one that is
/// larger than its packet, it cuts the connection.
fn bytes_sent(job: &Job) -> usize {
    match (&job.before, &job.after) {
        (_, None) => 0,
        (None, Some(after)) => bytes_of_row(after),
        (Some(before), Some(after)) => {
            let mut changed = after.clone();
            for at in (0..after.values().len()).filter(|&at| before.at(at) == after.at(at)) {
                changed.set_at(at, merge::Value::Null);
            }
            bytes_of_row(&changed)
        }
    }
}

fn too_big_a_row() -> Refusal {
    Refusal::unsent(RefusalKind::TooBig, "the row is larger than central takes (max_allowed_packet)")
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
