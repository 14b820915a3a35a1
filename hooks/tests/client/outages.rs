//! Daemons that are away or in trouble: the event is kept, the user is told once, the session goes on.

use std::fs;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use hooks::outage;

use crate::world::{DEADLINE, SOON, World, finish, http, message, printed};

#[test]
fn without_a_daemon_events_are_kept_in_order_and_it_is_told_once() {
    let world = World::new();
    let inputs: [&[u8]; 3] = [b"{\"prompt\":\"one\"}\n", b"{\"tool_name\":\"Bash\"}", b"{\"last\":\"three\"}\n\n"];
    let told = message(world.fire("UserPromptSubmit", inputs[0]));
    assert!(told.contains("the daemon is not running") && told.contains("claudetools doctor"), "{told}");
    assert_eq!(world.fire("PostToolUse", inputs[1]), None);
    assert_eq!(world.fire("Stop", inputs[2]), None);
    let spooled = world.spooled();
    assert_eq!(spooled.iter().map(|event| event.body.as_slice()).collect::<Vec<_>>(), inputs);
    assert_eq!(
        spooled.iter().map(|event| event.event.as_str()).collect::<Vec<_>>(),
        ["UserPromptSubmit", "PostToolUse", "Stop"]
    );
    assert_eq!(world.log().lines().count(), 3);
    assert!(!world.log().contains("one"), "{}", world.log());

    // The daemon has been back, and is away again.
    assert!(outage::clear(&world.home.spool()).unwrap());
    assert!(world.fire("Stop", b"{}").is_some());
}

#[test]
fn events_that_show_nothing_leave_the_telling_to_the_next() {
    let world = World::new();
    assert_eq!(world.fire("PreCompact", b"{}"), None);
    assert_eq!(world.fire("SessionEnd", b"{}"), None);
    assert!(world.fire("UserPromptSubmit", b"{}").is_some());
    assert_eq!(world.spooled().len(), 3);
}

#[test]
fn an_event_that_only_asks_is_not_kept_and_says_nothing() {
    let world = World::new();
    let command = b"{\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"make walrus\"}}";
    assert_eq!(world.fire("PreToolUse", command), None);
    assert!(world.spooled().is_empty());
    assert!(world.log().contains("PreToolUse not answered: the daemon is not running"), "{}", world.log());
    assert!(!world.log().contains("walrus"), "{}", world.log());
    assert!(world.fire("Stop", b"{}").is_some(), "the outage is still to be told");
}

#[test]
fn a_socket_that_nobody_listens_on_is_no_daemon() {
    let world = World::new();
    drop(world.listen());
    assert!(world.home.socket().exists());
    assert!(message(world.fire("Stop", b"{}")).contains("not running"));
    assert_eq!(world.spooled().len(), 1);
}

#[test]
fn a_daemon_that_never_answers_is_given_up_in_time() {
    let world = World::new();
    let listener = world.listen();
    let told = message(world.fire("UserPromptSubmit", b"{\"prompt\":\"x\"}"));
    assert!(told.contains("did not answer within 700 ms"), "{told}");
    assert_eq!(world.spooled()[0].body, b"{\"prompt\":\"x\"}");
    drop(listener);
}

#[test]
fn the_default_deadline_is_a_fifth_of_a_second() {
    let world = World::new();
    let _listener = world.listen();
    let mut hook = world.hook("UserPromptSubmit");
    hook.env_remove("CLAUDETOOLS_HOOK_DEADLINE_MS");
    let told = message(printed(&finish(hook, b"{}", Duration::from_millis(200))));
    assert!(told.contains("did not answer within 100 ms"), "{told}");
}

#[test]
fn a_daemon_that_does_not_even_take_connections_is_given_up_in_time() {
    let world = World::new();
    let listener = world.listen();
    // A standing daemon's queue of connections, full: connecting itself blocks.
    rustix::net::listen(&listener, 0).unwrap();
    let _waiting = UnixStream::connect(world.home.socket()).unwrap();
    assert!(message(world.fire("Stop", b"{}")).contains("did not answer"));
    assert_eq!(world.spooled().len(), 1);
}

#[test]
fn what_is_not_taken_is_kept_under_the_id_that_was_sent() {
    for (answer, reason) in [
        (http(503, "{\"systemMessage\":\"no\"}"), "status 503"),
        (http(404, ""), "status 404"),
        (http(507, "{\"detail\":\"the disk is full\",\"details\":{}}"), "cannot save at the moment: the disk is full"),
        (http(507, "{\"error\":\"the disk is full\",\"hint\":\"\"}"), "cannot save at the moment: the disk is full"),
        (http(200, "{\"systemMessage\":\"hello\"}")[..60].to_owned(), "ended early"),
        (String::new(), "ended early"),
        ("HTTP/1.1 200 OK\r\n\r\n{}".to_owned(), "length"),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), "status"),
    ] {
        let world = World::new();
        let requests = world.daemon(answer.clone());
        let told = message(world.fire("Stop", b"the answer"));
        assert!(told.contains(reason), "{answer:?}: {told}");
        let spooled = world.spooled();
        assert_eq!((spooled.len(), spooled[0].body.as_slice()), (1, &b"the answer"[..]), "{answer:?}");
        let request = requests.recv_timeout(SOON).unwrap();
        assert_eq!(request.header("X-Claudetools-Event-Id"), spooled[0].id);
        assert_eq!(request.header("X-Claudetools-Sent-At"), spooled[0].sent_at_us.to_string());
    }
}

#[test]
fn what_cannot_be_kept_is_told_each_turn() {
    let world = World::new();
    // Permissions do not bind root; a file in place of the folder binds everyone.
    fs::write(world.home.spool(), "").unwrap();
    for _ in 0..2 {
        let told = message(world.fire("UserPromptSubmit", b"{}"));
        assert!(told.contains("this UserPromptSubmit was NOT SAVED"), "{told}");
        assert!(told.contains("the daemon is not running") && told.contains("spool"), "{told}");
        assert_eq!(world.fire("PostToolUse", b"{}"), None);
    }
    assert!(world.log().contains("LOST"), "{}", world.log());
}

#[test]
fn a_home_that_cannot_be_made_is_told() {
    let world = World::new();
    fs::write(world.aside("file"), "").unwrap();
    let home = world.aside("file").join("home");
    let output = finish(world.command(&["UserPromptSubmit", "--home", home.to_str().unwrap()]), b"{}", DEADLINE);
    assert!(message(printed(&output)).contains("NOT SAVED"));
}

#[test]
fn a_home_that_is_not_there_yet_is_made() {
    let world = World::new();
    fs::remove_dir(world.home.root()).unwrap();
    assert!(world.fire("Stop", b"{}").is_some());
    assert_eq!(world.spooled().len(), 1);
}
