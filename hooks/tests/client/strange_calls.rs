//! Input, arguments and pipes as nobody wants them.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Instant;

use serde_json::json;

use crate::world::{DEADLINE, SOON, World, finish, http, in_time, message, printed};

/// A prompt of 1.8 MB that is no UTF-8.
fn large_input() -> Vec<u8> {
    b"{\"prompt\":\"\xff\xfe\x00 \r\n".iter().copied().cycle().take(1_800_000).collect()
}

#[test]
fn any_bytes_of_any_size_reach_the_daemon() {
    let world = World::new();
    let requests = world.daemon(http(200, ""));
    assert_eq!(world.fire("UserPromptSubmit", &large_input()), None);
    assert!(requests.recv_timeout(SOON).unwrap().body == large_input());
}

#[test]
fn any_bytes_of_any_size_are_kept() {
    let world = World::new();
    assert!(world.fire("UserPromptSubmit", &large_input()).is_some());
    assert!(world.spooled()[0].body == large_input());
    assert!(world.fire("Stop", b"").is_none());
    assert_eq!(world.spooled()[1].body, b"");
}

#[test]
fn an_unknown_event_is_handed_over_and_prints_nothing() {
    let world = World::new();
    let answer =
        json!({"systemMessage": "m", "hookSpecificOutput": {"hookEventName": "Later", "additionalContext": "c"}});
    let requests = world.daemon(http(200, &answer.to_string()));
    assert_eq!(world.fire("Later", b"{}"), None);
    assert!(requests.recv_timeout(SOON).unwrap().head.starts_with("POST /hooks/Later "));

    let world = World::new();
    assert_eq!(world.fire("Later", b"{}"), None);
    assert_eq!(world.spooled()[0].event, "Later");
    assert!(world.fire("Stop", b"{}").is_some());
}

#[test]
fn input_that_does_not_end_is_given_up_and_told() {
    let world = World::new();
    let started = Instant::now();
    let mut child = world.hook("UserPromptSubmit").spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{\"prompt\":\"half").unwrap();
    let told = message(printed(&in_time(child, started, DEADLINE)));
    assert!(told.contains("NOT SAVED") && told.contains("did not end within 1000 ms"), "{told}");
    assert_eq!(world.spooled(), []);
    drop(stdin);
}

#[test]
fn mistaken_arguments_are_told_in_the_session() {
    let world = World::new();
    for args in [&["Stop", "--homw", "/x"][..], &["Stop", "--home"], &["Stop", "--home", ""]] {
        let told = message(printed(&finish(world.command(args), b"{}", DEADLINE)));
        assert!(told.contains("this Stop was NOT SAVED"), "{args:?}: {told}");
    }
    assert_eq!(printed(&finish(world.command(&["PreCompact", "--home"]), b"{}", DEADLINE)), None);
    for args in [&[][..], &["--bogus"], &["../Stop"]] {
        let output = finish(world.command(args), b"{}", DEADLINE);
        assert_eq!(printed(&output), None);
        assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: claudetools-hook EVENT"));
    }
}

#[test]
fn a_relative_home_in_the_environment_is_told() {
    let world = World::new();
    let mut hook = world.command(&["Stop"]);
    hook.env("CLAUDETOOLS_HOME", "relative");
    let told = message(printed(&finish(hook, b"{}", DEADLINE)));
    assert!(told.contains("CLAUDETOOLS_HOME=relative") && told.contains("absolute"), "{told}");
}

#[test]
fn help_and_version() {
    let world = World::new();
    let text = |args| String::from_utf8(finish(world.command(args), b"", DEADLINE).stdout).unwrap();
    assert_eq!(text(&["--version"]), format!("claudetools-hook {}\n", env!("CARGO_PKG_VERSION")));
    assert!(text(&["--help"]).contains("PostToolUseFailure"));
}

#[test]
fn a_session_that_no_longer_reads_is_no_failure() {
    let context = "x".repeat(9_000);
    let answer = json!({"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": context}});
    let world = World::new();
    let _requests = world.daemon(http(200, &answer.to_string()));
    let started = Instant::now();
    let mut hook = world.hook("SessionStart");
    let mut child = hook.stdin(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    in_time(child, started, DEADLINE);
}

#[test]
fn senseless_deadlines_do_not_stop_the_work() {
    for deadline in ["", "soon", "-1", "0", "99999999999999999999"] {
        let world = World::new();
        let mut hook = world.hook("Stop");
        hook.env("CLAUDETOOLS_HOOK_DEADLINE_MS", deadline);
        finish(hook, b"{}", DEADLINE);
        // With the shortest deadline the disk may be too slow; then that is said in the log or in the message.
        assert!(deadline == "0" || world.spooled().len() == 1, "{deadline:?}");
    }
}
