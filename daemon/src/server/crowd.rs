//! How many may be connected at once. A connection with no request in hand may be closed at any time, as HTTP has it, so
//! the one that is idle the longest makes room for the next; only when every one of them is being served, a caller is told
//! to come back. Each listener has a crowd of its own, so that nobody keeps the hooks out from over TCP.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The most connections of one listener.
const MOST: usize = 1024;
/// The least, however few file descriptors there are.
const LEAST: usize = 16;
/// File descriptors that the replica, logs, central and children are left.
const RESERVE: usize = 192;
/// What the daemon raises its own limit of file descriptors to, as far as it may.
#[cfg(unix)]
const DESCRIPTORS: u64 = 4096;

/// The connections of one listener.
pub(crate) struct Crowd {
    limit: usize,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    open: usize,
    /// Counts up with each change, so that the least is the oldest.
    clock: u64,
    /// Those with no request in hand, by the time since when.
    idle: BTreeMap<u64, Arc<Notify>>,
    /// Whether it was said that all places are taken, since they last were half empty.
    is_told: bool,
}

/// A connection's place.
pub(crate) struct Seat {
    crowd: Arc<Crowd>,
    leave: Arc<Notify>,
    /// The time since when it is idle; [`BUSY`] with a request in hand.
    since: AtomicU64,
}

const BUSY: u64 = 0;

/// A request in hand, until it is dropped.
pub(crate) struct Busy(Arc<Seat>);

impl Crowd {
    /// For one of so many listeners.
    pub(crate) fn of(listeners: usize) -> Arc<Crowd> {
        let each = descriptors().saturating_sub(RESERVE) / listeners.max(1);
        Crowd::with_limit(each.clamp(LEAST, MOST))
    }

    fn with_limit(limit: usize) -> Arc<Crowd> {
        Arc::new(Crowd { limit, inside: Mutex::default() })
    }

    /// A place for one more connection. None: there is none, and nobody can be asked to leave.
    pub(crate) fn enter(self: &Arc<Crowd>) -> Option<Arc<Seat>> {
        let mut inside = self.inside();
        if inside.open >= self.limit {
            // Once for each crowd: whoever makes it must not fill the disk, too.
            if !std::mem::replace(&mut inside.is_told, true) {
                tracing::warn!(limit = self.limit, "too many connections: those idle the longest are closed");
            }
            let (_, oldest) = inside.idle.pop_first()?;
            inside.open -= 1;
            oldest.notify_one();
        }
        inside.open += 1;
        let leave = Arc::new(Notify::new());
        let since = inside.sit(&leave);
        Some(Arc::new(Seat { crowd: Arc::clone(self), leave, since: AtomicU64::new(since) }))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn sit(&mut self, leave: &Arc<Notify>) -> u64 {
        self.clock += 1;
        self.idle.insert(self.clock, Arc::clone(leave));
        self.clock
    }
}

impl Seat {
    /// Waits until this connection is to make room.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.notified().await;
    }

    /// Whether a request is in hand.
    pub(crate) fn is_busy(&self) -> bool {
        self.since.load(Ordering::Acquire) == BUSY
    }

    /// From now on a request is in hand.
    pub(crate) fn busy(self: &Arc<Seat>) -> Busy {
        let mut inside = self.crowd.inside();
        let was_idle = inside.idle.remove(&self.since.swap(BUSY, Ordering::AcqRel)).is_some();
        if !was_idle {
            inside.open += 1; // it was just asked to leave: it is served, and leaves then
        }
        drop(inside);
        Busy(Arc::clone(self))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let since = self.0.crowd.inside().sit(&self.0.leave);
        self.0.since.store(since, Ordering::Release);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside();
        if inside.idle.remove(&self.since.load(Ordering::Acquire)).is_some() {
            inside.open -= 1;
        }
        if inside.open <= self.crowd.limit / 2 {
            inside.is_told = false;
        }
    }
}

/// How many files this process may have open.
fn descriptors() -> usize {
    #[cfg(unix)]
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let limit: Option<u64> = None;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Systems start programs with a limit of file descriptors that is made for other times; any program may raise it.
#[cfg(unix)]
pub(crate) fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS));
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::info!(%error, wanted, "the limit of open files stays as it was");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_asked(seat: &Seat) -> bool {
        let mut asked = std::pin::pin!(seat.asked_to_leave());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        asked.as_mut().poll(&mut context).is_ready()
    }

    #[test]
    fn the_one_that_is_idle_the_longest_makes_room() {
        let crowd = Crowd::with_limit(2);
        let (one, two) = (crowd.enter().unwrap(), crowd.enter().unwrap());
        drop(one.busy());
        let _three = crowd.enter().unwrap();
        assert!(!is_asked(&one), "it was in use after the other");
        assert!(is_asked(&two) && !two.is_busy());
        drop(two);
        assert_eq!(crowd.inside().open, 2);
    }

    #[test]
    fn whoever_has_a_request_in_hand_stays_and_the_next_is_told_so() {
        let crowd = Crowd::with_limit(2);
        let (one, two) = (crowd.enter().unwrap(), crowd.enter().unwrap());
        let (first, second) = (one.busy(), two.busy());
        assert!(one.is_busy() && crowd.enter().is_none());
        drop(second);
        let _three = crowd.enter().unwrap();
        assert!(is_asked(&two) && !is_asked(&one));
        drop(first);
        drop((one, two));
        assert_eq!(crowd.inside().open, 1);
    }

    #[test]
    fn a_request_that_comes_as_its_connection_is_asked_to_leave_is_counted() {
        let crowd = Crowd::with_limit(1);
        let one = crowd.enter().unwrap();
        let two = crowd.enter().unwrap();
        let request = one.busy();
        assert_eq!(crowd.inside().open, 2);
        drop(request);
        drop((one, two));
        let inside = crowd.inside();
        assert_eq!((inside.open, inside.idle.len()), (0, 0));
    }
}
