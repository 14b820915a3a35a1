//! A central that was restored from a backup.

use migrations::ENTITIES;
use migrations::catalogue::CLIENTS;

use super::Pair;
use crate::reconcile::{client, id};

const BOOKKEEPING: [&str; 5] =
    ["ct_sync_outbox", "ct_sync_rows", "ct_sync_counter", "ct_sync_machines", "ct_sync_receipts"];

impl Pair {
    fn tables() -> impl Iterator<Item = &'static str> {
        // The bookkeeping last: restoring a row makes its triggers note it.
        ENTITIES.iter().filter(|entity| entity.is_replicated()).map(|entity| entity.name).chain(BOOKKEEPING)
    }

    /// Copies every table aside, as a backup would.
    fn back_up(&self) {
        let copies = Self::tables().map(|table| format!("CREATE TABLE bak_{table} AS SELECT * FROM {table};"));
        self.central.sql(&copies.collect::<String>());
    }

    fn restore(&self) {
        let back =
            Self::tables().map(|table| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM bak_{table};"));
        self.central.sql(&format!("SET FOREIGN_KEY_CHECKS = 0; {}", back.collect::<String>()));
    }

    async fn before_and_after_the_backup(&self) {
        self.a.put(client("edited").with("notes", "first")).await;
        self.a.put(client("as it was")).await;
        self.rounds().await;
        self.back_up();
        self.a.edit("edited", "notes", "second").await;
        self.a.put(client("made later")).await;
        self.rounds().await;
        self.b.put(client("by the other, later")).await;
        self.rounds().await;
        self.restore();
        assert_eq!(self.central.sql("SELECT COUNT(*) FROM clients"), "2");
    }

    async fn assert_whole(&self) {
        self.rounds().await;
        for machine in [&self.a, &self.b] {
            for name in ["as it was", "made later", "by the other, later"] {
                assert!(machine.get(CLIENTS, name).await.is_some(), "{name}");
            }
            assert_eq!(machine.get(CLIENTS, "edited").await.unwrap().text("notes"), Some("second"));
            assert_eq!(machine.engine.status().conflicts, 0);
        }
        let notes = self.central.sql(&format!("SELECT notes FROM clients WHERE id = '{}'", id("edited")));
        assert_eq!(notes, "second");
        self.assert_settled("clients", "name");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_lost_is_uploaded_again() {
    let pair = Pair::new().await;
    pair.before_and_after_the_backup().await;
    pair.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_noticed_although_others_have_written_past_the_cursor_since() {
    let pair = Pair::new().await;
    pair.before_and_after_the_backup().await;
    let values: Vec<String> = (0..20).map(|n| format!("(UUID(), 'since {n}')")).collect();
    pair.central.sql(&format!("INSERT INTO clients (id, name) VALUES {}", values.join(", ")));
    pair.assert_whole().await;
    assert_eq!(pair.central.sql("SELECT COUNT(*) FROM clients"), "24");
}
