//! What is printed, and the goals that it is held against.

use std::time::Duration;

use serde_json::json;
use world::goals::Goals;

use super::disk::Part;
use super::figures::Figures;
use super::host;

/// Goals: p99 of recall in the daemon, by the number of memories from which they are no longer asked for.
const GOALS: [(usize, Duration); 2] = [(100_000, Duration::from_millis(1)), (1_000_000, Duration::from_millis(5))];

/// The times of one question.
pub(crate) struct Latency {
    pub(crate) what: &'static str,
    pub(crate) callers: usize,
    pub(crate) figures: Figures,
    /// The daemon's own time, from the question's arrival to its answer; without samples where it does not tell.
    pub(crate) own: Figures,
}

/// All that was measured at one size.
pub(crate) struct Size {
    pub(crate) memories: usize,
    pub(crate) filled: Duration,
    pub(crate) rebuilt: Duration,
    pub(crate) idle_kib: u64,
    /// Wakes of its threads in a second, at rest.
    pub(crate) idle_wakes: f64,
    pub(crate) busy_kib: u64,
    pub(crate) replica: u64,
    pub(crate) index: u64,
    pub(crate) text: u64,
    pub(crate) parts: Vec<Part>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) found_after: Figures,
    pub(crate) load: String,
}

impl Size {
    fn each(&self, bytes: u64) -> u64 {
        bytes / (self.memories as u64).max(1)
    }
}

pub(crate) fn print_table(sizes: &[Size]) {
    println!("{}\n", host::facts());
    println!("| memories | asked | callers | times | p50 ms | p99 ms | in the daemon p50 ms | p99 ms | load |");
    println!("|--:|---|--:|--:|--:|--:|--:|--:|---|");
    for size in sizes {
        for Latency { what, callers, figures, own } in &size.latencies {
            let (median, p99) = if own.samples == 0 { Default::default() } else { (ms(own.median), ms(own.p99)) };
            println!(
                "| {} | {what} | {callers} | {} | {} | {} | {median} | {p99} | {} |",
                size.memories,
                figures.samples,
                ms(figures.median),
                ms(figures.p99),
                size.load
            );
        }
        let found = &size.found_after;
        let (median, p99) = (ms(found.median), ms(found.p99));
        println!(
            "| {} | saved and found | 1 | {} | {median} | {p99} | | | {} |",
            size.memories, found.samples, size.load
        );
    }
    println!();
    println!(
        "| memories | filled s | index made anew s | daemon idle MiB | wakes/s then | after the questions MiB | text B each | replica B each | index B each |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for size in sizes {
        println!(
            "| {} | {:.1} | {:.1} | {} | {:.1} | {} | {} | {} | {} |",
            size.memories,
            size.filled.as_secs_f64(),
            size.rebuilt.as_secs_f64(),
            size.idle_kib / 1024,
            size.idle_wakes,
            size.busy_kib / 1024,
            size.each(size.text),
            size.each(size.replica),
            size.each(size.index),
        );
    }
    print_parts(sizes);
    println!("\n{}", goals(sizes).table());
}

/// Where the bytes of a memory are.
fn print_parts(sizes: &[Size]) {
    let Some(first) = sizes.first() else { return };
    let names: Vec<&str> = first.parts.iter().map(|(part, _)| *part).collect();
    println!("\n| bytes of a memory in the replica | {} |", names.join(" | "));
    println!("|--:|{}", "--:|".repeat(names.len()));
    for size in sizes {
        let parts: Vec<String> = size.parts.iter().map(|(_, bytes)| size.each(*bytes).to_string()).collect();
        println!("| of {} | {} |", size.memories, parts.join(" | "));
    }
}

/// The p99 of the daemon's own time against the goals.
fn goals(sizes: &[Size]) -> Goals {
    let mut goals = Goals::default();
    for size in sizes {
        let Some((_, goal)) = GOALS.iter().find(|(memories, _)| size.memories <= *memories) else { continue };
        for latency in size.latencies.iter().filter(|latency| latency.what != BARE) {
            let (memories, callers, what, own) = (size.memories, latency.callers, latency.what, latency.own.p99);
            let asked =
                format!("{memories} memories, {what}, {callers} callers: p99 in the daemon below {} ms", ms(*goal));
            goals.note(asked, own < *goal, format!("{} ms", ms(own)));
        }
    }
    goals
}

/// What the daemon answers without any work.
pub(crate) const BARE: &str = "bare request";

fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

pub(crate) fn print_json(sizes: &[Size]) {
    let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let figures = |figures: &Figures| json!({ "samples": figures.samples, "median_us": us(figures.median), "p95_us": us(figures.p95), "p99_us": us(figures.p99) });
    let measured: Vec<_> = sizes
        .iter()
        .map(|size| {
            let latencies: Vec<_> = size
                .latencies
                .iter()
                .map(|one| json!({ "what": one.what, "callers": one.callers, "times": figures(&one.figures), "in_the_daemon": figures(&one.own) }))
                .collect();
            json!({
                "memories": size.memories, "filled_us": us(size.filled), "rebuilt_us": us(size.rebuilt),
                "idle_kib": size.idle_kib, "idle_wakes_per_second": size.idle_wakes, "busy_kib": size.busy_kib, "text_bytes": size.text,
                "parts": size.parts.iter().map(|(part, bytes)| json!({ "part": part, "bytes": bytes })).collect::<Vec<_>>(),
                "replica_bytes": size.replica, "index_bytes": size.index, "latencies": latencies,
                "found_after": figures(&size.found_after), "load": size.load,
            })
        })
        .collect();
    println!("{}", json!({ "facts": host::facts(), "sizes": measured, "goals": goals(sizes).json() }));
}
