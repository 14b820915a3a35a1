//! Rows of real tables, from few values each, so that equal and different ones are both common.

use merge::{HybridTime, Input, Row, Side, Value};
use migrations::catalogue::{
    API_AUDIT_LOG, BACKUP_LOG, BILLABLE_TIME, CONVERSATION_CONTEXTS, COORD_COMPONENT_STATES, FAILURE_PATTERNS,
    SESSION_TAGS, TASKS, USERS,
};
use migrations::{Column, Entity, Kind, MergeRule};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Tables that travel both ways: counters, sets, groups, a log with late columns, a link, whole-row coordination.
pub(crate) const TWO_WAY: &[&Entity] =
    &[CONVERSATION_CONTEXTS, BILLABLE_TIME, FAILURE_PATTERNS, TASKS, BACKUP_LOG, SESSION_TAGS, COORD_COMPONENT_STATES];

/// Those and the ones that travel one way.
pub(crate) fn all() -> Vec<&'static Entity> {
    TWO_WAY.iter().copied().chain([API_AUDIT_LOG, USERS]).collect()
}

/// The lists that a set column holds.
const LISTS: &[&str] = &["[]", r#"["a"]"#, r#"["b"]"#, r#"["b","a"]"#, r#"["a","c"]"#, r#"["a","b","c"]"#];

/// One side of an input, owned.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Absent,
    Present(Row, u64),
    Deleted(Option<Row>, u64),
}

impl Kept {
    pub(crate) fn side(&self) -> Side<'_> {
        match self {
            Kept::Absent => Side::Absent,
            Kept::Present(row, time) => Side::Present { row, time: HybridTime(*time) },
            Kept::Deleted(image, time) => Side::Deleted { image: image.as_ref(), time: HybridTime(*time) },
        }
    }
}

/// An input, owned.
#[derive(Clone, Debug)]
pub(crate) struct Situation {
    pub(crate) entity: &'static Entity,
    pub(crate) base: Option<Row>,
    pub(crate) local: Kept,
    pub(crate) remote: Kept,
}

impl Situation {
    pub(crate) fn input(&self) -> Input<'_> {
        Input {
            id: empty(self.entity).id(),
            base: self.base.as_ref(),
            local: self.local.side(),
            remote: self.remote.side(),
        }
    }

    pub(crate) fn mirrored(&self) -> Self {
        Self { local: self.remote.clone(), remote: self.local.clone(), ..self.clone() }
    }
}

/// A row with nothing but its key.
pub(crate) fn empty(entity: &'static Entity) -> Row {
    entity.primary_key.iter().fold(Row::new(entity), |row, column| row.with(column, "key"))
}

/// Any row, always of the same id.
pub(crate) fn row(entity: &'static Entity) -> impl Strategy<Value = Row> + Clone + use<> {
    edited(&empty(entity), 1)
}

/// The row with some columns changed: of `out_of`, one.
pub(crate) fn edited(row: &Row, out_of: u32) -> impl Strategy<Value = Row> + Clone + use<> {
    let entity = row.entity();
    let columns: Vec<BoxedStrategy<Value>> = entity
        .columns
        .iter()
        .zip(row.values())
        .map(|(column, old)| match entity.primary_key.contains(&column.name) {
            true => Just(old.clone()).boxed(),
            false if out_of <= 1 => value(column),
            false => prop_oneof![out_of - 1 => Just(old.clone()), 1 => value(column)].boxed(),
        })
        .collect();
    columns.prop_map(move |values| Row::from_values(entity, values).unwrap_or_else(|| Row::new(entity)))
}

fn value(column: &'static Column) -> BoxedStrategy<Value> {
    let some = match (column.merge, column.kind) {
        (MergeRule::Set, _) => select(LISTS).prop_map(Value::from).boxed(),
        (_, Kind::Int | Kind::BigInt | Kind::Decimal(..)) => (0..4i64).prop_map(Value::Int).boxed(),
        (_, Kind::Bool) => any::<bool>().prop_map(Value::from).boxed(),
        (_, Kind::Blob) => vec(0..2u8, 1..3).prop_map(Value::Blob).boxed(),
        _ => select(&["a", "b", "c"][..]).prop_map(Value::from).boxed(),
    };
    if column.nullable { prop_oneof![1 => Just(Value::Null), 3 => some].boxed() } else { some }
}

/// Any situation that one row can be in.
pub(crate) fn situation(entity: &'static Entity) -> impl Strategy<Value = Situation> {
    // Narrow tables must be edited now and then, too.
    let rare = if entity.columns.len() < 4 { 2 } else { 8 };
    let base = prop_oneof![3 => row(entity).prop_map(Some), 1 => Just(None)];
    base.prop_flat_map(move |base| {
        let side = || kept(entity, base.as_ref(), rare);
        (side(), side(), Just(base)).prop_map(move |(local, remote, base)| Situation { entity, base, local, remote })
    })
}

fn kept(entity: &'static Entity, base: Option<&Row>, out_of: u32) -> BoxedStrategy<Kept> {
    let rows = match base {
        Some(base) => prop_oneof![1 => Just(base.clone()), 4 => edited(base, out_of)].boxed(),
        None => row(entity).boxed(),
    };
    let time = 0..3u64;
    prop_oneof![
        5 => (rows.clone(), time.clone()).prop_map(|(row, time)| Kept::Present(row, time)),
        1 => (proptest::option::of(rows), time).prop_map(|(image, time)| Kept::Deleted(image, time)),
        1 => Just(Kept::Absent),
    ]
    .boxed()
}
