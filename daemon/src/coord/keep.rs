//! Keeps the claims of this machine's sessions in step with central: asks for what is provisional, renews what was used,
//! and finds out what was lost. Runs a step now and then; a step that fails is made again.

use merge::Key;
use migrations::catalogue::COORD_SESSION_LOCKS;
use sync::StoreError;
use sync::central::Claimed;
use sync::engine::SyncError;
use sync::local::{ReadTx, WriteTx};

use super::claiming::extend;
use super::claims::{Record, State};
use super::lock::{live, one};
use super::{HOUR_US, losing, now_us};
use crate::phase::Core;

/// A lock that ran out so long ago is not renewed any more, whatever its session does.
const FORGOTTEN_US: u64 = 7 * 24 * HOUR_US;

/// What is to be done about a claim.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    /// Central is to be asked.
    Ask,
    /// Nobody wants it any more.
    Forget,
    /// It is lost, because of this.
    Lose(String),
}

/// One step; false when there is no claim to look after, until one is made.
pub(crate) async fn step(core: &Core) -> Result<bool, StoreError> {
    let clock = core.store.clock().clone();
    let needs = core.store.read_async(move |tx| needs(tx, now_us(tx, clock.as_ref())?)).await?;
    let are_any = !needs.is_empty();
    for (record, need) in needs {
        match need {
            Need::Nothing => {}
            Need::Forget => core.store.write_async(move |tx| Record::remove(tx.connection(), &record.lock_id)).await?,
            Need::Lose(because) => core.store.write_async(move |tx| lose(tx, &record.lock_id, &because)).await?,
            Need::Ask => {
                let outcome = core.engine.claim(record.claim()).await;
                if !settle(core, record, outcome).await? {
                    break;
                }
            }
        }
    }
    Ok(are_any)
}

fn needs(tx: &ReadTx<'_>, now_us: u64) -> Result<Vec<(Record, Need)>, StoreError> {
    let records = Record::all(tx.connection())?;
    records.into_iter().map(|record| need(tx, &record, now_us).map(|need| (record, need))).collect()
}

fn need(tx: &ReadTx<'_>, record: &Record, now_us: u64) -> Result<Need, StoreError> {
    match record.state {
        State::Lost => return Ok(Need::Nothing),
        State::Provisional if record.is_alive(now_us) => return Ok(Need::Ask),
        State::Provisional => return Ok(Need::Forget),
        State::Held => {}
    }
    let row = tx.get(COORD_SESSION_LOCKS, &Key::new(record.lock_id.as_str()))?;
    if row.is_none_or(|row| !row.get("released_at").is_null()) {
        return Ok(Need::Lose("was released by somebody else".to_owned()));
    }
    if record.ends_us().is_some_and(|end| end.saturating_add(FORGOTTEN_US) < now_us) {
        return Ok(Need::Forget);
    }
    let mut live = live(tx, now_us)?;
    live.retain(|lock| lock.project_key == record.project_key && lock.resource == record.resource && !lock.provisional);
    // Another program claimed without asking: the earlier one holds.
    let first = live.iter().min_by_key(|lock| (lock.acquired_at.clone(), lock.id.clone()));
    if let Some(first) = first.filter(|first| first.session_id != record.session_id)
        && live.iter().any(|lock| lock.id == record.lock_id)
    {
        return Ok(Need::Lose(held_by(&first.session_id, &first.acquired_at)));
    }
    Ok(if record.is_due() { Need::Ask } else { Need::Nothing })
}

/// Enters what central said; false when it could not be asked.
async fn settle(core: &Core, record: Record, outcome: Result<Claimed, SyncError>) -> Result<bool, StoreError> {
    let agreed_us = record.active_us;
    match outcome {
        Ok(Claimed::Held(row)) => {
            let id = row.key.as_str().to_owned();
            core.store.write_async(move |tx| confirm(tx, &record, &id, agreed_us)).await?;
        }
        Ok(Claimed::Taken(row)) => {
            let id = row.key.as_str().to_owned();
            core.store
                .write_async(move |tx| {
                    let holder = one(&tx.reading(), &id, tx.corrected_us())?;
                    let because = holder.map_or_else(
                        || "is held by another session".to_owned(),
                        |holder| held_by(&holder.session_id, &holder.acquired_at),
                    );
                    lose(tx, &record.lock_id, &because)
                })
                .await?;
        }
        Ok(Claimed::Released) => {
            core.store.write_async(move |tx| lose(tx, &record.lock_id, "was released by somebody else")).await?;
        }
        Err(SyncError::Unconfigured) => {
            core.store
                .write_async(move |tx| {
                    if record.state == State::Provisional {
                        tx.put(record.claim().row(tx.corrected_us()))?;
                    }
                    extend(tx, &record)?;
                    confirm(tx, &record, &record.lock_id, agreed_us)
                })
                .await?;
        }
        Err(SyncError::Store(error)) => return Err(error),
        Err(_) => return Ok(false),
    }
    Ok(true)
}

/// The session has the lock, by that row. It may have released it meanwhile.
fn confirm(tx: &mut WriteTx<'_>, asked: &Record, id: &str, agreed_us: u64) -> Result<(), StoreError> {
    let Some(record) = Record::load(tx.connection(), &asked.lock_id)? else { return losing::end(tx, id) };
    Record::remove(tx.connection(), &asked.lock_id)?;
    Record { lock_id: id.to_owned(), state: State::Held, reason: None, agreed_us, ..record }.save(tx.connection())
}

/// Ends the claim as it is now, unless its session has given it up meanwhile.
fn lose(tx: &mut WriteTx<'_>, lock_id: &str, because: &str) -> Result<(), StoreError> {
    match Record::load(tx.connection(), lock_id)? {
        Some(record) if record.state != State::Lost => losing::lose(tx, record, because),
        _ => Ok(()),
    }
}

fn held_by(session: &str, since: &str) -> String {
    format!("is held by {session} since {since}")
}
