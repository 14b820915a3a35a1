//! What kills daemons and the server, at moments that nobody can foresee but the seed.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use world::random::Random;
use world::wait::pause;

use super::Stage;

/// Between two deaths, at most.
const DAEMONS_MS: u64 = 4_000;
const SERVER_MS: u64 = 40_000;
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Kills a daemon now and then and starts it again; how often.
pub(super) fn kill_daemons(stage: &Stage<'_>) -> u64 {
    let (mut random, mut killed) = (Random::new(21), 0);
    while wait(stage, random.below(DAEMONS_MS)) {
        let desk = random.pick(&stage.desks);
        let _alone = desk.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        desk.kill();
        killed += 1;
    }
    killed
}

/// Kills the server now and then and starts it again; how often.
pub(super) fn kill_server(stage: &Stage<'_>) -> u64 {
    let (mut random, mut killed) = (Random::new(22), 0);
    // The first time soon, so that a short run has one too.
    let mut longest = SERVER_MS / 10;
    while wait(stage, random.below(longest)) {
        stage.server.kill9().unwrap();
        stage.server.restart().unwrap();
        killed += 1;
        longest = SERVER_MS;
    }
    killed
}

/// Waits; false when it is over.
fn wait(stage: &Stage<'_>, millis: u64) -> bool {
    let until = Instant::now() + Duration::from_millis(millis);
    while stage.goes_on() && Instant::now() < until {
        pause(LOOK);
    }
    stage.goes_on()
}
