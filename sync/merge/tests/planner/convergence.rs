//! Machines that write what they like and come to central when they can, in any order.

use merge::{HybridTime, Input, Outcome, Row, Side, Value, decide};
use migrations::catalogue::{BILLABLE_TIME, CONVERSATION_CONTEXTS, COORD_COMPONENT_STATES, TASKS};
use migrations::{Entity, MergeRule};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::generate::{edited, empty, row};

const MACHINES: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    /// Copies the columns in which the first row differs from the second.
    Edit(Row, Row),
    Count(i64),
    Delete,
    Sync,
}

/// A replica with one row: what was agreed, and what it holds.
#[derive(Clone, Default)]
struct Machine {
    base: Option<Row>,
    row: Option<Row>,
    time: u64,
    seen: u64,
}

/// Central with one row, and the number of its last change.
#[derive(Clone, Default)]
struct Central {
    row: Option<Row>,
    image: Option<Row>,
    time: u64,
    number: u64,
}

impl Machine {
    fn local(&self) -> Side<'_> {
        let time = HybridTime(self.time);
        match (&self.row, &self.base) {
            (Some(row), _) => Side::Present { row, time },
            (None, Some(base)) => Side::Deleted { image: Some(base), time },
            (None, None) => Side::Absent,
        }
    }

    fn sync(&mut self, central: &mut Central, entity: &'static Entity) {
        let time = HybridTime(central.time);
        let remote = match &central.row {
            Some(row) => Side::Present { row, time },
            None if central.number > self.seen => Side::Deleted { image: central.image.as_ref(), time },
            None => Side::Absent,
        };
        let input = Input { id: empty(entity).id(), base: self.base.as_ref(), local: self.local(), remote };
        let decision = decide(&input);
        if decision.write_remote {
            central.image = central.row.take();
            central.row = decision.outcome.row().cloned();
            central.time = central.time.max(self.time);
            central.number += 1;
        }
        self.row = decision.outcome.row().cloned();
        self.base = self.row.clone();
        self.time = self.time.max(central.time);
        self.seen = central.number;
    }

    fn step(&mut self, step: &Step, now: u64) {
        self.time = now;
        match step {
            Step::Edit(new, old) => {
                let mine = self.row.get_or_insert_with(|| new.clone());
                for (position, value) in new.values().iter().enumerate() {
                    if value != old.at(position) {
                        mine.set_at(position, value.clone());
                    }
                }
            }
            Step::Count(by) => {
                if let Some(mine) = &mut self.row {
                    let count = mine.int("usage_count").unwrap_or_default();
                    mine.set("usage_count", count + by);
                }
            }
            Step::Delete => self.row = None,
            Step::Sync => {}
        }
    }
}

/// Runs the steps, then lets everybody come twice; the rows that the machines and central end with.
fn run(start: &Row, steps: &[(usize, Step)]) -> Vec<Option<Row>> {
    let entity = start.entity();
    let mut central = Central { row: Some(start.clone()), ..Central::default() };
    let mut machines = vec![Machine::default(); MACHINES];
    for machine in &mut machines {
        machine.sync(&mut central, entity);
    }
    for (now, (who, step)) in (1..).zip(steps) {
        match step {
            Step::Sync => machines[*who].sync(&mut central, entity),
            other => machines[*who].step(other, now),
        }
    }
    for who in (0..MACHINES).chain(0..MACHINES) {
        machines[who].sync(&mut central, entity);
    }
    machines.into_iter().map(|machine| machine.row).chain([central.row]).collect()
}

fn story(entity: &'static Entity) -> impl Strategy<Value = (Row, Vec<(usize, Step)>)> {
    row(entity).prop_flat_map(|start| {
        let old = start.clone();
        let step = prop_oneof![
            4 => edited(&start, 5).prop_map(move |new| Step::Edit(new, old.clone())),
            1 => Just(Step::Delete),
            4 => Just(Step::Sync),
        ];
        (Just(start), vec((0..MACHINES, step), 1..20))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn everybody_ends_with_the_same(
        (start, steps) in select(&[CONVERSATION_CONTEXTS, BILLABLE_TIME, TASKS, COORD_COMPONENT_STATES][..])
            .prop_flat_map(story)
    ) {
        let rows = run(&start, &steps);
        prop_assert!(rows.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn counts_are_the_sum_of_all_steps(
        steps in vec((0..MACHINES, prop_oneof![(-3..9i64).prop_map(Step::Count), Just(Step::Sync)]), 1..30)
    ) {
        let start = empty(CONVERSATION_CONTEXTS).with("usage_count", 100);
        let counted: i64 = steps.iter().map(|(_, step)| if let Step::Count(by) = step { *by } else { 0 }).sum();
        for row in run(&start, &steps) {
            prop_assert_eq!(row.and_then(|row| row.int("usage_count")), Some(100 + counted));
        }
    }

    /// Each machine edits once; then the order in which they come to central does not matter for any column that is
    /// combined, nor for one that a single machine changed.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        (start, edits) in row(CONVERSATION_CONTEXTS).prop_flat_map(|start| (Just(start.clone()), vec(edited(&start, 4), MACHINES)))
    ) {
        let arrive = |order: [usize; MACHINES]| {
            let edits = edits.iter().enumerate().map(|(who, new)| (who, Step::Edit(new.clone(), start.clone())));
            let steps: Vec<_> = edits.chain(order.map(|who| (who, Step::Sync))).collect();
            run(&start, &steps).pop().flatten()
        };
        let outcomes = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map(arrive);
        for (position, column) in start.entity().columns.iter().enumerate() {
            let writers = edits.iter().filter(|edit| edit.at(position) != start.at(position)).count();
            if writers < 2 || column.merge != MergeRule::Lww {
                let values: Vec<_> = outcomes.iter().flatten().map(|row| row.at(position)).collect();
                prop_assert_eq!(values.len(), outcomes.len());
                prop_assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{}", column.name);
            }
        }
    }
}

/// The last word on one column is that of the latest clock, whoever comes last.
#[test]
fn the_latest_of_three_edits_of_one_column_stands_in_any_order() {
    let start = empty(TASKS).with("title", "old");
    let edit = |title: &str| Step::Edit(start.clone().with("title", title), start.clone());
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let edits = [(0, edit("first")), (1, edit("second")), (2, edit("third"))];
        let steps: Vec<_> = edits.into_iter().chain(order.map(|who| (who, Step::Sync))).collect();
        for row in run(&start, &steps) {
            assert_eq!(row.as_ref().and_then(|row| row.text("title")), Some("third"), "in order {order:?}");
        }
    }
}

/// A label that was taken off, agreed upon, and put on again is simply there.
#[test]
fn a_row_made_again_after_an_agreed_delete_is_no_conflict() {
    let entity = COORD_COMPONENT_STATES;
    let start = empty(entity).with("state", "stable");
    let mut central = Central { row: Some(start.clone()), ..Central::default() };
    let mut machine = Machine::default();
    machine.sync(&mut central, entity);
    machine.step(&Step::Delete, 1);
    machine.sync(&mut central, entity);
    assert_eq!(central.row, None);
    machine.step(&Step::Edit(start.clone(), empty(entity)), 2);
    let input = Input { id: start.id(), base: None, local: machine.local(), remote: Side::Absent };
    let decision = decide(&input);
    assert_eq!((decision.outcome, decision.conflicts.len()), (Outcome::Row(start), 0));
    machine.sync(&mut central, entity);
    assert_eq!(central.row.as_ref().map(|row| row.get("state")), Some(&Value::from("stable")));
}
