//! The replica: can it be read, is it whole, does the journal wait for anything.

use sync::local::Counts;
use sync::{StoreError, local};

use super::{FIX, Finding, Patient};
use crate::api::special::memories::Rebuilt;
use crate::backup::note;
use crate::client;
use crate::memory::tags;
use crate::phase::Trouble;
use crate::render::{self, counted};
use crate::report::StatusReport;

pub(super) fn integrity(patient: &Patient<'_>) -> Vec<Finding> {
    let path = patient.home.replica();
    if !path.exists() {
        return vec![Finding::fail("replica", format!("{} does not exist", path.display()), "run: claudetools setup")];
    }
    let looked = local::inspect(&path, |tx| {
        // Rows of central may have what a newer build allows, or what somebody wrote with SQL: that is no damage.
        tx.connection().pragma_update(None, "ignore_check_constraints", true)?;
        let mut statement = tx.connection().prepare("PRAGMA quick_check(3)")?;
        let said = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok::<_, StoreError>((said.join("; "), local::counts(tx)?))
    });
    match looked {
        Ok((said, counts)) if said == "ok" => {
            let whole = Finding::ok("replica", format!("{} is whole", path.display()));
            let pending = format!("not yet at central: {}", counted(counts.pending, "row", "rows"));
            [whole, Finding::ok("replica", pending)].into_iter().chain(set_aside(counts)).collect()
        }
        Ok((said, _)) => vec![Finding::fail("replica", format!("it is damaged: {said}"), DAMAGED)],
        Err(error) => {
            let Trouble { reason, hint } = Trouble::of_store(&error);
            let remedy = if matches!(error, StoreError::Damaged(_)) { DAMAGED.to_owned() } else { hint };
            vec![Finding::fail("replica", reason, remedy)]
        }
    }
}

/// When this machine was backed up; that it never was is no fault, where central has everything.
pub(super) fn backed_up(patient: &Patient<'_>) -> Vec<Finding> {
    let what = match note::last(patient.home) {
        Some(last) => format!("the last one was made at {}: {}", last.made_at, last.path.display()),
        None => "none was made on this machine yet   (claudetools backup)".to_owned(),
    };
    vec![Finding::ok("backup", what)]
}

/// Whether recall goes by meaning too, and of how many memories; what is wrong with it, the daemon says.
pub(super) fn meaning(patient: &Patient<'_>) -> Vec<Finding> {
    let Ok(report) = client::get::<StatusReport>(patient.home, "/api/status", client::SHORT) else { return Vec::new() };
    let what = match &report.replica.meaning {
        Some(report) => render::meaning(report),
        None => "recall goes by words alone   (claudetools model pull)".to_owned(),
    };
    vec![Finding::ok("model", what)]
}

/// The index of tags says the same as the rows.
pub(super) fn tags(patient: &Patient<'_>) -> Vec<Finding> {
    let Ok(differing) = local::inspect(&patient.home.replica(), tags::differences) else { return Vec::new() };
    if differing == 0 {
        return vec![Finding::ok("replica", "the index of tags says what the rows say")];
    }
    let what = format!("the index of tags differs from the rows in {}", counted(differing, "entry", "entries"));
    if !patient.fix {
        return vec![Finding::warn("replica", what, FIX)];
    }
    let rebuilt =
        client::post::<Rebuilt>(patient.home, "/api/context-tags/rebuild", &serde_json::json!({}), client::LONG);
    vec![match rebuilt {
        Ok(Rebuilt { tags }) => Finding::fixed("replica", format!("{what}; made anew, with {tags}")),
        Err(error) => Finding::fail("replica", format!("{what}, and cannot be made anew: {error}"), error.hint()),
    }]
}

/// What the reconciliation left for a person.
fn set_aside(counts: Counts) -> Vec<Finding> {
    let mut found = Vec::new();
    if counts.quarantined > 0 {
        let what = format!("refused by one side: {}", counted(counts.quarantined, "row", "rows"));
        found.push(Finding::warn("replica", what, "look at: claudetools sync quarantine"));
    }
    if counts.conflicts > 0 {
        let what = format!("{} a look", counted(counts.conflicts, "conflict wants", "conflicts want"));
        let remedy = "look at: claudetools sync conflicts   (restore what is right, acknowledge the rest)";
        found.push(Finding::warn("replica", what, remedy));
    }
    found
}

/// Nothing here deletes data; a person decides.
const DAMAGED: &str = "run: claudetools daemon stop; move replica.db, replica.db-wal and replica.db-shm to a safe place, and run: \
    claudetools setup   (what central has comes back; what waits in spool/ is taken in)   or: claudetools restore BACKUP --force";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hooks::home::Home;
    use sync::{Store, SystemClock};

    use super::super::Level;
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "stands for rows that came from central")]
    fn a_value_that_this_build_does_not_know_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        Store::open(&home.replica(), Arc::new(SystemClock)).unwrap().close().unwrap();
        let db = rusqlite::Connection::open(home.replica()).unwrap();
        db.execute_batch(
            "PRAGMA ignore_check_constraints = ON;
             INSERT INTO clients (id, name, client_type, created_at, updated_at)
             VALUES ('0190a000-0000-7000-8000-000000000001', 'Example', 'of a later build',
                     '2026-11-20T10:00:00.000000Z', '2026-11-20T10:00:00.000000Z')",
        )
        .unwrap();
        db.pragma_update(None, "ignore_check_constraints", false).unwrap();
        let said: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).unwrap();
        assert_ne!(said, "ok", "the row breaks a CHECK");
        drop(db);
        let found = integrity(&Patient { home: &home, fix: false });
        assert_eq!(found[0].level, Level::Ok, "{found:?}");
    }
}
