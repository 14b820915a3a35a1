//! What a daemon answers is what the session gets.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use crate::world::{DEADLINE, Received, SOON, World, finish, http, message, printed};

#[test]
fn the_answer_is_printed_and_the_input_arrives_unchanged() {
    let world = World::new();
    let answer = json!({
        "systemMessage": "two memories",
        "hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": "Größe: 5\n\u{1f980}"},
    });
    let requests = world.daemon(http(200, &answer.to_string()));
    assert_eq!(world.fire("UserPromptSubmit", b"{\"prompt\":\"x\"}\n"), Some(answer));
    let request = requests.recv_timeout(SOON).unwrap();
    assert!(request.head.starts_with("POST /hooks/UserPromptSubmit HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.body, b"{\"prompt\":\"x\"}\n");
    let id = request.header("X-Claudetools-Event-Id");
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert!(request.header("X-Claudetools-Sent-At").parse::<u64>().unwrap() > 1_700_000_000_000_000);
    assert_eq!((world.spooled().len(), world.log().as_str()), (0, ""));
}

#[test]
fn an_empty_answer_prints_nothing() {
    let world = World::new();
    let _requests = world.daemon(http(200, ""));
    assert_eq!(world.fire("Stop", b"{}"), None);
}

#[test]
fn a_long_answer_is_cut_at_a_line_and_stays_json() {
    let world = World::new();
    let line = "- Die \"Größe\" der \u{1f980} beträgt 5\tmm";
    let context = vec![line; 2_000].join("\n");
    let answer = json!({"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": context}});
    let _requests = world.daemon(http(200, &answer.to_string()));
    let printed = world.fire("SessionStart", b"{}").unwrap();
    let length = printed.to_string().encode_utf16().count();
    assert!((9_900..=10_000).contains(&length), "{length}");
    assert!(printed["hookSpecificOutput"]["additionalContext"].as_str().unwrap().lines().all(|found| found == line));
    assert!(world.log().contains("too long"), "{}", world.log());
}

#[test]
fn what_a_daemon_must_not_say_is_left_out() {
    let world = World::new();
    let _requests = world.daemon(http(200, r#"{"decision":"block","reason":"no","systemMessage":"hello"}"#));
    assert_eq!(world.fire("UserPromptSubmit", b"{}"), Some(json!({"systemMessage": "hello"})));
    assert!(world.log().contains("decision"), "{}", world.log());
}

#[test]
fn an_answer_that_is_no_json_is_told_and_the_event_counts_as_taken() {
    let world = World::new();
    let _requests = world.daemon(http(200, "plain text"));
    assert!(message(world.fire("UserPromptSubmit", b"{}")).contains("could not be understood"));
    assert_eq!(world.spooled(), []);
}

#[test]
fn without_a_socket_the_way_is_loopback_with_the_token() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    fs::write(world.home.daemon_json(), json!({"pid": 1, "http": address.to_string()}).to_string()).unwrap();
    fs::write(world.home.token(), "s3cret\n").unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let received = Received::read(&mut stream);
        stream.write_all(http(200, r#"{"systemMessage":"over TCP"}"#).as_bytes()).unwrap();
        received
    });
    let mut hook = world.hook("Stop");
    hook.env("HTTP_PROXY", "http://127.0.0.1:1").env("http_proxy", "http://127.0.0.1:1");
    let output = finish(hook, b"{}", DEADLINE);
    assert_eq!(message(printed(&output)), "over TCP");
    assert_eq!(server.join().unwrap().header("Authorization"), "Bearer s3cret");
}
