//! The replica: can it be read, is it whole, does the journal wait for anything.

use sync::{StoreError, local};

use super::{Finding, Patient};
use crate::phase::Trouble;
use crate::render::counted;

pub(super) fn integrity(patient: &Patient<'_>) -> Vec<Finding> {
    let path = patient.home.replica();
    if !path.exists() {
        return vec![Finding::fail("replica", format!("{} does not exist", path.display()), "run: claudetools setup")];
    }
    let looked = local::inspect(&path, |tx| {
        let mut statement = tx.connection().prepare("PRAGMA quick_check(3)")?;
        let said = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok::<_, StoreError>((said.join("; "), local::counts(tx)?))
    });
    match looked {
        Ok((said, counts)) if said == "ok" => vec![
            Finding::ok("replica", format!("{} is whole", path.display())),
            Finding::ok("replica", format!("not yet at central: {}", counted(counts.pending, "row", "rows"))),
        ],
        Ok((said, _)) => vec![Finding::fail("replica", format!("it is damaged: {said}"), DAMAGED)],
        Err(error) => {
            let Trouble { reason, hint } = Trouble::of_store(&error);
            let remedy = if matches!(error, StoreError::Damaged(_)) { DAMAGED.to_owned() } else { hint };
            vec![Finding::fail("replica", reason, remedy)]
        }
    }
}

/// Nothing here deletes data; a person decides.
const DAMAGED: &str = "stop the daemon, move replica.db, replica.db-wal and replica.db-shm to a safe place, and run: \
    claudetools setup   (what central has comes back; what waits in spool/ is taken in)";
