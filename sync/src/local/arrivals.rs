//! Jobs on their way to the writer, and how many of them share a commit.
//!
//! Whoever has been answered is likely to come again at once. A commit that begins with the first of them leaves the others a
//! whole sync behind, and a crowd parts into two that wait for each other. Where a sync takes milliseconds, the writer
//! therefore waits for as many as it knows to be about: while they keep coming, and no longer than a sync takes, which is
//! what they would wait for otherwise. `PostgreSQL`'s `commit_delay` is of this kind; here the crowd and the disk are measured
//! instead of configured.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::writer::{Job, Mode, Submitted};

/// Most jobs in one commit: keeps the wait of the first bounded.
const GROUP: usize = 256;
/// Commits that take less are not worth waiting for anybody.
const QUICK: Duration = Duration::from_millis(1);
/// The wait for one more, as a part of what a commit takes, and at most: it is lost once when a crowd has gone.
const GAP_PARTS: u32 = 8;
const GAP_LONGEST: Duration = Duration::from_millis(1);

/// What comes next.
pub(super) enum Next {
    Job(Submitted),
    /// Nothing came within the time.
    Quiet,
    /// Nothing will come.
    Closed,
}

pub(super) struct Arrivals {
    waiting: Receiver<Submitted>,
    /// Those that came while a commit was made.
    queue: VecDeque<Submitted>,
    /// Jobs that are likely to come together: those that were answered last, and those that waited meanwhile.
    about: usize,
    /// How long to wait for one more of them, and for all.
    gap: Duration,
    wait: Duration,
}

impl Arrivals {
    pub(super) fn new(waiting: Receiver<Submitted>) -> Self {
        Self { waiting, queue: VecDeque::new(), about: 0, gap: Duration::ZERO, wait: Duration::ZERO }
    }

    /// The next job, if one comes within this time; without a time, whenever it comes.
    pub(super) fn next(&mut self, within: Option<Duration>) -> Next {
        if let Some(job) = self.queue.pop_front() {
            return Next::Job(job);
        }
        let came = match within {
            Some(within) => self.waiting.recv_timeout(within),
            None => self.waiting.recv().map_err(RecvTimeoutError::from),
        };
        match came {
            Ok(job) => Next::Job(job),
            Err(RecvTimeoutError::Timeout) => Next::Quiet,
            Err(RecvTimeoutError::Disconnected) => Next::Closed,
        }
    }

    /// The jobs that share a commit with one of this kind, which is the first of them: each is to be done as it comes, while
    /// others are on their way.
    pub(super) fn joining(&mut self, mode: Mode) -> Joining<'_> {
        let most = if mode == Mode::Ordinary { GROUP } else { 1 };
        Joining { wait: self.wait, arrivals: self, came: 1, most }
    }

    /// Notes a commit of so many jobs, before they are answered.
    pub(super) fn committed(&mut self, jobs: usize, took: Duration) {
        self.queue.extend(self.waiting.try_iter());
        self.about = jobs + self.queue.len();
        let is_slow = took >= QUICK;
        self.gap = if is_slow { (took / GAP_PARTS).min(GAP_LONGEST) } else { Duration::ZERO };
        self.wait = if is_slow { took } else { Duration::ZERO };
    }
}

/// Jobs that join a commit, until there is nobody to wait for.
pub(super) struct Joining<'a> {
    arrivals: &'a mut Arrivals,
    came: usize,
    most: usize,
    /// What is left of the wait for all of them.
    wait: Duration,
}

impl Joining<'_> {
    /// Waits for one of those that are likely to come.
    fn one_more(&mut self) -> Option<Submitted> {
        let left = self.wait.min(self.arrivals.gap);
        if self.came >= self.arrivals.about || left.is_zero() {
            return None;
        }
        let began = Instant::now();
        let came = self.arrivals.waiting.recv_timeout(left).ok();
        self.wait = self.wait.saturating_sub(began.elapsed());
        came
    }
}

impl Iterator for Joining<'_> {
    type Item = Box<dyn Job>;

    fn next(&mut self) -> Option<Box<dyn Job>> {
        if self.came >= self.most {
            return None;
        }
        let came = self.arrivals.queue.pop_front().or_else(|| self.arrivals.waiting.try_recv().ok());
        match came.or_else(|| self.one_more())? {
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

    fn arrivals() -> (Sender<Submitted>, Arrivals) {
        let (jobs, waiting) = channel();
        (jobs, Arrivals::new(waiting))
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
            jobs.send((mode, job())).unwrap();
        }
        let mut sizes = Vec::new();
        for _ in 0..3 {
            let (mode, job) = first(&mut arrivals);
            drop(job);
            let jobs = 1 + arrivals.joining(mode).count();
            sizes.push((mode, jobs));
            arrivals.committed(jobs, Duration::ZERO);
        }
        assert_eq!(sizes, [(Mode::Ordinary, 2), (Mode::Remote, 1), (Mode::Ordinary, 1)]);
        assert!(matches!(arrivals.next(Some(Duration::ZERO)), Next::Quiet));
        drop(jobs);
        assert!(matches!(arrivals.next(None), Next::Closed));
    }

    #[test]
    fn where_commits_take_long_those_that_are_about_are_waited_for() {
        let (jobs, mut arrivals) = arrivals();
        jobs.send((Mode::Ordinary, job())).unwrap();
        // Two were answered while another one waited: three are about. The gap is longer than this test may take, so that only
        // their number can end the wait.
        arrivals.committed(2, Duration::from_hours(1));
        assert_eq!(arrivals.gap, GAP_LONGEST);
        arrivals.gap = Duration::from_hours(1);
        let (mode, job_that_waited) = first(&mut arrivals);
        let others = std::thread::spawn(move || {
            for _ in 0..2 {
                jobs.send((Mode::Ordinary, job())).unwrap();
            }
            jobs
        });
        drop(job_that_waited);
        assert_eq!(arrivals.joining(mode).count(), 2);
        drop(others.join().unwrap());
    }

    #[test]
    fn where_commits_are_quick_nobody_is_waited_for() {
        let (jobs, mut arrivals) = arrivals();
        arrivals.committed(64, QUICK / 2);
        assert_eq!((arrivals.about, arrivals.gap, arrivals.wait), (64, Duration::ZERO, Duration::ZERO));
        jobs.send((Mode::Ordinary, job())).unwrap();
        let (mode, _) = first(&mut arrivals);
        assert_eq!(arrivals.joining(mode).count(), 0);
    }
}
