//! What happens without anybody asking.

use std::sync::Arc;
use std::time::Duration;

use migrations::catalogue::CLIENTS;
use sync::central::CentralUrl;
use sync::engine::{self, EngineHandle, EngineSettings, SyncStatus};
use sync::{Store, SystemClock};
use world::eventually;

use super::{drop_triggers, two_with_clients};
use crate::reconcile::{Central, central, client, id, key};

const PATIENCE: Duration = Duration::from_secs(30);

/// A machine whose engine does everything by itself, quickly.
struct Lively {
    store: Store,
    engine: EngineHandle,
    folder: tempfile::TempDir,
}

impl Lively {
    fn new(url: CentralUrl) -> Self {
        Self::on(tempfile::tempdir().unwrap(), url)
    }

    fn on(folder: tempfile::TempDir, url: CentralUrl) -> Self {
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        let mut settings = EngineSettings::new(Some(url), "lively");
        settings.poll = Duration::from_millis(200);
        settings.verify.every = Duration::from_millis(200);
        settings.verify.watch = Duration::from_millis(500);
        settings.verify.pass = Duration::from_millis(500);
        let engine = engine::start(store.clone(), settings);
        Self { store, engine, folder }
    }

    async fn stop(self) -> tempfile::TempDir {
        self.engine.stop().await;
        self.store.close().unwrap();
        self.folder
    }

    fn count(&self) -> u64 {
        self.store
            .read(|tx| Ok(tx.connection().query_row("SELECT count(*) FROM clients", [], |row| row.get(0))?))
            .unwrap()
    }

    fn sees(&self, what: &str, condition: impl Fn(&SyncStatus) -> bool) {
        let held = eventually(what, PATIENCE, || condition(&self.engine.status()));
        held.unwrap_or_else(|error| panic!("{error}: {:?}", self.engine.status()));
    }
}

fn triggers(central: &Central<'_>, table: &str) -> String {
    central.sql(&format!(
        "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND event_object_table = '{table}'"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_that_were_dropped_are_put_back_and_what_they_missed_is_healed() {
    let central = central().await;
    let (a, b) = two_with_clients(&central, 50).await;
    let lively = Lively::new(central.url());
    eventually("the first pull", PATIENCE, || lively.count() == 50).unwrap();
    let folder = lively.stop().await;
    drop_triggers(&central, "clients");
    central.sql(&format!(
        "INSERT INTO clients (id, name) VALUES ('{}', 'unseen'); DELETE FROM clients WHERE id = '{}'",
        id("unseen"),
        id("client 1")
    ));
    let lively = Lively::on(folder, central.url());
    eventually("the triggers put back", PATIENCE, || triggers(&central, "clients") == "3").unwrap();
    eventually("the row that was missed", PATIENCE, || {
        lively.store.read(|tx| tx.get(CLIENTS, &key("unseen"))).unwrap().is_some()
            && lively.store.read(|tx| tx.get(CLIENTS, &key("client 1"))).unwrap().is_none()
    })
    .unwrap();
    lively.sees("what was healed", |status| status.verify.healed == 2 && status.verify.blind.is_none());
    // Captured again: no comparison is needed for the others.
    for machine in [&a, &b] {
        machine.round().await;
        assert!(machine.get(CLIENTS, "unseen").await.is_some());
        assert_eq!(machine.get(CLIENTS, "client 1").await, None);
    }
    lively.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_table_is_seen_soon_and_left_for_a_person() {
    let central = central().await;
    let (_a, _b) = two_with_clients(&central, 50).await;
    let lively = Lively::new(central.url());
    eventually("the first pull", PATIENCE, || lively.count() == 50).unwrap();
    central.sql("SET FOREIGN_KEY_CHECKS = 0; TRUNCATE TABLE clients");
    lively.sees("the rows that vanished", |status| {
        status.verify.found.iter().any(|it| it.table == "clients" && it.found.get("vanished") == Some(&50))
    });
    assert_eq!(lively.count(), 50);
    lively.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_make_triggers_is_told_what_helps() {
    let central = central().await;
    let (a, _b) = two_with_clients(&central, 5).await;
    let user = format!("blind_{}", central.database);
    central.sql(&format!(
        "CREATE USER {user}@localhost IDENTIFIED BY 'x'; GRANT SELECT, INSERT, UPDATE, DELETE ON `{}`.* TO {user}@localhost",
        central.database
    ));
    let url = central.server.url(&central.database).replacen("root@", &format!("{user}:x@"), 1);
    let lively = Lively::new(url.parse().unwrap());
    lively.sees("that it is blind", |status| status.verify.blind.is_some());
    let blind = lively.engine.status().verify.blind.unwrap();
    assert!(blind.tables.contains(&"clients".to_owned()), "{blind:?}");
    assert!(blind.remedy.contains("claudetools central init"), "{blind:?}");
    // What it is blind for it compares more often.
    drop_triggers(&central, "clients");
    central.sql(&format!("UPDATE clients SET notes = 'unseen' WHERE id = '{}'", id("client 2")));
    eventually("the change that was missed", PATIENCE, || {
        let row = lively.store.read(|tx| tx.get(CLIENTS, &key("client 2"))).unwrap();
        row.is_some_and(|row| row.text("notes") == Some("unseen"))
    })
    .unwrap();
    lively.stop().await;
    a.put(client("still works")).await;
    a.round().await;
}
