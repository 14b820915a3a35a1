//! Logins of users: tokens and their refreshing, what ends them, and that password hashes stay at central.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use world::{Machine, MariaDb, eventually};

use super::http::{Answer, Api, token};
use super::{Central, round};

const PATIENCE: Duration = Duration::from_mins(1);
const PASSWORD: &str = "correct horse battery";

fn add(machine: &Machine, email: &str, role: &str) {
    let variables = [("CLAUDETOOLS_USER_PASSWORD", PASSWORD)];
    machine.cli_with(&variables, &["users", "add", email, "--role", role]).unwrap().ok().unwrap();
}

fn log_in(api: &Api, email: &str, password: &str) -> Answer {
    api.post("/api/auth/token", &json!({ "email": email, "password": password }))
}

fn refresh(api: &Api, token: &str) -> Answer {
    api.post("/api/auth/refresh", &json!({ "refresh_token": token }))
}

#[test]
fn a_login_gives_tokens_and_a_stolen_refresh_token_ends_it() {
    let central = Central::new();
    let machine = central.machine("a");
    let api = Api::of(&machine);
    add(&machine, "Tech@Example.org", "tech");
    let first = log_in(&api, "tech@example.org", PASSWORD);
    assert_eq!(
        (first.status, &first.body["token_type"], &first.body["expires_in"]),
        (200, &json!("bearer"), &json!(3600))
    );
    let me = api.get("/api/auth/me", &first.text("access_token"));
    assert_eq!((me.text("user"), &me.body["scopes"]), ("tech@example.org".into(), &json!(["msp:read", "msp:write"])));
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("grant_type=password&username=tech%40example.org&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(api.send("POST", "/api/v1/auth/token", &form, &body).status, 200, "the form of OAuth2, the old path");
    // Who guesses learns nothing from the answer.
    let (wrong, unknown) = (log_in(&api, "tech@example.org", "wrong"), log_in(&api, "nobody@example.org", "wrong"));
    assert_eq!((wrong.status, wrong.code()), (401, "UNAUTHENTICATED"));
    assert_eq!(wrong.body, unknown.body);

    let second = refresh(&api, &first.text("refresh_token"));
    assert_eq!(second.status, 200);
    assert_eq!(api.get("/api/auth/me", &second.text("access_token")).status, 200);
    let reused = refresh(&api, &first.text("refresh_token"));
    assert!(reused.status == 401 && reused.text("detail").contains("used before"), "{reused:?}");
    assert_eq!(refresh(&api, &second.text("refresh_token")).status, 401, "its whole family is revoked");
    for old in [&first, &second] {
        assert_eq!(api.get("/api/auth/me", &old.text("access_token")).status, 401);
    }

    let third = log_in(&api, "tech@example.org", PASSWORD);
    let out = json!({ "refresh_token": third.text("refresh_token") });
    assert_eq!(api.call("POST", "/api/auth/logout", &third.text("access_token"), &out).status, 204);
    assert_eq!(api.get("/api/auth/me", &third.text("access_token")).status, 401);
    assert_eq!(refresh(&api, &third.text("refresh_token")).status, 401);
    // A daemon that starts again knows which logins were ended.
    let api = Api::of(&machine);
    eventually("the ended logins known", PATIENCE, || {
        api.get("/api/auth/me", &second.text("access_token")).status == 401
    })
    .unwrap();
}

#[test]
fn a_password_or_a_lock_ends_what_was_issued_on_every_machine() {
    let central = Central::new();
    let (a, b) = (central.machine("a"), central.machine("b"));
    let (at_a, at_b) = (Api::of(&a), Api::of(&b));
    add(&a, "tech@example.org", "tech");
    round(&b);
    let (here, there) = (log_in(&at_a, "tech@example.org", PASSWORD), log_in(&at_b, "tech@example.org", PASSWORD));
    assert_eq!(at_b.get("/api/auth/me", &here.text("access_token")).status, 401, "tokens are of one machine");
    let change = |current: &str, new: &str| json!({ "current_password": current, "new_password": new });
    let with = here.text("access_token");
    assert_eq!(at_a.call("POST", "/api/auth/password", &with, &change(PASSWORD, "short")).code(), "VALIDATION_ERROR");
    assert_eq!(at_a.call("POST", "/api/auth/password", &with, &change("wrong", "another long one")).status, 401);
    assert_eq!(at_a.call("POST", "/api/auth/password", &with, &change(PASSWORD, "another long one")).status, 204);
    assert_eq!(at_a.get("/api/auth/me", &with).status, 401, "at once here");
    eventually("the token of the other machine void", PATIENCE, || {
        round(&b);
        at_b.get("/api/auth/me", &there.text("access_token")).status == 401
    })
    .unwrap();
    assert_eq!(refresh(&at_b, &there.text("refresh_token")).status, 401);

    let there = log_in(&at_b, "tech@example.org", "another long one");
    let admin = token(&a, "admin", "1h");
    let users = at_a.get("/api/users", &admin);
    let path = format!("/api/users/{}", users.body["items"][0]["id"].as_str().unwrap());
    assert!(!users.body.to_string().contains("argon2"), "{users:?}");
    let locked = at_a.call("PUT", &path, &admin, &json!({ "is_active": false }));
    assert_eq!((locked.status, &locked.body["is_active"]), (200, &Value::Bool(false)));
    assert_eq!(log_in(&at_a, "tech@example.org", "another long one").status, 401);
    eventually("the locked user out", PATIENCE, || {
        round(&b);
        at_b.get("/api/auth/me", &there.text("access_token")).status == 401
    })
    .unwrap();
    add(&a, "second@example.org", "viewer");
    let taken = json!({ "email": "SECOND@example.org", "full_name": "S", "password": PASSWORD, "role": "viewer" });
    assert_eq!(at_a.call("POST", "/api/users", &admin, &taken).code(), "DUPLICATE_KEY");
    assert_eq!(at_a.call("DELETE", &path, &admin, &json!({})).status, 204);
    assert_eq!(at_a.get(&path, &admin).code(), "NOT_FOUND");
    assert_no_hash_here(&central, &[&a, &b]);
}

/// Central has the hashes; no machine has one, not even in deleted pages or the log of the database.
fn assert_no_hash_here(central: &Central, machines: &[&Machine]) {
    assert!(central.sql("SELECT password_hash FROM users").starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    for machine in machines {
        round(machine);
        let root = machine.home().root();
        for file in ["replica.db", "replica.db-wal", "logs/daemon.log"].map(|name| root.join(name)) {
            let content = fs::read(&file).unwrap_or_default();
            for needle in [&b"$argon2id"[..], PASSWORD.as_bytes(), b"another long one"] {
                assert!(!content.windows(needle.len()).any(|part| part == needle), "{}", file.display());
            }
        }
        let known = crate::replica::Replica::of(machine).rows("SELECT email || password_hash FROM users");
        assert_eq!(known, ["second@example.org"], "who may log in is known, and no hash");
    }
}

#[test]
fn whoever_tries_too_often_waits() {
    let central = Central::new();
    let machine = central.machine("a");
    let api = Api::of(&machine);
    let answers: Vec<Answer> = (0..12).map(|_| log_in(&api, "tech@example.org", "wrong")).collect();
    assert_eq!(answers[0].status, 401);
    let last = answers.last().unwrap();
    assert_eq!((last.status, last.code()), (429, "RATE_LIMITED"));
    assert!(last.head.contains("retry-after: "), "{last:?}");
    assert_eq!(log_in(&api, "other@example.org", "wrong").status, 401, "others are not locked out by it");
}

#[test]
fn who_was_online_once_goes_on_without_central() {
    let server = MariaDb::start().unwrap();
    server.create_database("away").unwrap();
    let machine = Machine::new("a").unwrap();
    machine.cli(&["central", "init", &server.url("away")]).unwrap().ok().unwrap();
    machine.setup(Some(&server.url("away"))).unwrap();
    let api = Api::of(&machine);
    add(&machine, "viewer@example.org", "viewer");
    let tokens = log_in(&api, "viewer@example.org", PASSWORD);
    server.stop().unwrap();
    let away = log_in(&api, "viewer@example.org", PASSWORD);
    assert_eq!((away.status, away.code()), (503, "CENTRAL_UNAVAILABLE"));
    assert!(away.head.contains("retry-after: 30"), "{away:?}");
    assert_eq!(api.get("/api/auth/me", &tokens.text("access_token")).status, 200);
    let next = refresh(&api, &tokens.text("refresh_token"));
    assert_eq!(api.get("/api/status", &next.text("access_token")).status, 200);
}
