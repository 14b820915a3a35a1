//! Other programs that write central's tables with SQL.

use std::collections::BTreeMap;

use merge::{Row, RowId};
use migrations::Entity;

use super::draft::{Change, View, draw};
use super::model::{Model, State};
use super::tokens::Tokens;
use crate::random::Random;

/// A transaction that is open.
pub(crate) struct Pending {
    changes: Vec<Change>,
}

impl View for State {
    fn get(&self, id: &RowId) -> Option<Row> {
        State::get(self, id).cloned()
    }

    fn all(&self, entity: &'static Entity) -> Vec<Row> {
        self.table(entity).cloned().collect()
    }
}

/// Draws what another program writes next. REPLACE is a delete and an insert.
fn drawn(salt: u64, state: &State, tokens: &mut Tokens) -> Vec<Change> {
    let random = &mut Random::new(salt);
    let mut changes = draw(random, state, tokens);
    if let [Change::Put(row)] = &changes[..]
        && random.percent(10)
        && state.get(&row.id()).is_some()
    {
        changes.insert(0, Change::Delete(row.id()));
    }
    changes
}

/// Writes and commits at once.
pub(crate) fn write(model: &Model, salt: u64, tokens: &mut Tokens) {
    let changes = drawn(salt, &model.state(), tokens);
    carry_out(model, changes, tokens);
}

/// Writes, and holds what it wrote until it is closed.
pub(crate) fn open(model: &Model, salt: u64, tokens: &mut Tokens) -> Pending {
    let mut state = model.state();
    let changes = drawn(salt, &state, tokens);
    state.hold(changes.iter().map(Change::id));
    // Its entries have their numbers already, and later writers get higher ones.
    let _ = state.reserve(changes.len() as u64);
    Pending { changes }
}

/// Commits what was pending, or takes it back.
pub(crate) fn close(model: &Model, pending: Pending, commit: bool, tokens: &mut Tokens) {
    if commit {
        carry_out(model, pending.changes, tokens);
    }
}

/// Statement by statement; the first that is refused ends the transaction, as a program that sees an error rolls back.
fn carry_out(model: &Model, changes: Vec<Change>, tokens: &mut Tokens) {
    let mut state = model.state();
    let backup = state.clone();
    for change in changes {
        let by = model.foreigner();
        let taken = match change {
            Change::Put(row) if State::get(&state, &row.id()).is_some() => state.update(&row, by),
            Change::Put(row) => state.insert(&row, by),
            Change::Delete(id) => state.delete(&id, by),
        };
        if taken.is_err() {
            *state = backup;
            return;
        }
    }
    let index = |state: &State| state.rows().map(|row| (row.id(), row.clone())).collect::<BTreeMap<_, _>>();
    let (before, after) = (index(&backup), index(&state));
    let ids: std::collections::BTreeSet<&RowId> = before.keys().chain(after.keys()).collect();
    for id in ids {
        tokens.note(None, before.get(id), after.get(id));
    }
}
