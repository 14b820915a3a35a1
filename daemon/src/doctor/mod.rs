//! `doctor`: every link of the chain, from the home's permissions to central's triggers, each with its remedy.
//!
//! A check looks, and with `--fix` repairs what is safe to repair: permissions, hooks, a daemon that does not run, a
//! stale socket. Data is never touched.

mod central;
mod chain;
mod compared;
mod daemon;
mod home;
mod mcp;
mod replica;
mod vault;

use hooks::home::Home;
use serde::Serialize;

/// How a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, but something needs a look.
    Warn,
    /// It does not work.
    Fail,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The link: `home`, `config`, `disk`, `programs`, `hooks`, `mcp`, `service`, `daemon`, `replica`, `backup`, `model`, `vault`, `audit`,
    /// `spool`, `events`, `redaction`, `central`, `users`, `compared`.
    pub(crate) check: &'static str,
    /// `ok`, `warn` or `fail`
    pub(crate) level: Level,
    /// What is so.
    pub(crate) what: String,
    /// What to do; empty when all is well.
    pub(crate) remedy: String,
    /// True when `--fix` has just repaired it.
    pub(crate) fixed: bool,
}

impl Finding {
    fn ok(check: &'static str, what: impl Into<String>) -> Finding {
        Finding { check, level: Level::Ok, what: what.into(), remedy: String::new(), fixed: false }
    }

    fn warn(check: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { level: Level::Warn, remedy: remedy.into(), ..Finding::ok(check, what) }
    }

    fn fail(check: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { level: Level::Fail, ..Finding::warn(check, what, remedy) }
    }

    fn fixed(check: &'static str, what: impl Into<String>) -> Finding {
        Finding { fixed: true, ..Finding::ok(check, what) }
    }
}

/// `claudetools doctor --json`
#[derive(Debug, Serialize)]
pub(crate) struct Examination {
    /// The worst level found.
    pub(crate) level: Level,
    /// All findings, in the order of the chain.
    pub(crate) findings: Vec<Finding>,
}

/// What the checks work on.
pub(crate) struct Patient<'a> {
    pub(crate) home: &'a Home,
    /// Repair what is safe to repair.
    pub(crate) fix: bool,
}

/// The remedy of everything that `--fix` repairs.
const FIX: &str = "run: claudetools doctor --fix";

/// The chain, link by link; each may find several things. A later link may rest on what an earlier one repaired.
const CHAIN: &[fn(&Patient<'_>) -> Vec<Finding>] = &[
    home::folder,
    home::private_files,
    home::configuration,
    home::disk,
    chain::programs,
    chain::settings,
    mcp::server,
    chain::service,
    daemon::answers,
    daemon::report,
    replica::integrity,
    replica::backed_up,
    replica::tags,
    replica::meaning,
    vault::keys,
    chain::events,
    central::reachable,
    compared::with_central,
];

/// Examines every link.
pub(crate) fn examine(patient: &Patient<'_>) -> Examination {
    let findings: Vec<Finding> = CHAIN.iter().flat_map(|check| check(patient)).collect();
    let level = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    Examination { level, findings }
}
