//! Jobs on their way to the writer, and how many of them share a commit.
//!
//! Whoever has been answered is likely to come again at once. A commit that begins with the first of them leaves the others a
//! whole sync behind, and a crowd parts into two that wait for each other. Where a sync takes milliseconds, the writer
//! therefore waits for as many as it knows to be about: while they keep coming, and no longer than a sync takes, which is
//! what they would wait for otherwise. `PostgreSQL`'s `commit_delay` is of this kind; here the crowd and the disk are measured
//! instead of configured.
//!
//! A crowd that takes longer than a sync to come and to be done is better off parted: then one part is worked on while the
//! other is made durable ([`super::flush`]).

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::flush::Flusher;
use super::writer::{Came, Done, Job, Made, Mode, Submitted};

/// Most jobs in one commit: keeps the wait of the first bounded.
const GROUP: usize = 256;
/// Commits that take less are not worth waiting for anybody.
const QUICK: Duration = Duration::from_millis(1);
/// The wait for one more, as a part of what a commit takes, and at most: it is lost once when a crowd has gone.
const GAP_PARTS: u32 = 8;
const GAP_LONGEST: Duration = Duration::from_millis(1);
/// Fewer are no crowd: what another thread costs is more than what is gained.
const FEWEST: usize = 8;
/// Commits over which times are averaged, about.
const AVERAGED: u32 = 8;
/// What of a sync a commit is expected to take at most.
const LONGEST_COMMIT_PART: u32 = 4;

/// What comes next.
pub(super) enum Next {
    Job(Submitted),
    /// Nothing came within the time.
    Quiet,
    /// Nothing will come.
    Closed,
}

pub(super) struct Arrivals {
    waiting: Receiver<Came>,
    /// Those that came while a commit was made.
    queue: VecDeque<Submitted>,
    /// Jobs that are likely to come together: those that were answered last, and those that waited meanwhile.
    about: usize,
    /// How long to wait for one more of them, and for all.
    gap: Duration,
    wait: Duration,
    /// Jobs that are being made durable.
    flying: usize,
    /// How long a sync took, and each job of a commit to come and to be done: of those who come back, most of that is
    /// not the writer's work.
    sync: Duration,
    each: Duration,
    /// How long a commit takes that is not synced.
    commit: Duration,
    /// Every group is a crowd, however quick the disk is.
    #[cfg(test)]
    pub(super) always_crowd: bool,
}

impl Arrivals {
    pub(super) fn new(waiting: Receiver<Came>) -> Self {
        Self {
            waiting,
            queue: VecDeque::new(),
            about: 0,
            gap: Duration::ZERO,
            wait: Duration::ZERO,
            flying: 0,
            sync: Duration::ZERO,
            each: Duration::ZERO,
            commit: Duration::ZERO,
            #[cfg(test)]
            always_crowd: false,
        }
    }

    /// The next job, if one comes within this time; without a time, whenever it comes.
    pub(super) fn next(&mut self, within: Option<Duration>) -> Next {
        if let Some(job) = self.queue.pop_front() {
            return Next::Job(job);
        }
        loop {
            let came = match within {
                Some(within) => self.waiting.recv_timeout(within),
                None => self.waiting.recv().map_err(RecvTimeoutError::from),
            };
            match came {
                Ok(Came::Job(job)) => return Next::Job(job),
                Ok(Came::Synced) => {}
                Err(RecvTimeoutError::Timeout) => return Next::Quiet,
                Err(RecvTimeoutError::Disconnected) => return Next::Closed,
            }
        }
    }

    /// A job that waits already.
    fn waiting(&mut self) -> Option<Submitted> {
        self.queue.pop_front().or_else(|| self.waiting.try_iter().find_map(job_of))
    }

    /// True when those who are about are many, and take longer than a sync.
    pub(super) fn is_crowd(&self) -> bool {
        #[cfg(test)]
        if self.always_crowd {
            return true;
        }
        let about = u32::try_from(self.about).unwrap_or(u32::MAX);
        self.about >= FEWEST && self.sync >= QUICK && self.each.saturating_mul(about) > self.sync
    }

    /// The jobs that share a commit with one of this kind, which is the first of them: each is to be done as it comes, while
    /// others are on their way. With a flusher, they join until that is about to be done with the groups before.
    pub(super) fn joining<'a>(&'a mut self, mode: Mode, flusher: Option<&'a Flusher>) -> Joining<'a> {
        let most = if mode == Mode::Ordinary { GROUP } else { 1 };
        let was_busy = flusher.is_some_and(|flusher| flusher.busy_for().is_some());
        Joining { wait: self.wait, arrivals: self, flusher, was_busy, came: 1, most }
    }

    /// Notes a commit of so many jobs, before they are answered.
    pub(super) fn committed(&mut self, jobs: usize, done: &Done) {
        self.queue.extend(self.waiting.try_iter().filter_map(job_of));
        let answered = std::mem::take(&mut self.flying);
        match done.how {
            Made::Durable { gathered, took } => {
                let each = gathered / u32::try_from(jobs).unwrap_or(u32::MAX).max(1);
                self.each = averaged(self.each, each);
                self.about = jobs + self.queue.len();
                self.sync = took;
                let is_slow = took >= QUICK;
                self.gap = if is_slow { (took / GAP_PARTS).min(GAP_LONGEST) } else { Duration::ZERO };
                self.wait = if is_slow { took } else { Duration::ZERO };
            }
            Made::Seen { last_sync, took } => {
                self.flying = jobs;
                self.about = answered + jobs + self.queue.len();
                self.sync = last_sync.unwrap_or(self.sync);
                // One that empties the log as well takes far longer, and is the exception.
                self.commit = averaged(self.commit, took.min(self.sync / LONGEST_COMMIT_PART));
                (self.gap, self.wait) = (Duration::ZERO, Duration::ZERO);
            }
        }
    }
}

fn averaged(before: Duration, now: Duration) -> Duration {
    if before.is_zero() { now } else { (before * (AVERAGED - 1) + now) / AVERAGED }
}

fn job_of(came: Came) -> Option<Submitted> {
    match came {
        Came::Job(job) => Some(job),
        Came::Synced => None,
    }
}

/// Jobs that join a commit, until there is nobody to wait for.
pub(super) struct Joining<'a> {
    arrivals: &'a mut Arrivals,
    flusher: Option<&'a Flusher>,
    /// Whether that had something to do when this began.
    was_busy: bool,
    came: usize,
    most: usize,
    /// What is left of the wait for all of them.
    wait: Duration,
}

impl Joining<'_> {
    /// True when the disk is about to be free: who else waits is worked on while it is busy with these.
    fn is_due(&self) -> bool {
        self.was_busy && self.flusher.is_some_and(|flusher| self.until_due(flusher).is_none())
    }

    /// How long until a commit that is made then is done when the disk is free; None when it is time for it.
    fn until_due(&self, flusher: &Flusher) -> Option<Duration> {
        flusher.busy_for()?.checked_sub(self.arrivals.commit)
    }

    /// Waits for one of those that are likely to come.
    fn one_more(&mut self) -> Option<Submitted> {
        if let Some(flusher) = self.flusher {
            // What tells that it is free comes after it is.
            while let Some(left) = self.until_due(flusher) {
                match self.arrivals.waiting.recv_timeout(left) {
                    Ok(Came::Job(job)) => return Some(job),
                    Ok(Came::Synced) => {}
                    Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
                    Err(_) => return None,
                }
            }
            return None;
        }
        let left = self.wait.min(self.arrivals.gap);
        if self.came >= self.arrivals.about || left.is_zero() {
            return None;
        }
        let began = Instant::now();
        let came = self.arrivals.waiting.recv_timeout(left).ok();
        self.wait = self.wait.saturating_sub(began.elapsed());
        came.and_then(job_of)
    }
}

impl Iterator for Joining<'_> {
    type Item = Box<dyn Job>;

    fn next(&mut self) -> Option<Box<dyn Job>> {
        if self.came >= self.most || self.is_due() {
            return None;
        }
        match self.arrivals.waiting().or_else(|| self.one_more())? {
            (Mode::Ordinary, job) => {
                self.came += 1;
                Some(job)
            }
            other => {
                self.arrivals.queue.push_front(other);
                self.most = self.came;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::super::writer::Task;
    use super::super::{StoreError, WriteTx};
    use super::*;

    type Work = fn(&mut WriteTx<'_>) -> Result<(), StoreError>;

    fn job() -> Box<dyn Job> {
        let task: Task<(), Work> = Task::nothing(|_| ());
        Box::new(task)
    }

    fn arrivals() -> (Sender<Came>, Arrivals) {
        let (jobs, waiting) = channel();
        (jobs, Arrivals::new(waiting))
    }

    fn own(took: Duration) -> Done {
        Done { for_central: false, how: Made::Durable { gathered: Duration::ZERO, took } }
    }

    fn first(arrivals: &mut Arrivals) -> (Mode, Box<dyn Job>) {
        match arrivals.next(Some(Duration::from_secs(30))) {
            Next::Job(job) => job,
            Next::Quiet | Next::Closed => panic!("a job was sent"),
        }
    }

    #[test]
    fn those_that_wait_share_a_commit_up_to_one_of_another_kind() {
        let (jobs, mut arrivals) = arrivals();
        for mode in [Mode::Ordinary, Mode::Ordinary, Mode::Remote, Mode::Ordinary] {
            jobs.send(Came::Job((mode, job()))).unwrap();
        }
        let mut sizes = Vec::new();
        for _ in 0..3 {
            let (mode, job) = first(&mut arrivals);
            drop(job);
            let jobs = 1 + arrivals.joining(mode, None).count();
            sizes.push((mode, jobs));
            arrivals.committed(jobs, &own(Duration::ZERO));
        }
        assert_eq!(sizes, [(Mode::Ordinary, 2), (Mode::Remote, 1), (Mode::Ordinary, 1)]);
        assert!(matches!(arrivals.next(Some(Duration::ZERO)), Next::Quiet));
        drop(jobs);
        assert!(matches!(arrivals.next(None), Next::Closed));
    }

    #[test]
    fn where_commits_take_long_those_that_are_about_are_waited_for() {
        let (jobs, mut arrivals) = arrivals();
        jobs.send(Came::Job((Mode::Ordinary, job()))).unwrap();
        // Two were answered while another one waited: three are about. The gap is longer than this test may take, so that only
        // their number can end the wait.
        arrivals.committed(2, &own(Duration::from_hours(1)));
        assert_eq!(arrivals.gap, GAP_LONGEST);
        arrivals.gap = Duration::from_hours(1);
        let (mode, job_that_waited) = first(&mut arrivals);
        let others = std::thread::spawn(move || {
            for _ in 0..2 {
                jobs.send(Came::Job((Mode::Ordinary, job()))).unwrap();
            }
            jobs
        });
        drop(job_that_waited);
        assert_eq!(arrivals.joining(mode, None).count(), 2);
        drop(others.join().unwrap());
    }

    #[test]
    fn where_commits_are_quick_nobody_is_waited_for() {
        let (jobs, mut arrivals) = arrivals();
        arrivals.committed(64, &own(QUICK / 2));
        assert_eq!((arrivals.about, arrivals.gap, arrivals.wait), (64, Duration::ZERO, Duration::ZERO));
        jobs.send(Came::Job((Mode::Ordinary, job()))).unwrap();
        let (mode, _) = first(&mut arrivals);
        assert_eq!(arrivals.joining(mode, None).count(), 0);
    }

    #[test]
    fn a_crowd_is_who_takes_longer_than_a_slow_sync() {
        let crowd = |jobs: u32, each: Duration, sync: Duration| {
            let (_jobs, mut arrivals) = arrivals();
            let done = Done { how: Made::Durable { gathered: each * jobs, took: sync }, ..own(sync) };
            arrivals.committed(usize::try_from(jobs).unwrap(), &done);
            arrivals.is_crowd()
        };
        let (each, sync) = (QUICK / 8, QUICK * 4);
        assert_eq!([31, 32, 33].map(|jobs| crowd(jobs, each, sync)), [false, false, true]);
        assert!(!crowd(1_000, each, QUICK / 2), "nobody is kept waiting");
        let few = u32::try_from(FEWEST).unwrap();
        assert_eq!([few - 1, few].map(|jobs| crowd(jobs, sync, sync)), [false, true]);
    }

    #[test]
    fn both_parts_of_a_crowd_are_about() {
        let (_jobs, mut arrivals) = arrivals();
        arrivals.committed(40, &own(QUICK));
        for (jobs, about) in [(30, 30), (10, 40), (30, 40)] {
            arrivals.committed(jobs, &Done { how: Made::Seen { last_sync: Some(QUICK), took: QUICK }, ..own(QUICK) });
            assert_eq!((arrivals.about, arrivals.flying, arrivals.wait), (about, jobs, Duration::ZERO));
        }
        arrivals.committed(1, &own(QUICK));
        assert_eq!((arrivals.about, arrivals.flying), (1, 0));
    }
}
