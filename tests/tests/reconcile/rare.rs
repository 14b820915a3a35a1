//! Rare things that each happened to somebody: writes on all sides during a first copy, families that are deleted on one
//! machine and grow on another, names that only look alike, a server that would round.

use merge::{Key, Row};
use migrations::catalogue::{BILLABLE_TIME, CLIENTS, INFRASTRUCTURE, SERVICES, TAGS, TASKS};

use super::{Central, Machine, central, central_column, client, derived_id, id};

/// Both machines and central have the same of these columns, and nothing is left to be done.
async fn come_to_rest(central: &Central<'_>, machines: [&Machine; 2], columns: &[(&str, &str)]) {
    for machine in [machines[0], machines[1], machines[0]] {
        machine.round().await;
    }
    for machine in machines {
        for (table, column) in columns {
            assert_eq!(machine.column(table, column), central_column(central, table, column), "{table}.{column}");
        }
        let status = machine.engine.status();
        assert_eq!((status.pending, status.quarantined, status.parked), (0, 0, 0));
        assert_eq!(machine.round().await.pulled, 0);
    }
}

async fn two() -> (Central<'static>, Machine, Machine) {
    let central = central().await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    (central, a, b)
}

fn asset(name: &str) -> Row {
    Row::new(INFRASTRUCTURE)
        .with("id", id(name))
        .with("client_id", id("Acme"))
        .with("asset_type", "physical_server")
        .with("hostname", name)
}

fn service(name: &str, on: &str) -> Row {
    Row::new(SERVICES)
        .with("id", id(name))
        .with("client_id", id("Acme"))
        .with("infrastructure_id", id(on))
        .with("service_name", name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_deleted_here_while_a_grandchild_is_born_there() {
    let (central, a, b) = two().await;
    a.put(client("Acme")).await;
    a.put(asset("host")).await;
    a.put(service("web", "host")).await;
    a.round().await;
    b.round().await;
    for (entity, name) in [(SERVICES, "web"), (INFRASTRUCTURE, "host"), (CLIENTS, "Acme")] {
        a.delete(entity, name).await;
    }
    b.put(service("mail", "host")).await;
    a.round().await;
    assert_eq!(central.sql("SELECT COUNT(*) FROM clients"), "0");
    b.round().await;
    come_to_rest(
        &central,
        [&a, &b],
        &[("clients", "name"), ("infrastructure", "hostname"), ("services", "service_name")],
    )
    .await;
    for machine in [&a, &b] {
        assert!(machine.get(SERVICES, "mail").await.is_some(), "what was acknowledged is not lost");
        assert!(machine.get(INFRASTRUCTURE, "host").await.is_some(), "nor what it stands on");
        assert!(machine.get(CLIENTS, "Acme").await.is_some());
        assert_eq!(machine.get(SERVICES, "web").await, None, "and nothing else comes back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_only_look_alike_stay_apart_and_equal_ones_meet() {
    let (central, a, b) = two().await;
    let names = ["uber", "Uber", "über", "u\u{308}ber", "uber\u{a0}", "u ber", "😀", "😁", "ß", "ss", "ﬁ", "fi"];
    for (at, name) in names.into_iter().enumerate() {
        let machine = if at % 2 == 0 { &a } else { &b };
        machine.put(Row::new(TAGS).with("id", id(name)).with("name", name)).await;
    }
    // The same name on both machines, under two ids.
    for (machine, name) in [(&a, "one of a"), (&b, "one of b")] {
        machine.put(Row::new(TAGS).with("id", id(name)).with("name", "👩‍👩‍👧 same")).await;
    }
    come_to_rest(&central, [&a, &b], &[("tags", "name")]).await;
    let kept = central.sql("SELECT COUNT(*), COUNT(DISTINCT CAST(name AS BINARY)) FROM tags");
    assert_eq!(kept, format!("{0}\t{0}", names.len() + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_twenty_goes_in_from_its_end_and_is_deleted_from_its_beginning() {
    let (central, a, b) = two().await;
    let name = |n: u32| format!("task {n:02}");
    let task = |n: u32| {
        let task = Row::new(TASKS).with("id", id(&name(n))).with("title", name(n)).with("status", "pending");
        if n == 0 { task } else { task.with("parent_task_id", id(&name(n - 1))) }
    };
    let chain: Vec<Row> = (0..20).rev().map(task).collect();
    let all = chain.clone();
    a.store.write_async(move |tx| all.into_iter().try_for_each(|row| tx.put(row))).await.unwrap();
    come_to_rest(&central, [&a, &b], &[("tasks", "parent_task_id")]).await;
    assert_eq!(b.get(TASKS, "task 19").await.unwrap().text("parent_task_id"), Some(id("task 18").as_str()));
    let keys: Vec<Key> = chain.iter().map(Row::key).collect();
    b.store
        .write_async(move |tx| {
            for key in keys.iter().rev() {
                tx.delete(TASKS, key)?;
            }
            Ok(())
        })
        .await
        .unwrap();
    come_to_rest(&central, [&b, &a], &[("tasks", "title")]).await;
    assert_eq!(central.sql("SELECT COUNT(*) FROM tasks"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_that_central_would_round_waits_until_it_has_room_for_it() {
    let central = central().await;
    central.sql("ALTER TABLE billable_time MODIFY hourly_rate DECIMAL(10,1) NOT NULL");
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("Acme")).await;
    let visit = |name: &str, rate: i64| {
        Row::new(BILLABLE_TIME)
            .with("id", id(name))
            .with("client_id", id("Acme"))
            .with("user_id", "technician@example.org")
            .with("description", name)
            // In the hour that daylight saving leaves out.
            .with("started_at", "2026-03-29T01:30:00.000000Z")
            .with("duration_minutes", 60_i64)
            .with("hourly_rate", rate)
            .with("total_amount", rate)
    };
    a.put(visit("round", 12_530)).await;
    a.put(visit("odd", 12_525)).await;
    let report = a.round().await;
    assert_eq!((report.pushed, report.quarantined), (2, 1));
    let waiting = a.store.read(sync::local::quarantine).unwrap();
    assert!(waiting[0].reason.contains("hourly_rate") && waiting[0].hint.contains("hourly_rate"), "{waiting:?}");
    assert_eq!(a.get(BILLABLE_TIME, "odd").await.unwrap().int("hourly_rate"), Some(12_525), "never another amount");
    central.sql("ALTER TABLE billable_time MODIFY hourly_rate DECIMAL(10,2) NOT NULL");
    come_to_rest(&central, [&a, &b], &[("billable_time", "description")]).await;
    assert_eq!(central.sql("SELECT hourly_rate FROM billable_time ORDER BY hourly_rate"), "125.25\n125.30");
    for machine in [&a, &b] {
        let row = machine.get(BILLABLE_TIME, "odd").await.unwrap();
        let whole = (row.int("hourly_rate"), row.text("started_at"));
        assert_eq!(whole, (Some(12_525), Some("2026-03-29T01:30:00.000000Z")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sides_write_while_a_first_copy_is_taken() {
    let (central, a, _) = two().await;
    central.sql("INSERT INTO tags (id, name) SELECT UUID(), CONCAT('tag ', seq) FROM seq_1_to_20000");
    a.round().await;
    let newcomer = Machine::offline();
    newcomer.put(Row::new(TAGS).with("id", derived_id("test", "mine")).with("name", "tag 500")).await;
    let copying = newcomer.join("newcomer", &central);
    let beside = async {
        for turn in 0..30 {
            let (first, last) = (turn * 600 + 1, turn * 600 + 40);
            central.sql(&format!(
                "UPDATE tags SET description = 'turn {turn}' WHERE name IN ('tag {first}', 'tag {last}'); \
                 DELETE FROM tags WHERE name = 'tag {}'; INSERT INTO tags (id, name) VALUES (UUID(), 'new {turn}')",
                first + 1
            ));
            a.put(Row::new(TAGS).with("id", id(&format!("of a {turn}"))).with("name", format!("of a {turn}"))).await;
            a.round().await;
        }
    };
    let (newcomer, ()) = tokio::join!(copying, beside);
    come_to_rest(&central, [&newcomer, &a], &[("tags", "name"), ("tags", "description")]).await;
    assert_eq!(central.sql("SELECT COUNT(*) FROM tags"), (20_000 - 30 + 30 + 30).to_string());
}
