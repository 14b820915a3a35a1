//! Clients that ask as fast as they are answered, in turns for each contender.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use world::{Error, Result};

use super::client::{Connection, Place};
use super::disk::Slowness;
use super::options::Options;
use super::report::{Measured, Report};
use super::subject::{Read, Subject};

/// The clients of the goal for writes.
const MANY: usize = 64;

/// What was measured in the turns of one contender.
pub(crate) struct Turns {
    pub(crate) times: Vec<Duration>,
    pub(crate) took: Duration,
}

impl Turns {
    const fn new() -> Self {
        Self { times: Vec::new(), took: Duration::ZERO }
    }

    fn add(&mut self, (times, took): (Vec<Duration>, Duration)) {
        self.times.extend(times);
        self.took += took;
    }
}

/// Reads of the daemon beside the bare handler's.
pub(crate) fn reads(subject: &Subject, options: &Options, report: &mut Report) -> Result<()> {
    for read in Read::ALL {
        report.floor(read.name(), subject.floor(read, options.turn)?);
        let bytes = subject.bytes(read)?;
        for (place, bare_place) in subject.places.iter().zip(&subject.bare.places) {
            let contenders = [
                (format!("{}, {bytes} bytes", read.name()), place, subject.read(read, false, place)),
                (format!("{}, {bytes} bytes, read anew", read.name()), place, subject.read(read, true, place)),
                (
                    format!("bare hyper, {bytes} bytes from a thread"),
                    bare_place,
                    Subject::bare_read(bytes, true, bare_place),
                ),
                (format!("bare hyper, {bytes} bytes"), bare_place, Subject::bare_read(bytes, false, bare_place)),
            ];
            for &clients in &options.clients {
                let mut turns = [const { Turns::new() }; 4];
                // The first turn of each only warms up.
                for round in 0..=options.rounds {
                    let turn = if round == 0 { options.turn / 4 } else { options.turn };
                    for ((_, place, request), turns) in contenders.iter().zip(&mut turns) {
                        let asked = ask(place, clients, turn, 200, |_| request.clone())?;
                        if round > 0 {
                            turns.add(asked);
                        }
                    }
                }
                let measured = |of: usize, turns| Measured::of(&contenders[of].0, place.kind(), clients, turns);
                let [again, anew, of_thread, bare] = turns;
                let ours = [measured(0, again), measured(1, anew)];
                report.read(read.name(), ours, measured(2, of_thread), measured(3, bare));
            }
        }
    }
    Ok(())
}

/// Durable writes beside the disk's own.
pub(crate) fn writes(subject: &Subject, options: &Options, report: &mut Report) -> Result<()> {
    let (disk, number) = (subject.disk()?, AtomicU64::new(0));
    let slowed = options.slowness.map_or_else(String::new, |Slowness(delay)| format!(", each sync {delay:?} longer"));
    for place in &subject.places {
        for &clients in &options.clients {
            let (mut ours, mut single) = (Turns::new(), Turns::new());
            for _ in 0..options.rounds {
                single.add((disk.writes(options.turn)?, options.turn));
                ours.add(ask(place, clients, options.turn, 201, |_| {
                    subject.write(number.fetch_add(1, Ordering::Relaxed), place)
                })?);
            }
            let ours = Measured::of(&format!("POST, durable{slowed}"), place.kind(), clients, ours);
            let what = format!("4 KiB and fdatasync, one after the other{slowed}");
            let single = Measured::of(&what, "disk", 1, single);
            report.write(ours, single, clients == MANY);
        }
    }
    Ok(())
}

/// Has so many clients ask for so long, each over its own connection. The times of all requests, and how long it took.
fn ask(
    place: &Place,
    clients: usize,
    during: Duration,
    status: u16,
    request: impl Fn(usize) -> Vec<u8> + Sync,
) -> Result<(Vec<Duration>, Duration)> {
    // All connections are open before the first asks.
    let open: Vec<Connection> = (0..clients).map(|_| Connection::open(place)).collect::<Result<_>>()?;
    let (ready, request) = (Barrier::new(clients + 1), &request);
    thread::scope(|scope| {
        let ready = &ready;
        let asking: Vec<_> = open
            .into_iter()
            .enumerate()
            .map(|(client, mut connection)| {
                scope.spawn(move || {
                    ready.wait();
                    let (started, mut times) = (Instant::now(), Vec::new());
                    while started.elapsed() < during {
                        let bytes = request(client);
                        let began = Instant::now();
                        connection.ask(&bytes, status)?;
                        times.push(began.elapsed());
                    }
                    Ok(times)
                })
            })
            .collect();
        ready.wait();
        let started = Instant::now();
        let mut all = Vec::new();
        for client in asking {
            let times: Result<Vec<Duration>> =
                client.join().map_err(|_| Error::new("hear of a client: its thread panicked"))?;
            all.extend(times?);
        }
        Ok((all, started.elapsed()))
    })
}
