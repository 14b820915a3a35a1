//! What was measured, as a table and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use world::goals::Goals;

use super::daemon::Memory;
use super::host;
use super::options::Options;

/// One figure.
struct Line {
    part: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
}

pub(crate) struct Report {
    facts: String,
    server: String,
    rows: usize,
    loads: Vec<String>,
    lines: Vec<Line>,
    goals: Goals,
}

impl Report {
    pub(crate) fn new(options: &Options, server: String) -> Report {
        let (lines, goals) = (Vec::new(), Goals::default());
        Report { facts: host::facts(), server, rows: options.rows, loads: vec![host::load()], lines, goals }
    }

    pub(crate) fn finish(&mut self) {
        self.loads.push(host::load());
    }

    pub(crate) fn value(&mut self, part: &'static str, what: impl Into<String>, value: f64, unit: &'static str) {
        let what = what.into();
        eprintln!("{part}: {what}: {value:.1} {unit}");
        self.lines.push(Line { part, what, value, unit });
    }

    pub(crate) fn rate(&mut self, part: &'static str, what: &str, rows: usize, took: Duration) {
        self.value(part, what, per_second(rows, took), "rows/s");
    }

    /// A median, a 99th percentile and the longest, of sorted samples.
    pub(crate) fn times(&mut self, part: &'static str, what: &str, sorted: &[Duration]) {
        for percent in [50, 99] {
            let time = percentile(sorted, percent);
            self.value(part, format!("{what}, p{percent} of {}", sorted.len()), time.as_secs_f64() * 1e3, "ms");
        }
        let longest = sorted.last().copied().unwrap_or_default();
        self.value(part, format!("{what}, longest"), longest.as_secs_f64() * 1e3, "ms");
    }

    pub(crate) fn memory(&mut self, part: &'static str, memory: Memory) {
        #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
        let mib = |kib: u64| kib as f64 / 1024.0;
        self.value(part, "memory of the daemon at most", mib(memory.resident), "MiB");
        self.value(part, "of it its own, without pages of files", mib(memory.anonymous), "MiB");
        let found = format!("{:.0} MiB", mib(memory.resident));
        self.goal(format!("{part}: memory of the daemon at most 100 MB"), memory.resident * 1024 <= 100_000_000, found);
    }

    pub(crate) fn goal_rate(&mut self, part: &str, rows: usize, took: Duration, goal: f64) {
        let found = per_second(rows, took);
        self.goal(format!("{part}: at least {goal:.0} rows/s"), found >= goal, format!("{found:.0} rows/s"));
    }

    /// Beside what it is compared with: that one's time as a share of its own.
    pub(crate) fn goal_share(&mut self, part: &str, limit: Duration, took: Duration, goal: f64) {
        let found = limit.as_secs_f64() / took.as_secs_f64();
        self.goal(format!("{part}: at least {goal} of its limit"), found >= goal, format!("{found:.2}"));
    }

    pub(crate) fn goal(&mut self, what: impl Into<String>, met: bool, found: String) {
        self.goals.note(what, met, found);
    }

    /// As it can be put into a document.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{}, shared with other work (load {}); {}; {} rows of `conversation_contexts` with bodies of 350 bytes.\n\n",
            self.facts,
            self.loads.join(" → "),
            self.server,
            self.rows
        );
        text.push_str("| part | what | figure |\n|---|---|--:|\n");
        for Line { part, what, value, unit } in &self.lines {
            let value = if *value >= 100.0 { grouped(*value) } else { format!("{value:.2}") };
            let _ = writeln!(text, "| {part} | {what} | {value} {unit} |");
        }
        text + "\n" + &self.goals.table()
    }

    pub(crate) fn json(&self) -> String {
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|Line { part, what, value, unit }| json!({ "part": part, "what": what, "value": value, "unit": unit }))
            .collect();
        let report = json!({
            "machine": self.facts, "server": self.server, "rows": self.rows, "load": self.loads,
            "figures": lines, "goals": self.goals.json(),
        });
        report.to_string() + "\n"
    }
}

#[expect(clippy::cast_precision_loss, reason = "some million rows")]
fn per_second(rows: usize, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

/// 1,234,567
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The sample of that rank, of sorted ones: so many of a hundred are not longer.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}
