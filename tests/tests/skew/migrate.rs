//! `central migrate`: one at a time, again after an interruption, and never downwards.

use std::sync::Mutex;
use std::time::Duration;

use sync::central::{CentralError, CentralUrl, InitOptions, InitProgress, init, init_with};
use world::mariadb::shared;
use world::{eventually, machine::Machine};

fn migrate() -> InitOptions {
    InitOptions { only_upgrade: true, ..InitOptions::default() }
}

/// A database that has the first two steps.
async fn of_two_steps() -> (String, CentralUrl) {
    let server = shared().unwrap();
    let database = server.fresh_database("migrate").unwrap();
    let url: CentralUrl = server.url(&database).parse().unwrap();
    init(&url, InitOptions::default()).await.unwrap();
    let past =
        "DELETE FROM schema_migrations WHERE version_id > '0002_sync'; DROP TABLE ct_sync_settings, ct_sync_names";
    server.sql(&database, past).unwrap();
    (database, url)
}

#[tokio::test]
async fn it_goes_on_where_it_was_killed() {
    let server = shared().unwrap();
    let (database, url) = of_two_steps().await;
    // In the middle of the step: one of its tables is there, and its connection is killed while it waits for another.
    server.sql(&database, "CREATE TABLE ct_sync_settings (name VARCHAR(64) COLLATE ascii_bin PRIMARY KEY, value VARCHAR(255) NOT NULL)").unwrap();
    let said = Mutex::new(Vec::new());
    let tell = |progress: InitProgress| {
        let first = said.lock().unwrap().is_empty();
        said.lock().unwrap().push(progress.doing.clone());
        if first {
            let kill = "SELECT GROUP_CONCAT(CONCAT('KILL ', id) SEPARATOR ';') FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()";
            let kill = server.sql(&database, kill).unwrap();
            server.sql(&database, kill.trim()).unwrap();
        }
    };
    let error = init_with(&url, migrate(), &tell).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    let recorded = "SELECT MAX(version_id) FROM schema_migrations";
    assert_eq!(server.sql(&database, recorded).unwrap().trim(), "0002_sync");
    let report = init(&url, migrate()).await.unwrap();
    assert_eq!(report.steps_applied.first().map(String::as_str), Some("0003_layout"));
    assert!(said.lock().unwrap()[0].contains("0003_layout"));
    assert_eq!(init(&url, migrate()).await.unwrap().steps_applied, Vec::<String>::new());
}

#[tokio::test]
async fn what_collides_with_others_is_tried_again() {
    let server = shared().unwrap();
    let (database, url) = of_two_steps().await;
    // What the server answers to DDL that it undoes, to one statement of the step, once: the table that counts forgets
    // nothing with what is undone.
    let collision = "CREATE TABLE ct_sync_settings (name VARCHAR(64) COLLATE ascii_bin PRIMARY KEY, value VARCHAR(255) NOT NULL);
        CREATE TABLE collisions (id INT) ENGINE = MyISAM;
        DELIMITER //
        CREATE TRIGGER collision BEFORE INSERT ON ct_sync_settings FOR EACH ROW
        IF NOT EXISTS (SELECT * FROM collisions) THEN
          INSERT INTO collisions VALUES (1);
          SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1025, MESSAGE_TEXT = 'Error on rename of ''a'' to ''b'' (errno: 149 \"Lock deadlock; Retry transaction\")';
        END IF //";
    server.sql(&database, collision).unwrap();
    let report = init(&url, migrate()).await.unwrap();
    assert_eq!(report.steps_applied.first().map(String::as_str), Some("0003_layout"));
    assert_eq!(server.sql(&database, "SELECT COUNT(*) FROM collisions").unwrap().trim(), "1", "it did collide");
    assert_eq!(server.sql(&database, "SELECT COUNT(*) FROM ct_sync_settings").unwrap().trim(), "1");
}

#[tokio::test]
async fn another_waits_until_the_first_is_done() {
    let server = shared().unwrap();
    let (database, url) = of_two_steps().await;
    let hold = format!("SELECT GET_LOCK('claudetools/{database}', 0), SLEEP(600)");
    let holder = {
        let database = database.clone();
        std::thread::spawn(move || shared().unwrap().sql(&database, &hold))
    };
    let is_held =
        || server.sql("", &format!("SELECT IS_USED_LOCK('claudetools/{database}') IS NOT NULL")).unwrap().trim() == "1";
    eventually("the lock held", Duration::from_secs(30), is_held).unwrap();
    let waiting = tokio::spawn({
        let url = url.clone();
        async move { init(&url, migrate()).await }
    });
    let waits =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock' AND info LIKE '%claudetools/%'";
    tokio::task::spawn_blocking(move || {
        eventually("the second one waiting", Duration::from_secs(30), || {
            shared().unwrap().sql("", waits).unwrap().trim() != "0"
        })
    })
    .await
    .unwrap()
    .unwrap();
    assert!(!waiting.is_finished());
    let kill = format!("SELECT IS_USED_LOCK('claudetools/{database}')");
    let id = server.sql("", &kill).unwrap();
    server.sql("", &format!("KILL {}", id.trim())).unwrap();
    assert!(holder.join().unwrap().is_err());
    assert_eq!(waiting.await.unwrap().unwrap().schema_version, migrations::ladder::MARIADB.last().unwrap().version);
}

#[tokio::test]
async fn an_older_build_makes_nothing_less_of_it() {
    let server = shared().unwrap();
    let (database, url) = of_two_steps().await;
    init(&url, migrate()).await.unwrap();
    server
        .sql(
            &database,
            "INSERT INTO schema_migrations (version_id) VALUES ('0099_future'); DROP TRIGGER ct_sync_tags_insert",
        )
        .unwrap();
    for options in [migrate(), InitOptions::default()] {
        let error = init(&url, options).await.unwrap_err();
        assert!(matches!(error, CentralError::Downgrade { found: 99, .. }), "{error}");
    }
    let triggers = "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND trigger_name = 'ct_sync_tags_insert'";
    assert_eq!(server.sql(&database, triggers).unwrap().trim(), "0", "nothing was touched");
}

#[test]
fn it_upgrades_and_does_not_begin() {
    let server = shared().unwrap();
    let database = server.fresh_database("migrate").unwrap();
    let machine = Machine::new("migrate").unwrap();
    let url = server.url(&database);
    let nothing = machine.cli(&["central", "migrate", &url]).unwrap();
    assert_eq!(nothing.code, 1, "{nothing:?}");
    assert!(nothing.stderr.contains("central init"), "{nothing:?}");
    assert_eq!(server.sql(&database, "SHOW TABLES").unwrap(), "");
}
