//! A batch: each row has one decision.

use std::collections::BTreeSet;

use merge::{Input, PlanError, RowId, Side, plan};
use migrations::catalogue::{TASKS, USERS};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::generate::{Situation, all, empty, situation};

proptest! {
    #[test]
    fn accounts_for_every_row_once(situations in vec(select(all()).prop_flat_map(situation), 0..8)) {
        let ids: BTreeSet<RowId> = situations.iter().map(|situation| situation.input().id).collect();
        match plan(situations.iter().map(Situation::input)) {
            Ok(plan) => {
                prop_assert_eq!(ids.len(), situations.len());
                prop_assert!(plan.decisions.iter().map(|decision| &decision.id).eq(&ids));
            }
            Err(PlanError::Twice(id)) => {
                prop_assert!(situations.iter().filter(|situation| situation.input().id == id).count() > 1);
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}

#[test]
fn errors_name_the_row() {
    let (task, other, user) = (empty(TASKS), empty(TASKS).with("id", "other"), empty(USERS));
    let input = |id: RowId, base| Input { id, base, local: Side::Absent, remote: Side::Absent };
    let twice = plan([input(task.id(), None), input(user.id(), None), input(task.id(), None)]);
    assert_eq!(twice.expect_err("it is there twice").to_string(), "plan the batch: tasks key is in it twice");
    let wrong = plan([input(task.id(), Some(&other))]);
    let expected = "plan the batch: under tasks key it holds tasks other";
    assert_eq!(wrong.expect_err("it is another row").to_string(), expected);
}
