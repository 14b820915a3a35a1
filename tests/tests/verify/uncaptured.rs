//! Changes that no trigger saw: each kind is named, and one repair heals both machines.

use migrations::catalogue::CLIENTS;
use sync::engine::{Heal, Kind};

use super::{compare, drop_triggers, equal_everywhere, kinds, of, two_with_clients, with};
use crate::reconcile::{central, central_column, client, id};

#[tokio::test(flavor = "multi_thread")]
async fn insert_update_and_delete_without_triggers() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 300).await;
    drop_triggers(&central, "clients");
    central.sql(&format!(
        "UPDATE clients SET notes = 'unseen' WHERE id = '{}'; DELETE FROM clients WHERE id = '{}'; \
         INSERT INTO clients (id, name) VALUES ('{}', 'unseen')",
        id("client 1"),
        id("client 2"),
        id("unseen")
    ));
    for machine in [&a, &b] {
        assert_eq!(machine.round().await.pulled, 0);
        let report = compare(machine).await;
        let found = kinds(&report, "clients");
        assert_eq!(found, [(Kind::Differs, 1), (Kind::MissingHere, 1), (Kind::Vanished, 1)].into());
        assert_eq!((report.healed, report.left), (0, 3));
        let differs = of(&report, "clients").examples.iter().find(|one| one.kind == Kind::Differs).unwrap();
        assert_eq!(
            (differs.key.as_str(), differs.columns.as_slice()),
            (id("client 1").as_str(), &["notes".to_owned()][..])
        );
    }
    let repaired = with(&a, Heal::Careful).await;
    assert_eq!((repaired.differences, repaired.healed, repaired.left), (3, 3, 0));
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(b.get(CLIENTS, "client 1").await.unwrap().text("notes"), Some("unseen"));
    assert_eq!(b.get(CLIENTS, "client 2").await, None);
    assert!(b.get(CLIENTS, "unseen").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_here_and_an_unseen_one_there_are_merged() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 5).await;
    drop_triggers(&central, "clients");
    central.sql(&format!("UPDATE clients SET notes = 'there' WHERE id = '{}'", id("client 1")));
    // The machine that repairs is offline while the other edits another column of the same row.
    b.edit("client 1", "domain_name", "here.example").await;
    with(&a, Heal::Careful).await;
    equal_everywhere([&b, &a], "clients").await;
    let row = a.get(CLIENTS, "client 1").await.unwrap();
    assert_eq!((row.text("notes"), row.text("domain_name")), (Some("there"), Some("here.example")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_swapped_by_rename() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 50).await;
    central.sql(&format!(
        "SET FOREIGN_KEY_CHECKS = 0; CREATE TABLE new_clients LIKE clients; INSERT INTO new_clients SELECT * FROM clients;
         UPDATE new_clients SET notes = 'in between' WHERE id = '{}';
         RENAME TABLE clients TO old_clients, new_clients TO clients",
        id("client 7")
    ));
    let report = with(&b, Heal::Careful).await;
    assert_eq!(kinds(&report, "clients"), [(Kind::Differs, 1)].into());
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(a.get(CLIENTS, "client 7").await.unwrap().text("notes"), Some("in between"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_central_never_heard_of_is_uploaded() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 30).await;
    let row = client("from before").with("client_type", "internal").with("is_active", true);
    let sql = format!(
        "INSERT INTO clients (id, name, client_type, is_active) VALUES ('{}', 'from before', 'internal', 1)",
        id("from before")
    );
    a.store.write_async(move |tx| Ok(tx.connection().execute(&sql, [])?)).await.unwrap();
    let report = compare(&a).await;
    assert_eq!(kinds(&report, "clients"), [(Kind::NeverUploaded, 1)].into());
    assert_eq!(compare(&b).await.differences, 0);
    with(&a, Heal::Careful).await;
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(b.get(CLIENTS, "from before").await.unwrap().text("name"), row.text("name"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_damaged_is_put_right_and_harms_no_one() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 300).await;
    let before = central_column(&central, "clients", "notes");
    let sql = format!(
        "UPDATE clients SET notes = 'damage' WHERE id = '{}'; DELETE FROM clients WHERE id > 'c'",
        id("client 0")
    );
    a.store.write_async(move |tx| Ok(tx.connection().execute_batch(&sql)?)).await.unwrap();
    let found = kinds(&compare(&a).await, "clients");
    assert!(found[&Kind::MissingHere] > 10 && !found.contains_key(&Kind::Vanished), "{found:?}");
    with(&a, Heal::Careful).await;
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(central_column(&central, "clients", "notes"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_repair_at_once() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 100).await;
    drop_triggers(&central, "clients");
    central.sql(&format!(
        "UPDATE clients SET notes = 'unseen' WHERE name LIKE '%7'; DELETE FROM clients WHERE id = '{}'",
        id("client 1")
    ));
    let (one, other) = tokio::join!(with(&a, Heal::Careful), with(&b, Heal::Careful));
    assert!(one.left == 0 && other.left == 0, "{one:?} {other:?}");
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(a.get(CLIENTS, "client 1").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_behind_takes_nothing_for_damage() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 100).await;
    // Numbered by another machine, and not pulled here.
    central.sql("DELETE FROM clients WHERE name LIKE '%3'; UPDATE clients SET notes = 'new' WHERE name LIKE '%5'");
    b.round().await;
    let report = with(&a, Heal::Careful).await;
    assert_eq!((report.differences, report.healed), (0, 0));
    equal_everywhere([&a, &b], "clients").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_delete_that_did_not_arrive_here_is_carried_out() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 10).await;
    central.sql(&format!("DELETE FROM clients WHERE id = '{}'", id("client 4")));
    a.round().await;
    let sql = format!(
        "INSERT INTO clients (id, name, client_type, is_active) VALUES ('{}', 'back', 'internal', 1)",
        id("client 4")
    );
    a.store.write_async(move |tx| Ok(tx.connection().execute(&sql, [])?)).await.unwrap();
    let report = with(&a, Heal::Careful).await;
    assert_eq!(kinds(&report, "clients"), [(Kind::DeletedThere, 1)].into());
    equal_everywhere([&a, &b], "clients").await;
    assert_eq!(a.get(CLIENTS, "client 4").await, None);
}
