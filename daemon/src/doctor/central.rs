//! Central: can it be reached, does it let this machine in, are schema and triggers as they must be.

use sync::central::{self, Severity};

use super::{Finding, Patient};
use crate::config::Config;

pub(super) fn reachable(patient: &Patient<'_>) -> Vec<Finding> {
    let path = patient.home.config();
    let configured = Config::load(&path).and_then(|config| config.central_url(&path));
    // A configuration that cannot be used was reported by its own check.
    let Ok(Some(url)) = configured else { return Vec::new() };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::fail("central", format!("it cannot be asked: {error}"), "try again")],
    };
    let report = match runtime.block_on(central::check(&url)) {
        Ok(report) => report,
        Err(error) if error.is_retryable() => {
            return vec![Finding::warn(
                "central",
                format!("{url}: {error}"),
                "it goes on by itself when central is back",
            )];
        }
        Err(error) => {
            return vec![Finding::fail("central", format!("{url}: {error}"), error.hint().unwrap_or_default())];
        }
    };
    let mut found =
        vec![Finding::ok("central", format!("{url}, {}, schema version {}", report.server, report.schema_version))];
    found.extend(report.findings.into_iter().map(|finding| match finding.severity {
        Severity::Error => Finding::fail("central", finding.problem, finding.remedy),
        Severity::Warning => Finding::warn("central", finding.problem, finding.remedy),
        Severity::Note => Finding::ok("central", format!("{}: {}", finding.problem, finding.remedy)),
    }));
    found
}
