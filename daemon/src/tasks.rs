//! The daemon's background tasks: each is restarted when it panics, and what happened to it is there for `status`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::{JoinError, JoinHandle};

use crate::stop::Stop;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// One background task, as `status --json` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub(crate) struct TaskReport {
    /// `open-replica`, `drain-spool`, `hook-statistics`, …
    pub(crate) name: String,
    /// False between a panic and the restart, and after its end.
    pub(crate) running: bool,
    /// Panics since the daemon started.
    pub(crate) failures: u64,
    /// What the last panic said.
    pub(crate) last_error: Option<String>,
}

/// What is known of every task.
#[derive(Clone, Default)]
pub(crate) struct TaskBoard(Arc<Mutex<BTreeMap<&'static str, TaskReport>>>);

impl TaskBoard {
    /// All tasks by name.
    pub(crate) fn reports(&self) -> Vec<TaskReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn update(&self, name: &'static str, change: impl FnOnce(&mut TaskReport)) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let report = board.entry(name).or_insert_with(|| TaskReport { name: name.to_owned(), ..TaskReport::default() });
        change(report);
    }

    /// Notes a panic of work that has no task of its own.
    pub(crate) fn failed(&self, name: &'static str, reason: &str) {
        self.update(name, |report| {
            report.running = false;
            report.failures += 1;
            report.last_error = Some(reason.to_owned());
        });
    }

    /// Runs a task until it ends by itself or the stop is requested; a panic is noted and it is made anew.
    pub(crate) fn supervise<F>(
        &self,
        name: &'static str,
        stop: Stop,
        make: impl Fn() -> F + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let board = self.clone();
        tokio::spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                board.update(name, |report| report.running = true);
                match tokio::spawn(make()).await {
                    Ok(()) => break board.update(name, |report| report.running = false),
                    Err(error) => board.failed(name, &panic_text(error)),
                }
                if !stop.pause(pause).await {
                    break;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
    }
}

/// What a task that did not end well said.
pub(crate) fn panic_text(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else { return "it was cancelled".to_owned() };
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_restarted_and_its_failure_is_seen() {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let board = TaskBoard::default();
        let task = board.supervise("counting", Stop::new(), || async {
            assert!(RUNS.fetch_add(1, Ordering::Relaxed) >= 2, "too early");
        });
        task.await.unwrap();
        let reports = board.reports();
        assert_eq!(reports.len(), 1);
        assert_eq!((reports[0].failures, reports[0].running), (2, false));
        assert_eq!(reports[0].last_error.as_deref(), Some("too early"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_stop_ends_the_restarts() {
        let (board, stop) = (TaskBoard::default(), Stop::new());
        stop.request();
        board.supervise("failing", stop, || async { panic!("always") }).await.unwrap();
        assert_eq!(board.reports()[0].failures, 1);
    }
}
