//! Faults that need a server or a clock of their own: clocks that are years off, a server of another time zone, a data
//! directory of yesterday, a deep hierarchy that goes.

use std::sync::Arc;

use merge::Row;
use migrations::catalogue::{CLIENTS, TASKS};
use sync::{Clock, Store, SystemClock};
use world::mariadb::{MariaDb, Options};

use super::{Central, Machine, central, central_column, client, id};
use crate::verify::compare;

/// A clock that is so many years off.
struct Off(i64);

impl Clock for Off {
    fn now_us(&self) -> u64 {
        SystemClock.now_us().saturating_add_signed(self.0 * 365 * 86_400 * 1_000_000)
    }
}

async fn off_by(years: i64, name: &str, central: &Central<'_>) -> Machine {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("replica.db"), Arc::new(Off(years))).unwrap();
    Machine::with(store, folder, name, central).await
}

/// Rounds in turn, then everything is equal.
async fn settle(central: &Central<'_>, machines: &[&Machine]) {
    for machine in machines.iter().chain(machines) {
        machine.round().await;
    }
    for machine in machines {
        let report = compare(machine).await;
        assert_eq!((report.differences, machine.engine.status().pending), (0, 0), "{report:?}");
        for column in ["name", "notes", "domain_name"] {
            assert_eq!(machine.column("clients", column), central_column(central, "clients", column));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ten_years_off_wins_and_loses_like_any_other() {
    let central = central().await;
    let (ahead, behind) = (off_by(10, "ahead", &central).await, off_by(-10, "behind", &central).await);
    let right = Machine::new("right", &central).await;
    ahead.put(client("Acme").with("notes", "begun")).await;
    settle(&central, &[&ahead, &behind, &right]).await;
    // Each is the last to write once; the pushes come in the other order.
    let all = [&ahead, &behind, &right];
    for (turn, last) in [2, 0, 1].into_iter().enumerate() {
        for (position, machine) in all.iter().enumerate().filter(|(position, _)| *position != last) {
            machine.edit("Acme", "notes", &format!("turn {turn}, machine {position}")).await;
        }
        let value = format!("turn {turn}, the last word");
        all[last].edit("Acme", "notes", &value).await;
        settle(&central, &[all[last], all[(last + 1) % 3], all[(last + 2) % 3]]).await;
        assert_eq!(central.sql("SELECT notes FROM clients"), value);
    }
    // Another program is the last, by the server's clock.
    for machine in all {
        machine.edit("Acme", "domain_name", "of a machine").await;
    }
    central.sql("UPDATE clients SET domain_name = 'of a program'");
    settle(&central, &all).await;
    assert_eq!(central.sql("SELECT domain_name FROM clients"), "of a program");
}

#[tokio::test(flavor = "multi_thread")]
async fn summer_and_winter_time_of_the_server_move_no_moment() {
    let arguments = vec!["--default-time-zone=+02:00".to_owned()];
    let server = MariaDb::start_with(Options { arguments, ..Options::default() }).unwrap();
    let central = Central::on(&server).await;
    let a = Machine::new("a", &central).await;
    // In the hour that summer time leaves out, and twice in the one that comes twice.
    let moments = ["2026-03-29T02:30:00.000001Z", "2026-10-25T00:30:00.000000Z", "2026-10-25T01:30:00.999999Z"];
    for (number, moment) in moments.iter().enumerate() {
        a.put(client(&format!("client {number}")).with("created_at", *moment)).await;
    }
    a.round().await;
    // The server goes over to winter time, and other programs have time zones of their own.
    server.sql("", "SET GLOBAL time_zone = '+01:00'").unwrap();
    central.sql(&format!(
        "SET time_zone = '-05:00'; INSERT INTO clients (id, name, created_at) VALUES ('{}', 'foreign', '2026-03-29 02:30:00'); \
         UPDATE clients SET notes = 'touched'",
        id("foreign")
    ));
    let b = Machine::new("b", &central).await;
    a.round().await;
    for machine in [&a, &b] {
        for (number, moment) in moments.iter().enumerate() {
            let row = machine.get(CLIENTS, &format!("client {number}")).await.unwrap();
            assert_eq!((row.text("created_at"), row.text("notes")), (Some(*moment), Some("touched")));
        }
        let foreign = machine.get(CLIENTS, "foreign").await.unwrap();
        assert_eq!(foreign.text("created_at"), Some("2026-03-29T02:30:00.000000Z"), "central's times are UTC");
        assert_eq!(compare(machine).await.differences, 0);
    }
    assert_eq!((a.engine.status().conflicts, b.engine.status().conflicts), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hierarchy_of_twenty_levels_goes_while_a_child_is_added_at_its_end() {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    let task = |level: u32| {
        let row = Row::new(TASKS).with("id", id(&format!("level {level}"))).with("title", format!("level {level}"));
        if level == 0 { row } else { row.with("parent_task_id", id(&format!("level {}", level - 1))) }
    };
    for level in 0..20 {
        a.put(task(level)).await;
    }
    a.round().await;
    b.round().await;
    assert_eq!(b.column("tasks", "title").lines().count(), 20);
    b.put(task(20)).await;
    let deletes =
        (0..20).rev().map(|level| format!("DELETE FROM tasks WHERE id = '{}'", id(&format!("level {level}"))));
    central.sql(&format!("START TRANSACTION; {}; COMMIT", deletes.collect::<Vec<_>>().join("; ")));
    settle(&central, &[&b, &a]).await;
    // The child stays; what it belonged to is gone, or came back as a whole: never a reference to nothing.
    for machine in [&a, &b] {
        assert!(machine.get(TASKS, "level 20").await.is_some());
        assert_eq!(machine.column("tasks", "parent_task_id"), central_column(&central, "tasks", "parent_task_id"));
        assert_eq!(machine.engine.status().parked, 0);
    }
    let dangling = "SELECT COUNT(*) FROM tasks c LEFT JOIN tasks p ON p.id = c.parent_task_id \
                    WHERE c.parent_task_id IS NOT NULL AND p.id IS NULL";
    assert_eq!(central.sql(dangling), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_to_a_server_that_lags_behind_loses_nothing() {
    let server = MariaDb::start().unwrap();
    let central = Central::on(&server).await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("before").with("notes", "first")).await;
    a.put(client("deleted later")).await;
    settle(&central, &[&a, &b]).await;
    let (data, yesterday) = (server.directory().join("data"), server.directory().join("yesterday"));
    server.stop().unwrap();
    copy(&data, &yesterday);
    server.restart().unwrap();
    a.edit("before", "notes", "second").await;
    a.put(client("later, of a")).await;
    a.round().await;
    b.put(client("later, of b")).await;
    b.round().await;
    a.put(client("on its way")).await;
    // The primary is gone for good; what takes its place has not heard of the last hour.
    server.kill9().unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    copy(&yesterday, &data);
    server.restart().unwrap();
    assert_eq!(central.sql("SELECT notes FROM clients WHERE name = 'before'"), "first");
    central.sql("UPDATE clients SET domain_name = 'since.example' WHERE name = 'before'");
    settle(&central, &[&a, &b]).await;
    settle(&central, &[&b, &a]).await;
    let names = central.sql("SELECT GROUP_CONCAT(name ORDER BY name) FROM clients");
    assert_eq!(names, "before,deleted later,later, of a,later, of b,on its way");
    for machine in [&a, &b] {
        let row = machine.get(CLIENTS, "before").await.unwrap();
        assert_eq!(row.text("domain_name"), Some("since.example"), "{row:?}");
        assert!(machine.get(CLIENTS, "later, of b").await.is_some());
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}
