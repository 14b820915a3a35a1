//! How two versions of one row combine, column by column.
//!
//! A column that only one side changed is taken from that side, whatever its rule. The rules speak where both did. With
//! no base (both sides made the row) nothing is known to be older, so that equal values agree and a value stands beside a
//! NULL, which nobody wrote on purpose. Long text of an entity is merged line by line where that needs no choice.

use migrations::{Class, Column, Entity, Kind, MergeRule};

use crate::case::moves_by_itself;
use crate::{FieldConflict, Row, Rule, Value, Winner, set};

/// Two versions of a row that are to become one.
pub(crate) struct Merge<'a> {
    base: Option<&'a Row>,
    local: &'a Row,
    remote: &'a Row,
    favoured: Option<Winner>,
    counts: Counts,
}

/// What two counts without a base become.
#[derive(Clone, Copy)]
pub(crate) enum Counts {
    /// The larger. One id on both sides may be one row that came by two ways (sent before a restore, then again), and a
    /// sum would count it anew each time.
    Larger,
    /// The sum: two ids are two rows, each counted by itself.
    Sum,
}

/// What becomes of columns that stand or fall together.
enum Resolution {
    /// This side's, which alone has something new, or the same.
    Takes(Winner),
    /// What both changes add up to.
    Combined(Value),
    /// This side's, against the other's.
    Contested(Winner),
}

impl<'a> Merge<'a> {
    /// The favoured side stands where both changed a column; None leaves it to the values, so that it does not matter
    /// which side asks.
    pub(crate) fn new(base: Option<&'a Row>, local: &'a Row, remote: &'a Row, favoured: Option<Winner>) -> Self {
        Self { base, local, remote, favoured, counts: Counts::Larger }
    }

    /// Two counts without a base become this.
    pub(crate) fn counting(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }

    /// The merged row and what lost.
    pub(crate) fn rows(&self) -> (Row, Vec<FieldConflict>) {
        let mut merged = self.local.clone();
        let mut conflicts = Vec::new();
        for unit in units(self.local.entity()) {
            match self.resolve(&unit) {
                Resolution::Takes(side) => copy(&unit, self.row(side), &mut merged),
                Resolution::Combined(value) => merged.set_at(unit[0], value),
                Resolution::Contested(winner) => {
                    copy(&unit, self.row(winner), &mut merged);
                    let rule = if unit.len() == 1 { Rule::LastWriter } else { Rule::AtomicGroup };
                    conflicts.push(conflict(&unit, rule, winner, self.row(winner.other()), self.row(winner)));
                }
            }
        }
        (merged, conflicts)
    }

    fn row(&self, side: Winner) -> &'a Row {
        match side {
            Winner::Local => self.local,
            Winner::Remote => self.remote,
        }
    }

    fn resolve(&self, unit: &[usize]) -> Resolution {
        let of = |row: &'a Row| unit.iter().map(|&position| row.at(position)).collect::<Vec<_>>();
        let (local, remote) = (of(self.local), of(self.remote));
        let greater = Winner::of(local.cmp(&remote));
        match self.base.map(of) {
            Some(base) if local == base => return Resolution::Takes(Winner::Remote),
            Some(base) if remote == base => return Resolution::Takes(Winner::Local),
            None if greater.is_some() && only_adds(&local, &remote) => return Resolution::Takes(Winner::Local),
            None if greater.is_some() && only_adds(&remote, &local) => return Resolution::Takes(Winner::Remote),
            _ => {}
        }
        match (self.combined(unit), greater, self.favoured) {
            (Some(value), ..) => Resolution::Combined(value),
            (None, None, _) => Resolution::Takes(Winner::Local),
            (None, Some(_), Some(winner)) | (None, Some(winner), None) => Resolution::Contested(winner),
        }
    }

    /// What two changes add up to by the rule of their column; None when one of the two has to stand. Equal changes are
    /// no exception: one more here and one more there are two more.
    fn combined(&self, unit: &[usize]) -> Option<Value> {
        let &[position] = unit else { return None };
        let column = &self.local.entity().columns[position];
        let (local, remote) = (self.local.at(position), self.remote.at(position));
        let base = self.base.map_or(&Value::Null, |base| base.at(position));
        match column.merge {
            MergeRule::Lww => self.lines(column, base),
            MergeRule::Max => Some(local.max(remote).clone()),
            MergeRule::Min => Some(smaller(local, remote).clone()),
            MergeRule::Counter => self.counter(column, base, local, remote),
            MergeRule::Set => set::merge(base, local, remote),
        }
    }

    /// Long text that was changed here and there in different places. Where the changes touch, one of them has to stand:
    /// a text with both in it, between marks, is one that nobody wrote. Logs and sealed values are never taken apart.
    fn lines(&self, column: &Column, base: &Value) -> Option<Value> {
        let entity = self.local.entity();
        if column.kind != Kind::Text || entity.sync.class != Class::Entity || column.encrypted {
            return None;
        }
        let of = |row: &Row| Some(row.get(column.name).as_text()?.to_owned());
        let (base, local, remote) =
            (base.as_text().filter(|text| text.contains('\n'))?, of(self.local)?, of(self.remote)?);
        diffy::merge(base, &local, &remote).ok().map(Value::Text)
    }

    fn counter(&self, column: &Column, base: &Value, local: &Value, remote: &Value) -> Option<Value> {
        let (local, remote) = (local.as_int()?, remote.as_int()?);
        let count = match (base.as_int(), self.counts) {
            (Some(base), _) => i128::from(local) - i128::from(base) + i128::from(remote),
            (None, Counts::Larger) => i128::from(local.max(remote)),
            (None, Counts::Sum) => i128::from(local) + i128::from(remote),
        };
        Some(Value::Int(within(column.kind, count)))
    }
}

/// The columns that stand or fall together: each atomic group, and each other column by itself.
fn units(entity: &Entity) -> Vec<Vec<usize>> {
    let grouped = |name: &str| entity.atomic.iter().any(|group| group.contains(&name));
    let groups = entity.atomic.iter().map(|group| group.iter().filter_map(|name| entity.position(name)).collect());
    let singles = entity.columns.iter().enumerate().filter(|(_, column)| !grouped(column.name));
    groups.chain(singles.map(|(position, _)| vec![position])).collect()
}

/// True when the values differ from the others only where those are NULL.
fn only_adds(values: &[&Value], others: &[&Value]) -> bool {
    values.iter().zip(others).all(|(value, other)| value == other || other.is_null())
}

fn smaller<'v>(one: &'v Value, other: &'v Value) -> &'v Value {
    match (one.is_null(), other.is_null()) {
        (true, _) => other,
        (_, true) => one,
        _ => one.min(other),
    }
}

/// The count, or the limit of its column's type: a counter must not become a row that central refuses.
fn within(kind: Kind, count: i128) -> i64 {
    let (least, most) = match kind {
        Kind::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    i64::try_from(count.clamp(i128::from(least), i128::from(most))).unwrap_or(most)
}

fn copy(unit: &[usize], from: &Row, to: &mut Row) {
    for &position in unit {
        to.set_at(position, from.at(position).clone());
    }
}

fn conflict(unit: &[usize], rule: Rule, winner: Winner, loser: &Row, kept: &Row) -> FieldConflict {
    let values = |row: &Row| unit.iter().map(|&position| row.at(position).clone()).collect();
    let columns = unit.iter().map(|&position| kept.entity().columns[position].name).collect();
    FieldConflict { columns, rule, winner, loser: values(loser), kept: values(kept) }
}

/// The row without its change of these columns, when a condition that they are about refuses it, and what is given up;
/// None when that is no merge's doing: the change is all of what the condition is about, or none of it.
///
/// Columns that belong together go back together.
pub fn give_way(before: &Row, after: &Row, about: &[&str]) -> Option<(Row, Vec<FieldConflict>)> {
    let entity = after.entity();
    let named: Vec<usize> = about.iter().filter_map(|name| entity.position(name)).collect();
    let changed = named.iter().filter(|&&position| before.at(position) != after.at(position)).count();
    if changed == 0 || changed == named.len() {
        return None;
    }
    let mut row = after.clone();
    let mut conflicts = Vec::new();
    for unit in units(entity).into_iter().filter(|unit| unit.iter().any(|position| named.contains(position))) {
        if unit.iter().any(|&position| before.at(position) != after.at(position)) {
            copy(&unit, before, &mut row);
            conflicts.push(conflict(&unit, Rule::Check, Winner::Remote, after, before));
        }
    }
    Some((row, conflicts))
}

/// What the replica wrote on purpose and the kept row does not have, for tables in which central's word stands.
pub(crate) fn given_up(base: Option<&Row>, local: &Row, kept: &Row, rule: Rule) -> Vec<FieldConflict> {
    let entity = local.entity();
    let changed = |position: usize| {
        let before = base.map_or(&Value::Null, |base| base.at(position));
        local.at(position) != before && local.at(position) != kept.at(position)
    };
    (0..entity.columns.len())
        .filter(|&position| changed(position) && !moves_by_itself(entity.columns[position].merge))
        .map(|position| conflict(&[position], rule, Winner::Remote, local, kept))
        .collect()
}
