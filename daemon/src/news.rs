//! What is new in the replica: a task that has seen it as it is waits until something is written, instead of looking again and
//! again. Most workstations are idle most of the time, and some of them run on a battery.

use std::time::Duration;

use sync::Store;
use tokio::sync::watch;

use crate::stop::Stop;

/// Without news for so long, a task looks all the same: some of what they do depends on the time as well.
const LONGEST: Duration = Duration::from_secs(30);

/// When a task is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// After this time.
    In(Duration),
    /// When something was written, but not before this time.
    News(Duration),
}

impl Next {
    /// At once: there is more to do.
    pub(crate) const NOW: Next = Next::In(Duration::ZERO);
}

/// What a task has seen.
#[derive(Debug, Default)]
pub(crate) struct News {
    commits: Option<watch::Receiver<()>>,
    /// What else would be news.
    other: Option<watch::Receiver<()>>,
}

impl News {
    /// What was written until now is about to be seen; all that is written afterwards is news.
    pub(crate) fn look(&mut self, store: &Store) -> &mut News {
        *self = News { commits: Some(store.commits()), other: None };
        self
    }

    /// This is news as well.
    pub(crate) fn and_for(&mut self, other: watch::Receiver<()>) {
        self.other = Some(other);
    }

    /// Waits until it is time to go on; false when the stop came first. Who has not looked yet does so after the time given.
    pub(crate) async fn wait(&mut self, stop: &Stop, next: Next) -> bool {
        let (Next::In(pause) | Next::News(pause)) = next;
        if !stop.pause(pause).await {
            return false;
        }
        let (Next::News(_), Some(commits)) = (next, &mut self.commits) else { return true };
        tokio::select! {
            () = stop.requested() => false,
            _ = tokio::time::timeout(LONGEST, commits.changed()) => true,
            () = changed(self.other.as_mut()) => true,
        }
    }
}

/// Waits for a change; for ever where there is nothing to change.
async fn changed(what: Option<&mut watch::Receiver<()>>) {
    if let Some(what) = what
        && what.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sync::SystemClock;
    use tokio::time::Instant;

    use super::*;

    const LOOK: Duration = Duration::from_secs(1);

    fn write(store: &Store) {
        let sql = "INSERT INTO ct_sync_state (name, value) VALUES ('test', 1) \
                   ON CONFLICT (name) DO UPDATE SET value = value + 1";
        let write = move |tx: &mut sync::local::WriteTx<'_>| Ok(tx.connection().execute(sql, [])?);
        store.write(write).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_goes_on_when_something_was_written_since_its_look() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        let (mut news, stop, start) = (News::default(), Stop::new(), Instant::now());
        assert!(news.wait(&stop, Next::News(LOOK)).await);
        assert_eq!(start.elapsed(), LOOK, "it has not looked yet");

        write(&store);
        news.look(&store);
        assert!(news.wait(&stop, Next::News(LOOK)).await);
        assert_eq!(start.elapsed(), LOOK * 2 + LONGEST, "what was written before its look is no news");

        news.look(&store);
        write(&store);
        assert!(news.wait(&stop, Next::News(LOOK)).await);
        assert_eq!(start.elapsed(), LOOK * 3 + LONGEST);

        news.look(&store);
        assert!(news.wait(&stop, Next::NOW).await);
        assert_eq!(start.elapsed(), LOOK * 3 + LONGEST, "there is more to do");

        stop.request();
        assert!(!news.wait(&stop, Next::News(LOOK)).await);
    }
}
