//! The daemon: does it run, does it answer, is it of this version, and what does it say of itself.

use super::{FIX, Finding, Patient};
use crate::api::special::health::Health;
use crate::report::{Area, Severity, StatusReport};
use crate::{client, files, lock, setup, starter};

pub(super) fn answers(patient: &Patient<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let holder = lock::holder(&patient.home.lock());
    if holder.is_none() {
        found.extend(stale_socket(patient));
    }
    found.push(match (client::health(patient.home), holder) {
        (Ok(health), _) => of_version(patient, &health),
        (Err(error), Some(holder)) => {
            let remedy = holder.pid.map_or("end it".to_owned(), |pid| {
                format!("if it stays so: kill {pid}, then: claudetools doctor --fix")
            });
            Finding::fail("daemon", format!("{holder} runs but does not answer: {error}"), remedy)
        }
        (Err(_), None) if patient.fix && patient.home.root().is_dir() => {
            start(patient, "it did not run and was started")
        }
        (Err(_), None) => Finding::fail("daemon", "it does not run", FIX),
    });
    found
}

fn of_version(patient: &Patient<'_>, health: &Health) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    if health.version == own {
        return Finding::ok("daemon", format!("{}, process {}, version {own}", health.state, health.pid));
    }
    let what = format!("it is of version {}, this program of version {own}", health.version);
    if !patient.fix {
        return Finding::warn("daemon", what, FIX);
    }
    match setup::restart(patient.home, None) {
        Ok(_) => Finding::fixed("daemon", format!("{what}; it was restarted")),
        Err(error) => Finding::fail("daemon", format!("{what}; cannot {error}"), error.hint(patient.home)),
    }
}

fn start(patient: &Patient<'_>, what: &str) -> Finding {
    match starter::ensure_running(patient.home) {
        Ok(_) => Finding::fixed("daemon", what),
        Err(error) => Finding::fail("daemon", format!("cannot {error}"), error.hint(patient.home)),
    }
}

/// What a daemon that was killed leaves behind.
fn stale_socket(patient: &Patient<'_>) -> Option<Finding> {
    let socket = patient.home.socket();
    if !socket.exists() {
        return None;
    }
    let what = format!("{} is left from a daemon that is gone", socket.display());
    if !patient.fix {
        return Some(Finding::warn("daemon", what, FIX));
    }
    Some(match files::remove_if_there(&socket) {
        Ok(_) => Finding::fixed("daemon", format!("{what}; removed")),
        Err(error) => Finding::fail("daemon", format!("{what}; {error}"), "remove it"),
    })
}

/// What a daemon that answers says is wrong. Spool and central have checks of their own.
pub(super) fn report(patient: &Patient<'_>) -> Vec<Finding> {
    let Ok(report) = client::get::<StatusReport>(patient.home, "/api/status", client::SHORT) else { return Vec::new() };
    let own = report.problems.into_iter().filter(|problem| !matches!(problem.area, Area::Spool | Area::Sync));
    own.map(|problem| match problem.severity {
        Severity::Fail => Finding::fail("daemon", problem.what, problem.remedy),
        Severity::Warn => Finding::warn("daemon", problem.what, problem.remedy),
    })
    .collect()
}
