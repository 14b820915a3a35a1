//! A proxy between a replica and MariaDB that breaks the connection at the statement that a test names.
//!
//! It listens on a loopback port and passes every connection on to the server's socket. It reads as much of the protocol
//! as it needs to know the statements, those that were prepared too, and it strikes *between* them: before one is passed
//! on, after it was passed on, or after the server has answered. So each fault hits a known moment, not a random one.

mod connection;
mod fault;
mod wire;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::wait::pause;
use crate::{Error, MariaDb, Result, eventually};
use connection::Connection;

pub use fault::{At, Fault, Kind, Rule};
pub use wire::Command;

/// Shorter waits are left for later ones.
const COARSE: Duration = Duration::from_millis(2);

/// What was sent to the server, in the order of all connections.
#[derive(Debug, Clone)]
pub struct Statement {
    /// How it was sent.
    pub command: Command,
    /// Its beginning.
    pub text: String,
}

/// A proxy in front of one server. Dropped, it takes no further connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    log: Vec<Statement>,
    rules: Vec<Rule>,
    storm: Option<Storm>,
    injected: BTreeMap<&'static str, u64>,
    /// How many statements are held, and whether they may go on.
    held: usize,
    released: bool,
    open: Vec<(Weak<TcpStream>, Weak<UnixStream>)>,
    closed: bool,
    link: Option<Link>,
    /// What was carried in each direction, and until when the line is taken.
    carried: [u64; 2],
    recorded: Option<[Vec<u8>; 2]>,
    taken: [Option<Instant>; 2],
}

/// A line that all connections share.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// From a request to its answer, beside what the server takes.
    pub latency: Duration,
    /// In each direction.
    pub bytes_per_second: u32,
}

/// Which way.
#[derive(Debug, Clone, Copy)]
enum Way {
    Up,
    Down,
}

/// Faults that come by chance.
#[derive(Debug)]
struct Storm {
    random: Random,
    per_mille: u64,
}

impl Proxy {
    /// A proxy in front of this server, which may be restarted behind it.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(server: &MariaDb) -> Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::doing("listen for a proxy"))?;
        let address = listener.local_addr().map_err(Error::doing("listen for a proxy"))?;
        let shared = Arc::new(Shared {
            upstream: server.socket(),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Ok(Proxy { address, shared })
    }

    /// The URL of a database, through the proxy.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@{}/{database}", self.address)
    }

    /// Forgets what was recorded, and strikes by these rules from now on, each once. Numbers count from here.
    pub fn arm(&self, rules: Vec<Rule>) {
        let mut state = self.shared.lock();
        state.log.clear();
        state.rules = rules;
        state.released = false;
    }

    /// Strikes by chance from now on: so many of a thousand statements, drawn from `seed`. With 0 it stops.
    pub fn storm(&self, seed: u64, per_mille: u64) {
        self.shared.lock().storm = (per_mille > 0).then(|| Storm { random: Random::new(seed), per_mille });
    }

    /// The statements since the last [`Proxy::arm`].
    pub fn statements(&self) -> Vec<Statement> {
        self.shared.lock().log.clone()
    }

    /// The faults so far, by kind.
    pub fn injected(&self) -> BTreeMap<&'static str, u64> {
        self.shared.lock().injected.clone()
    }

    /// Waits until a statement is held by [`Fault::Hold`].
    ///
    /// # Errors
    /// When none is within `deadline`.
    pub fn wait_until_held(&self, deadline: Duration) -> Result<()> {
        eventually("a statement held by the proxy", deadline, || self.shared.lock().held > 0)
    }

    /// Lets go on what is held.
    pub fn release(&self) {
        self.shared.lock().released = true;
        self.shared.changed.notify_all();
    }

    /// From now on it is a line of this kind; None: as fast as can be.
    pub fn slow(&self, link: Option<Link>) {
        self.shared.lock().link = link;
    }

    /// Bytes that were carried so far: to the server, and from it.
    pub fn carried(&self) -> (u64, u64) {
        let [up, down] = self.shared.lock().carried;
        (up, down)
    }

    /// Keeps all bytes that are carried from now on.
    pub fn record(&self) {
        self.shared.lock().recorded = Some(Default::default());
    }

    /// What was carried since [`Proxy::record`]: to the server, and from it.
    pub fn recorded(&self) -> [Vec<u8>; 2] {
        self.shared.lock().recorded.clone().unwrap_or_default()
    }

    /// Resets every connection, as a router does that was restarted.
    pub fn cut_all(&self) {
        let open = std::mem::take(&mut self.shared.lock().open);
        for (client, server) in open {
            if let (Some(client), Some(server)) = (client.upgrade(), server.upgrade()) {
                connection::reset(&client, &server);
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.release();
        // Wakes the thread that accepts; when it cannot be reached, it has ended.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a statement; the fault that strikes it.
    fn pass(&self, command: Command, text: &str) -> Option<Fault> {
        let mut state = self.lock();
        let number = state.log.len();
        state.log.push(Statement { command, text: text.chars().take(fault::RECORDED).collect() });
        let hit = state.rules.iter().position(|rule| rule.at.is(number, command, text));
        let fault = hit.map(|at| state.rules.remove(at).fault).or_else(|| state.chance())?;
        *state.injected.entry(fault.kind().name()).or_default() += 1;
        Some(fault)
    }

    /// Waits until these bytes are through the line, behind those that are on it already.
    fn carry(&self, way: Way, packet: &[u8]) {
        let mut state = self.lock();
        let bytes = packet.len() as u64;
        state.carried[way as usize] += bytes;
        if let Some(recorded) = &mut state.recorded {
            recorded[way as usize].extend_from_slice(packet);
        }
        let Some(link) = state.link else { return };
        let now = Instant::now();
        let begin = state.taken[way as usize].map_or(now, |taken| taken.max(now));
        let micros = bytes * 1_000_000 / u64::from(link.bytes_per_second);
        let end = begin + Duration::from_micros(micros);
        state.taken[way as usize] = Some(end);
        drop(state);
        let latency = if matches!(way, Way::Up) { link.latency } else { Duration::ZERO };
        let wait = latency + (end - now);
        // The system's clock is too coarse for single small packets; they add up.
        if wait >= COARSE {
            pause(wait);
        }
    }

    /// Waits until it is released.
    fn hold(&self) {
        let mut state = self.lock();
        state.held += 1;
        while !state.released {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.held -= 1;
    }
}

impl State {
    fn chance(&mut self) -> Option<Fault> {
        let storm = self.storm.as_mut()?;
        (storm.random.below(1000) < storm.per_mille).then(|| Fault::of(*storm.random.pick(&Kind::ALL)))
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.lock().closed {
            return;
        }
        // A server that is down takes no connection, and neither does its proxy: the client sees it closed at once.
        let Ok(server) = UnixStream::connect(&shared.upstream) else { continue };
        let Ok(client) = client else { continue };
        Connection::open(client, server, Arc::clone(shared));
    }
}
