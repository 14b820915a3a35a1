//! What central has under the keys of a batch, locked, and what is decided against it.

use std::collections::HashMap;

use merge::{FieldConflict, HybridTime, Input, Row, RowId, Side, plan};

use super::codec::Unreadable;
use super::transaction::{Logged, Transaction, Unnumbered};
use super::write::Job;
use super::{CentralError, ItemOutcome, PushItem, PushState, Refusal, RefusalKind};
use crate::mechanism::{Mechanism, is_on, resurrected};

/// What is decided for the items of a batch.
pub(super) struct Decided {
    /// Nothing to write at central.
    pub settled: Vec<(RowId, ItemOutcome)>,
    /// What is to be written there, in no order.
    pub jobs: Vec<Job>,
}

/// Locks what is there, and decides.
pub(super) async fn decide<T: Transaction>(
    transaction: &mut T,
    items: &[&PushItem],
    cursor: u64,
    now: HybridTime,
) -> Result<Decided, CentralError> {
    let ids: Vec<RowId> = items.iter().map(|item| item.id.clone()).collect();
    let mut rows = transaction.lock_rows(&ids).await?;
    // In this order: a sequencer may move an entry from the outbox to the change log in between, and then both have it
    // instead of neither.
    let mut news = transaction.unnumbered(&ids).await?;
    let mut logged = transaction.logged(&ids).await?;
    let mut settled = Vec::new();
    let mut pairs = Vec::with_capacity(items.len());
    for item in items {
        match rows.remove(&item.id).transpose() {
            Ok(row) => {
                let there = There::new(row, logged.remove(&item.id), news.remove(&item.id), cursor);
                pairs.push((*item, there));
            }
            Err(why) => settled.push((item.id.clone(), ItemOutcome::Refused(unreadable(&why)))),
        }
    }
    plan_all(pairs, settled, now)
}

/// Plans, and sorts the decisions by whether there is something to write.
fn plan_all(
    pairs: Vec<(&PushItem, There)>,
    settled: Vec<(RowId, ItemOutcome)>,
    now: HybridTime,
) -> Result<Decided, CentralError> {
    let plan = plan(pairs.iter().map(|(item, there)| input(item, there, now)));
    let plan = plan.map_err(|error| CentralError::Protocol(error.to_string()))?;
    let mut by_id: HashMap<&RowId, (&PushItem, There)> =
        pairs.into_iter().map(|(item, there)| (&item.id, (item, there))).collect();
    let mut decided = Decided { settled, jobs: Vec::new() };
    for decision in plan.decisions.into_iter().map(resurrected) {
        let Some((item, there)) = by_id.remove(&decision.id) else { continue };
        let (after, conflicts) = (decision.outcome.row().cloned(), decision.conflicts);
        if decision.write_remote {
            let time = item.time.clamped(now);
            decided.jobs.push(Job { id: decision.id, before: there.row, after, time, conflicts });
        } else {
            decided.settled.push((decision.id, agreed(after, conflicts)));
        }
    }
    Ok(decided)
}

fn unreadable(why: &Unreadable) -> Refusal {
    let message = format!("{} of this row at central {}", why.column, why.reason);
    Refusal::unsent(RefusalKind::Unreadable { column: why.column }, message)
}

pub(super) fn agreed(row: Option<Row>, conflicts: Vec<FieldConflict>) -> ItemOutcome {
    ItemOutcome::Agreed { row, conflicts }
}

/// What central has under a key.
struct There {
    row: Option<Row>,
    time: HybridTime,
    /// A tombstone.
    tombstone: Option<Tombstone>,
}

struct Tombstone {
    image: Option<Row>,
    /// False when the sender had pulled it.
    is_news: bool,
}

impl There {
    fn new(row: Option<Row>, logged: Option<Logged>, news: Option<Unnumbered>, cursor: u64) -> Self {
        let numbered = logged.as_ref().map(|logged| logged.time).unwrap_or_default();
        let time = numbered.max(news.as_ref().map(|news| news.time).unwrap_or_default());
        let unnumbered = news.filter(|news| news.has_delete);
        let tombstone = match (unnumbered, logged) {
            (Some(news), _) => Some(Tombstone { image: news.image, is_news: true }),
            (None, Some(logged)) => Some(Tombstone { image: logged.image, is_news: logged.seq > cursor }),
            (None, None) => None,
        };
        let tombstone = tombstone.map(|mut tombstone| {
            tombstone.image = tombstone.image.filter(|_| is_on(Mechanism::TombstoneImages));
            tombstone
        });
        Self { row, time, tombstone }
    }

    /// A delete that the sender knew of when it made the row again is no delete to it.
    fn side(&self, base: Option<&Row>) -> Side<'_> {
        match (&self.row, &self.tombstone) {
            (Some(row), _) => Side::Present { row, time: self.time },
            (None, Some(tombstone)) if tombstone.is_news || base.is_some() => {
                Side::Deleted { image: tombstone.image.as_ref(), time: self.time }
            }
            (None, _) => Side::Absent,
        }
    }
}

fn input<'a>(item: &'a PushItem, there: &'a There, now: HybridTime) -> Input<'a> {
    // A clock that runs ahead must not win for ever.
    let time = item.time.clamped(now);
    let local = match &item.local {
        PushState::Present(row) => Side::Present { row, time },
        PushState::Deleted { image } => Side::Deleted { image: image.as_ref(), time },
    };
    Input { id: item.id.clone(), base: item.base.as_ref(), local, remote: there.side(item.base.as_ref()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64) -> Logged {
        Logged { seq, time: HybridTime(5), image: None }
    }

    #[test]
    fn a_delete_that_the_sender_knew_of_is_none_to_it() {
        let base = Row::new(migrations::entity("clients").unwrap()).with("id", "c");
        let known = There::new(None, Some(entry(7)), None, 7);
        assert!(matches!(known.side(None), Side::Absent));
        assert!(matches!(known.side(Some(&base)), Side::Deleted { .. }));
        let news = There::new(None, Some(entry(8)), None, 7);
        assert!(matches!(news.side(None), Side::Deleted { .. }));
        let fresh = Unnumbered { time: HybridTime(9), has_delete: true, image: None };
        let outbox = There::new(None, Some(entry(7)), Some(fresh), 7);
        assert!(matches!(outbox.side(None), Side::Deleted { time: HybridTime(9), .. }));
        assert!(matches!(There::new(None, None, None, 7).side(Some(&base)), Side::Absent));
    }

    #[test]
    fn a_row_that_is_there_is_present_whatever_the_log_says() {
        let row = Row::new(migrations::entity("clients").unwrap()).with("id", "c");
        let fresh = Unnumbered { time: HybridTime(9), has_delete: true, image: None };
        let there = There::new(Some(row), Some(entry(7)), Some(fresh), 0);
        assert!(matches!(there.side(None), Side::Present { time: HybridTime(9), .. }));
    }
}
