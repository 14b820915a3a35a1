//! A batch: each row has one decision.

use std::collections::BTreeSet;

use merge::{HybridTime, Input, PlanError, RowId, Side, plan};
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
fn a_row_that_comes_twice_is_named() {
    let input = |id: RowId| Input { id, base: None, local: Side::Absent, remote: Side::Absent };
    let (task, user) = (empty(TASKS), empty(USERS));
    let error = plan([input(task.id()), input(user.id()), input(task.id())]).expect_err("it is there twice");
    assert_eq!(error.to_string(), "plan the batch: tasks key is in it twice");
}

#[test]
fn a_row_under_the_id_of_another_is_named() {
    let (id, other) = (empty(TASKS).id(), empty(TASKS).with("id", "other"));
    let time = HybridTime(1);
    let (absent, present) = (Side::Absent, Side::Present { row: &other, time });
    let deleted = Side::Deleted { image: Some(&other), time };
    for (base, local, remote) in [
        (Some(&other), absent, absent),
        (None, present, absent),
        (None, deleted, absent),
        (None, absent, present),
        (None, absent, deleted),
    ] {
        let error = plan([Input { id: id.clone(), base, local, remote }]).expect_err("it is another row");
        assert_eq!(error.to_string(), "plan the batch: under tasks key it holds tasks other");
    }
}
