//! Comparing a replica with a real central: what nothing captured is found, named and healed on every machine.

mod by_itself;
mod commands;
mod equal;
mod masses;
mod references;
mod uncaptured;

use std::collections::BTreeMap;

use migrations::{Entity, entity};
use sync::engine::{Heal, Kind, TableFindings, VerifyReport, VerifyRequest};

use crate::reconcile::{Central, Machine, client};

/// Compares all tables.
pub(crate) async fn compare(machine: &Machine) -> VerifyReport {
    with(machine, Heal::Nothing).await
}

/// Compares all tables and heals.
pub(crate) async fn with(machine: &Machine, heal: Heal) -> VerifyReport {
    machine.engine.verify(VerifyRequest { tables: Vec::new(), heal }).await.unwrap()
}

/// What was found in a table.
pub(crate) fn of<'r>(report: &'r VerifyReport, table: &str) -> &'r TableFindings {
    report.tables.iter().find(|found| found.table == table).expect("the table was compared")
}

/// Rows that differ in a table, by kind.
pub(crate) fn kinds(report: &VerifyReport, table: &str) -> BTreeMap<Kind, u64> {
    of(report, table).found.clone()
}

/// Takes the capture triggers of a table away.
fn drop_triggers(central: &Central<'_>, table: &str) {
    for event in ["insert", "update", "delete"] {
        central.sql(&format!("DROP TRIGGER ct_sync_{table}_{event}"));
    }
}

/// A machine with so many clients, and another that has pulled them.
async fn two_with_clients(central: &Central<'_>, count: usize) -> (Machine, Machine) {
    let a = Machine::new("a", central).await;
    for number in 0..count {
        a.put(client(&format!("client {number}"))).await;
    }
    a.round().await;
    let b = Machine::new("b", central).await;
    (a, b)
}

/// The rows of a table here, the value of every column as text.
fn rows(machine: &Machine, table: &str) -> Vec<Vec<String>> {
    let entity: &Entity = entity(table).unwrap();
    let columns: Vec<&str> = entity.columns.iter().map(|column| column.name).collect();
    let sql = format!("SELECT {} FROM {table} ORDER BY {}", columns.join(", "), entity.primary_key.join(", "));
    let rows = machine.store.read(|tx| {
        let mut statement = tx.connection().prepare(&sql)?;
        let found = statement.query_map([], |row| {
            (0..columns.len()).map(|at| Ok(format!("{:?}", row.get_ref(at)?))).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(found.collect::<Result<Vec<_>, _>>()?)
    });
    rows.unwrap()
}

/// Both machines, after a round each, are equal to central in this table, and nothing waits.
async fn equal_everywhere(machines: [&Machine; 2], table: &str) {
    for machine in machines {
        machine.round().await;
    }
    for machine in machines {
        let report = compare(machine).await;
        assert_eq!((report.differences, report.left), (0, 0), "{report:?}");
        assert_eq!(machine.engine.status().pending, 0);
    }
    assert_eq!(rows(machines[0], table), rows(machines[1], table));
}
