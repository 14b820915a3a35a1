//! What is looked at after connecting and every hour: are all changes captured, and are the tables still the same?
//!
//! Triggers that are missing are put back at once when this user may, since every hour without them is an hour of changes
//! that only a comparison finds. Builds of one schema version make the same triggers, and a build puts none back at a
//! central of another version, so two machines never undo each other's. The tables concerned are then compared; where the
//! triggers could not be put back, at every turn.
//!
//! `TRUNCATE` leaves triggers and even the table's creation time alone; it shows as a table that is empty at central and
//! not here.

use std::collections::BTreeSet;

use migrations::{ENTITIES, Entity};
use tracing::{error, info, warn};

use super::super::SyncError;
use super::Blind;
use super::task::Worker;
use crate::central::{Central, CentralError, Restored};
use crate::local;

impl Worker {
    /// Looks, and compares what is suspected.
    pub(super) async fn watch(&mut self) -> Result<(), SyncError> {
        let central = Central::connect(&self.url).await?;
        let restored = central.restore_triggers().await?;
        self.note_triggers(&restored);
        let mut suspected: Vec<(&'static Entity, String)> = Vec::new();
        let captured_again = "changes were not captured: its triggers were missing or altered, and were put back";
        suspected.extend(tables(&restored.tables).map(|entity| (entity, captured_again.to_owned())));
        suspected.extend(tables(&restored.blind).map(|entity| (entity, "changes are not captured".to_owned())));
        self.look_at_tables(&central, &mut suspected).await?;
        for (entity, why) in &suspected {
            warn!(table = entity.name, why, "compared with central before its turn");
        }
        let noted = suspected.clone();
        let note = move |tx: &mut local::WriteTx<'_>| {
            noted.iter().try_for_each(|(entity, why)| local::suspect(tx, entity, why))
        };
        self.store.write_async(note).await?;
        let named: BTreeSet<&str> = suspected.iter().map(|(entity, _)| entity.name).collect();
        self.compare_quietly(&central, &tables(&named).collect::<Vec<_>>()).await
    }

    /// What became of the triggers, for the log and the status.
    pub(super) fn note_triggers(&mut self, restored: &Restored) {
        if !restored.tables.is_empty() {
            let tables = list(&restored.tables);
            warn!(tables, "capture triggers were missing or altered, and were put back");
        }
        let blind = restored.refused.as_ref().map(|error| Blind {
            tables: restored.blind.iter().map(|table| (*table).to_owned()).collect(),
            reason: error.to_string(),
            remedy: remedy(error),
        });
        if self.blind != restored.blind {
            if let Some(Blind { reason, remedy, .. }) = &blind {
                error!(tables = list(&restored.blind), reason, remedy, "changes by other programs are not captured");
            } else {
                info!("changes of all tables are captured again");
            }
        }
        self.blind.clone_from(&restored.blind);
        self.state.send_modify(|state| state.blind = blind);
    }

    /// Tables that were made anew since the last look, and those that are empty there and not here.
    async fn look_at_tables(
        &self,
        central: &Central,
        suspected: &mut Vec<(&'static Entity, String)>,
    ) -> Result<(), SyncError> {
        let made = central.made_at().await?;
        let there: BTreeSet<&str> = central.occupied().await?.into_iter().collect();
        let extent = central.versions().extent;
        let look = move |tx: &mut local::WriteTx<'_>| {
            let mut found = Vec::new();
            for entity in ENTITIES.iter().copied().filter(|entity| extent.has_table(entity)) {
                let read = tx.reading();
                let before = local::verified_of(&read, entity)?.made_at;
                let emptied = !there.contains(entity.name) && local::is_occupied(&read, entity)?;
                if let Some(now) = made.get(entity.name) {
                    if before.as_ref().is_some_and(|before| before != now) {
                        found.push((entity, format!("the table was made anew at central at {now}")));
                    }
                    local::note_made(tx, entity, now)?;
                }
                if emptied {
                    found.push((entity, "the table is empty at central".to_owned()));
                }
            }
            Ok(found)
        };
        suspected.extend(self.store.write_async(look).await?);
        Ok(())
    }
}

fn tables<'n>(names: &'n BTreeSet<&str>) -> impl Iterator<Item = &'static Entity> + 'n {
    ENTITIES.iter().copied().filter(|entity| names.contains(entity.name))
}

fn list(names: &BTreeSet<&'static str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// What lets the triggers be put back.
fn remedy(error: &CentralError) -> String {
    match error {
        CentralError::LockWait => "it is tried again within the hour, when nobody holds the table".to_owned(),
        CentralError::Newer { .. } | CentralError::Older { .. } => error.hint().unwrap_or_default().to_owned(),
        _ => "run `claudetools central init` once, with a user that may create triggers; with the binary log on that \
              takes SUPER, or log_bin_trust_function_creators=1"
            .to_owned(),
    }
}
