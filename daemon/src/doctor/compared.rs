//! The comparison with central: when it was last complete, what it healed, and what it left.

use super::{Finding, Patient};
use crate::client;
use crate::report::problems::of_comparison;
use crate::report::{Severity, StatusReport, offline};

pub(super) fn with_central(patient: &Patient<'_>) -> Vec<Finding> {
    let report: StatusReport =
        client::get(patient.home, "/api/status", client::SHORT).unwrap_or_else(|_| offline::gather(patient.home));
    if report.sync.central.is_none() {
        return Vec::new();
    }
    let compared = &report.sync.compared;
    let problems = of_comparison(compared);
    if !problems.is_empty() {
        let finding = |severity| if severity == Severity::Fail { Finding::fail } else { Finding::warn };
        return problems
            .into_iter()
            .map(|problem| finding(problem.severity)("compared", problem.what, problem.remedy))
            .collect();
    }
    let healed = compared.healed;
    vec![Finding::ok(
        "compared",
        match &compared.complete_since {
            Some(at) => {
                format!("every table is equal to central's, as of {at} or later; {healed} row(s) healed so far")
            }
            None => format!("not every table was compared with central yet; {healed} row(s) healed so far"),
        },
    )]
}
