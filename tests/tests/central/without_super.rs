//! Making triggers under a binary log, where only SUPER may; and triggers whose maker was dropped.

use sync::central::{CentralError, CentralUrl, InitOptions, Severity, check, init};
use sync::engine::{Heal, SyncError};
use world::machine::Machine as Desk;
use world::mariadb::{MariaDb, Options};

use super::uuid;
use crate::reconcile::{Central, Machine, client};
use crate::verify::with;

fn with_binary_log() -> MariaDb {
    let arguments = ["--log-bin", "--server-id=1"].map(str::to_owned).to_vec();
    MariaDb::start_with(Options { arguments, ..Options::default() }).unwrap()
}

/// A database and an account that has all rights on it, and no others.
fn administrator(server: &MariaDb, name: &str) -> (String, CentralUrl) {
    let database = server.fresh_database("administered").unwrap();
    server.sql("", &format!("CREATE USER {name}@localhost; GRANT ALL ON `{database}`.* TO {name}@localhost")).unwrap();
    let url = server.url(&database).replacen("root@", &format!("{name}@"), 1).parse().unwrap();
    (database, url)
}

fn trust(server: &MariaDb, trusted: bool) {
    server.sql("", &format!("SET GLOBAL log_bin_trust_function_creators = {}", i32::from(trusted))).unwrap();
}

#[tokio::test]
async fn who_may_make_no_triggers_is_told_what_helps_and_nothing_is_begun() {
    let server = with_binary_log();
    let (database, url) = administrator(&server, "admin");
    let error = init(&url, InitOptions::default()).await.unwrap_err();
    assert_eq!(error, CentralError::TriggersDenied);
    assert!(error.hint().unwrap().contains("log_bin_trust_function_creators = 1"), "{error}");
    assert_eq!(server.sql(&database, "SHOW TABLES").unwrap(), "");
    let desk = Desk::new("admin").unwrap();
    let told = desk.cli(&["central", "init", &url.expose()]).unwrap();
    assert_eq!(told.code, 1, "{told:?}");
    for part in ["1419", "SET GLOBAL log_bin_trust_function_creators = 1", "an account that has SUPER"] {
        assert!(told.stderr.contains(part), "{part}: {told:?}");
    }
    trust(&server, true);
    let made = init(&url, InitOptions::default()).await.unwrap();
    assert!(made.triggers_installed > 100 && made.steps_applied.len() > 2, "{made:?}");
    assert!(check(&url).await.unwrap().is_well());
    // What is there needs no trigger, and so no right to make one.
    trust(&server, false);
    assert_eq!(init(&url, InitOptions::default()).await.unwrap().triggers_installed, 0);
    let write = format!("INSERT INTO clients (id, name) VALUES ('{}', 'x')", uuid(1));
    server.sql(&database, &write).unwrap();
    assert_eq!(server.sql(&database, "SELECT COUNT(*) FROM ct_sync_outbox").unwrap().trim(), "1");
}

#[tokio::test]
async fn an_upgrade_that_could_not_be_finished_is_not_begun_and_one_that_was_goes_on() {
    let server = with_binary_log();
    let (database, url) = administrator(&server, "admin");
    trust(&server, true);
    init(&url, InitOptions::default()).await.unwrap();
    trust(&server, false);
    let migrate = || InitOptions { only_upgrade: true, ..InitOptions::default() };
    let behind = "DELETE FROM schema_migrations WHERE version_id > '0002_sync'; DROP TABLE ct_sync_settings";
    server.sql(&database, behind).unwrap();
    let before = server.sql(&database, "SHOW TABLES; SELECT version_id FROM schema_migrations").unwrap();
    assert_eq!(init(&url, migrate()).await.unwrap_err(), CentralError::TriggersDenied);
    let after = server.sql(&database, "SHOW TABLES; SELECT version_id FROM schema_migrations").unwrap();
    assert_eq!(after, before);
    // As an earlier run left it: tables without triggers, and the table of the attempt.
    trust(&server, true);
    init(&url, migrate()).await.unwrap();
    trust(&server, false);
    server.sql(&database, "DROP TRIGGER ct_sync_tags_insert; CREATE TABLE ct_sync_attempt (id INT)").unwrap();
    assert_eq!(init(&url, InitOptions::default()).await.unwrap_err(), CentralError::TriggersDenied);
    let told = check(&url).await.unwrap();
    let finding = told.findings.iter().find(|it| it.problem.contains("needs SUPER")).unwrap();
    assert!(finding.remedy.contains("log_bin_trust_function_creators = 1"), "{finding:?}");
    trust(&server, true);
    assert_eq!(init(&url, InitOptions::default()).await.unwrap().triggers_installed, 1);
    assert_eq!(server.sql(&database, "SHOW TABLES LIKE 'ct_sync_attempt'").unwrap(), "");
}

/// Triggers made by an account that is then dropped, and a machine's account with the printed rights.
async fn orphaned(server: &MariaDb) -> (Central<'_>, CentralUrl) {
    let (database, admin) = administrator(server, "leaver");
    let grants = init(&admin, InitOptions::default()).await.unwrap().grants.join(" ").replace("<password>", "s3cret");
    server.sql("", &grants).unwrap();
    let central = Central { server, database };
    let url = central.url().expose().replacen("root@", "claudetools:s3cret@", 1).parse().unwrap();
    (central, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_definer_is_seen_by_the_machines_own_account_and_healed() {
    let server = MariaDb::start().unwrap();
    let (central, url) = orphaned(&server).await;
    let machine = Machine::through("a", url.clone()).await;
    server.sql("", "DROP USER leaver@localhost").unwrap();
    let foreign = format!("INSERT INTO tags (id, name) VALUES ('{}', 't')", uuid(1));
    let refused = server.sql(&central.database, &foreign).unwrap_err().to_string();
    assert!(refused.contains("1449"), "{refused}");
    let report = check(&url).await.unwrap();
    let text = "the triggers run as leaver@localhost, who does not exist";
    let finding = report.findings.iter().find(|it| it.problem.contains(text)).expect("it is found");
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(central.sql("SELECT COUNT(*) FROM clients; SELECT COUNT(*) FROM ct_sync_outbox"), "0\n0", "no trace");
    // A push says the same, and its rows wait: it is no row's fault.
    machine.put(client("waits")).await;
    let error = machine.engine.round().await.unwrap_err();
    let SyncError::Central(CentralError::DefinerGone(account)) = &error else { panic!("{error:?}") };
    assert_eq!(account, "leaver@localhost");
    let status = machine.engine.status();
    assert_eq!((status.pending, status.quarantined), (1, 0));
    // A repair puts the triggers back, in the name of the machine's account.
    with(&machine, Heal::Careful).await;
    assert_eq!(check(&url).await.unwrap().findings, []);
    machine.round().await;
    central.sql(&foreign);
    machine.round().await;
    assert_eq!(machine.column("tags", "name").lines().count(), 1);
    assert_eq!(central.sql("SELECT name FROM clients"), "waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn init_and_migrate_heal_it_by_an_account_that_sees_no_others() {
    let server = MariaDb::start().unwrap();
    for only_upgrade in [false, true] {
        let (central, _) = orphaned(&server).await;
        let heir = format!("heir_{only_upgrade}");
        let grant = format!("CREATE USER {heir}@localhost; GRANT ALL ON `{}`.* TO {heir}@localhost", central.database);
        server.sql("", &format!("DROP USER leaver@localhost; {grant}")).unwrap();
        let url = central.url().expose().replacen("root@", &format!("{heir}@"), 1).parse().unwrap();
        let healed = init(&url, InitOptions { only_upgrade, ..InitOptions::default() }).await.unwrap();
        assert!(healed.triggers_installed > 100, "{healed:?}");
        central.sql(&format!("INSERT INTO tags (id, name) VALUES ('{}', 't')", uuid(1)));
    }
}
