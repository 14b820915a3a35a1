//! Hook events on their way into the replica, in order and exactly once.
//!
//! What waits in the spool is older than any live event, so it is taken in first. Live events among themselves run
//! side by side (their commits are shared); taking in the spool has the intake for itself. The id of an event enters the
//! replica with its rows, so an event that came twice (its hook gave up waiting and spooled it) is taken once.

mod rejected;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hooks::spool::{SpoolError, Spooled};
use hooks::{outage, spool};
use sync::StoreError;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::capture::{Incoming, Reply, Taken};
use crate::notices::Notices;
use crate::phase::Core;
use crate::tasks::panic_text;

pub(crate) use rejected::count as rejected_count;

/// The largest event, in bytes, that is worked on; a larger one is kept aside on disk.
const EVENT_LIMIT: usize = 16 * 1024 * 1024;
/// A half-written spool file that has not been touched for so long has lost its writer: hooks live seconds.
const ORPHANED_AFTER: Duration = Duration::from_secs(30);

/// The gate that all events pass. Clones share it.
#[derive(Clone)]
pub(crate) struct Intake {
    spool: Arc<Path>,
    order: Arc<RwLock<()>>,
    notices: Arc<Notices>,
}

/// What taking in the spool did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Saved now.
    pub(crate) new: u64,
    /// Had been saved already.
    pub(crate) duplicate: u64,
    /// Set aside, with their reasons.
    pub(crate) rejected: u64,
}

/// Why an event was not taken. Its hook keeps it on disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// The replica did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spool folder cannot be read or tidied.
    #[error("take in the events kept in {}: {source}", folder.display())]
    Spool { folder: PathBuf, source: std::io::Error },
    /// The code that handles it panicked; the log has the place.
    #[error("handle the event: {0}")]
    Panicked(String),
}

impl Intake {
    /// The gate before this spool folder.
    pub(crate) fn new(spool: &Path, notices: Arc<Notices>) -> Intake {
        Intake { spool: spool.into(), order: Arc::default(), notices }
    }

    /// Takes one event that a hook has just sent, after everything that waits on disk. Not to be dropped in the middle:
    /// what was taken in is still to be told.
    pub(crate) async fn live(&self, core: &Core, event: Spooled) -> Result<Reply, IntakeError> {
        if self.has_pending()? {
            self.drain(core).await?;
        }
        let shared = Arc::clone(&self.order).read_owned().await;
        if event.body.len() > EVENT_LIMIT {
            let reason = too_large(&event);
            rejected::keep(&self.spool, &event, &reason).map_err(|source| self.io(source))?;
            let message = format!("ClaudeTools: {reason}; it is kept aside, see `claudetools doctor`.");
            return Ok(Reply { system_message: Some(message), ..Reply::new(Taken::Rejected(reason), Ok(None)) });
        }
        let reply = handle(core, event.clone(), Some(shared)).await?;
        if let Taken::Rejected(reason) = &reply.taken {
            rejected::keep(&self.spool, &event, reason).map_err(|source| self.io(source))?;
        }
        Ok(reply)
    }

    /// Takes in everything that waits on disk, the oldest first, and ends the outage that was told of.
    async fn drain(&self, core: &Core) -> Result<Drained, IntakeError> {
        let _alone = self.order.write().await;
        let mut drained = Drained::default();
        loop {
            let waiting = spool::pending(&self.spool).map_err(|source| self.io(source))?;
            if waiting.is_empty() {
                break;
            }
            for path in waiting {
                self.take_file(core, &path, &mut drained).await?;
            }
        }
        let was_told = outage::clear(&self.spool).map_err(|source| self.io(source))?;
        if drained != Drained::default() {
            tracing::info!(?drained, "the events that waited on disk were taken in");
        }
        if let Some(story) = drained.story(was_told, &self.spool) {
            self.notices.add(story);
        }
        Ok(drained)
    }

    async fn take_file(&self, core: &Core, path: &Path, drained: &mut Drained) -> Result<(), IntakeError> {
        let reason = match spool::read(path) {
            Err(SpoolError::Io { reason, .. }) if reason.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(SpoolError::Io { reason, .. }) => return Err(self.io(reason)),
            Err(SpoolError::Unreadable { reason, .. }) => reason.to_owned(),
            Ok(event) if event.body.len() > EVENT_LIMIT => too_large(&event),
            Ok(event) => match handle(core, event, None).await {
                Ok(Reply { taken: Taken::Rejected(reason), .. }) => reason,
                // What panics now would panic for ever, and hold up everything behind it.
                Err(IntakeError::Panicked(reason)) => format!("handling it panicked: {reason}"),
                Err(error) => return Err(error),
                Ok(reply) => {
                    match reply.taken {
                        Taken::Duplicate => drained.duplicate += 1,
                        _ => drained.new += 1,
                    }
                    return std::fs::remove_file(path).map_err(|source| self.io(source));
                }
            },
        };
        drained.rejected += 1;
        rejected::move_aside(&self.spool, path, &reason).map_err(|source| self.io(source))
    }

    /// Waits at most `limit` until no event is being handled. False when one still is.
    pub(crate) async fn finished(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.order.write()).await.is_ok()
    }

    /// The periodic look: half-written files whose hook was killed become whole events again or are set aside as broken;
    /// then everything that waits is taken in.
    pub(crate) async fn look(&self, core: &Core) -> Result<(), IntakeError> {
        let adopted = spool::adopt_parts(&self.spool, ORPHANED_AFTER).map_err(|source| self.io(source))?;
        if adopted != spool::Adopted::default() {
            tracing::warn!(?adopted, "hooks were cut off while they wrote events to disk");
        }
        if self.has_pending()? {
            self.drain(core).await?;
        }
        Ok(())
    }

    /// True when events or an outage mark wait on disk.
    fn has_pending(&self) -> Result<bool, IntakeError> {
        let waiting = spool::pending(&self.spool).map_err(|source| self.io(source))?;
        Ok(!waiting.is_empty() || outage::since(&self.spool).is_ok_and(|since| since.is_some()))
    }

    fn io(&self, source: std::io::Error) -> IntakeError {
        IntakeError::Spool { folder: self.spool.to_path_buf(), source }
    }
}

impl Drained {
    /// What the user is told: how an outage that was told of has ended, and what could not be saved.
    fn story(self, was_told: bool, spool: &Path) -> Option<String> {
        if !was_told && self.rejected == 0 {
            return None;
        }
        let events = |count: u64| if count == 1 { "1 event".to_owned() } else { format!("{count} events") };
        let mut story = "ClaudeTools: the memory daemon answers again.".to_owned();
        if self.new > 0 {
            story = format!("{story} Saved now: {} kept on disk meanwhile.", events(self.new));
        }
        if self.rejected > 0 {
            let place = spool.join("rejected");
            story = format!("{story} Not understood: {}, see {}.", events(self.rejected), place.display());
        }
        Some(story)
    }
}

fn too_large(event: &Spooled) -> String {
    format!("the event has {} bytes, the limit is {EVENT_LIMIT}", event.body.len())
}

/// Lets `capture` handle one event; a live one brings its share of the gate. A panic there is that event's error, and
/// nobody else's.
async fn handle(core: &Core, event: Spooled, shared: Option<OwnedRwLockReadGuard<()>>) -> Result<Reply, IntakeError> {
    let Spooled { event, id, sent_at_us, body } = event;
    let (capture, live) = (core.capture.clone(), shared.is_some());
    let incoming = Incoming { event, id, sent_at_us, body, live };
    // Its own task, so that a panic ends nothing else.
    let handled = tokio::spawn(async move {
        let reply = capture.handle(incoming).await;
        drop(shared);
        reply
    });
    match handled.await {
        Ok(result) => Ok(result?),
        Err(error) => Err(IntakeError::Panicked(panic_text(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, body: &str) -> Spooled {
        Spooled {
            event: "UserPromptSubmit".into(),
            id: format!("{number:032x}"),
            sent_at_us: number,
            body: body.into(),
        }
    }

    fn prompt(number: u64) -> Spooled {
        let fields = r#""session_id":"s","cwd":"/nowhere","hook_event_name":"UserPromptSubmit""#;
        event(number, &format!(r#"{{{fields},"prompt_id":"p{number}","prompt":"paint boat {number}"}}"#))
    }

    fn core(folder: &Path) -> Arc<Core> {
        let store = sync::Store::open(&folder.join("replica.db"), Arc::new(sync::SystemClock)).unwrap();
        let settings = sync::engine::EngineSettings::new(None, "test");
        let index = Arc::new(crate::memory::index::Index::new(store.clone(), folder.join("index")));
        let capture =
            crate::capture::Capture::new(store.clone(), crate::machine::this_one(), Arc::clone(&index), Arc::default());
        let vault = Arc::new(crate::vault::Vault::open(
            &hooks::home::Home::at(folder),
            &store,
            tokio::sync::watch::Sender::default(),
        ));
        let engine = sync::engine::start(store.clone(), settings);
        Arc::new(Core { engine, capture, index, store, vault, kept: crate::api::kept::Kept::default() })
    }

    fn prompts(core: &Core) -> Vec<String> {
        let read = core.store.read(|tx| {
            let mut statement = tx.connection().prepare("SELECT turn_id FROM ct_hook_turns ORDER BY started_us")?;
            let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(ids)
        });
        read.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_waits_on_disk_is_taken_before_a_live_event_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let (core, spool, notices) = (core(folder.path()), folder.path().join("spool"), Arc::new(Notices::default()));
        let intake = Intake::new(&spool, Arc::clone(&notices));
        for waiting in [prompt(2), prompt(1)] {
            spool::write(&spool, &waiting).unwrap();
        }
        spool::write(&spool, &event(3, "{broken")).unwrap();
        assert!(outage::claim(&spool, 1).unwrap());
        assert_eq!(intake.live(&core, prompt(4)).await.unwrap().taken, Taken::New);
        assert!(spool::pending(&spool).unwrap().is_empty() && outage::since(&spool).unwrap().is_none());
        assert_eq!(prompts(&core), ["p1", "p2", "p4"]);
        let told = notices.take_with(None).unwrap();
        assert!(told.contains("2 events kept on disk") && told.contains("Not understood: 1 event"), "{told}");
        assert_eq!(rejected_count(&spool), 1);

        // Its hook had given up waiting for the answer, and kept it on disk too.
        spool::write(&spool, &prompt(4)).unwrap();
        assert_eq!(intake.drain(&core).await.unwrap(), Drained { duplicate: 1, ..Drained::default() });
        assert_eq!(prompts(&core), ["p1", "p2", "p4"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_replica_cannot_take_stays_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let (core, spool) = (core(folder.path()), folder.path().join("spool"));
        let intake = Intake::new(&spool, Arc::default());
        core.store.write(|tx| Ok(tx.connection().execute("ALTER TABLE ct_hook_events RENAME TO away", [])?)).unwrap();
        spool::write(&spool, &prompt(1)).unwrap();
        assert!(matches!(intake.drain(&core).await, Err(IntakeError::Store(_))));
        assert_eq!(spool::pending(&spool).unwrap().len(), 1);
        core.store.write(|tx| Ok(tx.connection().execute("ALTER TABLE away RENAME TO ct_hook_events", [])?)).unwrap();
        assert_eq!(intake.drain(&core).await.unwrap().new, 1);
        assert!(spool::pending(&spool).unwrap().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_event_beyond_the_limit_is_kept_aside_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (core, spool) = (core(folder.path()), folder.path().join("spool"));
        let large = event(1, &"x".repeat(EVENT_LIMIT + 1));
        let reply = Intake::new(&spool, Arc::default()).live(&core, large.clone()).await.unwrap();
        assert!(matches!(reply.taken, Taken::Rejected(_)) && reply.system_message.is_some());
        let kept = spool::pending(&spool.join("rejected")).unwrap();
        assert_eq!(spool::read(&kept[0]).unwrap(), large);
    }

    #[test]
    fn the_story_of_an_outage() {
        let story = |new, rejected, told| Drained { new, duplicate: 1, rejected }.story(told, Path::new("/s"));
        assert_eq!(story(3, 0, false), None);
        assert!(story(0, 0, true).unwrap().ends_with("answers again."));
        assert!(story(1, 0, true).unwrap().contains("Saved now: 1 event kept on disk"));
        assert!(story(2, 1, false).unwrap().ends_with("Not understood: 1 event, see /s/rejected."));
    }
}
