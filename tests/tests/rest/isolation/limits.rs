//! Where a limit comes from: a user's, from central; it holds for what was issued before, too.

use std::time::Duration;

use migrations::catalogue as tables;
use serde_json::{Value, json};
use sync::central;
use world::{Api, Machine, eventually, mariadb};

const PATIENCE: Duration = Duration::from_mins(1);
const PASSWORD: &str = "correct horse battery";

/// Names of the clients that a caller sees.
fn clients(api: &Api) -> Vec<String> {
    let answer = api.get("/api/clients?sort=name").unwrap().expect(200).unwrap().body();
    answer["items"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_users_limit_is_centrals_and_takes_effect_with_the_next_round() {
    let server = mariadb::shared().unwrap();
    let database = server.fresh_database("limits").unwrap();
    let url = server.url(&database);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(central::init(&url.parse().unwrap(), central::InitOptions::default())).unwrap();
    let machine = Machine::set_up("limits", Some(&url)).unwrap();
    machine.stop_daemon().unwrap();
    let api = machine.start_api().unwrap();
    let round = || api.post("/api/sync/now", &json!({ "wait": true })).unwrap().expect(200).map(drop).unwrap();
    let id = |name: &str| {
        let made = api.post("/api/clients", &json!({ "name": name, "client_type": "msp_client" })).unwrap();
        made.expect(201).unwrap().body()["id"].as_str().unwrap().to_owned()
    };
    let (alpha, beta) = (id("Alpha"), id("Beta"));
    round();

    let secret = [("CLAUDETOOLS_USER_PASSWORD", PASSWORD)];
    let add = |email: &str, role: &str| {
        machine.cli_with(&secret, &["users", "add", email, "--role", role, "--client", &alpha]).unwrap()
    };
    add("viewer@example.org", "viewer").ok().unwrap();
    let refused = add("admin@example.org", "admin");
    assert!(refused.code != 0, "an admin sees all clients: {refused:?}");

    let log_in = || -> Value {
        let request = json!({ "email": "viewer@example.org", "password": PASSWORD });
        api.stranger().post("/api/auth/token", &request).unwrap().expect(200).unwrap().body()
    };
    let with = |tokens: &Value| Api { token: tokens["access_token"].as_str().map(str::to_owned), ..api.clone() };
    let first = log_in();
    assert_eq!(clients(&with(&first)), ["Alpha"], "also before the replica has heard of the user");
    let refresh = |tokens: &Value| {
        let request = json!({ "refresh_token": tokens["refresh_token"] });
        api.stranger().post("/api/auth/refresh", &request).unwrap()
    };
    let second = refresh(&first).expect(200).unwrap().body();
    assert_eq!(clients(&with(&second)), ["Alpha"], "a refreshed token is limited, too");

    // By SQL at central, which need not raise the version.
    server.sql(&database, &format!("UPDATE users SET client_ids = '[\"{beta}\"]'")).unwrap();
    eventually("the new limit in effect", PATIENCE, || {
        round();
        clients(&with(&second)) == ["Beta"]
    })
    .unwrap();
    let third = refresh(&second).expect(200).unwrap().body();
    assert_eq!(clients(&with(&third)), ["Beta"]);
    server.sql(&database, "UPDATE users SET client_ids = '{\"all\":true}'").unwrap();
    eventually("a limit that cannot be read keeping all back", PATIENCE, || {
        round();
        clients(&with(&third)).is_empty()
    })
    .unwrap();

    // By command; what was issued before is void.
    machine
        .cli(&["users", "limit", "viewer@example.org", "--client", &alpha, "--client", &beta])
        .unwrap()
        .ok()
        .unwrap();
    assert_eq!(with(&third).get("/api/clients").unwrap().status, 401);
    let fourth = log_in();
    assert_eq!(clients(&with(&fourth)), ["Alpha", "Beta"]);
    let me = with(&fourth).get("/api/auth/me").unwrap().expect(200).unwrap().body();
    assert_eq!(me["clients"].as_array().unwrap().len(), 2, "{me}");
}

#[test]
fn a_token_for_a_script_is_limited_by_the_command_line() {
    let world = super::World::new("limited-token");
    let (one, _other) = (world.create(tables::CLIENTS), world.create(tables::CLIENTS));
    let id = one["id"].as_str().unwrap();
    let run = world.machine.cli(&["token", "--scopes", "read", "--client", id]).unwrap().ok().unwrap();
    let api = Api { token: Some(run.stdout.trim().to_owned()), ..world.api.clone() };
    assert_eq!(clients(&api), [one["name"].as_str().unwrap()]);
    let run = world.machine.cli(&["token", "--scopes", "admin", "--client", id]).unwrap();
    assert!(run.code != 0, "{run:?}");
}
