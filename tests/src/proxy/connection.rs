//! One connection through the proxy: a thread for each direction.

use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::wire::{Packet, Prepared};
use super::{Fault, Shared, Way};
use crate::wait::pause;

/// Bytes that a throttled answer sends at once, and the most parts that it is cut into: a page must end some day.
const SIP: usize = 64;
const MOST_SIPS: usize = 50;

pub(super) struct Connection {
    client: Arc<TcpStream>,
    server: Arc<UnixStream>,
    shared: Arc<Shared>,
    prepared: Mutex<Prepared>,
    answers: Mutex<Answers>,
}

/// What becomes of the answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answers {
    Pass,
    Throttle(Duration),
    /// The next one ends the connection instead of being passed on.
    Lose,
    /// Nobody hears them any more.
    Drop,
}

impl Connection {
    /// Serves a connection until its end.
    pub(super) fn open(client: TcpStream, server: UnixStream, shared: Arc<Shared>) {
        // Small packets must not wait for others.
        let _ = client.set_nodelay(true);
        let (client, server) = (Arc::new(client), Arc::new(server));
        let mut state = shared.lock();
        state.open.retain(|(client, _)| client.strong_count() > 0);
        state.open.push((Arc::downgrade(&client), Arc::downgrade(&server)));
        drop(state);
        let (prepared, answers) = (Mutex::default(), Mutex::new(Answers::Pass));
        let here = Arc::new(Connection { client, server, shared, prepared, answers });
        let there = Arc::clone(&here);
        std::thread::spawn(move || there.pass_answers());
        std::thread::spawn(move || here.pass_requests());
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_requests(&self) {
        while let Ok(Some(packet)) = Packet::read(&mut &*self.client) {
            let statement = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).statement(&packet);
            self.shared.carry(Way::Up, packet.bytes());
            let fault = statement.and_then(|(command, text)| self.shared.pass(command, &text));
            match self.strike(fault, &packet) {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => break,
            }
        }
        // The client has gone; the server is told, also when it went in the middle of a packet.
        let _ = self.server.shutdown(Shutdown::Write);
    }

    /// Passes a packet on, or does to it what the fault says; false when nothing is to be passed on after it.
    fn strike(&self, fault: Option<Fault>, packet: &Packet) -> io::Result<bool> {
        let send = || (&*self.server).write_all(packet.bytes());
        match fault {
            None => send()?,
            Some(Fault::Delay(time)) => {
                pause(time);
                send()?;
            }
            Some(Fault::Hold) => {
                self.shared.hold();
                send()?;
            }
            Some(Fault::Throttle(time)) => {
                *self.answers() = Answers::Throttle(time);
                send()?;
            }
            Some(Fault::LoseAnswer) => {
                *self.answers() = Answers::Lose;
                send()?;
            }
            Some(Fault::Cut) => {
                *self.answers() = Answers::Drop;
                reset(&self.client, &self.server);
                return Ok(false);
            }
            Some(Fault::CloseRequests) => {
                send()?;
                self.server.shutdown(Shutdown::Write)?;
                return Ok(false);
            }
            Some(Fault::CloseAnswers(time)) => {
                self.part()?;
                send()?;
                pause(time);
                self.server.shutdown(Shutdown::Both)?;
                return Ok(false);
            }
            Some(Fault::Late(time)) => {
                self.part()?;
                pause(time);
                send()?;
                // Whatever the server says, it has done it by the time it reads the end.
                self.server.shutdown(Shutdown::Write)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The client sees the end of the connection; the server does not.
    fn part(&self) -> io::Result<()> {
        *self.answers() = Answers::Drop;
        self.client.shutdown(Shutdown::Both)
    }

    fn pass_answers(&self) {
        while let Ok(Some(packet)) = Packet::read(&mut &*self.server) {
            self.prepared.lock().unwrap_or_else(PoisonError::into_inner).answered(&packet);
            self.shared.carry(Way::Down, packet.bytes());
            let answers = *self.answers();
            let sent = match answers {
                Answers::Pass => (&*self.client).write_all(packet.bytes()),
                Answers::Throttle(time) => sip(&self.client, packet.bytes(), time),
                Answers::Drop => Ok(()),
                Answers::Lose => return reset(&self.client, &self.server),
            };
            if sent.is_err() {
                break;
            }
        }
        if *self.answers() != Answers::Drop {
            // The server has gone; the client is told.
            let _ = self.client.shutdown(Shutdown::Write);
        }
    }
}

/// Ends both sides: the client reads a reset instead of an orderly end.
pub(super) fn reset(client: &TcpStream, server: &UnixStream) {
    // Without lingering, the close that follows sends a reset. A socket that is closed already needs neither.
    let _ = rustix::net::sockopt::set_socket_linger(client, Some(Duration::ZERO));
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Read);
}

fn sip(mut client: &TcpStream, bytes: &[u8], time: Duration) -> io::Result<()> {
    for part in bytes.chunks(SIP.max(bytes.len() / MOST_SIPS)) {
        client.write_all(part)?;
        pause(time);
    }
    Ok(())
}
