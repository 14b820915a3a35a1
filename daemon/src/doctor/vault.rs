//! The vault: the key file, the canary, and whether all secrets open here, and the audit trail.

use sync::{StoreError, local};

use super::{Finding, Patient};
use crate::audit::chain::{self, Verification, What};
use crate::vault::{self, known, report};

pub(super) fn keys(patient: &Patient<'_>) -> Vec<Finding> {
    let looked = local::inspect(&patient.home.replica(), |tx| {
        let known = known::keys(tx.connection())?;
        let ring = vault::look(patient.home, &known);
        let is_wrong = ring.is_err();
        let trail = ring.as_ref().ok().map(|ring| chain::verify(tx, ring)).transpose()?;
        Ok::<_, StoreError>((report::gather(tx, ring)?, is_wrong, trail))
    });
    // That the replica cannot be read is said elsewhere.
    let Ok((report, is_wrong, trail)) = looked else { return Vec::new() };
    let finding = match (report.problem, report.remedy) {
        (Some(problem), Some(remedy)) if is_wrong => Finding::fail("vault", problem, remedy),
        (Some(problem), Some(remedy)) => Finding::warn("vault", problem, remedy),
        _ => Finding::ok("vault", "all secrets open with the keys of this machine"),
    };
    std::iter::once(finding).chain(trail.map(|trail| audit(&trail))).collect()
}

fn audit(trail: &Verification) -> Finding {
    let Some(first) = trail.first() else {
        return Finding::ok("audit", format!("{} audit row(s) are as they were written", trail.rows));
    };
    let more = trail.broken.len() - 1;
    let others = if more > 0 { format!("; {more} more") } else { String::new() };
    let what = format!("{}{others}", first.said());
    if first.what == What::Unverifiable {
        return Finding::warn("audit", what, "get the vault's key with its passphrase: claudetools vault join");
    }
    let remedy = "find out who wrote to central with SQL; all of them: GET /api/credential-audit-logs/verify";
    Finding::fail("audit", what, remedy)
}
