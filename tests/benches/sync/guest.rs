//! Somebody who works on a machine while it is busy: saves a memory every now and then, and waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hooks::home::Home;
use hooks::link::Link;
use hooks::wire::Request;
use serde_json::{Value, json};
use world::{Error, Result, wait};

use super::daemon::Daemon;

const PATIENCE: Duration = Duration::from_secs(30);
/// Between two saves: often enough to meet every kind of page, and seldom enough not to be a load.
const PAUSE: Duration = Duration::from_millis(50);

/// At work until it leaves.
pub(crate) struct Guest {
    leaves: Arc<AtomicBool>,
    work: JoinHandle<Result<Vec<Duration>>>,
}

impl Guest {
    pub(crate) fn arrive(daemon: &Daemon) -> Guest {
        let leaves = Arc::new(AtomicBool::new(false));
        let (home, told) = (daemon.machine.home().clone(), Arc::clone(&leaves));
        let work = std::thread::spawn(move || {
            let mut took = Vec::new();
            while !told.load(Ordering::Relaxed) {
                let started = Instant::now();
                save(&home, &format!("a lesson of work number {} that goes on meanwhile", took.len()))?;
                took.push(started.elapsed());
                wait::pause(PAUSE);
            }
            took.sort();
            Ok(took)
        });
        Guest { leaves, work }
    }

    /// How long each save took, sorted.
    pub(crate) fn leave(self) -> Result<Vec<Duration>> {
        self.leaves.store(true, Ordering::Relaxed);
        self.work.join().map_err(|_| Error::new("save memories: the thread ended"))?
    }
}

/// Saves a memory, which is durable when this returns; returns its id.
pub(crate) fn save(home: &Home, text: &str) -> Result<String> {
    let body = json!({ "text": text, "kind": "lesson", "cwd": "/" }).to_string();
    let headers = [("Content-Type", "application/json")];
    let request = Request { method: "POST", path: "/api/remember", headers: &headers, body: body.as_bytes() };
    let answer = Link::open(home, PATIENCE).and_then(|link| link.ask(&request));
    let answer = answer.map_err(Error::doing("save a memory"))?;
    let saved: Value = serde_json::from_slice(&answer.body).map_err(Error::doing("read the answer"))?;
    let id = saved["id"].as_str().ok_or_else(|| Error::new(format!("save a memory: {saved}")))?;
    Ok(id.to_owned())
}
