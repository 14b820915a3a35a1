//! What the reconciliation sets aside: rows that a side refuses, conflicts, and what becomes of copies and backups.

mod by_hand;
mod copies;
mod here;
mod restored;
mod there;

use std::path::Path;

use sync::local::{self, Quarantined};

use crate::reconcile::{Central, Machine, central};

/// Two machines that share a central.
struct Pair {
    central: Central<'static>,
    a: Machine,
    b: Machine,
}

impl Pair {
    async fn new() -> Self {
        let central = central().await;
        let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
        Self { central, a, b }
    }

    /// A round of both, twice, so that what one sends the other has.
    async fn rounds(&self) {
        for machine in [&self.a, &self.b, &self.a, &self.b] {
            machine.round().await;
        }
    }

    /// Nothing waits anywhere, and both machines hold what central holds.
    fn assert_settled(&self, table: &str, column: &str) {
        for machine in [&self.a, &self.b] {
            let status = machine.engine.status();
            assert_eq!((status.pending, status.quarantined, status.parked), (0, 0, 0), "{:?}", quarantine(machine));
        }
        assert_eq!(self.a.column(table, column), self.b.column(table, column));
    }
}

fn quarantine(machine: &Machine) -> Vec<Quarantined> {
    machine.store.read(local::quarantine).unwrap()
}

/// The one row that is in quarantine.
fn refused(machine: &Machine) -> Quarantined {
    let mut list = quarantine(machine);
    assert_eq!(list.len(), 1, "{list:?}");
    list.remove(0)
}

/// Copies a replica that nobody writes to at the moment, as a backup of its folder would.
fn copy_replica(from: &Path, to: &Path) {
    for name in ["replica.db", "replica.db-wal"] {
        let _ = std::fs::remove_file(to.join(name));
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
    let _ = std::fs::remove_file(to.join("replica.db-shm"));
}
