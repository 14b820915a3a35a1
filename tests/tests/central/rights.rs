//! The rights that `central init` prints are what a machine needs, and no more.

use sync::central::{Central, CentralUrl, InitOptions, check, init};
use world::mariadb::{MariaDb, Options};

use super::{Place, batch, client, created, uuid};

/// The rights of the printed GRANT.
const RIGHTS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRIGGER"];

/// A user with exactly the printed rights, made by running what was printed.
async fn printed_user(place: &Place<'_>, server: &MariaDb) -> CentralUrl {
    let grants = init(&place.url(), InitOptions::default()).await.unwrap().grants;
    let statements = grants.join(" ").replace("<password>", "s3cret");
    for forbidden in ["SUPER", "PROCESS", "REPLICATION", "ALL", "CREATE,", "ALTER", "DROP", "GRANT OPTION"] {
        assert!(!statements.contains(forbidden), "{statements}");
    }
    server.sql("", &statements).unwrap();
    place.url().expose().replace("root@", "claudetools:s3cret@").parse().unwrap()
}

/// All that a machine does, as this user.
async fn sync_once(url: &CentralUrl, batch_no: u64) -> Result<(), String> {
    let said = |error: sync::central::CentralError| error.to_string();
    let central = Central::connect(url).await.map_err(said)?;
    central.look(super::REPLICA).await.map_err(said)?;
    let number = u32::try_from(batch_no).unwrap();
    let sent = batch(batch_no, vec![created(client(number, &format!("client {number}")), 5)]);
    central.push(&sent).await.map_err(said)?;
    central.resolve(&sent).await.map_err(said)?;
    central.sequence().await.map_err(said)?;
    central.feed(0, 10).await.map_err(said)?;
    let missing = central.missing_triggers().await.map_err(said)?;
    if missing.is_empty() { Ok(()) } else { Err(format!("{} triggers cannot be seen", missing.len())) }
}

/// On a server of its own, since users are the server's; with a binary log, under which triggers are special.
#[tokio::test]
async fn exactly_the_printed_rights_are_needed() {
    let arguments = ["--log-bin", "--server-id=1"].map(str::to_owned).to_vec();
    let server = MariaDb::start_with(Options { arguments, ..Options::default() }).unwrap();
    let place = Place::on(&server).await;
    let url = printed_user(&place, &server).await;
    place.sql(&format!("INSERT INTO clients (id, name) VALUES ('{}', 'plain SQL')", uuid(900)));
    sync_once(&url, 1).await.unwrap();
    assert_eq!(check(&url).await.unwrap().findings, []);
    let database = place.sql("SELECT DATABASE()").replace('_', "\\_");
    for (position, right) in RIGHTS.iter().enumerate() {
        server.sql("", &format!("REVOKE {right} ON `{database}`.* FROM claudetools@'%'")).unwrap();
        let number = 2 + u64::try_from(position).unwrap();
        let synced = sync_once(&url, number).await;
        let seen = check(&url).await.map(|report| report.is_working());
        assert!(synced.is_err(), "without {right}: {synced:?}");
        assert!(!matches!(seen, Ok(true)), "without {right}: {seen:?}");
        server.sql("", &format!("GRANT {right} ON `{database}`.* TO claudetools@'%'")).unwrap();
        sync_once(&url, 20 + number).await.unwrap();
    }
}
