//! Transcripts, read in the background: what no hook told is filled in.
//!
//! Which conversations are due is on record, so that a daemon that stops in between goes on where it was. An
//! interrupted turn gets what was said before it was cut off; a prompt whose hook never reached us becomes a turn; a
//! conversation that nobody ended is closed as abandoned once it has been silent for [`ABANDONED_US`].

use std::path::Path;
use std::sync::PoisonError;

use sync::StoreError;

use super::Capture;
use super::ledger::Conversation;
use super::project::Place;
use super::scene::{Scene, Visit};
use super::transcript::{self, Reading};

/// Silence after which a conversation will not go on, in microseconds.
pub(super) const ABANDONED_US: u64 = 12 * 3600 * 1_000_000;
/// Secrets found in transcripts are counted under this name.
const COUNTED_AS: &str = "transcript";

impl Capture {
    /// Reads the transcripts that are due. Runs by itself after the events that ask for it; the daemon calls it once
    /// when it starts, for what an earlier run left.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let _alone = self.catching_up.lock().await;
        let due = self.store.read_async(|tx| Conversation::due(tx.connection())).await?;
        for conversation in due {
            let id = conversation.id.clone();
            let (path, offset) = (conversation.transcript_path.clone(), conversation.transcript_offset);
            let home = self.machine.home_directory.clone();
            let read = tokio::task::spawn_blocking(move || {
                let reading = path.map_or_else(|| Ok(Reading::default()), |path| read(&path, offset));
                (reading, place_of(&conversation, &home))
            });
            let (reading, place) = read.await.map_err(StoreError::other)?;
            let reading = reading.unwrap_or_else(|error| {
                tracing::info!(conversation = %id, %error, "a transcript could not be read");
                Reading { offset, ..Reading::default() }
            });
            self.stats.redacted(COUNTED_AS, &reading.redactions);
            let (machine, replica_id) = (std::sync::Arc::clone(&self.machine), self.store.replica_id());
            self.store
                .write_async(move |tx| {
                    let Some(known) = Conversation::load(tx.connection(), &id)? else { return Ok(()) };
                    let (cwd, at_us) = (known.cwd.clone(), known.last_event_us);
                    let visit = Visit { conversation: &id, place: &place, cwd: &cwd, transcript: None, at_us };
                    let mut scene = Scene::enter(tx, &visit, &machine, &replica_id)?;
                    scene.fill_in(&reading)?;
                    scene.leave()
                })
                .await?;
        }
        Ok(())
    }

    /// [`Capture::catch_up`] without waiting for it.
    pub(crate) fn catch_up_in_background(&self) {
        let capture = self.clone();
        let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
        while background.try_join_next().is_some() {}
        background.spawn(async move {
            if let Err(error) = capture.catch_up().await {
                tracing::warn!(%error, "transcripts could not be taken in; it is tried again with the next session");
            }
        });
    }
}

fn read(path: &str, offset: u64) -> std::io::Result<Reading> {
    match transcript::read(Path::new(path), offset) {
        // A conversation without a prompt has none, and a client may tidy up.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Reading { offset, ..Reading::default() }),
        outcome => outcome,
    }
}

/// Where the conversation took place. Its folder may be gone or changed: the project stays the one on record.
fn place_of(conversation: &Conversation, home: &Path) -> Place {
    let place = Place::of(Path::new(&conversation.cwd), home);
    if conversation.project_slug.is_empty() || place.slug == conversation.project_slug {
        return place;
    }
    Place::recorded(&conversation.project_slug)
}

impl Scene<'_, '_> {
    /// Applies a reading, then closes what is over.
    fn fill_in(&mut self, reading: &Reading) -> Result<(), StoreError> {
        for exchange in &reading.exchanges {
            self.exchange(exchange)?;
        }
        self.conversation.transcript_offset = reading.offset;
        self.conversation.transcript_due = false;
        let silent_us = self.tx.now_us().saturating_sub(self.conversation.last_event_us);
        if self.conversation.ended_us > 0 {
            return self.summarise();
        }
        if silent_us > ABANDONED_US {
            self.conversation.ended_us = self.conversation.last_event_us;
            return self.close("abandoned");
        }
        Ok(())
    }
}
