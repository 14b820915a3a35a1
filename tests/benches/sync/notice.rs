//! How soon a change is on another machine, and what a machine that idles asks.

use std::time::{Duration, Instant};

use world::random::Random;
use world::{Result, eventually, wait};

use super::daemon::Daemon;
use super::guest::save;
use super::options::Options;
use super::report::{Report, percentile};
use super::server::Server;

const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than looks are frequent after something happened.
const QUIET: Duration = Duration::from_secs(6);

pub(crate) fn measure(server: &Server, machines: [&Daemon; 2], options: &Options, report: &mut Report) -> Result<()> {
    wait::pause(QUIET);
    let idle = queries_per_second(server, options.seconds, machines.len())?;
    report.value("notice", "queries of a machine that idles", idle, "/s");
    report.goal("notice: queries of an idle machine, at most about 1/s", idle <= 1.5, format!("{idle:.2}/s"));
    let mut random = Random::new(3);
    let few = options.samples.div_ceil(5);
    let rested = samples(machines, few, || QUIET + Duration::from_millis(random.below(1000)))?;
    report.times("notice", "a change after six quiet seconds, saved on one machine → readable on the other", &rested);
    let mut random = Random::new(4);
    let working = samples(machines, options.samples, || Duration::from_millis(200 + random.below(800)))?;
    report.times("notice", "a change every half second or so, saved on one machine → readable on the other", &working);
    let median = percentile(&rested, 50);
    report.goal(
        "notice: a change elsewhere in under a second (median)",
        median < Duration::from_secs(1),
        format!("{median:.0?}"),
    );
    Ok(())
}

fn queries_per_second(server: &Server, seconds: u64, machines: usize) -> Result<f64> {
    let (first, second) = (server.questions()?, server.questions()?);
    let own = second - first;
    let (before, started) = (server.questions()?, Instant::now());
    wait::pause(Duration::from_secs(seconds));
    let asked = server.questions()?.saturating_sub(before + own);
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    Ok(asked as f64 / machines as f64 / started.elapsed().as_secs_f64())
}

/// Sorted.
fn samples([from, to]: [&Daemon; 2], count: usize, mut pause: impl FnMut() -> Duration) -> Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(count);
    for number in 0..count {
        wait::pause(pause());
        let text = format!("the change number {number} of {count} travels");
        let started = Instant::now();
        let id = save(from.machine.home(), &text)?;
        let there = format!("SELECT EXISTS (SELECT 1 FROM context_snippets WHERE id = '{id}')");
        eventually("the change on the other machine", PATIENCE, || to.number(&there) == 1)?;
        took.push(started.elapsed());
    }
    took.sort();
    Ok(took)
}
