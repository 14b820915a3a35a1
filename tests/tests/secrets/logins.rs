//! Logins of users: tokens and their refreshing, what ends them, and that password hashes stay at central.

use std::fs;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
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
    add(&machine, "locked@example.org", "tech");
    central.sql("UPDATE users SET is_active = 0 WHERE email = 'locked@example.org'");
    let locked = log_in(&api, "locked@example.org", PASSWORD);
    assert_eq!((locked.status, &locked.body), (401, &wrong.body), "not even with the right password");

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

#[test]
fn a_user_deleted_elsewhere_has_no_rights_here_also_after_a_restart() {
    let central = Central::new();
    let (a, b) = (central.machine("a"), central.machine("b"));
    let (at_a, at_b) = (Api::of(&a), Api::of(&b));
    let admin = token(&a, "admin", "1h");
    for email in ["first@example.org", "second@example.org"] {
        add(&a, email, "admin");
    }
    round(&b);
    let logins = ["first@example.org", "second@example.org"].map(|email| log_in(&at_b, email, PASSWORD));
    // A token for a script ends with its user, too.
    let issued = logins.each_ref().map(|login| {
        let script = json!({ "scopes": ["read"], "expires_in": 86400 });
        at_b.call("POST", "/api/auth/issue", &login.text("access_token"), &script).text("access_token")
    });
    let own = token(&b, "read", "1h");
    let holds = |api: &Api, token: &str| api.get("/api/auth/me", token).status == 200;
    assert!(issued.iter().all(|token| holds(&at_b, token)));

    let users = at_a.get("/api/users", &admin).body;
    let first = users["items"].as_array().unwrap().iter().find(|user| user["email"] == "first@example.org").unwrap();
    let path = format!("/api/users/{}", first["id"].as_str().unwrap());
    assert_eq!(at_a.call("DELETE", &path, &admin, &json!({})).status, 204);
    eventually("the deleted user out", PATIENCE, || {
        round(&b);
        !holds(&at_b, &logins[0].text("access_token"))
    })
    .unwrap();
    assert!(!holds(&at_b, &issued[0]) && holds(&at_b, &issued[1]) && holds(&at_b, &own));

    // By SQL, and while the daemon that learns of it is not the one that knew the user.
    central.sql("DELETE FROM users WHERE email = 'second@example.org'");
    let gone = || crate::replica::Replica::of(&b).number("SELECT count(*) FROM users") == 0;
    eventually("the row gone from the replica", PATIENCE, || {
        round(&b);
        gone()
    })
    .unwrap();
    let at_b = Api::of(&b);
    for (login, script) in logins.iter().zip(&issued) {
        assert!(!holds(&at_b, &login.text("access_token")) && !holds(&at_b, script), "from the first request on");
        assert_eq!(refresh(&at_b, &login.text("refresh_token")).status, 401);
    }
    assert!(holds(&at_b, &own), "this machine's own token is no user's");
}

#[test]
fn what_central_said_of_a_user_outlives_a_restart() {
    let central = Central::new();
    let (a, b) = (central.machine("a"), central.machine("b"));
    let at_b = Api::of(&b);
    let own = token(&b, "read,write", "1h");
    assert_eq!(at_b.call("POST", "/api/sync/pause", &own, &json!({})).status, 200);
    // The round that runs goes to its end.
    eventually("the pause", PATIENCE, || at_b.get("/api/sync/status", &own).text("state") == "paused").unwrap();
    add(&a, "tech@example.org", "tech");
    let first = log_in(&at_b, "tech@example.org", PASSWORD);
    let me = |api: &Api, login: &Answer| api.get("/api/auth/me", &login.text("access_token")).status;
    assert_eq!(me(&at_b, &first), 200);
    let at_b = Api::of(&b); // the pause holds over a restart
    assert_eq!(me(&at_b, &first), 200, "though the replica does not have the user");
    let change = json!({ "current_password": PASSWORD, "new_password": "another long one" });
    assert_eq!(at_b.call("POST", "/api/auth/password", &first.text("access_token"), &change).status, 204);
    let second = log_in(&at_b, "tech@example.org", "another long one");
    let as_it_must_be = |api: &Api| {
        assert_eq!((me(api, &first), me(api, &second)), (401, 200));
        assert_eq!(refresh(api, &first.text("refresh_token")).status, 401);
    };
    as_it_must_be(&at_b);
    as_it_must_be(&Api::of(&b));
    assert_eq!(crate::replica::Replica::of(&b).number("SELECT count(*) FROM users"), 0, "it has not heard of the user");
}

#[test]
fn a_hash_of_an_earlier_cost_is_made_anew_at_the_next_login() {
    let central = Central::new();
    let machine = central.machine("a");
    let api = Api::of(&machine);
    add(&machine, "tech@example.org", "tech");
    let today = "$argon2id$v=19$m=19456,t=2,p=1$";
    let hash = || central.sql("SELECT password_hash FROM users");
    assert!(hash().starts_with(today));
    let params = Params::new(8192, 1, 1, None).unwrap();
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let weak = weak.hash_password_with_salt(PASSWORD.as_bytes(), b"saltsaltsaltsalt").unwrap().to_string();
    central.sql(&format!("UPDATE users SET password_hash = '{weak}'"));
    assert_eq!(log_in(&api, "tech@example.org", "wrong one, long").status, 401);
    assert_eq!(hash(), weak, "who does not know it renews nothing");
    assert_eq!(log_in(&api, "tech@example.org", PASSWORD).status, 200);
    let renewed = hash();
    assert!(renewed.starts_with(today), "{renewed}");
    assert_eq!(log_in(&api, "tech@example.org", PASSWORD).status, 200);
    assert_eq!(hash(), renewed, "once is enough");
}
