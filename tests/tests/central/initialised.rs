//! Making the schema, again and after crashes.

use migrations::ladder::MARIADB;
use sync::central::{Central, CentralError, CentralUrl, InitOptions, NewUser, init};
use world::mariadb::shared;

use super::{Place, told, uuid};

async fn again(url: &CentralUrl) -> sync::central::InitReport {
    init(url, InitOptions::default()).await.unwrap()
}

#[tokio::test]
async fn a_second_run_finds_nothing_to_do() {
    let server = shared().unwrap();
    let url: CentralUrl = server.url("central_made_by_init").parse().unwrap();
    let first = again(&url).await;
    assert!(first.database_created);
    let steps: Vec<String> = MARIADB.iter().map(|step| format!("{:04}_{}", step.version, step.name)).collect();
    assert_eq!(first.steps_applied, steps);
    let replicated = migrations::ENTITIES.iter().filter(|entity| entity.is_replicated()).count();
    assert_eq!(first.triggers_installed, 3 * replicated);
    let second = again(&url).await;
    assert!(!second.database_created);
    assert_eq!((second.steps_applied.len(), second.triggers_installed, second.rows_enrolled), (0, 0, 0));
    let recorded = server.sql("central_made_by_init", "SELECT version_id, LENGTH(checksum) FROM schema_migrations");
    let expected: Vec<String> = steps.iter().map(|step| format!("{step}\t64")).collect();
    assert_eq!(recorded.unwrap().lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn an_interrupted_run_is_completed() {
    let place = Place::new().await;
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()";
    let all = place.sql(tables);
    // As after a crash in the middle of either step: some tables are there, nothing is recorded.
    for lost in [
        "DELETE FROM schema_migrations; DROP TABLE ct_sync_outbox, ct_sync_receipts, coord_messages, tasks",
        "DELETE FROM schema_migrations WHERE version_id > '0001_schema'; DROP TABLE ct_sync_rows; DELETE FROM ct_sync_counter",
        "DROP TRIGGER ct_sync_clients_insert",
    ] {
        place.sql(lost);
        again(&place.url()).await;
        assert_eq!(place.sql(tables), all, "{lost}");
        assert_eq!(place.sql("SELECT COUNT(*) FROM ct_sync_counter"), "1", "{lost}");
        assert_eq!(again(&place.url()).await.triggers_installed, 0, "{lost}");
        Central::connect(&place.url()).await.unwrap();
    }
}

#[tokio::test]
async fn two_runs_at_once_wait_for_each_other() {
    let server = shared().unwrap();
    let url: CentralUrl = server.url(&server.fresh_database("central_race").unwrap()).parse().unwrap();
    let (one, two) = tokio::join!(init(&url, InitOptions::default()), init(&url, InitOptions::default()));
    let steps = one.unwrap().steps_applied.len() + two.unwrap().steps_applied.len();
    assert_eq!(steps, MARIADB.len());
}

#[tokio::test]
async fn a_table_of_another_program_stops_it_before_anything_is_changed() {
    let server = shared().unwrap();
    for table in [
        "CREATE TABLE tags (id INT PRIMARY KEY, label TEXT)",
        "CREATE TABLE schema_migrations (version BIGINT PRIMARY KEY)",
    ] {
        let database = server.fresh_database("central_foreign").unwrap();
        server.sql(&database, table).unwrap();
        let url: CentralUrl = server.url(&database).parse().unwrap();
        let error = init(&url, InitOptions::default()).await.unwrap_err();
        assert!(matches!(error, CentralError::Foreign { .. }), "{error}");
        assert!(error.hint().is_some());
        assert_eq!(server.sql(&database, "SHOW TABLES").unwrap().lines().count(), 1);
        let error = Central::connect(&url).await.err().unwrap();
        assert!(matches!(error, CentralError::NotInitialised(_)), "{error}");
    }
}

#[tokio::test]
async fn rows_from_before_the_triggers_enter_the_feed() {
    let place = Place::new().await;
    place.sql("DROP TRIGGER ct_sync_clients_insert; DROP TRIGGER ct_sync_session_tags_insert");
    place.sql(&format!(
        "INSERT INTO clients (id, name, updated_at) VALUES ('{}', 'a', '1970-01-01 00:00:00.000042'); \
         INSERT INTO sessions (id) VALUES ('{}'); INSERT INTO tags (id, name) VALUES ('{}', 't'); \
         INSERT INTO session_tags (session_id, tag_id) VALUES ('{}', '{}')",
        uuid(1),
        uuid(2),
        uuid(3),
        uuid(2),
        uuid(3)
    ));
    assert_eq!(told(&place.pull(0).await.rows).len(), 2, "without their triggers two rows are not seen");
    let report = again(&place.url()).await;
    assert_eq!((report.triggers_installed, report.rows_enrolled), (2, 2));
    let feed = place.pull(0).await;
    assert_eq!(feed.rows.len(), 4);
    let client = feed.rows.iter().find(|row| row.id.entity.name == "clients").unwrap();
    assert_eq!(client.time.0, 42);
    assert_eq!(again(&place.url()).await.rows_enrolled, 0);
}

#[tokio::test]
async fn altered_triggers_are_put_right() {
    let place = Place::new().await;
    place.sql(
        "CREATE OR REPLACE TRIGGER ct_sync_tags_insert AFTER INSERT ON tags FOR EACH ROW SET @x = 1; \
         SET sql_mode = 'STRICT_ALL_TABLES'; \
         CREATE OR REPLACE TRIGGER ct_sync_users_delete AFTER DELETE ON users FOR EACH ROW SET @x = 1",
    );
    assert_eq!(again(&place.url()).await.triggers_installed, 2);
    assert_eq!(again(&place.url()).await.triggers_installed, 0);
}

#[tokio::test]
async fn the_least_privileged_user_can_do_all_that_a_machine_does() {
    let place = Place::new().await;
    let user = NewUser { name: "o'machine".into(), host: "%".into(), password: "p'w\\ü".into() };
    let report = init(&place.url(), InitOptions { create_user: Some(user), ..InitOptions::default() }).await.unwrap();
    assert_eq!(report.user_created.as_deref(), Some("'o\\'machine'@'%'"));
    let url = place.url().expose().replace("root@", "o'machine:p'w%5C%C3%BC@");
    let url: CentralUrl = url.parse().unwrap();
    let central = Central::connect(&url).await.unwrap();
    place.sql(&format!("INSERT INTO clients (id, name) VALUES ('{}', 'a')", uuid(1)));
    assert_eq!(central.sequence().await.unwrap().numbered, 1);
    assert_eq!(central.feed(0, 10).await.unwrap().rows.len(), 1);
    central.push(&super::batch(1, vec![super::created(super::client(2, "b"), 5)])).await.unwrap();
    let findings = sync::central::check(&url).await.unwrap().findings;
    assert!(findings.is_empty(), "{findings:?}");
    let error =
        init(&url.expose().replace(&place.database, "elsewhere").parse().unwrap(), InitOptions::default()).await;
    assert!(matches!(error, Err(CentralError::Denied(_))), "{error:?}");
}
