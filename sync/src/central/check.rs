//! Looks whether central is as it must be.
use serde::Serialize;

use super::{CentralError, CentralUrl};

/// What [`check`] saw.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// Where, without the password.
    pub central: String,
    /// The server's version text.
    pub server: String,
    /// Schema version, 0 for none.
    pub schema_version: u32,
    /// Version that this build needs.
    pub schema_known: u32,
    /// Recorded steps.
    pub steps: Vec<String>,
    /// Microseconds that central's clock is ahead of ours.
    pub clock_offset_us: i64,
    /// Changes that no machine has numbered yet.
    pub outbox: u64,
    /// The machines that sync here.
    pub machines: Vec<MachineSeen>,
    /// What is wrong, worst first; empty when all is well.
    pub findings: Vec<Finding>,
}

/// A machine as central knows it.
#[derive(Clone, Debug, Serialize)]
pub struct MachineSeen {
    /// Its replica.
    pub replica_id: String,
    /// Its name.
    pub hostname: String,
    /// Its build.
    pub version: String,
    /// How far it has pulled.
    pub cursor: u64,
    /// When it was last there, microseconds since the epoch by central's clock.
    pub last_seen_us: u64,
}

/// Something that is wrong, and what helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub problem: String,
    /// What helps.
    pub remedy: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Changes are lost to the sync, or nothing works.
    Error,
    /// It works, but something needs a look.
    Warning,
}

/// Looks whether central is as it must be. An error means that it could not even be looked at.
pub async fn check(url: &CentralUrl, clock: &dyn crate::Clock) -> Result<CheckReport, CentralError> {
    unimplemented!("{url} {}", clock.now_us())
}
