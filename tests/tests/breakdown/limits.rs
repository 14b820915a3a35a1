//! Rows and batches that are larger than central takes.

use merge::{Key, Row};
use migrations::catalogue::CLIENTS;
use sync::local::{derived_id, quarantine};
use world::mariadb::{MariaDb, Options};

use super::recover;
use crate::compare::{differences, shared_tables};
use crate::reconcile::{Central, Machine};

/// Less than the longest text that a row may have.
const PACKET: usize = 256 << 10;

fn client(name: &str, bytes: usize) -> Row {
    Row::new(CLIENTS).with("id", derived_id("limits", name)).with("name", name).with("notes", "x".repeat(bytes))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_over_the_packet_waits_and_batches_are_cut_to_it() {
    let arguments = vec![format!("--max-allowed-packet={PACKET}")];
    let server = MariaDb::start_with(Options { arguments, ..Options::default() }).unwrap();
    let central = Central::on(&server).await;
    let (a, b) = (Machine::new("a", &central).await, Machine::new("b", &central).await);
    a.put(client("huge", 2 * PACKET)).await;
    // Four packets' worth of rows that fit one by one.
    let (count, size) = (64, PACKET / 16);
    for number in 0..count {
        a.put(client(&format!("large{number}"), size)).await;
    }
    let report = a.round().await;
    assert_eq!((report.pushed, report.quarantined), (count, 1));
    b.round().await;
    assert_eq!(
        central.sql("SELECT COUNT(*), MIN(LENGTH(notes)), MAX(LENGTH(notes)) FROM clients"),
        format!("{count}\t{size}\t{size}")
    );
    let waiting = a.store.read(quarantine).unwrap();
    assert_eq!((waiting.len(), waiting[0].kind.as_str()), (1, "too big"));
    assert!(waiting[0].hint.contains("max_allowed_packet"), "{}", waiting[0].hint);
    let kept = a.store.read(|tx| tx.get(CLIENTS, &Key::new(derived_id("limits", "huge")))).unwrap();
    assert_eq!(kept.unwrap().text("notes").map(str::len), Some(2 * PACKET), "it stays on its machine");

    // An administrator raises the limit; the next connection learns of it, and the row goes by itself.
    central.sql("SET GLOBAL max_allowed_packet = 16777216");
    server.restart().unwrap();
    central.sql("SET GLOBAL max_allowed_packet = 16777216");
    recover(&a).await;
    recover(&a).await;
    recover(&b).await;
    assert_eq!(central.sql("SELECT LENGTH(notes) FROM clients WHERE name = 'huge'"), (2 * PACKET).to_string());
    for machine in [&a, &b] {
        assert_eq!(differences(&central, &machine.path(), &shared_tables()).await, Vec::<String>::new());
        let status = machine.engine.status();
        assert_eq!((status.pending, status.quarantined), (0, 0));
    }
}
