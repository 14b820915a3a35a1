//! The world builder: what the other tests rely on.

use std::time::Duration;

use world::mariadb::{self, Options};
use world::{MariaDb, eventually};

#[test]
fn shared_server_gives_each_test_a_database_of_its_own() {
    let server = mariadb::shared().unwrap();
    let (one, two) = (server.fresh_database("own").unwrap(), server.fresh_database("own").unwrap());
    assert_ne!(one, two);
    server.sql(&one, "CREATE TABLE t (a INT, b TEXT); INSERT INTO t VALUES (1, 'ä\\n€')").unwrap();
    assert_eq!(server.sql(&one, "SELECT b, a FROM t").unwrap(), "ä\n€\t1\n");
    assert!(server.sql(&two, "SELECT * FROM t").unwrap_err().to_string().contains("doesn't exist"));
}

#[test]
fn own_server_keeps_its_data_when_killed_and_started_again() {
    let mut server = MariaDb::start_with(Options { tcp: true, arguments: vec![] }).unwrap();
    server.create_database("kept").unwrap();
    server.sql("kept", "CREATE TABLE t (a INT PRIMARY KEY); INSERT INTO t VALUES (7)").unwrap();
    assert!(server.url("kept").contains("socket=/"));
    assert!(server.tcp_url("kept").unwrap().starts_with("mysql://root@127.0.0.1:"));

    server.kill9().unwrap();
    assert!(server.sql("kept", "SELECT a FROM t").is_err());
    server.restart().unwrap();
    assert_eq!(server.sql("kept", "SELECT a FROM t").unwrap(), "7\n");
}

#[test]
fn frozen_server_answers_again_when_it_goes_on() {
    let server = MariaDb::start().unwrap();
    server.sigstop().unwrap();
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| server.sql("", "SELECT 1"));
        let answered_while_frozen = eventually("an answer", Duration::from_millis(300), || answer.is_finished());
        // Before any assertion: a panic in here would wait for the frozen server for ever.
        server.sigcont().unwrap();
        assert!(answered_while_frozen.is_err());
        assert_eq!(answer.join().unwrap().unwrap(), "1\n");
    });
}
