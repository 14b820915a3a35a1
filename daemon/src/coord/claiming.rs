//! Claiming, renewing and releasing a lock: at central when it can be asked, else here, and said so.

use std::time::Duration;

use axum::http::StatusCode;
use merge::Key;
use migrations::catalogue::COORD_SESSION_LOCKS;
use sync::StoreError;
use sync::central::{Claim, Claimed};
use sync::engine::SyncError;
use sync::local::{WriteTx, new_id};

use super::claims::{Record, State};
use super::lock::{Lock, of_another, of_own, one};
use super::{DEFAULT_TTL_HOURS, HOUR_US, losing, now_us};
use crate::api::problem::Problem;
use crate::phase::Core;
use crate::server::guard::{Scope, wanting};

/// How long a release waits until the other machines can know of it.
const TOLD_WITHIN: Duration = Duration::from_secs(3);

/// What a session wants.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) project_key: String,
    pub(crate) session_id: String,
    pub(crate) resource: String,
    pub(crate) description: Option<String>,
    /// 0: until it is released.
    pub(crate) ttl_hours: f64,
}

/// What came of a claim.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The session has the lock now.
    New(Lock),
    /// It had it already, and has it for longer now.
    Own(Lock),
    /// Another session has it.
    Taken(Lock),
}

/// Who releases a lock.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) session_id: Option<String>,
    /// Although it is another session's: anybody may if it has expired.
    pub(crate) force: bool,
    /// May also end one that is live.
    pub(crate) is_admin: bool,
}

/// Claims a lock.
pub(crate) async fn claim(core: &Core, wanted: Wanted) -> Result<Outcome, Problem> {
    let clock = core.store.clock().clone();
    let (record, rival) = core
        .store
        .read_async(move |tx| {
            let now_us = now_us(tx, clock.as_ref())?;
            let record = wanted.record(now_us);
            // What a session of this machine claimed first is asked for first.
            let rival = of_another(tx, &record, now_us)?.filter(|lock| lock.provisional);
            Ok((record, rival))
        })
        .await?;
    if let Some(rival) = rival {
        return Ok(Outcome::Taken(rival));
    }
    match core.engine.claim(record.claim()).await {
        Ok(Claimed::Held(row)) => held(core, record, row.key.as_str().to_owned()).await,
        Ok(Claimed::Taken(row)) => {
            let (id, clock) = (row.key.as_str().to_owned(), core.store.clock().clone());
            let holder = core.store.read_async(move |tx| one(tx, &id, now_us(tx, clock.as_ref())?)).await?;
            holder.map(Outcome::Taken).ok_or_else(|| gone(&record.resource))
        }
        Ok(Claimed::Released) => Err(gone(&record.resource)),
        Err(SyncError::Unconfigured) => here(core, record, State::Held, None).await,
        Err(SyncError::Store(error)) => Err(error.into()),
        Err(error) => {
            let reason = format!("claimed while central could not be asked: {error}");
            here(core, record, State::Provisional, Some(reason)).await
        }
    }
}

impl Wanted {
    fn record(self, now_us: u64) -> Record {
        Record {
            lock_id: new_id(now_us),
            project_key: self.project_key,
            session_id: self.session_id,
            resource: self.resource,
            description: self.description,
            ttl_us: hours_in_us(self.ttl_hours),
            claimed_us: now_us,
            active_us: now_us,
            agreed_us: now_us,
            state: State::Provisional,
            reason: None,
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes the nearest number")]
#[expect(clippy::cast_precision_loss, reason = "an hour has fewer microseconds than a float has digits")]
fn hours_in_us(hours: f64) -> u64 {
    (hours * HOUR_US as f64) as u64
}

/// The lock ended between two looks at it.
fn gone(resource: &str) -> Problem {
    let detail = format!("the lock on {resource} changed hands this very moment");
    Problem::new(StatusCode::CONFLICT, detail, "claim it again").coded("LOCK_HELD")
}

/// Central has agreed: by a new row, or by the one that the session had.
async fn held(core: &Core, record: Record, lock_id: String) -> Result<Outcome, Problem> {
    let is_new = record.lock_id == lock_id;
    let outcome = core.store.write_async(move |tx| {
        let known = Record::load(tx.connection(), &lock_id)?;
        let record = Record { claimed_us: known.map_or(record.claimed_us, |known| known.claimed_us), ..record };
        let now_us = tx.corrected_us();
        let record =
            Record { lock_id, state: State::Held, reason: None, active_us: now_us, agreed_us: now_us, ..record };
        record.save(tx.connection())?;
        one(&tx.reading(), &record.lock_id, now_us).map(|lock| lock.ok_or(record.resource))
    });
    let lock = outcome.await?.map_err(|resource| gone(&resource))?;
    Ok(if is_new { Outcome::New(lock) } else { Outcome::Own(lock) })
}

/// Claims a lock among the sessions that this machine knows of.
async fn here(core: &Core, record: Record, state: State, reason: Option<String>) -> Result<Outcome, Problem> {
    let outcome = core.store.write_async(move |tx| {
        let now_us = tx.corrected_us();
        if let Some(holder) = of_another(&tx.reading(), &record, now_us)? {
            return Ok(Outcome::Taken(holder));
        }
        if let Some(own) = of_own(&tx.reading(), &record, now_us)? {
            let own = touch(tx, &own.id, &record)?;
            return Ok(Outcome::Own(own));
        }
        let record = Record { state, reason, ..record };
        record.save(tx.connection())?;
        if state == State::Held {
            tx.put(record.claim().row(now_us))?;
        }
        let lock = one(&tx.reading(), &record.lock_id, now_us)?;
        Ok(Outcome::New(lock.unwrap_or_else(|| Lock::provisional(&record))))
    });
    Ok(outcome.await?)
}

/// The session that has a lock is active now; central hears of it when it can.
fn touch(tx: &mut WriteTx<'_>, lock_id: &str, like: &Record) -> Result<Lock, StoreError> {
    let now_us = tx.corrected_us();
    let known = Record::load(tx.connection(), lock_id)?;
    let record = known.unwrap_or_else(|| Record {
        lock_id: lock_id.to_owned(),
        agreed_us: 0,
        state: State::Held,
        ..like.clone()
    });
    let record = Record { active_us: record.active_us.max(now_us), ..record };
    record.save(tx.connection())?;
    let lock = one(&tx.reading(), lock_id, now_us)?;
    Ok(lock.unwrap_or_else(|| Lock::provisional(&record)))
}

/// Renews a lock that the session has.
pub(crate) async fn renew(core: &Core, id: String, session_id: &str) -> Result<Lock, Problem> {
    let clock = core.store.clock().clone();
    let lock_id = id.clone();
    let (lock, known) = core
        .store
        .read_async(move |tx| {
            let lock = one(tx, &lock_id, now_us(tx, clock.as_ref())?)?;
            Ok((lock, Record::load(tx.connection(), &lock_id)?))
        })
        .await?;
    let lock = lock.ok_or_else(|| Problem::not_found("lock"))?;
    if lock.session_id != session_id {
        return Err(not_yours(&lock));
    }
    if lock.released_at.is_some() {
        return Err(released());
    }
    let now_us = core.store.clock().now_us();
    let record = known.unwrap_or_else(|| Record { lock_id: id, ..like(&lock).record(now_us) });
    let is_shared = record.state == State::Held || !lock.provisional;
    match core.engine.claim(Claim { renewal: is_shared, ..record.claim() }).await {
        Ok(Claimed::Held(row)) => match held(core, record, row.key.as_str().to_owned()).await? {
            Outcome::New(lock) | Outcome::Own(lock) | Outcome::Taken(lock) => Ok(lock),
        },
        Ok(Claimed::Taken(_) | Claimed::Released) => {
            // This answer tells the session; its hooks need not.
            core.store.write_async(move |tx| Record::remove(tx.connection(), &record.lock_id)).await?;
            let detail = "the lock ran out, or was released, before it could be renewed";
            let hint = "see who has it: GET /api/coord/locks";
            Err(Problem::new(StatusCode::CONFLICT, detail, hint).coded("LOCK_HELD"))
        }
        Err(SyncError::Store(error)) => Err(error.into()),
        Err(error) => {
            let alone = matches!(error, SyncError::Unconfigured);
            Ok(core.store.write_async(move |tx| renewed_here(tx, &record, alone)).await?)
        }
    }
}

fn renewed_here(tx: &mut WriteTx<'_>, record: &Record, alone: bool) -> Result<Lock, StoreError> {
    if alone {
        extend(tx, record)?;
    }
    touch(tx, &record.lock_id, record)
}

/// Without a central, the row is moved here.
pub(super) fn extend(tx: &mut WriteTx<'_>, record: &Record) -> Result<(), StoreError> {
    if let Some(row) = tx.get(COORD_SESSION_LOCKS, &Key::new(record.lock_id.as_str()))? {
        tx.put(record.claim().extended(&row, tx.corrected_us()))?;
    }
    Ok(())
}

/// A claim like the one that made a lock of which this machine has no record.
fn like(lock: &Lock) -> Wanted {
    Wanted {
        project_key: lock.project_key.clone(),
        session_id: lock.session_id.clone(),
        resource: lock.resource.clone(),
        description: lock.description.clone(),
        ttl_hours: if lock.expires_at.is_some() { DEFAULT_TTL_HOURS } else { 0.0 },
    }
}

fn released() -> Problem {
    Problem::new(StatusCode::CONFLICT, "the lock was released", "claim it again").coded("LOCK_RELEASED")
}

fn not_yours(lock: &Lock) -> Problem {
    let detail = format!("the lock is held by {}", lock.session_id);
    Problem::new(StatusCode::FORBIDDEN, detail, "only its session may do that").with("holder", lock.session_id.as_str())
}

fn still_held(lock: &Lock) -> Problem {
    let until = lock.expires_at.as_deref().map_or_else(String::new, |end| format!(" until {end}"));
    let detail = format!("the lock is held by {}{until}: {}", lock.session_id, wanting(Scope::Admin));
    let hint = "wait until it expires, agree with its session by a message, or have an admin do it";
    Problem::new(StatusCode::FORBIDDEN, detail, hint).with("holder", lock.session_id.as_str())
}

/// Releases a lock.
pub(crate) async fn release(core: &Core, id: String, release: Release) -> Result<(), Problem> {
    let outcome = core.store.write_async(move |tx| {
        let now_us = tx.corrected_us();
        let Some(lock) = one(&tx.reading(), &id, now_us)? else { return Ok(Err(Problem::not_found("lock"))) };
        let is_own = release.session_id.as_deref() == Some(lock.session_id.as_str());
        if !is_own && !release.force {
            return Ok(Err(not_yours(&lock)));
        }
        if !is_own && !release.is_admin && lock.is_live(now_us) {
            return Ok(Err(still_held(&lock)));
        }
        match Record::load(tx.connection(), &id)? {
            Some(record) if !is_own && record.is_alive(now_us) => losing::lose(tx, record, "was released by force")?,
            _ => {
                losing::end(tx, &id)?;
                Record::remove(tx.connection(), &id)?;
            }
        }
        Ok(Ok(()))
    });
    outcome.await??;
    // It is in the journal; that the others hear of it soon is all that is waited for.
    if core.engine.is_in_touch() {
        let _ = tokio::time::timeout(TOLD_WITHIN, core.engine.round()).await;
    }
    Ok(())
}
