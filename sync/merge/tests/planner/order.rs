//! References: what refers to what, in which order it can be written, and circles.

use std::collections::HashSet;

use merge::{Key, Row, RowId, Rule, Write, break_cycle, parents, push_order};
use migrations::catalogue::{CLIENTS, SESSION_TAGS, SITES, TASKS};
use migrations::{ENTITIES, Entity, entity};
use proptest::prelude::*;

fn row(entity: &'static Entity, id: &str) -> Row {
    Row::new(entity).with("id", id)
}

fn task(id: &str, parent: Option<&str>) -> Row {
    row(TASKS, id).with("parent_task_id", parent.map(str::to_owned))
}

#[test]
fn parents_are_the_references_that_are_not_null() {
    let task = task("t", Some("up")).with("project_id", "p");
    let found: Vec<_> = parents(&task).map(|(fk, key)| (fk.references, key.as_str().to_owned())).collect();
    assert!(found.contains(&("tasks", "up".to_owned())) && found.contains(&("projects", "p".to_owned())));
    assert_eq!(found.len(), 2);
}

#[test]
fn puts_go_down_the_references_and_deletes_up() {
    let (client, site) = (row(CLIENTS, "c"), row(SITES, "s").with("client_id", "c"));
    let (top, middle, leaf) = (task("z", None), task("m", Some("z")), task("a", Some("m")));
    let link = Row::new(SESSION_TAGS).with("session_id", "s").with("tag_id", "t");
    let rows = [&leaf, &link, &site, &middle, &client, &top];
    let put = |row| Write::Put(row);
    let delete = |row| Write::Delete(row);
    let ordered = push_order(rows.into_iter().flat_map(|row| [delete(row), put(row)]));
    let keys = |writes: &[Write<'_>]| writes.iter().map(|write| write.row().id().to_string()).collect::<Vec<_>>();
    let down = ["clients c", "sites s", "tasks z", "tasks m", "tasks a", "session_tags s/t"];
    assert_eq!(keys(&ordered[..6]), down);
    assert!(ordered[..6].iter().all(|write| matches!(write, Write::Put(_))));
    let up: Vec<_> = down.into_iter().rev().collect();
    assert_eq!(keys(&ordered[6..]), up);
}

proptest! {
    /// A forest of any shape, with circles in it: nothing is lost, nothing comes twice, and every parent comes first
    /// but in a circle.
    #[test]
    fn every_parent_comes_first(above in proptest::collection::vec(proptest::option::of(0..20usize), 1..20)) {
        let name = |place: usize| format!("t{place}");
        let tasks: Vec<Row> = above.iter().enumerate()
            .map(|(place, parent)| task(&name(place), parent.map(name).as_deref())).collect();
        let ordered = push_order(tasks.iter().map(Write::Put));
        let keys: Vec<Key> = ordered.iter().map(|write| write.row().key()).collect();
        prop_assert_eq!(keys.iter().collect::<HashSet<_>>().len(), tasks.len());
        prop_assert_eq!(keys.len(), tasks.len());
        let place = |key: &Key| keys.iter().position(|other| other == key);
        for task in &tasks {
            let parent = parents(task).map(|(_, key)| key).find(|key| place(key).is_some());
            if let Some(parent) = parent.filter(|_| !in_circle(task, &tasks)) {
                prop_assert!(place(&parent) < place(&task.key()));
            }
        }
    }
}

fn in_circle(start: &Row, tasks: &[Row]) -> bool {
    let up =
        |row: &Row| row.text("parent_task_id").and_then(|id| tasks.iter().find(|task| task.text("id") == Some(id)));
    std::iter::successors(up(start), |row| up(row)).take(tasks.len()).any(|row| row == start)
}

#[test]
fn a_move_that_closes_a_circle_is_undone() {
    let central = [task("a", None), task("b", Some("a")), task("c", Some("b"))];
    let parent_of = |key: &Key| {
        let row = central.iter().find(|row| row.key() == *key)?;
        row.text("parent_task_id").map(Key::new)
    };
    assert!(break_cycle(&task("a", None), parent_of).is_none());
    assert!(break_cycle(&task("d", Some("c")), parent_of).is_none());
    assert!(break_cycle(&row(CLIENTS, "c"), parent_of).is_none());
    for moved in [task("a", Some("c")), task("a", Some("a"))] {
        let (row, conflict) = break_cycle(&moved, parent_of).expect("it is a circle");
        assert!(row.get("parent_task_id").is_null());
        assert_eq!((conflict.rule, &conflict.loser[0]), (Rule::Cycle, moved.get("parent_task_id")));
    }
}

/// A circle that others made must not hang whoever is below it.
#[test]
fn a_circle_further_up_is_left_to_its_makers() {
    let parent_of = |key: &Key| match key.as_str() {
        "a" => Some(Key::new("b")),
        "b" => Some(Key::new("a")),
        _ => None,
    };
    assert!(break_cycle(&task("c", Some("a")), parent_of).is_none());
}

#[test]
fn the_catalogue_is_in_an_order_that_can_be_written() {
    for (place, table) in ENTITIES.iter().enumerate() {
        let own = table.foreign_keys.iter().filter(|fk| fk.references == table.name).count();
        assert!(own < 2, "{} refers to itself twice", table.name);
        for reference in table.foreign_keys.iter().filter(|fk| fk.references != table.name) {
            let before = ENTITIES[..place].iter().any(|other| other.name == reference.references);
            assert!(before, "{} comes before {}", table.name, reference.references);
        }
    }
    assert!(entity("tasks").is_some_and(|tasks| RowId::new(tasks, Key::new("1")).to_string() == "tasks 1"));
}
