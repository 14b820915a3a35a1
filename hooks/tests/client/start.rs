//! A session that starts while no daemon runs.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::Duration;

use crate::world::{DEADLINE, Received, World, eventually, finish, http, message, printed};

const START_DEADLINE: Duration = Duration::from_secs(5);

/// Puts a daemon beside the hook that runs this script, in the home. It is the shell itself, which reads its first
/// argument, `daemon`, as a script from the working directory: no file that was just written has to be executed.
fn install_daemon(world: &World, script: &str) {
    symlink("/bin/sh", world.programs.path().join("claudetools")).unwrap();
    fs::write(world.home.root().join("daemon"), script).unwrap();
}

fn start(world: &World, deadline: Duration) -> Option<serde_json::Value> {
    let mut hook = world.hook("SessionStart");
    hook.env("CLAUDETOOLS_START_DEADLINE_MS", deadline.as_millis().to_string());
    hook.env("HOME", "/somewhere").env("ANTHROPIC_API_KEY", "sk-secret").env("CLAUDE_CODE_SESSION_ID", "s");
    printed(&finish(hook, b"{\"source\":\"startup\"}", deadline))
}

#[test]
fn it_is_started_and_asked_at_once() {
    let world = World::new();
    install_daemon(&world, "env > environment; echo \"$@\" > arguments.part; mv arguments.part arguments");
    let (home, answer) = (world.home.clone(), http(200, r#"{"systemMessage":"welcome"}"#));
    let daemon = thread::spawn(move || {
        eventually(|| home.root().join("arguments").exists().then_some(()));
        let (mut stream, _) = std::os::unix::net::UnixListener::bind(home.socket()).unwrap().accept().unwrap();
        let received = Received::read(&mut stream);
        stream.write_all(answer.as_bytes()).unwrap();
        received
    });
    let told = message(start(&world, START_DEADLINE));
    assert_eq!(told, "ClaudeTools: the daemon was not running and has been started.\nwelcome");
    assert_eq!(daemon.join().unwrap().body, b"{\"source\":\"startup\"}");
    assert_eq!(world.spooled(), []);

    let root = world.home.root();
    let arguments = fs::read_to_string(root.join("arguments")).unwrap();
    assert_eq!(arguments.trim(), format!("--detached --home {}", root.display()));
    let environment = fs::read_to_string(root.join("environment")).unwrap();
    assert!(environment.contains("HOME=/somewhere"), "{environment}");
    assert!(!environment.contains("sk-secret") && !environment.contains("CLAUDE_CODE"), "{environment}");
}

#[test]
fn one_that_does_not_answer_yet_leaves_the_event_on_disk() {
    let world = World::new();
    // Alive until the test is over, and never listening.
    install_daemon(&world, "while [ -e daemon ]; do sleep 0.05; done");
    let told = message(start(&world, DEADLINE));
    assert!(told.contains("was started, but does not answer yet"), "{told}");
    assert_eq!(world.spooled().len(), 1);
}

#[test]
fn one_that_fails_is_not_waited_for() {
    let world = World::new();
    install_daemon(&world, "exit 3");
    let began = std::time::Instant::now();
    let told = message(start(&world, Duration::from_mins(1)));
    assert!(told.contains("ended when it was started") && told.contains('3'), "{told}");
    assert!(told.contains("claudetools doctor"), "{told}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(world.spooled().len(), 1);
}

#[test]
fn one_that_is_not_installed_is_told() {
    let world = World::new();
    let told = message(start(&world, START_DEADLINE));
    assert!(told.contains("neither beside the hook nor on PATH"), "{told}");
    assert_eq!(world.spooled().len(), 1);
}

#[test]
fn path_is_searched_but_not_its_relative_folders() {
    let world = World::new();
    let project = world.aside("project");
    fs::create_dir_all(project.join("bin")).unwrap();
    symlink("/bin/sh", project.join("bin").join("claudetools")).unwrap();
    fs::write(world.home.root().join("daemon"), "exit 3").unwrap();
    for (path, expected) in
        [("bin:.".to_owned(), "neither beside"), (format!(":{}/bin", project.display()), "ended when it was started")]
    {
        let mut hook = world.hook("SessionStart");
        hook.current_dir(&project).env("PATH", path);
        let _ = hooks::outage::clear(&world.home.spool());
        let told = message(printed(&finish(hook, b"{}", START_DEADLINE)));
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn other_events_start_nothing() {
    let world = World::new();
    install_daemon(&world, "touch started");
    assert!(message(world.fire("UserPromptSubmit", b"{}")).contains("is not running"));
    assert!(!world.home.root().join("started").exists());
}
