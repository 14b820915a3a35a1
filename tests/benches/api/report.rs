//! What was measured, as a table and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use world::goals::Goals;

use super::host;
use super::load::Turns;

/// Reads are answered at least at this share of the bare handler's rate.
const GOAL_READS: f64 = 0.5;
/// Durable writes of many clients come at least at so many times the rate of single ones.
const GOAL_WRITES: f64 = 20.0;

/// The figures of one contender.
pub(crate) struct Measured {
    what: String,
    way: &'static str,
    clients: usize,
    requests: usize,
    rate: f64,
    median: Duration,
    p99: Duration,
}

impl Measured {
    pub(crate) fn of(what: &str, way: &'static str, clients: usize, mut turns: Turns) -> Measured {
        turns.times.sort_unstable();
        let requests = turns.times.len();
        #[expect(clippy::cast_precision_loss, reason = "some million requests")]
        let rate = requests as f64 / turns.took.as_secs_f64();
        let (median, p99) = (at(&turns.times, 50), at(&turns.times, 99));
        Measured { what: what.to_owned(), way, clients, requests, rate, median, p99 }
    }
}

pub(crate) struct Report {
    facts: String,
    loads: Vec<String>,
    /// With its share of the bare handler's rate, or of that of single writes.
    lines: Vec<(Measured, Option<f64>)>,
    /// What SQLite alone gives, a second.
    floors: Vec<(String, f64)>,
    goals: Goals,
    /// Of the daemon, at the end.
    resident_mib: u64,
}

impl Report {
    pub(crate) fn new() -> Report {
        Report {
            facts: host::facts(),
            loads: vec![host::load()],
            lines: Vec::new(),
            floors: Vec::new(),
            goals: Goals::default(),
            resident_mib: 0,
        }
    }

    pub(crate) fn finish(&mut self, resident_kib: u64) {
        self.loads.push(host::load());
        self.resident_mib = resident_kib / 1024;
    }

    /// How often a second one thread gets the rows of a read out of SQLite: what no way of serving them can pass, times cores.
    pub(crate) fn floor(&mut self, name: &str, rate: f64) {
        self.floors.push((name.to_owned(), rate));
    }

    /// The share of the bare handler's rate that is left when a request costs what it costs there, and SQLite's part beside it.
    fn ceiling(&self, name: &str, bare: &Measured) -> f64 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        #[expect(clippy::cast_precision_loss, reason = "cores and clients")]
        let at_work = cores.min(bare.clients) as f64;
        let floor = self.floors.iter().find(|(floor, _)| floor == name).map_or(f64::INFINITY, |(_, rate)| *rate);
        let one = at_work / bare.rate;
        one / (one + 1.0 / floor)
    }

    /// A read, given again and read anew, and the bare handler's: with the bytes out of a thread, and without.
    pub(crate) fn read(&mut self, name: &str, [again, anew]: [Measured; 2], of_thread: Measured, bare: Measured) {
        let threads = of_thread.rate / bare.rate;
        let most = self.ceiling(name, &bare);
        // The time of a bare request, and what either adds to it.
        let both = 1.0 / (1.0 / most + 1.0 / threads - 1.0);
        let limits =
            format!("; with SQLite's part alone {most:.2}, with a thread alone {threads:.2}, with both {both:.2}");
        for (ours, how, limits) in [(again, "", ""), (anew, ", read anew", limits.as_str())] {
            let (share, way, clients) = (ours.rate / bare.rate, ours.way, ours.clients);
            let what =
                format!("{name}{how}, {way}, {clients} clients: at least {GOAL_READS} of the bare handler's rate");
            self.goals.note(what, share >= GOAL_READS, format!("{share:.2}{limits}"));
            self.lines.push((ours, Some(share)));
        }
        self.lines.push((of_thread, Some(threads)));
        self.lines.push((bare, None));
    }

    /// A write, and the disk's own; whether it is the one that the goal is for.
    pub(crate) fn write(&mut self, ours: Measured, single: Measured, is_goal: bool) {
        let share = ours.rate / single.rate;
        if is_goal {
            let (what, way) = (&ours.what, ours.way);
            let what = format!("{what}, {way}, {} clients: at least {GOAL_WRITES} × single fdatasync", ours.clients);
            self.goals.note(what, share >= GOAL_WRITES, format!("{share:.1} ×"));
        }
        self.lines.push((ours, Some(share)));
        self.lines.push((single, None));
    }

    /// As it can be put into a document.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{}, shared with other work (load {}).\n\n", self.facts, self.loads.join(" → "));
        text.push_str("| what | way | clients | requests | requests/s | p50 ms | p99 ms | × bare, or single |\n");
        text.push_str("|---|---|--:|--:|--:|--:|--:|--:|\n");
        for (measured, share) in &self.lines {
            let Measured { what, way, clients, requests, rate, median, p99 } = measured;
            let share = share.map_or_else(String::new, |share| format!("{share:.2}"));
            let (median, p99) = (millis(*median), millis(*p99));
            let _ = writeln!(
                text,
                "| {what} | {way} | {clients} | {requests} | {rate:.0} | {median:.3} | {p99:.3} | {share} |"
            );
        }
        text.push('\n');
        for (name, rate) in &self.floors {
            let _ = writeln!(
                text,
                "{name}: one thread gets its rows out of SQLite, and does nothing else, {rate:.0} times a second."
            );
        }
        let _ = writeln!(text, "\nThe daemon's memory at the end: {} MiB.", self.resident_mib);
        text + "\n" + &self.goals.table()
    }

    pub(crate) fn json(&self) -> String {
        let line = |(measured, share): &(Measured, Option<f64>)| {
            let Measured { what, way, clients, requests, rate, median, p99 } = measured;
            json!({
                "what": what, "way": way, "clients": clients, "requests": requests, "per_second": rate,
                "p50_ms": millis(*median), "p99_ms": millis(*p99), "times_the_bare": share,
            })
        };
        let lines: Vec<Value> = self.lines.iter().map(line).collect();
        let floors: Value = self
            .floors
            .iter()
            .map(|(name, rate)| (name.clone(), json!(rate)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let report = json!({ "machine": self.facts, "load": self.loads, "figures": lines, "sqlite_alone_per_second": floors, "goals": self.goals.json(), "resident_mib": self.resident_mib });
        report.to_string() + "\n"
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The sample of that rank, of sorted ones: so many of a hundred are not longer.
fn at(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}
