//! The vault: the key file, the canary, and whether all secrets open here.

use sync::{StoreError, local};

use super::{Finding, Patient};
use crate::vault::{self, known, report};

pub(super) fn keys(patient: &Patient<'_>) -> Vec<Finding> {
    let looked = local::inspect(&patient.home.replica(), |tx| {
        let known = known::keys(tx.connection())?;
        let ring = vault::look(patient.home, &known);
        let is_wrong = ring.is_err();
        Ok::<_, StoreError>((report::gather(tx, ring)?, is_wrong))
    });
    // That the replica cannot be read is said elsewhere.
    let Ok((report, is_wrong)) = looked else { return Vec::new() };
    let finding = match (report.problem, report.remedy) {
        (Some(problem), Some(remedy)) if is_wrong => Finding::fail("vault", problem, remedy),
        (Some(problem), Some(remedy)) => Finding::warn("vault", problem, remedy),
        _ => Finding::ok("vault", "all secrets open with the keys of this machine"),
    };
    vec![finding]
}
