//! Central: can it be reached, does it let this machine in, are schema and triggers as they must be, may anybody log in.

use sync::central::{self, Central, CentralUrl, Severity, UserError};

use super::{Finding, Patient};
use crate::config::Config;
use crate::setup::first_user::HOW;

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
    // An error here is one that was found above.
    found.extend(runtime.block_on(users(&url)).ok());
    found
}

async fn users(url: &CentralUrl) -> Result<Finding, UserError> {
    let what = match Central::connect(url).await?.users().await {
        Ok(users) if users.is_empty() => format!("nobody may log in over HTTP yet; make an administrator: {HOW}"),
        Ok(users) => format!("{} may log in over HTTP", users.iter().filter(|user| user.is_active).count()),
        Err(UserError::Foreign(why)) => {
            format!("nobody may log in over HTTP: the table users is another program's: {why}")
        }
        Err(error) => return Err(error),
    };
    Ok(Finding::ok("users", what))
}
