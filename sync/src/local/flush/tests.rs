//! A disk that the test holds in its hand.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use migrations::catalogue::CLIENTS;
use tokio::sync::watch;

use super::*;
use crate::SystemClock;
use crate::local::arrivals::Arrivals;
use crate::local::readers::Readers;
use crate::local::version::Versions;
use crate::local::writer::{Mode, Run, Task, Writer};
use crate::local::{Store, new_id, schema};

const PATIENCE: Duration = Duration::from_secs(30);

/// A writer to which everybody is a crowd.
struct World {
    writer: Writer,
    readers: Readers,
    /// What was seen when each sync began, and how it is to end.
    begun: Receiver<HashSet<String>>,
    end: Sender<io::Result<()>>,
    failed: Arc<AtomicBool>,
    central: watch::Receiver<u64>,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("replica.db");
        let clock = Arc::new(SystemClock);
        let mut connection = schema::open_writer(&path).unwrap();
        schema::migrate(&mut connection, &*clock).unwrap();
        let (tell, central) = watch::channel(0);
        let run = Run::new(connection, clock, tell, Arc::new(Versions::default())).unwrap();
        let ((tells, begun), (end, ends)) = (channel(), channel());
        let failed = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&failed);
        let reader = Readers::new(path.clone());
        let disk = Disk {
            sync: Box::new(move || {
                tells.send(names(&reader)).unwrap();
                ends.recv_timeout(PATIENCE).unwrap()
            }),
            fail: Box::new(move |_| noted.store(true, Ordering::SeqCst)),
        };
        let crowded = |waiting| {
            let mut arrivals = Arrivals::new(waiting);
            arrivals.always_crowd = true;
            arrivals
        };
        let writer = Writer::with(run, Some(disk), crowded).unwrap();
        World { writer, readers: Readers::new(path), begun, end, failed, central, _folder: folder }
    }

    /// Makes a row; where its answer arrives.
    fn put(&self, name: &'static str) -> Receiver<Result<(), StoreError>> {
        let (reply, answer) = channel();
        let job = move |tx: &mut crate::local::WriteTx<'_>| {
            tx.put(merge::Row::new(CLIENTS).with("id", new_id(tx.now_us())).with("name", name))
        };
        let task = Task::new(job, move |outcome| drop(reply.send(outcome)));
        self.writer.submit(Mode::Ordinary, Box::new(task)).unwrap();
        answer
    }

    /// Waits for a sync; what could be seen when it began, which is on disk when it has ended.
    fn sync_begins(&self) -> HashSet<String> {
        self.begun.recv_timeout(PATIENCE).unwrap()
    }
}

/// The rows that a reader sees.
fn names(readers: &Readers) -> HashSet<String> {
    let rows = readers.read(|tx| tx.select(CLIENTS, "", &[])).unwrap();
    rows.iter().filter_map(|row| row.text("name").map(str::to_owned)).collect()
}

#[test]
fn nobody_is_answered_before_a_sync_that_began_after_its_commit_has_ended() {
    let world = World::new();
    let names = ["first", "second", "third", "fourth"];
    let mut waiting: Vec<_> = vec![(names[0], world.put(names[0]))];
    let (mut durable, mut syncs) = (HashSet::new(), 0);
    while !waiting.is_empty() {
        let seen = world.sync_begins();
        syncs += 1;
        if syncs == 1 {
            assert_eq!((seen.len(), *world.central.borrow()), (1, 0));
            waiting.extend(names[1..].iter().map(|name| (*name, world.put(name))));
        }
        waiting.retain(|(name, answer)| match answer.try_recv() {
            Ok(answer) => {
                answer.unwrap();
                assert!(durable.contains(*name), "{name} was answered before it was durable");
                false
            }
            Err(_) => true,
        });
        world.end.send(Ok(())).unwrap();
        durable.extend(seen);
        if durable.len() == names.len() {
            for (_, answer) in waiting.drain(..) {
                answer.recv_timeout(PATIENCE).unwrap().unwrap();
            }
        }
    }
    assert!(syncs > 1 && *world.central.borrow() > 0 && !world.failed.load(Ordering::SeqCst));
}

#[test]
fn the_next_commit_is_made_when_the_sync_before_it_should_have_ended() {
    let world = World::new();
    let first = world.put("first");
    world.sync_begins();
    world.end.send(Ok(())).unwrap();
    first.recv_timeout(PATIENCE).unwrap().unwrap();
    // How long a sync takes is known now; this one takes longer.
    let second = world.put("second");
    world.sync_begins();
    let third = world.put("third");
    let patience = Instant::now();
    while !names(&world.readers).contains("third") {
        assert!(patience.elapsed() < PATIENCE, "it waits for the disk");
        std::thread::yield_now();
    }
    assert!(second.try_recv().is_err() && third.try_recv().is_err());
    world.end.send(Ok(())).unwrap();
    second.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(world.sync_begins().len(), 3);
    assert!(third.try_recv().is_err(), "it was committed after the sync before had begun");
    world.end.send(Ok(())).unwrap();
    third.recv_timeout(PATIENCE).unwrap().unwrap();
}

#[test]
fn the_writer_closes_when_all_that_it_took_is_durable_and_answered() {
    let world = World::new();
    let first = world.put("first");
    world.sync_begins();
    let second = world.put("second");
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| world.writer.close());
        for _ in 0..2 {
            world.end.send(Ok(())).unwrap();
        }
        closing.join().unwrap().unwrap();
    });
    for answer in [first, second] {
        answer.try_recv().unwrap().unwrap();
    }
    let late = Task::new(|_: &mut crate::local::WriteTx<'_>| Ok(()), |_| ());
    assert!(world.writer.submit(Mode::Ordinary, Box::new(late)).is_err());
}

#[test]
fn a_sync_that_fails_acknowledges_nothing() {
    let world = World::new();
    let answer = world.put("first");
    world.sync_begins();
    world.end.send(Err(io::Error::other("the platter is scratched"))).unwrap();
    let told = answer.recv_timeout(PATIENCE).unwrap().unwrap_err().to_string();
    assert!(told.contains("the platter is scratched"), "{told}");
    assert!(world.failed.load(Ordering::SeqCst));
    assert_eq!(*world.central.borrow(), 0);
}

#[test]
fn the_next_process_is_told_why_this_one_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replica.db");
    assert_eq!(take_failed_sync(&path), None);
    std::fs::write(note(&path), "the platter is scratched").unwrap();
    assert_eq!(take_failed_sync(&path).as_deref(), Some("the platter is scratched"));
    assert_eq!(take_failed_sync(&path), None);
}

#[test]
fn the_log_of_a_replica_can_be_made_durable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replica.db");
    assert!(Disk::under(&path).is_err(), "there is none yet");
    // It is there whenever a replica is open, also when nothing was written since.
    for _ in 0..2 {
        let mut connection = schema::open_writer(&path).unwrap();
        schema::migrate(&mut connection, &SystemClock).unwrap();
        let run = Run::new(connection, Arc::new(SystemClock), watch::channel(0).0, Arc::default()).unwrap();
        let mut disk = Disk::under(&path).unwrap();
        (disk.sync)().unwrap();
        drop(run);
    }
    // As for SQLite, it is the file that was opened, wherever that is now.
    let store = Store::open(&path, Arc::new(SystemClock)).unwrap();
    let mut disk = Disk::under(&path).unwrap();
    drop(folder);
    (disk.sync)().unwrap();
    drop(store);
}
