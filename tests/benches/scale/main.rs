//! What recall costs as the memory grows: time to answer with one caller and with eight, alone and while memories are
//! saved; time until what was saved is found; the daemon's memory, the disk, and how long the index takes to be made anew.
//!
//! `cargo xtask bench scale [--json] [--memories N,N…] [--seconds N]`. Callers connect for each question, as hooks do, and
//! ask over the socket; `/health` asked in the same way says how much of that is not recall.

mod ask;
mod disk;
mod options;
mod report;

use std::time::{Duration, Instant};

use world::{Error, Machine, Result};

use ask::{Caller, Question};
use options::Options;
use report::{Latency, Size};

#[expect(dead_code, reason = "what only the benchmark of hooks asks for")]
#[path = "../hook/figures.rs"]
mod figures;
#[path = "../hook/host.rs"]
mod host;
#[path = "../hook/prose.rs"]
mod prose;
#[path = "../hook/seed.rs"]
mod seed;

/// A million memories are indexed in much less.
const PATIENCE: Duration = Duration::from_mins(20);
/// Without a question for so long, the daemon is idle: what it keeps for the next one at hand is given back after a minute.
const IDLE_AFTER: Duration = Duration::from_secs(75);
/// The time after that, over which its wakes are counted.
const COUNTED: Duration = Duration::from_secs(30);
/// Callers at the same time.
const MANY: usize = 8;
/// Saves of which the time until they are found is taken.
const SAVES: usize = 50;

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut sizes = Vec::new();
    for &memories in &options.memories {
        sizes.push(measure(memories, options.turn)?);
    }
    if options.json {
        report::print_json(&sizes);
    } else {
        report::print_table(&sizes);
    }
    Ok(())
}

fn measure(memories: usize, turn: Duration) -> Result<Size> {
    let machine = Machine::new("scale")?;
    let began = Instant::now();
    seed::seed(machine.home(), memories)?;
    let filled = began.elapsed();
    let rebuilt = rebuild(&machine)?;
    let pid = machine.daemon_pid().ok_or_else(|| Error::new("find the daemon"))?;
    let idle_wakes = rest(pid);
    let idle_kib = host::kib_of_process(pid, "RssAnon");
    let home = machine.home();
    let (replica, index) = (disk::bytes(&home.replica())?, disk::bytes(&home.index())?);
    let (text, parts) = (disk::text_bytes(&home.replica())?, disk::parts(&home.replica())?);
    let latencies = vec![
        ask::run(home, &[Question::Health], 1, turn)?.named(report::BARE, 1),
        ask::run(home, &[Question::Recall { project: true }], 1, turn)?.named("recall, a project's caller", 1),
        ask::run(home, &[Question::Recall { project: false }], 1, turn)?.named("recall, no project", 1),
        ask::run(home, &[Question::Health], MANY, turn)?.named(report::BARE, MANY),
        ask::run(home, &[Question::Recall { project: true }], MANY, turn)?.named("recall, a project's caller", MANY),
        ask::run(home, &[Question::Recall { project: true }, Question::Save], MANY, turn)?
            .named("the same while memories are saved", MANY),
    ];
    let found_after = found_after(&machine)?;
    let busy_kib = host::kib_of_process(pid, "RssAnon");
    let load = host::load();
    Ok(Size {
        memories,
        filled,
        rebuilt,
        idle_kib,
        idle_wakes,
        busy_kib,
        replica,
        index,
        text,
        parts,
        latencies,
        found_after,
        load,
    })
}

/// Leaves the daemon alone for as long as it takes to be called idle; how often in a second its threads wake then.
#[expect(clippy::disallowed_methods, reason = "time without a question is what is waited for")]
fn rest(pid: u32) -> f64 {
    std::thread::sleep(IDLE_AFTER);
    let before = host::wakes_of_process(pid);
    std::thread::sleep(COUNTED);
    let wakes = host::wakes_of_process(pid).saturating_sub(before);
    f64::from(u32::try_from(wakes).unwrap_or(u32::MAX)) / COUNTED.as_secs_f64()
}

/// Starts the daemon on a replica without an index; how long until it is there.
fn rebuild(machine: &Machine) -> Result<Duration> {
    machine.start_daemon()?;
    machine.index_ready(PATIENCE)?;
    machine.stop_daemon()?;
    let index = machine.home().index();
    std::fs::remove_dir_all(&index).map_err(Error::doing(format!("remove {}", index.display())))?;
    machine.start_daemon()?;
    let began = Instant::now();
    machine.index_ready(PATIENCE)?;
    Ok(began.elapsed())
}

/// From saving a memory to its being found: one save, one question each.
fn found_after(machine: &Machine) -> Result<figures::Figures> {
    let caller = Caller::new(machine.home());
    let mut samples = figures::Samples::default();
    for number in 0..SAVES {
        let word = format!("zyx{number}qv");
        let began = Instant::now();
        caller.save(&format!("the codeword of attempt {number} is {word}"))?;
        let answer = caller.recall(&word, None)?;
        samples.add(began.elapsed());
        if !answer["text"].as_str().unwrap_or_default().contains(&word) {
            return Err(Error::new(format!("find what was saved a moment before: {word}")));
        }
    }
    Ok(samples.figures())
}

impl Latency {
    fn named(self, what: &'static str, callers: usize) -> Latency {
        Latency { what, callers, ..self }
    }
}
