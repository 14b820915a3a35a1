//! Who gets in: tokens and scopes, web pages, other users of the host, and what lies in the socket's place.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use serde_json::json;
use world::{Machine, eventually};

use super::http::{Api, token};

const PATIENCE: Duration = Duration::from_secs(30);
/// A user that every system has and that owns nothing.
const NOBODY: u32 = 65534;

#[test]
fn a_token_must_be_this_machines_whole_unexpired_and_of_scope_enough() {
    let (machine, other) = (Machine::new("tokens").unwrap(), Machine::new("other").unwrap());
    let api = Api::of(&machine);
    other.start_daemon().unwrap();
    assert_eq!(api.send("GET", "/health", &[], "").status, 200, "open to everybody");
    for path in ["/api/status", "/api/auth/me", "/nowhere"] {
        let answer = api.send("GET", path, &[], "");
        assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{path}");
        assert!(answer.head.contains("www-authenticate: bearer"), "{answer:?}");
    }
    let read = token(&machine, "read", "1h");
    assert_eq!(api.get("/api/auth/me", &read).body["scopes"], json!(["msp:read"]));
    assert_eq!(api.get("/nowhere", &read).code(), "NOT_FOUND");
    let parts: Vec<&str> = read.split('.').collect();
    // {"alg":"none","typ":"JWT"}
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
    let forged = format!("{}.{}.{}", parts[0], parts[1], parts[2].chars().rev().collect::<String>());
    let admin = token(&machine, "admin,write,read", "1h");
    let mixed = format!("{}.{}.{}", parts[0], admin.split('.').nth(1).unwrap(), parts[2]);
    for wrong in [none, forged, mixed, token(&other, "read", "1h"), "x".to_owned(), String::new()] {
        assert_eq!(api.get("/api/status", &wrong).status, 401, "{wrong}");
    }
    let short = token(&machine, "read", "1s");
    eventually("the token ending", PATIENCE, || api.get("/api/status", &short).status == 401).unwrap();
    assert!(api.get("/api/status", &short).text("detail").contains("expired"));
    let remember = json!({ "text": "x", "kind": "lesson" });
    let refused = api.call("POST", "/api/remember", &read, &remember);
    assert_eq!((refused.status, refused.code()), (403, "FORBIDDEN"));
    assert_eq!(api.call("POST", "/api/remember", &token(&machine, "write", "1h"), &remember).status, 200);
    assert_eq!(api.get("/api/users", &token(&machine, "read,write", "1h")).status, 403);
    assert_eq!(api.get("/api/users", &admin).code(), "CENTRAL_UNAVAILABLE");
}

#[test]
fn a_web_page_gets_nowhere() {
    let machine = Machine::new("pages").unwrap();
    let api = Api::of(&machine);
    let bearer = format!("Bearer {}", token(&machine, "admin,write,read", "1h"));
    let bearer = ("Authorization", bearer.as_str());
    let rebound = api.send("GET", "/api/status", &[("Host", "evil.example:80"), bearer], "");
    assert_eq!((rebound.status, rebound.code()), (421, "WRONG_HOST"), "DNS rebinding");
    for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example"] {
        let page = api.send("GET", "/api/status", &[("Origin", origin), bearer], "");
        assert_eq!((page.status, page.code()), (403, "WRONG_ORIGIN"), "{origin}");
    }
    // What a form of another site can send without asking first.
    let form = [("Origin", "https://evil.example"), ("Content-Type", "text/plain")];
    assert_eq!(api.send("POST", "/api/remember", &form, r#"{"text":"x"}"#).status, 403);
    assert_eq!(api.send("POST", "/api/remember", &form[1..], r#"{"text":"x"}"#).status, 401);
    let answer = api.send("OPTIONS", "/api/status", &[("Access-Control-Request-Method", "GET")], "");
    assert!(!answer.head.contains("access-control-allow"), "{answer:?}");
}

#[test]
fn another_user_of_the_host_is_turned_away_at_the_socket() {
    if !rustix::process::getuid().is_root() {
        println!("not tried: only root can start a program of another user");
        return;
    }
    let machine = Machine::new("neighbours").unwrap();
    machine.start_daemon().unwrap();
    // Even when the permissions of files are no obstacle.
    let socket = machine.home().socket();
    for path in socket.ancestors().take_while(|path| *path != std::env::temp_dir()) {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o777)).unwrap();
    }
    let event = br#"{"session_id":"s","cwd":"/","hook_event_name":"UserPromptSubmit","prompt":"of a neighbour"}"#;
    let as_nobody = |command: &mut std::process::Command| {
        command.uid(NOBODY);
    };
    machine.hook_with("UserPromptSubmit", event, as_nobody).unwrap();
    eventually("the refusal in the log", PATIENCE, || {
        let logs = fs::read_dir(machine.home().logs()).unwrap();
        let texts = logs.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default());
        texts.into_iter().any(|text| text.contains("a connection of another user was refused"))
    })
    .unwrap();
    assert_eq!(machine.cli(&["status"]).unwrap().code & !3, 0, "the daemon lives");
}

#[test]
fn a_symlink_in_place_of_the_socket_is_not_followed() {
    let machine = Machine::new("symlink").unwrap();
    fs::create_dir_all(machine.home().root()).unwrap();
    let target = machine.user_home().join("precious");
    fs::write(&target, "content").unwrap();
    std::os::unix::fs::symlink(&target, machine.home().socket()).unwrap();
    machine.start_daemon().unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "content");
    let socket = fs::symlink_metadata(machine.home().socket()).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    eventually("the daemon ready", PATIENCE, || {
        machine.cli(&["status", "--json"]).unwrap().stdout.contains("\"ready\"")
    })
    .unwrap();
}
