//! The request to stop, seen by every task.

use std::sync::Arc;

use tokio::sync::watch;

/// Cheap to clone; once requested, it stays so.
#[derive(Clone)]
pub(crate) struct Stop {
    tell: Arc<watch::Sender<bool>>,
}

impl Stop {
    pub(crate) fn new() -> Stop {
        Stop { tell: Arc::new(watch::Sender::new(false)) }
    }

    /// Asks everybody to stop.
    pub(crate) fn request(&self) {
        self.tell.send_replace(true);
    }

    /// Whether everybody was asked.
    pub(crate) fn is_requested(&self) -> bool {
        *self.tell.borrow()
    }

    /// Waits for the request.
    pub(crate) async fn requested(&self) {
        // The sender lives in `self`, so waiting cannot fail before the request comes.
        let _ = self.tell.subscribe().wait_for(|requested| *requested).await;
    }

    /// True when something may go on after `pause`, false when the stop came first.
    pub(crate) async fn pause(&self, pause: std::time::Duration) -> bool {
        tokio::time::timeout(pause, self.requested()).await.is_err()
    }
}
