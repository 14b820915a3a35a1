//! The daemon's own tasks: opening the replica (and trying again until it opens), looking after the spool, finding
//! out when saving works again, telling the user once when central needs them, drafting billable time.

mod upkeep;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sync::engine::{self, EngineSettings, SyncState};
use sync::local::WriteTx;
use sync::{Store, StoreError, local};
use tokio::task::JoinHandle;

use crate::api::kept::Kept;
use crate::api::special::logins::own_token;
use crate::app::App;
use crate::audit::chain;
use crate::auth;
use crate::billing;
use crate::capture::Capture;
use crate::coord;
use crate::forget::sweep::{self, Swept};
use crate::intake::IntakeError;
use crate::meaning::Meaning;
use crate::memory::index::Index;
use crate::news::{News, Next};
use crate::phase::{Core, Phase, Trouble};
use crate::redaction::{self, Stamp};
use crate::vault::exchange::{Exchange, ExchangeError};
use crate::vault::{Vault, reseal};
use crate::{files, machine, transcripts};

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);
const SPOOL_LOOK: Duration = Duration::from_secs(2);
const SAVING_LOOK: Duration = Duration::from_secs(2);
const LEDGER_LOOK: Duration = Duration::from_hours(1);
const DRAFT_LOOK: Duration = Duration::from_secs(10);
/// After a failure, which is on record.
const DRAFT_RETRY: Duration = Duration::from_mins(10);
const DRAFT_TIME: &str = "draft-time";
const VAULT_LOOK: Duration = Duration::from_mins(1);
const SECRETS_LOOK: Duration = Duration::from_secs(2);
const AUDIT_LOOK: Duration = Duration::from_secs(5);
const USERS_LOOK: Duration = Duration::from_secs(2);
const TOKEN_RENEWAL: Duration = Duration::from_hours(24);
const FORGET_LOOK: Duration = Duration::from_secs(1);
const FORGET_RETRY: Duration = Duration::from_secs(10);
const SYNC_LOOK: Duration = Duration::from_secs(5);
const LOCKS_LOOK: Duration = Duration::from_secs(1);
/// How long a task waits for the replica before it looks again whether the stop came.
const OPENING_PATIENCE: Duration = Duration::from_secs(1);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts all of them, supervised.
pub(crate) fn start(app: &Arc<App>) -> Vec<JoinHandle<()>> {
    let task = |name, run: fn(Arc<App>) -> Task| {
        let shared = Arc::clone(app);
        app.tasks.supervise(name, app.stop.clone(), move || run(Arc::clone(&shared)))
    };
    vec![
        task("open-replica", |app| Box::pin(open_replica(app))),
        task("drain-spool", |app| Box::pin(drain_spool(app))),
        task("try-saving", |app| Box::pin(try_saving(app))),
        task("forget", |app| Box::pin(forget(app))),
        task("watch-sync", |app| Box::pin(watch_sync(app))),
        task("keep-locks", |app| Box::pin(keep_locks(app))),
        task("keep-ledger", |app| Box::pin(keep_ledger(app))),
        task("index-memories", |app| Box::pin(upkeep::index_memories(app))),
        task("keep-index", |app| Box::pin(upkeep::keep_index(app))),
        task(upkeep::KEEP_VECTORS, |app| Box::pin(upkeep::keep_vectors(app))),
        task("watch-transcripts", |app| Box::pin(transcripts::watch::run(app))),
        task(DRAFT_TIME, |app| Box::pin(draft_time(app))),
        task("keep-vault", |app| Box::pin(keep_vault(app))),
        task("know-secrets", |app| Box::pin(know_secrets(app))),
        task("watch-audit", |app| Box::pin(watch_audit(app))),
        task("watch-users", |app| Box::pin(watch_users(app))),
        task("renew-token", |app| Box::pin(renew_token(app))),
    ]
}

/// Opens the replica, as often as it takes, and again when its writer has ended.
async fn open_replica(app: Arc<App>) {
    let mut pause = FIRST_RETRY;
    loop {
        match open(&app).await {
            Ok(core) => {
                tracing::info!("the replica is open");
                app.phase.send_replace(Phase::Ready(Arc::new(core)));
                pause = FIRST_RETRY;
                tokio::select! {
                    () = app.stop.requested() => return,
                    () = app.reopen.notified() => {}
                }
                tracing::error!("the replica's writer has ended; opening the replica again");
                if let Phase::Ready(core) = app.phase.send_replace(Phase::Opening) {
                    core.engine.stop().await;
                }
            }
            Err(error) => {
                tracing::error!(%error, retry_in_s = pause.as_secs(), "the replica cannot be opened");
                app.phase.send_replace(Phase::Degraded(Trouble::of_store(&error)));
                if !app.stop.pause(pause).await {
                    return;
                }
                pause = (pause * 2).min(LONGEST_RETRY);
            }
        }
    }
}

async fn open(app: &App) -> Result<Core, StoreError> {
    let (path, clock) = (app.home.replica(), Arc::clone(&app.clock));
    let (home, changed) = (app.home.clone(), app.vault_changed.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let store = Store::open_on(&path, clock, &machine::host())?;
        let vault = Vault::open(&home, &store, changed);
        // Before anything is captured. That there is no key, the status says.
        if let Ok(ring) = vault.ring() {
            redaction::learn(&store, &ring, &Stamp::default())?;
        }
        Ok::<_, StoreError>((store, vault))
    });
    let (store, vault) = opened.await.map_err(|error| StoreError::other(crate::tasks::panic_text(error)))??;
    let machine = machine::this_one();
    let mut settings = EngineSettings::new(app.central.clone(), machine.hostname.clone());
    settings.verify = app.verify;
    let meaning = Meaning::new(store.clone(), app.home.vectors(), app.meaning.clone()).map(Arc::new);
    let index = Arc::new(Index::new(store.clone(), app.home.index()).with_meaning(meaning));
    let capture = Capture::new(store.clone(), machine, Arc::clone(&index), Arc::clone(&app.policy));
    // What was due when the daemon ended, which may have been a kill.
    capture.catch_up_in_background();
    let engine = engine::start(store.clone(), settings);
    Ok(Core { engine, capture, index, store, vault: Arc::new(vault), kept: Kept::default() })
}

/// Takes in what hooks left on disk while nobody answered.
async fn drain_spool(app: Arc<App>) {
    loop {
        if let Ok(core) = app.core(OPENING_PATIENCE).await {
            match app.intake.look(&core).await {
                Ok(()) => {}
                Err(IntakeError::Store(error)) => app.note_saving(Err(&error)),
                Err(error) => tracing::warn!(%error, "the spool was not taken in"),
            }
        }
        if !app.stop.pause(SPOOL_LOOK).await {
            return;
        }
    }
}

/// While events cannot be saved, writes something small now and then, to find out when they can be.
async fn try_saving(app: Arc<App>) {
    while app.stop.pause(SAVING_LOOK).await {
        if app.saving_trouble().is_none() {
            continue;
        }
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        let tried = core.store.write_async(|tx| {
            let now = tx.now_us().cast_signed();
            let sql = "INSERT INTO ct_sync_state (name, value) VALUES ('last_save_test_us', ?1)
                       ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            tx.connection().execute(sql, [now])?;
            Ok(())
        });
        app.note_saving(tried.await.as_ref().copied());
    }
}

/// Keeps to what was forgotten, here or on another machine.
async fn forget(app: Arc<App>) {
    let (mut news, mut next) = (News::default(), Next::In(FORGET_LOOK));
    while news.wait(&app.stop, next).await {
        next = Next::In(FORGET_LOOK);
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        news.look(&core.store);
        match sweep::step(&core.store, &core.index, &app.home.spool()).await {
            Ok(Swept::More) => next = Next::NOW,
            Ok(Swept::Clean) => core.capture.catch_up_in_background(),
            Ok(Swept::Nothing) => next = Next::News(FORGET_LOOK),
            Err(error) => {
                tracing::warn!(%error, "what was forgotten is not out of all files yet; it is tried again");
                next = Next::In(FORGET_RETRY);
            }
        }
    }
}

/// Makes drafts of billable time from what was captured.
async fn draft_time(app: Arc<App>) {
    let Some(rule) = app.billing.clone() else { return };
    let mut pause = DRAFT_LOOK;
    while app.stop.pause(pause).await {
        pause = DRAFT_LOOK;
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        match billing::make(&core.store, rule.clone(), app.clock.now_us()).await {
            Ok(0) => {}
            Ok(drafts) => tracing::info!(drafts, "drafts of billable time were brought up to date"),
            Err(error) => {
                tracing::warn!(%error, "billable time could not be drafted; it is tried again");
                app.tasks.failed(DRAFT_TIME, &format!("billable time could not be drafted: {error}"));
                pause = DRAFT_RETRY;
            }
        }
    }
}

/// Takes over keys that another machine rotated to, and seals anew what is left of earlier ones.
async fn keep_vault(app: Arc<App>) {
    let mut changed = app.vault_changed.subscribe();
    loop {
        if let Ok(core) = app.core(OPENING_PATIENCE).await {
            let exchange = Exchange { vault: &core.vault, store: &core.store, central: &app.central_link };
            match exchange.refresh().await {
                // That central is away, or that a key is missing, the status says.
                Ok(_) | Err(ExchangeError::Link(_) | ExchangeError::Secret(_)) => {}
                Err(error) => tracing::warn!(%error, "the vault's keys were not compared with central's"),
            }
            seal_anew(&core).await;
        }
        tokio::select! {
            goes_on = app.stop.pause(VAULT_LOOK) => if !goes_on { return },
            _ = changed.changed() => {}
        }
    }
}

/// Has the values of the vault redacted that others have brought. What is sealed here is known as it is sealed.
async fn know_secrets(app: Arc<App>) {
    let mut known = Stamp::default();
    let (mut news, mut next) = (News::default(), Next::In(SECRETS_LOOK));
    while news.wait(&app.stop, next).await {
        next = Next::In(SECRETS_LOOK);
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        news.look(&core.store).and_for(app.vault_changed.subscribe());
        let Ok(ring) = core.vault.ring() else { continue };
        let (store, before) = (core.store.clone(), known.clone());
        let learnt = tokio::task::spawn_blocking(move || redaction::learn(&store, &ring, &before)).await;
        match learnt.map_err(StoreError::other).flatten() {
            Ok(stamp) => (known, next) = (stamp, Next::News(SECRETS_LOOK)),
            Err(error) => tracing::warn!(%error, "the secrets to redact were not read anew; it is tried again"),
        }
    }
}

/// Notes how far the audit rows of other machines have come, so that what is removed of them later is missed.
async fn watch_audit(app: Arc<App>) {
    let mut seen = None;
    let (mut news, mut next) = (News::default(), Next::In(AUDIT_LOOK));
    while news.wait(&app.stop, next).await {
        next = Next::In(AUDIT_LOOK);
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        news.look(&core.store).and_for(app.vault_changed.subscribe());
        // That there is no key, the status says.
        let Ok(keys) = core.vault.ring() else { continue };
        match chain::step(&core.store, keys, seen.clone()).await {
            Ok(mark) => (seen, next) = (Some(mark), Next::News(AUDIT_LOOK)),
            Err(error) => {
                tracing::warn!(%error, "the audit rows of other machines were not looked at; it is tried again");
            }
        }
    }
}

/// Learns from the replica who may log in and whose password was changed, so that tokens of before end on every machine.
async fn watch_users(app: Arc<App>) {
    let (mut news, mut next) = (News::default(), Next::NOW);
    while news.wait(&app.stop, next).await {
        next = Next::In(USERS_LOOK);
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        news.look(&core.store);
        match auth::learn(&app, &core).await {
            Ok(()) => next = Next::News(USERS_LOOK),
            Err(error) => tracing::warn!(%error, "who may log in could not be read; it is tried again"),
        }
    }
}

/// Writes the token with which hooks and the command line come over TCP, for as long as the file lies there.
pub(crate) fn write_own_token(app: &App) -> std::io::Result<()> {
    let token = own_token(app).map_err(std::io::Error::other)?;
    files::write_private(&app.home.token(), token.as_bytes())
}

async fn renew_token(app: Arc<App>) {
    while app.stop.pause(TOKEN_RENEWAL).await {
        if let Err(error) = write_own_token(&app) {
            tracing::error!(%error, "the token of the hooks could not be renewed; it holds for weeks still");
        }
    }
}

async fn seal_anew(core: &Core) {
    loop {
        match reseal::step(&core.vault, &core.store).await {
            Ok(0) => return,
            Ok(rows) => tracing::info!(rows, "secrets were sealed with the vault's current key"),
            Err(error) => return tracing::warn!(%error, "secrets stay sealed with an earlier key for now"),
        }
    }
}

/// Tells the user, once each time, when central does not let this machine in: waiting would not heal that.
async fn watch_sync(app: Arc<App>) {
    let mut told = false;
    while app.stop.pause(SYNC_LOOK).await {
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        let engine = core.engine.clone();
        let Ok(status) = tokio::task::spawn_blocking(move || engine.status()).await else { continue };
        match status.state {
            SyncState::Refused if !told => {
                let why = status.last_error.unwrap_or_default();
                let hint = status.hint.unwrap_or_else(|| "run: claudetools status".to_owned());
                app.notices.add(format!("ClaudeTools: memory is not shared with your other machines: {why} ({hint})"));
                told = true;
            }
            // Only a round that went through ends it: one that is running has shown nothing yet.
            SyncState::Idle => told = false,
            _ => {}
        }
    }
}

/// Asks central for the locks that are provisional, and renews those whose sessions are active.
async fn keep_locks(app: Arc<App>) {
    let (mut news, mut next) = (News::default(), Next::In(LOCKS_LOOK));
    while news.wait(&app.stop, next).await {
        next = Next::In(LOCKS_LOOK);
        let Ok(core) = app.core(OPENING_PATIENCE).await else { continue };
        news.look(&core.store);
        match coord::keep::step(&core).await {
            Ok(true) => {}
            Ok(false) => next = Next::News(LOCKS_LOOK),
            Err(error) => {
                tracing::warn!(%error, "the locks of this machine's sessions were not looked after; it is tried again");
            }
        }
    }
}

/// Forgets conflicts that are old, and locks and messages that ended long ago, a few at a time.
async fn keep_ledger(app: Arc<App>) {
    loop {
        if let Ok(core) = app.core(OPENING_PATIENCE).await {
            purge(&core, "conflicts", local::purge_conflicts).await;
            purge(&core, "locks and messages", coord::prune).await;
        }
        if !app.stop.pause(LEDGER_LOOK).await {
            return;
        }
    }
}

async fn purge(core: &Core, what: &str, few: fn(&mut WriteTx<'_>) -> Result<u64, StoreError>) {
    loop {
        match core.store.write_async(few).await {
            Ok(0) => return,
            Ok(purged) => tracing::info!(purged, what, "what is old was forgotten"),
            Err(error) => return tracing::warn!(%error, what, "what is old is kept for now"),
        }
    }
}
