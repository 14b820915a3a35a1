//! Everything that breaks between a replica and a real central: the network at every statement, the server, its locks,
//! its disk, its limits. After each, both sides are equal, and nothing that was acknowledged is lost.

mod commit;
mod limits;
pub(crate) mod load;
mod locks;
mod server;
mod statements;

use std::sync::atomic::{AtomicI64, Ordering};

use migrations::Entity;
use sqlx::mysql::MySqlConnection;
use sync::engine::RoundReport;

use crate::reconcile::{Central, Machine};
use crate::record::{Record, Summary};

/// Rounds until one goes through: a fault may leave a lock behind for a moment, and the next round meets it.
const MOST_ROUNDS: usize = 30;

/// Two machines, a program that writes plain SQL, and the record of all three.
struct Stage<'a> {
    central: Central<'a>,
    a: Machine,
    b: Machine,
    record: Record,
    foreign: MySqlConnection,
    /// What the counter must come to.
    uses: AtomicI64,
}

impl<'a> Stage<'a> {
    /// Machine `a` reaches central by `url`, for instance through a proxy.
    async fn new(central: Central<'a>, url: &str) -> Self {
        let (a, b) = (Machine::through("a", url.parse().unwrap()).await, Machine::new("b", &central).await);
        a.put(load::counter()).await;
        let foreign = central.connect().await;
        let stage = Self { central, a, b, record: Record::default(), foreign, uses: AtomicI64::new(0) };
        stage.write_here("shared", "notes").await;
        recover(&stage.a).await;
        recover(&stage.b).await;
        stage
    }

    async fn write_here(&self, name: &str, column: &'static str) {
        load::write(&self.a, &self.record, "a", name, column).await;
    }

    async fn delete_here(&self, name: &str) {
        load::delete(&self.a, &self.record, "a", name).await;
    }

    async fn write_there(&mut self, name: &str, column: &'static str) {
        load::write_there(&mut self.foreign, &self.record, name, column).await.unwrap();
    }

    async fn delete_there(&mut self, name: &str) {
        load::delete_there(&mut self.foreign, &self.record, name).await.unwrap();
    }

    async fn count(&self) {
        load::count(&self.a).await;
        self.uses.fetch_add(1, Ordering::Relaxed);
    }

    /// Rounds of both until neither has anything to do. A session of a client that was cut off may hold the sequencer's
    /// lock for a moment longer; what it keeps from being numbered comes later.
    async fn come_to_rest(&self) {
        for _ in 0..MOST_ROUNDS {
            // Before the rounds: what is numbered by now, they pull.
            let waiting = self.central.sql("SELECT COUNT(*) FROM ct_sync_outbox");
            let (a, b) = (recover(&self.a).await, recover(&self.b).await);
            if waiting == "0" && [a, b].iter().all(|report| report.pulled + report.pushed == 0) {
                return;
            }
        }
        panic!("{MOST_ROUNDS} rounds of both machines and still not at rest");
    }

    /// Brings both machines to rest, and measures these tables.
    async fn settle(&self, tables: &[&'static Entity]) -> Summary {
        self.come_to_rest().await;
        let (a, b) = (self.a.path(), self.b.path());
        let summary = self.record.settle(&self.central, &[&a, &b], tables).await;
        for machine in [&self.a, &self.b] {
            let status = machine.engine.status();
            // Whoever waits in quarantine is in the journal too.
            assert!(status.pending <= status.quarantined && status.parked == 0, "{status:?}");
            let in_flight = machine.store.read(|tx| {
                Ok(tx
                    .connection()
                    .query_row("SELECT count(*) FROM ct_sync_inflight", [], |row| row.get::<_, i64>(0))?)
            });
            assert_eq!(in_flight.unwrap(), 0);
        }
        let uses = self.central.sql("SELECT usage_count FROM conversation_contexts");
        assert_eq!(uses, self.uses.load(Ordering::Relaxed).to_string(), "each use counts once");
        summary
    }
}

/// Rounds until one goes through.
async fn recover(machine: &Machine) -> RoundReport {
    let mut last = None;
    for _ in 0..MOST_ROUNDS {
        match machine.engine.round().await {
            Ok(report) => return report,
            Err(error) => last = Some(error),
        }
    }
    panic!("{MOST_ROUNDS} rounds after a fault did not go through: {last:?}");
}
