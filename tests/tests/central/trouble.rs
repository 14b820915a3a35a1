//! A central that is away, refuses, or is not what it should be.

use migrations::ladder::MARIADB;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, Executor as _};
use sync::SystemClock;
use sync::central::{Central, CentralError, CentralUrl, Heartbeat};
use world::mariadb::{MariaDb, Options};
use world::scratch::Scratch;

use super::{Place, REPLICA, batch, client, created, edited};

async fn refused(url: &str) -> CentralError {
    Central::connect(&url.parse().unwrap()).await.err().unwrap()
}

#[tokio::test]
async fn each_way_of_not_getting_in_is_told_apart() {
    let place = Place::new().await;
    place.sql(&format!("CREATE OR REPLACE USER `{0}`@localhost IDENTIFIED BY 'right'", place.database));
    let url = place.url().expose();
    let error = refused(&url.replace("root@", &format!("{}:wr0ng-secret@", place.database))).await;
    assert!(matches!(error, CentralError::Denied(_)), "{error}");
    assert!(!error.to_string().contains("wr0ng"), "{error}");
    let error = refused(&url.replace("root@", &format!("{}:right@", place.database))).await;
    assert!(matches!(error, CentralError::Denied(_)), "no GRANT: {error}");
    let error = refused(&url.replace(&place.database, "no_such_database")).await;
    assert!(matches!(error, CentralError::NotInitialised(_)), "{error}");
    let empty = place.server.fresh_database("central_empty").unwrap();
    let error = refused(&place.server.url(&empty)).await;
    assert!(matches!(error, CentralError::NotInitialised(_)), "{error}");
    let error = refused("mysql://root@127.0.0.1:1/d").await;
    assert!(matches!(error, CentralError::Unreachable(_)), "{error}");
    let error = refused(&url.replace("?socket=", "?socket=%2Fnowhere")).await;
    assert!(matches!(error, CentralError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_schema_of_another_version_is_worked_with_as_far_as_it_goes() {
    let place = Place::new().await;
    place.central.head().await.unwrap();
    place.sql("INSERT INTO schema_migrations (version_id) VALUES ('0099_future')");
    // Those who were connected before look again.
    for error in [
        place.central.feed(0, 10).await.unwrap_err(),
        place.central.push(&batch(1, vec![created(client(1, "a"), 1)])).await.unwrap_err(),
    ] {
        assert!(matches!(error, CentralError::Upgraded) && error.is_retryable(), "{error}");
    }
    place.central.recheck().await.unwrap();
    place.push(&batch(1, vec![created(client(1, "a"), 1)])).await;
    assert_eq!(place.central.versions().central, 99);
    assert!(place.central.versions().notice().unwrap().contains("leaves the rest alone"));

    place.sql("UPDATE ct_sync_settings SET value = '99' WHERE name = 'min_client'");
    place.central.recheck().await.unwrap();
    assert_eq!(place.pull(0).await.rows.len(), 1, "what it may not write it may read");
    let error = place.central.push(&batch(2, vec![created(client(2, "b"), 1)])).await.unwrap_err();
    assert!(matches!(error, CentralError::Newer { found: 99, .. }), "{error}");
    assert!(error.hint().unwrap().contains("goes on collecting"));
    assert_eq!(place.sql("SELECT name FROM clients"), "a");

    let error = sync::central::init(&place.url(), sync::central::InitOptions::default()).await.unwrap_err();
    assert!(matches!(error, CentralError::Downgrade { found: 99, .. }), "{error}");
    place.sql("DELETE FROM schema_migrations WHERE version_id > '0002'");
    let error = refused(&place.url().expose()).await;
    assert!(matches!(error, CentralError::Older { found: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let server = MariaDb::start_with(Options { tcp: true, ..Options::default() }).unwrap();
    let place = Place::on(&server).await;
    let url = server.tcp_url(&place.database).unwrap();
    Central::connect(&url.parse().unwrap()).await.unwrap();
    let error = refused(&format!("{url}?ssl-mode=verify-identity")).await;
    assert!(matches!(error, CentralError::Tls(_)), "{error}");
}

/// A server with a certificate for `name`. The files in `tls/` were made for these tests and protect nothing; `named`
/// is for central.test, `local` for 127.0.0.1, both by the same authority.
fn with_certificate(scratch: &Scratch, certificate: &str) -> MariaDb {
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    file("authority.pem", include_str!("tls/authority.pem"));
    let arguments = vec![
        format!("--ssl-cert={}", file("certificate.pem", certificate)),
        format!("--ssl-key={}", file("key.pem", include_str!("tls/key.pem"))),
    ];
    MariaDb::start_with(Options { tcp: true, arguments, ..Options::default() }).unwrap()
}

#[tokio::test]
async fn a_certificate_must_be_of_a_known_authority_and_for_this_host() {
    let scratch = Scratch::new("tls").unwrap();
    let server = with_certificate(&scratch, include_str!("tls/local.pem"));
    let place = Place::on(&server).await;
    let url = server.tcp_url(&place.database).unwrap();
    let known = format!("{url}?ssl-ca={}", scratch.path().join("authority.pem").display());
    let central = Central::connect(&known.parse().unwrap()).await.unwrap();
    central.head().await.unwrap();
    let encrypted =
        place.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND host <> 'localhost'");
    assert_eq!(encrypted, "1");
    for (unknown, why) in [
        (format!("{url}?ssl-mode=verify-ca"), "an authority that nobody knows"),
        (format!("{url}?ssl-ca=/nowhere/ca.pem"), "a file that is not there"),
    ] {
        let error = refused(&unknown).await;
        assert!(matches!(error, CentralError::Tls(_)), "{why}: {error}");
        assert!(error.hint().unwrap().contains("ssl-ca"), "{why}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_taken_only_when_asked_for() {
    let scratch = Scratch::new("tls").unwrap();
    let server = with_certificate(&scratch, include_str!("tls/named.pem"));
    let place = Place::on(&server).await;
    let url = format!(
        "{}?ssl-ca={}",
        server.tcp_url(&place.database).unwrap(),
        scratch.path().join("authority.pem").display()
    );
    let error = refused(&url).await;
    assert!(matches!(error, CentralError::Tls(_)), "{error}");
    Central::connect(&format!("{url}&ssl-mode=verify-ca").parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_read_only_server_says_so_and_goes_on_afterwards() {
    let server = MariaDb::start().unwrap();
    let place = Place::on(&server).await;
    place.sql(&format!(
        "CREATE USER machine@localhost; GRANT SELECT, INSERT, UPDATE, DELETE ON `{}`.* TO machine@localhost; \
         SET GLOBAL read_only = 1",
        place.database
    ));
    let url: CentralUrl = place.url().expose().replace("root@", "machine@").parse().unwrap();
    let central = Central::connect(&url).await.unwrap();
    let first = batch(1, vec![created(client(1, "a"), 1)]);
    let error = central.push(&first).await.unwrap_err();
    assert!(matches!(error, CentralError::ReadOnly) && error.is_retryable(), "{error}");
    place.sql("SET GLOBAL read_only = 0");
    central.push(&first).await.unwrap();
}

#[tokio::test]
async fn connections_that_the_server_closed_are_replaced() {
    let server = MariaDb::start().unwrap();
    let (central, url) = {
        let place = Place::on(&server).await;
        (Central::connect(&place.url()).await.unwrap(), place.url())
    };
    central.head().await.unwrap();
    server.kill9().unwrap();
    let error = central.head().await.unwrap_err();
    assert!(matches!(error, CentralError::Unreachable(_)) && error.is_retryable(), "{error}");
    assert!(Central::connect(&url).await.is_err());
    server.restart().unwrap();
    central.head().await.unwrap();
}

#[tokio::test]
async fn a_row_that_another_transaction_holds_is_waited_for_and_then_tried_later() {
    let place = Place::new().await;
    place.push(&batch(1, vec![created(client(1, "a"), 1)])).await;
    let mut other = place.foreign().await;
    let mut transaction = other.begin().await.unwrap();
    transaction.execute("UPDATE clients SET notes = 'held'").await.unwrap();
    let next = batch(2, vec![edited(client(1, "a"), client(1, "b"), 2)]);
    let started = Instant::now();
    let error = place.central.push(&next).await.unwrap_err();
    assert!(matches!(error, CentralError::LockWait) && error.is_retryable(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30));
    transaction.rollback().await.unwrap();
    place.push(&next).await;
}

#[tokio::test]
async fn a_server_that_stops_answering_holds_nobody_for_ever() {
    let server = MariaDb::start().unwrap();
    let place = Place::on(&server).await;
    server.sigstop().unwrap();
    let started = Instant::now();
    let error = Central::connect(&place.url()).await.err().unwrap();
    server.sigcont().unwrap();
    assert!(matches!(error, CentralError::Unreachable(_)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn machines_and_clocks_are_known() {
    let place = Place::new().await;
    let beat = |cursor| Heartbeat { replica_id: REPLICA.into(), hostname: "höst".into(), version: "1".into(), cursor };
    place.central.heartbeat(&beat(5)).await.unwrap();
    place.central.heartbeat(&beat(9)).await.unwrap();
    let latest = MARIADB.last().unwrap().version;
    let told = place.sql("SELECT hostname, pulled_seq, schema_version FROM ct_sync_machines");
    assert_eq!(told, format!("höst\t9\t{latest}"));
    let offset = place.central.clock_offset_us(&SystemClock).await.unwrap();
    assert!(offset.abs() < 1_000_000, "{offset}");
}
