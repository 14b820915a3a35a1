//! The server itself: killed, frozen, read-only, full, with another certificate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use migrations::catalogue::CLIENTS;
use sync::engine::SyncState;
use world::eventually;
use world::mariadb::{MariaDb, Options};
use world::random::Random;

use super::{Stage, load, recover};
use crate::compare::shared_tables;
use crate::reconcile::{Central, Machine};
use crate::record::everything;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_killed_again_and_again_loses_nothing() {
    let kills = if everything() { 40 } else { 6 };
    let server = MariaDb::start().unwrap();
    let central = Central::on(&server).await;
    let url = central.url().expose();
    let stage = Stage::new(central, &url).await;
    let over = AtomicBool::new(false);
    let killing = async {
        let mut random = Random::new(11);
        for _ in 0..kills {
            // A moment of the load that nobody can foresee.
            tokio::time::sleep(Duration::from_millis(random.below(700))).await;
            tokio::task::block_in_place(|| server.kill9().and_then(|()| server.restart())).unwrap();
        }
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(killing, work_here(&stage, &over), work_beside(&stage, &over), work_there(&stage, &over));
    let mut summary = stage.settle(&shared_tables()).await;
    summary.injected("mariadbd killed", kills);
    assert!(summary.acknowledged > 50, "{summary}");
    summary.report("mariadbd killed under load");
}

/// Machine `a`: writes, counts and reconciles without a pause.
async fn work_here(stage: &Stage<'_>, over: &AtomicBool) {
    let mut random = Random::new(12);
    while !over.load(Ordering::Relaxed) {
        let name = format!("row{}", random.below(20));
        let column = *random.pick(&load::COLUMNS);
        stage.write_here(&name, column).await;
        stage.count().await;
        // Whether it goes through is up to the server; what was not done stays in the journal.
        let _ = stage.a.engine.round().await;
    }
}

/// Machine `b`: writes and reconciles too, and deletes now and then.
async fn work_beside(stage: &Stage<'_>, over: &AtomicBool) {
    let mut random = Random::new(13);
    while !over.load(Ordering::Relaxed) {
        let name = format!("row{}", random.below(20));
        if random.percent(10) {
            load::delete(&stage.b, &stage.record, "b", &name).await;
        } else {
            load::write(&stage.b, &stage.record, "b", &name, "notes").await;
        }
        let _ = stage.b.engine.round().await;
    }
}

/// Another program, which connects again whenever the server is back.
async fn work_there(stage: &Stage<'_>, over: &AtomicBool) {
    let mut random = Random::new(14);
    while !over.load(Ordering::Relaxed) {
        let Ok(mut connection) = stage.central.try_connect().await else {
            tokio::task::yield_now().await;
            continue;
        };
        while !over.load(Ordering::Relaxed) {
            let name = format!("row{}", random.below(20));
            let done = if random.percent(10) {
                load::delete_there(&mut connection, &stage.record, &name).await
            } else {
                load::write_there(&mut connection, &stage.record, &name, "notes").await
            };
            if done.is_err() {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_freezes_within_a_round_and_thaws_again() {
    let server = MariaDb::start().unwrap();
    let central = Central::on(&server).await;
    let url = central.url().expose();
    let stage = Arc::new(Stage::new(central, &url).await);
    let mut frozen_rounds = 0;
    for case in 0..4 {
        for number in 0..20 {
            stage.write_here(&format!("frozen{case}-{number}"), "notes").await;
        }
        server.sigstop().unwrap();
        let engine = stage.a.engine.clone();
        let round = tokio::spawn(async move { engine.round().await });
        // How long it is frozen is what this test is about; writing goes on here meanwhile.
        tokio::time::sleep(Duration::from_millis(500)).await;
        stage.write_here(&format!("meanwhile{case}"), "notes").await;
        frozen_rounds += u64::from(!round.is_finished());
        server.sigcont().unwrap();
        round.await.unwrap().unwrap();
    }
    assert_eq!(frozen_rounds, 4);
    let mut summary = stage.settle(&shared_tables()).await;
    summary.injected("mariadbd frozen", frozen_rounds);
    summary.report("mariadbd frozen and thawed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_server_collects_nothing_and_everything_goes_when_it_writes_again() {
    let server = MariaDb::start().unwrap();
    let central = Central::on(&server).await;
    let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON `{}`.* TO machine@localhost", central.database);
    central.sql(&format!("CREATE USER machine@localhost; {grant}"));
    let url = central.url().expose().replace("root@", "machine@");
    let mut stage = Stage::new(central, &url).await;
    stage.central.sql("SET GLOBAL read_only = 1");
    stage.write_here("collected", "notes").await;
    let error = stage.a.engine.round().await.unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
    let status = stage.a.engine.status();
    assert_eq!(status.state, SyncState::Offline, "waiting heals it: {status:?}");
    assert!(status.hint.unwrap().contains("by itself"));
    stage.central.sql("SET GLOBAL read_only = 0");
    stage.write_there("written", "notes").await;
    let mut summary = stage.settle(&shared_tables()).await;
    summary.injected("server read-only", 1);
    summary.report("a server gone read-only and back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_at_central_is_said_and_got_over() {
    let server = MariaDb::start_with(Options { disk_mib: Some(160), ..Options::default() }).unwrap();
    let central = Central::on(&server).await;
    let url = central.url().expose();
    let stage = Stage::new(central, &url).await;
    let filler = server.disk().unwrap().join("filler");
    fill(&filler);
    // Rows that fit into a page: a server without room to take back a longer one ends itself.
    for number in 0..600 {
        stage.write_here(&format!("full{number}"), "notes").await;
    }
    pad(&stage.a).await;
    let error = stage.a.engine.round().await.unwrap_err();
    assert!(error.to_string().contains("no disk space left"), "{error}");
    let status = stage.a.engine.status();
    assert!(status.hint.unwrap().contains("free space"));
    assert!(status.pending > 0 && status.quarantined == 0, "a full disk is no row's fault");
    std::fs::remove_file(&filler).unwrap();
    let mut summary = stage.settle(&shared_tables()).await;
    summary.injected("disk full at central", 1);
    summary.report("a full disk at central");
}

/// Makes every client longer.
async fn pad(machine: &Machine) {
    let padded = machine.store.write_async(|tx| {
        for row in tx.find_all(CLIENTS, "client_type", &"msp_client".into())? {
            tx.put(row.with("address", "x".repeat(1_500)))?;
        }
        Ok(())
    });
    padded.await.unwrap();
}

/// Takes all space that is left.
fn fill(path: &std::path::Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).unwrap();
    let block = vec![0; 64 << 10];
    while file.write_all(&block).is_ok() {}
    while file.write_all(&block[..512]).is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_with_another_certificate_is_not_trusted() {
    let scratch = world::scratch::Scratch::new("tls").unwrap();
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (ours, another) = (include_str!("../central/tls/local.pem"), include_str!("../central/tls/named.pem"));
    let authority = file("authority.pem", include_str!("../central/tls/authority.pem"));
    let arguments = vec![
        format!("--ssl-cert={}", file("certificate.pem", ours)),
        format!("--ssl-key={}", file("key.pem", include_str!("../central/tls/key.pem"))),
    ];
    let server = MariaDb::start_with(Options { tcp: true, arguments, ..Options::default() }).unwrap();
    let central = Central::on(&server).await;
    let url = format!("{}?ssl-ca={authority}", server.tcp_url(&central.database).unwrap());
    let stage = Stage::new(central, &url).await;
    file("certificate.pem", another);
    server.restart().unwrap();
    stage.write_here("kept", "notes").await;
    let error = stage.a.engine.round().await.unwrap_err();
    assert!(error.to_string().contains("no secure connection"), "{error}");
    let status = stage.a.engine.status();
    assert_eq!((status.state, status.pending), (SyncState::Refused, 1), "somebody must act: {status:?}");
    assert!(status.hint.unwrap().contains("certificate"));
    file("certificate.pem", ours);
    server.restart().unwrap();
    eventually("the socket of the server", PATIENCE, || stage.central.server.sql("", "SELECT 1").is_ok()).unwrap();
    recover(&stage.a).await;
    let mut stage = stage;
    stage.foreign = stage.central.connect().await;
    let mut summary = stage.settle(&shared_tables()).await;
    summary.injected("another certificate", 1);
    summary.report("a server with another certificate");
}
