//! What a replica takes for agreed was so at central, and is never older than what it took for agreed before.
//!
//! A base that goes back, or that nobody ever held, makes old values look like new edits: the one way to lose a write
//! while all sides come together.

use std::collections::BTreeMap;

use merge::RowId;

use super::machine::Machine;
use super::model::State;
use super::verdict::pairs;
use super::world::id_of;

/// Rows that differ from what was agreed on, with that.
const BASES: &str = "SELECT tbl || '/' || pk, CAST(base AS TEXT) FROM ct_sync_dirty WHERE base IS NOT NULL";

/// The state of central that each row's base was when it was last looked at, by number.
#[derive(Debug, Default)]
pub(crate) struct Bases(BTreeMap<RowId, usize>);

impl Bases {
    /// Looks again. Not for worlds in which a side was restored: there, agreements are forgotten on purpose.
    pub(super) fn look(&mut self, machine: &Machine, central: &State) -> Result<(), String> {
        let mut now = BTreeMap::new();
        for (row, image) in pairs(machine, BASES)? {
            let id = row.split_once('/').and_then(|(table, key)| id_of(table, key));
            let Some(id) = id else { continue };
            let base = merge::decode(id.entity, image.as_bytes()).map_err(|error| error.to_string())?;
            let Some(number) = central.version_of(&base) else {
                return Err(format!("central never had what is taken for agreed of {id}"));
            };
            if self.0.get(&id).is_some_and(|before| number < *before) {
                return Err(format!("what is taken for agreed of {id} is older than it was"));
            }
            now.insert(id, number);
        }
        self.0.extend(now);
        Ok(())
    }
}
