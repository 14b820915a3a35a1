//! Change notice: how soon a change is elsewhere, and what a machine that idles costs.

use std::time::{Duration, Instant};

use migrations::catalogue::CLIENTS;
use world::mariadb::MariaDb;
use world::{eventually, wait};

use super::{Central, Machine, central, client};

const PATIENCE: Duration = Duration::from_secs(20);

/// Windows of five seconds in one of which a machine must have come to rest.
const IDLE_WINDOWS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_on_the_other_machine_soon() {
    let central = central().await;
    let (a, b) = (Machine::live("a", &central).await, Machine::live("b", &central).await);
    let mut took = Vec::new();
    for sample in 0..7 {
        let name = format!("sample {sample}");
        let started = Instant::now();
        a.put(client(&name)).await;
        let there = || b.column("clients", "name").lines().any(|line| line.ends_with(&name));
        tokio::task::block_in_place(|| eventually("the change on the other machine", PATIENCE, there)).unwrap();
        took.push(started.elapsed());
    }
    took.sort();
    // The goal is a second; a machine that runs other tests meanwhile may need a little more.
    assert!(took[took.len() / 2] < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_change_is_here_soon() {
    let central = central().await;
    let a = Machine::live("a", &central).await;
    let id = super::derived_id("clients", "foreign");
    central.sql(&format!("INSERT INTO clients (id, name) VALUES ('{id}', 'foreign')"));
    let there = || a.column("clients", "name").ends_with("foreign");
    tokio::task::block_in_place(|| eventually("the foreign change", PATIENCE, there)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_idles_asks_about_once_a_second() {
    let server = MariaDb::start().unwrap();
    let central = Central::on(&server).await;
    let asked = || -> u64 {
        let status = server.sql("", "SHOW GLOBAL STATUS LIKE 'Questions'").unwrap();
        status.split_whitespace().last().unwrap().parse().unwrap()
    };
    let (first, second) = (asked(), asked());
    let own = second - first;
    let machine = Machine::live("a", &central).await;
    // What a new connection looks at by itself (triggers, definitions, what is new) has its end.
    let mut windows = Vec::new();
    let is_idle = (0..IDLE_WINDOWS).any(|_| {
        let (before, started) = (asked(), Instant::now());
        tokio::task::block_in_place(|| wait::pause(Duration::from_secs(5)));
        let queries = asked() - before - own;
        let seconds = started.elapsed().as_secs();
        windows.push((queries, seconds));
        (3..=seconds + 3).contains(&queries)
    });
    assert!(is_idle, "{windows:?} queries and seconds, of which it may ask one each");
    assert!(machine.engine.status().last_success_us.is_some(), "{:?}", machine.engine.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refused_rows_do_not_hold_up_the_good_one_behind_them() {
    let central = central().await;
    let machine = Machine::new("a", &central).await;
    central.sql("ALTER TABLE clients ADD CONSTRAINT not_bad CHECK (notes IS NULL OR notes <> 'bad')");
    machine
        .store
        .write_async(|tx| {
            for number in 0..1100 {
                tx.put(client(&format!("bad {number}")).with("notes", "bad"))?;
            }
            tx.put(client("good"))
        })
        .await
        .unwrap();
    let report = machine.round().await;
    assert_eq!((report.pushed, report.quarantined, report.unfinished), (1, 1100, false));
    assert!(machine.get(CLIENTS, "good").await.is_some());
    assert_eq!(central.sql("SELECT name FROM clients"), "good");
    assert_eq!(central.sql("SELECT COUNT(*) FROM ct_sync_outbox"), "0");
}
