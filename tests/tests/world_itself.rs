//! The world builder: what the other tests rely on.

use std::time::Duration;

use world::claude::Client;
use world::mariadb::{self, Options};
use world::{Machine, MariaDb, eventually, git};

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
    let server = MariaDb::start_with(Options { tcp: true, ..Options::default() }).unwrap();
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

#[test]
fn the_real_client_speaks_with_the_stand_in_model_and_with_nobody_else() {
    let machine = Machine::new("lab").unwrap();
    let project = machine.user_home().join("project");
    git::repository(&project, "https://example.invalid/lab.git").unwrap();
    let client = Client::new(&machine, &project).unwrap();

    let turn = client
        .prompt("make a file [[tool:Write {\"file_path\":\"made.txt\",\"content\":\"[[x]]\"}]] [[say:it is made]]");
    let turn = turn.unwrap().ok().unwrap();
    assert_eq!(turn.answer(), Some("it is made"));
    assert!(turn.model_saw("make a file"));
    assert_eq!(std::fs::read_to_string(project.join("made.txt")).unwrap(), "[[x]]");

    let networks = "echo networks=$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' \\n')=";
    let input = serde_json::json!({ "command": networks });
    let again = client.resume(&format!("and now [[tool:Bash {input}]]")).unwrap().ok().unwrap();
    assert_eq!(again.session(), turn.session());
    assert!(again.model_saw("networks=lo="), "{:#?}", again.run);
}

#[test]
fn the_client_can_be_used_from_a_terminal() {
    let machine = Machine::new("terminal").unwrap();
    let project = machine.user_home().join("project");
    git::repository(&project, "https://example.invalid/terminal.git").unwrap();
    let client = Client::new(&machine, &project).unwrap();

    let terminal = client.terminal().unwrap();
    terminal.line("hello there [[say:good day]]").unwrap();
    terminal.wait_for("● good day", Duration::from_secs(30)).unwrap();
    terminal.line("wait [[delay:600]]").unwrap();
    terminal.wait_for("esc to interrupt", Duration::from_secs(30)).unwrap();
    terminal.key("Escape").unwrap();
    eventually("the interruption", Duration::from_secs(30), || {
        terminal.screen().is_ok_and(|screen| !screen.contains("esc to interrupt"))
    })
    .unwrap();
}
