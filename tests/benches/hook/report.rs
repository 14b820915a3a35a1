//! What was measured, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::contenders::{Held, Measured, Series};
use super::figures::Figures;

/// The hook may take so many times as long as the bare client with the same request to the same daemon.
const GOAL: f64 = 1.6;

/// All of it.
pub(crate) struct Report {
    pub(crate) facts: String,
    /// Before and after.
    pub(crate) loads: [String; 2],
    /// Before the first prompt.
    pub(crate) idle: Vec<Held>,
    pub(crate) measured: Vec<Measured>,
    /// After the last prompt.
    pub(crate) busy: Vec<Held>,
}

impl Report {
    /// As Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{}; load {} → {}\n\n", self.facts, self.loads[0], self.loads[1]);
        let samples = self.figures(Series::Nothing, None).map_or(0, |figures| figures.samples);
        let _ =
            writeln!(text, "| {samples} samples each, in turns | median | p95 | p99 | × `/bin/true` | × bare client |");
        text.push_str("|---|--:|--:|--:|--:|--:|\n");
        for measured in &self.measured {
            let figures = &measured.figures;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                name(measured),
                millis(figures.median),
                millis(figures.p95),
                millis(figures.p99),
                times(self.over_nothing(measured)),
                times(self.over_bare(measured)),
            );
        }
        text.push('\n');
        self.add_notes(&mut text);
        text
    }

    fn add_notes(&self, text: &mut String) {
        for (idle, busy) in self.idle.iter().zip(&self.busy) {
            let _ = writeln!(
                text,
                "- {} memories: the daemon uses {} MiB idle ({} without pages of the replica's file), {} MiB ({}) at the end; \
                 the replica has {} MiB.",
                grouped(idle.memories),
                idle.resources.resident / 1024,
                idle.resources.anonymous / 1024,
                busy.resources.resident / 1024,
                busy.resources.anonymous / 1024,
                idle.resources.disk >> 20,
            );
        }
        for measured in self.measured.iter().filter(|measured| measured.series == Series::Hook) {
            if let Some(ratio) = self.over_bare(measured) {
                let verdict = if ratio <= GOAL { "met" } else { "MISSED" };
                let memories = grouped(measured.memories.unwrap_or_default());
                let _ = writeln!(
                    text,
                    "- Goal at {memories} memories, at most {GOAL} × the bare client: {ratio:.2}, {verdict}."
                );
            }
        }
    }

    /// The same as JSON; times in microseconds, sizes in KiB and bytes.
    pub(crate) fn json(&self) -> String {
        let measured: Vec<Value> = self.measured.iter().map(|measured| self.measured_json(measured)).collect();
        let held = |list: &[Held]| -> Vec<Value> {
            let one = |held: &Held| {
                json!({
                    "memories": held.memories,
                    "resident_kib": held.resources.resident,
                    "anonymous_kib": held.resources.anonymous,
                    "replica_bytes": held.resources.disk,
                })
            };
            list.iter().map(one).collect()
        };
        let report = json!({
            "machine": self.facts,
            "load": self.loads,
            "goal": GOAL,
            "measured": measured,
            "idle": held(&self.idle),
            "end": held(&self.busy),
        });
        report.to_string() + "\n"
    }

    fn measured_json(&self, measured: &Measured) -> Value {
        let figures = &measured.figures;
        json!({
            "what": key(measured.series),
            "memories": measured.memories,
            "samples": figures.samples,
            "median_us": micros(figures.median),
            "p95_us": micros(figures.p95),
            "p99_us": micros(figures.p99),
            "times_true": self.over_nothing(measured),
            "times_bare_client": self.over_bare(measured),
        })
    }

    fn over_nothing(&self, measured: &Measured) -> Option<f64> {
        let is_program = !matches!(measured.series, Series::Own | Series::Recall);
        let nothing = self.figures(Series::Nothing, None)?;
        is_program.then(|| measured.figures.times(nothing))
    }

    /// Beside the bare client that asked the same daemon.
    fn over_bare(&self, measured: &Measured) -> Option<f64> {
        let bare = self.figures(Series::Bare, Some(measured.memories?))?;
        matches!(measured.series, Series::Hook | Series::Own).then(|| measured.figures.times(bare))
    }

    fn figures(&self, series: Series, memories: Option<usize>) -> Option<&Figures> {
        let found = self.measured.iter().find(|one| one.series == series && one.memories == memories);
        found.map(|measured| &measured.figures)
    }
}

/// The name in JSON.
fn key(series: Series) -> &'static str {
    match series {
        Series::Nothing => "true",
        Series::Echo => "bare_client_echo",
        Series::Synced => "bare_client_synced_echo",
        Series::Bare => "bare_client",
        Series::Hook => "hook",
        Series::Own => "daemon",
        Series::Recall => "recall",
    }
}

/// The name in the table.
fn name(measured: &Measured) -> String {
    let name = match measured.series {
        Series::Nothing => "`/bin/true`",
        Series::Echo => "bare client, of a responder that does nothing",
        Series::Synced => "bare client, of a responder that writes it to disk",
        Series::Bare => "bare client, of the daemon",
        Series::Hook => "**the hook**",
        Series::Own => "the daemon's own time for it",
        Series::Recall => "`claudetools recall`, without the start of a process",
    };
    measured.memories.map_or_else(|| name.to_owned(), |memories| format!("{name}, {} memories", grouped(memories)))
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
}

/// 100000 as 100,000.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or_default()).collect();
    groups.join(",")
}
