//! What the system tells of changes below a folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{CreateKind, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::watch;

/// What was seen since the last look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Files that were made or changed.
    pub(super) changed: HashSet<PathBuf>,
    /// Something may have been missed: a new folder, or more events than the system keeps.
    pub(super) look_through: bool,
    /// Why nothing can be told any more, such as a limit of the system.
    pub(super) blind: Option<String>,
}

/// A watcher of the system, or the reason why there is none.
pub(super) struct Eyes {
    watcher: Result<RecommendedWatcher, String>,
    seen: Arc<Mutex<Seen>>,
    /// Tells that something was seen.
    told: watch::Sender<()>,
}

impl Eyes {
    /// The system's watcher.
    pub(super) fn open() -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let told = watch::Sender::new(());
        let (noted, tell) = (Arc::clone(&seen), told.clone());
        let watcher = notify::recommended_watcher(move |event| {
            if note(&mut noted.lock().unwrap_or_else(PoisonError::into_inner), event) {
                tell.send_replace(());
            }
        });
        Self { watcher: watcher.map_err(|error| said(&error)), seen, told }
    }

    /// None, for tests of what is done without.
    #[cfg(test)]
    pub(super) fn closed(reason: &str) -> Self {
        Self { watcher: Err(reason.to_owned()), seen: Arc::default(), told: watch::Sender::new(()) }
    }

    /// Watches a folder and all below it; the error is why that cannot be.
    pub(super) fn watch(&mut self, folder: &Path) -> Result<(), String> {
        let watcher = self.watcher.as_mut().map_err(|reason| reason.clone())?;
        watcher.watch(folder, RecursiveMode::Recursive).map_err(|error| said(&error))
    }

    /// Tells from now on when something is seen.
    pub(super) fn told(&self) -> watch::Receiver<()> {
        self.told.subscribe()
    }

    /// What was seen, once.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Notes an event; false when it tells nothing of use.
fn note(seen: &mut Seen, event: notify::Result<Event>) -> bool {
    let event = match event {
        Ok(event) => event,
        Err(error) => {
            seen.blind = Some(said(&error));
            return true;
        }
    };
    seen.look_through |= event.need_rescan();
    match event.kind {
        // What a folder got before it was watched itself, nobody told.
        EventKind::Create(CreateKind::Folder) => seen.look_through = true,
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => {
            seen.changed.extend(event.paths);
        }
        EventKind::Access(_) | EventKind::Remove(_) => return seen.look_through,
    }
    true
}

fn said(error: &notify::Error) -> String {
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => "the system's limit of watched folders is reached".to_owned(),
        _ => error.to_string(),
    }
}
