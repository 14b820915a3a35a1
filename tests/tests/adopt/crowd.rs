//! The other program goes on with many connections while two machines push and pull: nothing is lost, all become equal,
//! and it meets no error that it would not meet without us.
//!
//! A change that is overwritten later proves nothing when it is lost, so each writer and each machine also has rows
//! and columns to itself: a row that stays for each transaction, and one column of shared clients that only it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use merge::Row;
use migrations::catalogue::{CLIENTS, SITES, TASKS};
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use sync::StoreError;
use sync::engine::SyncError;
use tokio::task::JoinSet;
use world::random::Random;

use super::{adopted, found};
use crate::reconcile::{Central, Machine, id};
use crate::verify::compare;

const WRITERS: u64 = 8;
/// Clients of which nobody deletes: writer n has the names of those whose number leaves n, a machine has one column.
const SHARED: u64 = 24;
/// Clients that come and go.
const PASSING: u64 = 40;
const ALONE: Duration = Duration::from_secs(6);
const TOGETHER: Duration = Duration::from_secs(15);
/// What programs that write to the same rows meet anyhow: deadlocks among them, and snapshots that are too old (MariaDB
/// 11.6 and later). Whether a short run without us met one of these is chance.
const CHANCE: [u16; 2] = [1020, 1213];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_connections_of_the_other_program_and_two_machines() {
    let alone = found();
    ground(&alone);
    let usual = write(&alone, ALONE).await;
    println!("without us: {} transactions, errors {:?}", usual.committed, usual.errors);

    let place = adopted().await;
    ground(&place);
    let (a, b) = (Arc::new(Machine::new("a", &place).await), Arc::new(Machine::new("b", &place).await));
    let writing = Arc::new(AtomicBool::new(true));
    let machines = [(&a, "notes"), (&b, "client_type")]
        .map(|(machine, column)| tokio::spawn(work(Arc::clone(machine), column, Arc::clone(&writing))));
    let tally = write(&place, TOGETHER).await;
    writing.store(false, Ordering::Relaxed);
    let [by_a, by_b] = machines;
    let worked = [by_a.await.unwrap(), by_b.await.unwrap()];
    println!("with us: {} transactions, errors {:?}", tally.committed, tally.errors);
    for by in &worked {
        println!("machine: {} rounds, {} given up for the next, {} rows", by.rounds, by.given_way, by.tasks);
    }

    let usual: BTreeSet<u16> = usual.errors.keys().copied().chain(CHANCE).collect();
    let met: BTreeSet<u16> = tally.errors.keys().copied().collect();
    assert_eq!(met.difference(&usual).collect::<Vec<_>>(), Vec::<&u16>::new(), "errors that it did not meet before");
    assert!(tally.committed > 300, "too little was tried");
    assert!(worked.iter().all(|by| by.rounds > 10 && by.tasks > 50), "too little was done meanwhile");
    come_to_rest([&a, &b]).await;
    nothing_is_lost(&place, &tally, &worked);
    everything_is_equal(&place, [&a, &b]).await;
}

fn ground(place: &Central<'_>) {
    let client = |kind: &str, number: u64| format!("('{}', '{kind} {number}')", id(&format!("{kind} {number}")));
    let shared = (0..SHARED).map(|number| client("shared", number));
    let passing = (0..PASSING).map(|number| client("passing", number));
    let rows: Vec<String> = shared.chain(passing).collect();
    place.sql(&format!("INSERT INTO Client (id, name) VALUES {}", rows.join(", ")));
}

/// What the other program did.
#[derive(Debug, Default)]
struct Tally {
    committed: u64,
    errors: BTreeMap<u16, u64>,
    /// The last name that was committed for each shared client.
    names: BTreeMap<u64, String>,
}

async fn write(place: &Central<'_>, how_long: Duration) -> Tally {
    let until = Instant::now() + how_long;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let connection = place.connect().await;
        writers.spawn(Writer { number, random: Random::new(number), connection, tally: Tally::default() }.write(until));
    }
    let mut all = Tally::default();
    while let Some(one) = writers.join_next().await {
        let one = one.unwrap();
        all.committed += one.committed;
        all.names.extend(one.names);
        for (error, count) in one.errors {
            *all.errors.entry(error).or_default() += count;
        }
    }
    all
}

struct Writer {
    number: u64,
    random: Random,
    connection: MySqlConnection,
    tally: Tally,
}

impl Writer {
    async fn write(mut self, until: Instant) -> Tally {
        while Instant::now() < until {
            match self.transaction().await {
                Ok(renamed) => {
                    self.tally.committed += 1;
                    self.tally.names.extend(renamed);
                }
                Err(error) => {
                    let error = error.into_database_error().expect("an answer of the server");
                    let number = error.downcast_ref::<MySqlDatabaseError>().number();
                    *self.tally.errors.entry(number).or_default() += 1;
                    self.run("ROLLBACK", &[]).await.unwrap();
                }
            }
        }
        self.tally
    }

    /// A few statements and a row that stays; returns the shared client that it renamed.
    async fn transaction(&mut self) -> Result<Option<(u64, String)>, sqlx::Error> {
        self.run("START TRANSACTION", &[]).await?;
        let task = id(&format!("writer {} task {}", self.number, self.tally.committed));
        self.run("INSERT INTO tasks (id, title) VALUES (?, 'of a writer')", &[&task]).await?;
        for _ in 0..=self.random.below(3) {
            self.statement().await?;
        }
        let mine = self.number + WRITERS * self.random.below(SHARED / WRITERS);
        let name = format!("name {} of writer {}", self.tally.committed, self.number);
        let renames = self.random.percent(40);
        if renames {
            let client = id(&format!("shared {mine}"));
            self.run("UPDATE Client SET name = ? WHERE id = ?", &[&name, &client]).await?;
        }
        self.run("COMMIT", &[]).await?;
        Ok(renames.then_some((mine, name)))
    }

    /// On rows that come and go, with all that cascades from them.
    async fn statement(&mut self) -> Result<(), sqlx::Error> {
        let passing = id(&format!("passing {}", self.random.below(PASSING)));
        let any = self.random.below(SHARED + PASSING);
        let any = if any < SHARED { format!("shared {any}") } else { format!("passing {}", any - SHARED) };
        let (any, site) = (id(&any), id(&format!("site {}", self.random.below(60))));
        let (network, text) = (id(&format!("network {}", self.random.below(40))), format!("{:x}", self.random.bits()));
        let (sql, values): (&'static str, &[&str]) = match self.random.below(9) {
            0 => ("DELETE FROM Client WHERE id = ?", &[&passing]),
            1 | 2 => (
                "INSERT INTO Client (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name)",
                &[&passing, &text],
            ),
            3 => ("REPLACE INTO Client (id, name, client_type) VALUES (?, ?, 'prospect')", &[&passing, &text]),
            4 => ("INSERT INTO sites (id, client_id, name) VALUES (?, ?, ?)", &[&site, &any, &text]),
            5 => ("UPDATE sites SET notes = ? WHERE client_id = ?", &[&text, &any]),
            6 => ("DELETE FROM sites WHERE id = ?", &[&site]),
            7 => (
                "REPLACE INTO networks (id, client_id, site_id, name) SELECT ?, client_id, id, ? FROM sites WHERE id = ?",
                &[&network, &text, &site],
            ),
            _ => ("INSERT INTO invoices (client_id, cents) VALUES (?, 5)", &[&any]),
        };
        self.run(sql, values).await
    }

    async fn run(&mut self, sql: &'static str, values: &[&str]) -> Result<(), sqlx::Error> {
        let mut query = sqlx::query(sql);
        for value in values {
            query = query.bind(*value);
        }
        query.execute(&mut self.connection).await.map(drop)
    }
}

/// What a machine did.
#[derive(Debug)]
struct Worked {
    column: &'static str,
    rounds: u64,
    /// Rounds that lost against others.
    given_way: u64,
    /// Rows that stay.
    tasks: u64,
    /// The last value of its own column of each shared client.
    values: BTreeMap<u64, String>,
}

/// Writes and syncs without a pause while the others write.
async fn work(machine: Arc<Machine>, column: &'static str, writing: Arc<AtomicBool>) -> Worked {
    let mut random = Random::new(column.len() as u64);
    let mut worked = Worked { column, rounds: 0, given_way: 0, tasks: 0, values: BTreeMap::new() };
    while writing.load(Ordering::Relaxed) {
        for _ in 0..8 {
            let task = Row::new(TASKS).with("id", id(&format!("{column} task {}", worked.tasks)));
            machine.put(task.with("title", "of a machine")).await;
            worked.tasks += 1;
            let number = random.below(SHARED);
            let value = match column {
                "client_type" => (*random.pick(&["internal", "project", "prospect"])).to_owned(),
                _ => format!("{:x}", random.bits()),
            };
            machine.edit(&format!("shared {number}"), column, &value).await;
            worked.values.insert(number, value);
        }
        come_and_go(&machine, &mut random).await;
        match machine.engine.round().await {
            Ok(_) => worked.rounds += 1,
            // It is among the losers of deadlocks too, and goes on with the next round.
            Err(SyncError::Central(error)) if error.is_retryable() => worked.given_way += 1,
            Err(error) => panic!("{error}"),
        }
    }
    worked
}

/// The machines too write to what comes and goes.
async fn come_and_go(machine: &Machine, random: &mut Random) {
    let (client, site) = (format!("passing {}", random.below(PASSING)), format!("site {}", random.below(60)));
    let Some(row) = machine.get(CLIENTS, &client).await else { return };
    if random.percent(30) {
        match machine.store.write_async(move |tx| tx.delete(CLIENTS, &row.id().key)).await {
            // It has sites here.
            Ok(_) | Err(StoreError::HasChildren { .. }) => return,
            Err(error) => panic!("{error}"),
        }
    }
    let there = machine.get(SITES, &site).await.unwrap_or_else(|| Row::new(SITES).with("id", id(&site)));
    machine.put(there.with("client_id", id(&client)).with("name", format!("{:x}", random.bits()))).await;
}

/// Rounds until no machine moves anything.
async fn come_to_rest(machines: [&Machine; 2]) {
    for _ in 0..20 {
        let mut moved = 0;
        for machine in machines {
            let round = machine.round().await;
            moved += round.pulled + round.pushed;
        }
        if moved == 0 {
            return;
        }
    }
    panic!("rows go to and fro without an end: {:?}", machines.map(|machine| machine.engine.status()));
}

fn nothing_is_lost(place: &Central<'_>, tally: &Tally, worked: &[Worked; 2]) {
    let tasks = |title: &str| place.sql(&format!("SELECT COUNT(*) FROM tasks WHERE title = '{title}'"));
    assert_eq!(tasks("of a writer"), tally.committed.to_string());
    assert_eq!(tasks("of a machine"), worked.iter().map(|by| by.tasks).sum::<u64>().to_string());
    let mut expected: BTreeMap<(u64, &str), &str> = BTreeMap::new();
    expected.extend(tally.names.iter().map(|(number, name)| ((*number, "name"), name.as_str())));
    for by in worked {
        expected.extend(by.values.iter().map(|(number, value)| ((*number, by.column), value.as_str())));
    }
    assert!(expected.len() > 50, "{} values were followed", expected.len());
    for ((number, column), value) in expected {
        let id = id(&format!("shared {number}"));
        let there = place.sql(&format!("SELECT {column} FROM Client WHERE id = '{id}'"));
        assert_eq!(there, value, "{column} of shared {number}");
    }
}

async fn everything_is_equal(place: &Central<'_>, machines: [&Machine; 2]) {
    // Of two forms of one id, the machines have that in lower case.
    let held = [
        ("clients", "name", "Client"),
        ("clients", "notes", "Client"),
        ("clients", "client_type", "Client"),
        ("sites", "LOWER(client_id)", "sites"),
        ("sites", "notes", "sites"),
        ("networks", "name", "networks"),
        ("networks", "LOWER(site_id)", "networks"),
        ("tasks", "title", "tasks"),
    ];
    for (table, column, theirs) in held {
        let sql = format!("SELECT LOWER(id), COALESCE({column}, 'NULL') FROM {theirs} ORDER BY LOWER(id)");
        let there: Vec<String> = place.sql(&sql).lines().map(str::to_owned).collect();
        assert!(there.len() > 10, "{theirs} has {} rows", there.len());
        for machine in machines {
            let here = machine.column(table, column.trim_start_matches("LOWER(").trim_end_matches(')'));
            // A type that central leaves open is the usual one here.
            let of_column =
                |line: &String| if column == "client_type" { line.replace("NULL", "msp_client") } else { line.clone() };
            let there: Vec<String> = there.iter().map(of_column).collect();
            assert_eq!(here.lines().collect::<Vec<_>>(), there, "{table}.{column}");
        }
    }
    for machine in machines {
        let report = compare(machine).await;
        assert_eq!((report.differences, report.left), (0, 0), "{report:?}");
        let status = machine.engine.status();
        assert_eq!((status.pending, status.quarantined, status.parked), (0, 0, 0), "{status:?}");
    }
}
