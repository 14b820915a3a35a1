//! Shortens a history that fails: leaves out steps as long as it still fails.

use super::{Scenario, play};

/// The shortest history found, and what happens in it.
pub(super) fn shrink(mut scenario: Scenario, mut violation: String) -> (Scenario, String) {
    let mut size = scenario.steps.len() / 2;
    while size > 0 {
        let mut from = 0;
        let mut shorter = false;
        while from < scenario.steps.len() {
            let to = (from + size).min(scenario.steps.len());
            let mut steps = scenario.steps.clone();
            steps.drain(from..to);
            let attempt = Scenario { steps, ..scenario };
            match play(&attempt).violation {
                Some(still) if kind(&still) == kind(&violation) => {
                    violation = still;
                    scenario = attempt;
                    shorter = true;
                }
                _ => from = to,
            }
        }
        if size > 1 {
            size /= 2;
        } else if !shorter {
            break;
        }
    }
    (scenario, violation)
}

/// What a violation is about, without its names and numbers: another one is another bug.
fn kind(violation: &str) -> String {
    violation.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit())).take(6).collect()
}
