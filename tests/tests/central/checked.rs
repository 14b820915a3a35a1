//! What `central check` finds.

use migrations::ladder::MARIADB;
use sync::central::{CentralUrl, CheckReport, InitOptions, Severity, check, init};
use world::mariadb::{MariaDb, Options, shared};

use super::{Place, uuid};

fn found(report: &CheckReport, severity: Severity, text: &str) -> bool {
    report.findings.iter().any(|f| f.severity == severity && f.problem.contains(text) && !f.remedy.is_empty())
}

#[tokio::test]
async fn nothing_is_found_where_all_is_well() {
    let place = Place::new().await;
    place.sql(&format!("INSERT INTO clients (id, name) VALUES ('{}', 'a')", uuid(1)));
    let report = check(&place.url()).await.unwrap();
    assert_eq!(report.findings, []);
    let latest = MARIADB.last().unwrap().version;
    assert_eq!((report.schema_version, report.outbox, report.steps.len()), (latest, 1, MARIADB.len()));
    assert!(report.is_working() && report.server.contains("MariaDB"));
}

#[tokio::test]
async fn a_database_without_the_schema() {
    let server = shared().unwrap();
    let url: CentralUrl = server.url(&server.fresh_database("central_check").unwrap()).parse().unwrap();
    let report = check(&url).await.unwrap();
    assert!(found(&report, Severity::Error, "no claudetools schema") && !report.is_working());
}

#[tokio::test]
async fn each_fault_with_its_remedy() {
    for (fault, severity, text) in [
        ("DROP TRIGGER ct_sync_tags_update", Severity::Error, "changes of tags by UPDATE are not captured"),
        (
            "CREATE OR REPLACE TRIGGER ct_sync_tags_update AFTER UPDATE ON tags FOR EACH ROW SET @x = 1",
            Severity::Error,
            "ct_sync_tags_update was altered",
        ),
        ("DROP TABLE ct_sync_receipts", Severity::Error, "ct_sync_receipts is missing"),
        (
            "ALTER TABLE clients ADD COLUMN colour TEXT",
            Severity::Warning,
            "clients was altered: it has a column colour",
        ),
        ("UPDATE schema_migrations SET checksum = 'x' LIMIT 1", Severity::Warning, "0001_schema was applied"),
        (
            "ALTER TABLE sites DROP FOREIGN KEY fk_sites_client_id, ADD CONSTRAINT again FOREIGN KEY (client_id) \
             REFERENCES clients (id) ON DELETE CASCADE",
            Severity::Error,
            "the foreign key again of sites cascades",
        ),
        (
            "INSERT INTO ct_sync_machines (replica_id, version) VALUES ('a', '1.0'), ('b', '1.1')",
            Severity::Warning,
            "several versions: 1.0, 1.1",
        ),
        (
            "INSERT INTO schema_migrations (version_id) VALUES ('0099_future')",
            Severity::Warning,
            "the schema has version 99, this build knows",
        ),
        (
            "INSERT INTO schema_migrations (version_id) VALUES ('0099_future'); UPDATE ct_sync_settings SET value = 99",
            Severity::Error,
            "too old to write",
        ),
        (
            "DELETE FROM schema_migrations WHERE version_id > '0002_sync'; ALTER TABLE sites DROP COLUMN notes",
            Severity::Warning,
            "it has no sites.notes",
        ),
    ] {
        let place = Place::new().await;
        place.sql(fault);
        let report = check(&place.url()).await.unwrap();
        assert!(found(&report, severity, text), "{fault}: {:?}", report.findings);
    }
}

#[tokio::test]
async fn rights_that_are_missing_are_named() {
    let place = Place::new().await;
    let user = format!("u_{}", place.database);
    place.sql(&format!(
        "CREATE OR REPLACE USER `{user}`@localhost; GRANT SELECT, TRIGGER ON `{0}`.* TO `{user}`@localhost; \
         GRANT INSERT, UPDATE ON `{0}`.tags TO `{user}`@localhost",
        place.database
    ));
    let url: CentralUrl = place.url().expose().replace("root@", &format!("{user}@")).parse().unwrap();
    let report = check(&url).await.unwrap();
    for text in ["may not INSERT in", "may not UPDATE in", "may not DELETE in"] {
        assert!(found(&report, Severity::Error, text), "{text}: {:?}", report.findings);
    }
    let insert = report.findings.iter().find(|f| f.problem.contains("may not INSERT")).unwrap();
    assert!(insert.problem.contains("clients") && !insert.problem.contains(" tags,"), "{}", insert.problem);
    assert!(!insert.problem.contains("users"), "machines only read those");
}

#[tokio::test]
async fn triggers_whose_definer_was_dropped_are_found_and_made_anew() {
    let place = Place::new().await;
    let admin = format!("a_{}", place.database);
    place.sql(&format!(
        "CREATE OR REPLACE USER `{admin}`@localhost; GRANT ALL ON `{}`.* TO `{admin}`@localhost; \
         DROP TRIGGER ct_sync_tags_insert",
        place.database
    ));
    let url: CentralUrl = place.url().expose().replace("root@", &format!("{admin}@")).parse().unwrap();
    init(&url, InitOptions::default()).await.unwrap();
    place.sql(&format!("DROP USER `{admin}`@localhost"));
    let insert = format!("INSERT INTO tags (id, name) VALUES ('{}', 't')", uuid(1));
    assert!(place.server.sql(&place.database, &insert).is_err(), "the server refuses every write");
    let report = check(&place.url()).await.unwrap();
    assert!(
        found(&report, Severity::Error, &format!("{admin}@localhost, who does not exist")),
        "{:?}",
        report.findings
    );
    assert_eq!(init(&place.url(), InitOptions::default()).await.unwrap().triggers_installed, 1);
    place.sql(&insert);
    assert_eq!(check(&place.url()).await.unwrap().findings, []);
}

#[tokio::test]
async fn settings_of_the_server() {
    let arguments = ["--log-bin", "--server-id=1", "--binlog-format=STATEMENT", "--max-allowed-packet=1M"];
    let arguments = arguments.iter().map(ToString::to_string).collect();
    let server = MariaDb::start_with(Options { arguments, ..Options::default() }).unwrap();
    server.sql("", "SET GLOBAL binlog_format = 'MIXED'").unwrap();
    let place = Place::on(&server).await;
    server.sql("", "SET GLOBAL binlog_format = 'STATEMENT'; SET GLOBAL read_only = 1").unwrap();
    place.sql("DROP TRIGGER ct_sync_tags_update");
    let report = check(&place.url()).await.unwrap();
    assert!(found(&report, Severity::Error, "read-only"), "{:?}", report.findings);
    assert!(found(&report, Severity::Error, "binlog_format"), "{:?}", report.findings);
    assert!(found(&report, Severity::Warning, "max_allowed_packet"), "{:?}", report.findings);
    assert!(found(&report, Severity::Warning, "needs SUPER"), "{:?}", report.findings);
}
