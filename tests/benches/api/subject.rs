//! The daemon with some rows in it, and the bare handler beside it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use world::{Api, Error, Machine, Result};

use super::bare::Bare;
use super::client::{self, Connection, Place};
use super::disk::{Disk, Slowness};
use super::host;

/// Rows of the list.
const ROWS: usize = 100;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    ById,
    List,
}

impl Read {
    pub(crate) const ALL: [Read; 2] = [Read::ById, Read::List];

    /// For the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Read::ById => "GET by id",
            Read::List => "list of 100",
        }
    }
}

pub(crate) struct Subject {
    machine: Machine,
    token: String,
    /// The daemon's, in the order of the bare handler's.
    pub(crate) places: [Place; 2],
    pub(crate) bare: Bare,
    id: String,
    slowness: Option<Slowness>,
}

impl Subject {
    pub(crate) fn start(slowness: Option<Slowness>) -> Result<Subject> {
        let machine = Machine::new("bench")?;
        let api = machine.start_api_with(|command| {
            if let Some(slowness) = slowness {
                slowness.apply(&machine, command);
            }
        })?;
        let token = api.token.clone().ok_or_else(|| Error::new("find the token of the API"))?;
        let id = fill(&api)?;
        let places = [Place::Socket(machine.home().socket()), Place::Tcp(api.address)];
        let bare = Bare::start(&machine.temporary())?;
        Ok(Subject { machine, token, places, bare, id, slowness })
    }

    /// The request of a read to the daemon; `anew`: not with an answer that it kept.
    pub(crate) fn read(&self, read: Read, anew: bool, place: &Place) -> Vec<u8> {
        let path = match read {
            Read::ById => format!("/api/clients/{}", self.id),
            Read::List => format!("/api/clients?limit={ROWS}"),
        };
        let further = if anew { "Cache-Control: no-cache\r\n" } else { "" };
        client::request_with("GET", &path, further, self.token_for(place), place, "")
    }

    /// How often a second the rows of a read come out of SQLite and nothing else is done: one thread, one connection, one
    /// statement that is prepared once, every value looked at.
    pub(crate) fn floor(&self, read: Read, during: Duration) -> Result<f64> {
        let (sql, id) = match read {
            Read::ById => ("SELECT * FROM clients WHERE id = ?1", self.id.clone()),
            Read::List => ("SELECT * FROM clients WHERE id <> ?1 ORDER BY id LIMIT 100", String::new()),
        };
        let rate = sync::local::inspect(&self.machine.home().replica(), |tx| {
            let mut statement = tx.connection().prepare(sql)?;
            let columns = statement.column_count();
            let (began, mut times, mut bytes) = (Instant::now(), 0_u32, 0);
            while began.elapsed() < during {
                let mut rows = statement.query([&id])?;
                while let Some(row) = rows.next()? {
                    for column in 0..columns {
                        bytes += row.get_ref(column)?.as_bytes_or_null().ok().flatten().map_or(0, <[u8]>::len);
                    }
                }
                times += 1;
            }
            Ok((f64::from(times) / began.elapsed().as_secs_f64(), bytes))
        });
        match rate.map_err(Error::doing("read the replica"))? {
            (_, 0) => Err(Error::new("read the rows that the daemon answers with")),
            (rate, _) => Ok(rate),
        }
    }

    /// How many bytes the daemon answers.
    pub(crate) fn bytes(&self, read: Read) -> Result<usize> {
        let socket = &self.places[0];
        Ok(Connection::open(socket)?.ask(&self.read(read, true, socket), 200)?.len())
    }

    /// The request to the bare handler for so many bytes, itself or out of its thread.
    pub(crate) fn bare_read(bytes: usize, of_thread: bool, place: &Place) -> Vec<u8> {
        let path = if of_thread { format!("/thread/{bytes}") } else { format!("/{bytes}") };
        client::request("GET", &path, None, place, "")
    }

    /// The request that makes a row; `number` is new each time.
    pub(crate) fn write(&self, number: u64, place: &Place) -> Vec<u8> {
        let body = json!({ "name": format!("Site {number}"), "client_id": self.id, "notes": NOTES });
        client::request("POST", "/api/sites", self.token_for(place), place, &body.to_string())
    }

    /// The daemon's memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.machine.daemon_pid().map_or(0, |pid| host::kib_of_process(pid, "VmRSS"))
    }

    /// A file on the disk of the replica.
    pub(crate) fn disk(&self) -> Result<Disk> {
        Disk::new(self.machine.home().root(), self.slowness)
    }

    fn token_for(&self, place: &Place) -> Option<&str> {
        matches!(place, Place::Tcp(_)).then_some(self.token.as_str())
    }
}

const NOTES: &str = "Two switches and a firewall in the rack on the first floor; the key is with the caretaker.";

/// Makes the rows that are read; returns the id of one.
fn fill(api: &Api) -> Result<String> {
    let mut last = Value::Null;
    for number in 0..ROWS {
        let body = json!({
            "name": format!("Client {number}"), "primary_contact": "the office", "contact_email": "office@example.com",
            "address": "1 Example Street, Exampleton", "notes": NOTES,
        });
        last = api.post("/api/clients", &body)?.expect(201)?.body();
    }
    last["id"].as_str().map(str::to_owned).ok_or_else(|| Error::new("find the id of a new row"))
}
