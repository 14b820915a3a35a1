//! `/api/sync/…` with a real central.

use std::time::Duration;

use migrations::catalogue::CREDENTIALS;
use serde_json::{Value, json};
use sync::central;
use world::{Api, Machine, eventually, mariadb};

use super::World;

/// A machine with a central of its own, on which SQL can be run.
fn shared(name: &str) -> (Machine, Api, impl Fn(&str) -> String) {
    let server = mariadb::shared().unwrap();
    let database = server.fresh_database("steering").unwrap();
    let url = server.url(&database);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(central::init(&url.parse().unwrap(), central::InitOptions::default())).unwrap();
    let machine = Machine::set_up(name, Some(&url)).unwrap();
    machine.stop_daemon().unwrap();
    let api = machine.start_api().unwrap();
    (machine, api, move |statements: &str| server.sql(&database, statements).unwrap().trim().to_owned())
}

fn get(api: &Api, path: &str) -> Value {
    api.get(path).unwrap().expect(200).unwrap().body()
}

fn round(api: &Api) -> Value {
    api.post("/api/sync/now", &json!({ "wait": true })).unwrap().expect(200).unwrap().body()
}

fn client(api: &Api, name: &str) -> String {
    let made = api.post("/api/clients", &json!({ "name": name })).unwrap().expect(201).unwrap().body();
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_pause_holds_over_a_restart_and_says_so() {
    let (machine, api, sql) = shared("pause");
    round(&api);
    assert_eq!(api.post("/api/sync/pause", &json!({})).unwrap().expect(200).unwrap().body()["paused"], true);
    client(&api, "Acme");
    let refused = api.post("/api/sync/now", &json!({ "wait": true })).unwrap();
    assert_eq!((refused.status, refused.code()), (409, "PAUSED".into()));
    let queue = get(&api, "/api/sync/queue");
    assert!(queue["items"].as_array().unwrap().iter().any(|item| item["table"] == "clients"), "{queue}");
    machine.stop_daemon().unwrap();
    let api = machine.start_api().unwrap();
    eventually("the pause seen", Duration::from_secs(10), || get(&api, "/api/sync/status")["state"] == "paused")
        .unwrap();
    let status = get(&api, "/api/sync/status");
    assert!(
        status["tables"].as_array().unwrap().iter().any(|table| table["table"] == "clients" && table["pending"] == 1),
        "{status}"
    );
    assert!(machine.cli(&["status"]).unwrap().stdout.contains("paused"));
    assert_eq!(sql("SELECT count(*) FROM clients"), "0");
    assert_eq!(machine.cli(&["sync", "resume"]).unwrap().code, 0);
    eventually("the row at central", Duration::from_secs(20), || sql("SELECT count(*) FROM clients") == "1").unwrap();
    let status = get(&api, "/api/sync/status");
    assert_eq!(status["mode"], "fresh", "{status}");
}

#[test]
fn machines_and_deleted_rows_are_asked_for_at_central() {
    let (_machine, api, sql) = shared("restore");
    let id = client(&api, "Acme");
    let site = api.post("/api/sites", &json!({ "client_id": id, "name": "HQ" })).unwrap().expect(201).unwrap().body();
    round(&api);
    let machines = get(&api, "/api/sync/machines");
    assert_eq!(machines["items"][0]["replica_id"], machines["replica_id"], "{machines}");
    // Both go at central, and only central remembers them.
    sql("DELETE FROM sites; DELETE FROM clients");
    round(&api);
    assert_eq!(api.get(&format!("/api/clients/{id}")).unwrap().status, 404);
    let place = format!("/api/sync/restore/sites/{}", site["id"].as_str().unwrap());
    let restored = api.post(&place, &json!({})).unwrap().expect(200).unwrap().body();
    assert_eq!(restored["done"].as_array().unwrap().len(), 2, "with its parent: {restored}");
    assert_eq!(get(&api, &format!("/api/clients/{id}"))["name"], "Acme");
    assert_eq!(api.post(&place, &json!({})).unwrap().expect(409).unwrap().code(), "DECLINED", "it is there");
    round(&api);
    assert_eq!(sql("SELECT count(*) FROM sites"), "1");
    // One that was deleted here and not sent yet is remembered here.
    api.delete(&format!("/api/sites/{}", site["id"].as_str().unwrap())).unwrap().expect(204).unwrap();
    api.post(&place, &json!({})).unwrap().expect(200).unwrap();
    let nobody = "/api/sync/restore/sites/0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1b";
    assert_eq!(api.post(nobody, &json!({})).unwrap().expect(409).unwrap().code(), "DECLINED");
    assert_eq!(
        api.post("/api/sync/restore/users/0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1b", &json!({})).unwrap().status,
        422
    );
}

#[test]
fn a_conflict_is_resolved_to_either_side_or_to_other_values() {
    let (_machine, api, sql) = shared("resolve");
    let names = ["Local", "Remote", "Other", "As it is"];
    let ids: Vec<String> = names.iter().map(|name| client(&api, name)).collect();
    round(&api);
    api.post("/api/sync/pause", &json!({})).unwrap().expect(200).unwrap();
    sql("UPDATE clients SET notes = 'from there'");
    for id in &ids {
        api.put(&format!("/api/clients/{id}"), &json!({ "notes": "from here" })).unwrap().expect(200).unwrap();
    }
    api.post("/api/sync/resume", &json!({})).unwrap().expect(200).unwrap();
    eventually("four conflicts", Duration::from_secs(20), || {
        get(&api, "/api/sync/conflicts?status=open")["total"] == 4
    })
    .unwrap();
    let list = get(&api, "/api/sync/conflicts?table=clients&limit=2");
    assert_eq!((list["items"].as_array().unwrap().len(), &list["total"]), (2, &json!(4)));
    let number = |id: &String| {
        let all = get(&api, "/api/sync/conflicts");
        let found = all["items"].as_array().unwrap().iter().find(|one| one["key"] == *id).unwrap().clone();
        found["id"].as_i64().unwrap()
    };
    let resolve = |id: &String, keep: Value| {
        let place = format!("/api/sync/conflicts/{}/resolve", number(id));
        api.post(&place, &json!({ "keep": keep })).unwrap().expect(200).unwrap();
        get(&api, &format!("/api/clients/{id}"))["notes"].clone()
    };
    assert_eq!(resolve(&ids[0], json!("local")), "from here");
    assert_eq!(resolve(&ids[1], json!("remote")), "from there");
    assert_eq!(resolve(&ids[2], json!({ "notes": "both" })), "both");
    let one = get(&api, &format!("/api/sync/conflicts/{}", number(&ids[3])));
    assert!(one["kept"]["notes"].is_string() && one["set_aside"]["notes"].is_string(), "{one}");
    let dismissed = api.post(&format!("/api/sync/conflicts/{}/dismiss", number(&ids[3])), &json!({})).unwrap();
    assert_eq!(dismissed.expect(200).unwrap().body()["acknowledged"], 1);
    assert_eq!(get(&api, "/api/sync/conflicts?status=open")["total"], 0);
    assert_eq!(get(&api, "/api/sync/conflicts?status=resolved")["total"], 4);
    assert_eq!(api.get("/api/sync/conflicts/4711").unwrap().status, 404);
    let wrong = json!({ "keep": { "nonsense": 1 } });
    assert_eq!(api.post(&format!("/api/sync/conflicts/{}/resolve", number(&ids[2])), &wrong).unwrap().status, 422);
}

#[test]
fn a_refused_row_is_tried_again_by_its_id() {
    let (_machine, api, sql) = shared("refused");
    round(&api);
    sql("ALTER TABLE clients ADD CONSTRAINT ck_house CHECK (notes IS NULL OR notes NOT LIKE 'forbidden%')");
    let made =
        api.post("/api/clients", &json!({ "name": "one", "notes": "forbidden" })).unwrap().expect(201).unwrap().body();
    round(&api);
    let list = get(&api, "/api/sync/quarantine");
    assert_eq!(list["items"][0]["id"], format!("clients:{}", made["id"].as_str().unwrap()), "{list}");
    sql("ALTER TABLE clients DROP CONSTRAINT ck_house");
    let place = format!("/api/sync/quarantine/{}/retry", list["items"][0]["id"].as_str().unwrap());
    assert_eq!(api.post(&place, &json!({})).unwrap().expect(200).unwrap().body()["left"], 0);
    assert_eq!(sql("SELECT name FROM clients"), "one");
    assert_eq!(api.post(&place, &json!({})).unwrap().expect(409).unwrap().code(), "DECLINED");
}

#[test]
fn two_rows_that_a_person_says_are_one_become_one_everywhere() {
    let (_machine, api, sql) = shared("duplicates");
    let (keep, drop) = (client(&api, "Acme"), client(&api, "ＡＣＭＥ"));
    for (client, name) in [(&keep, "HQ"), (&drop, "HQ"), (&drop, "Branch")] {
        api.post("/api/sites", &json!({ "client_id": client, "name": name })).unwrap().expect(201).unwrap();
    }
    let notes = json!({ "notes": "only here" });
    api.put(&format!("/api/clients/{drop}"), &notes).unwrap().expect(200).unwrap();
    round(&api);
    let found = get(&api, "/api/sync/duplicates");
    assert_eq!((&found["total"], &found["items"][0]["table"]), (&json!(1), &json!("clients")), "{found}");
    let body = json!({ "table": "clients", "keep_id": keep, "drop_id": drop });
    let merged = api.post("/api/sync/duplicates/merge", &body).unwrap().expect(200).unwrap().body();
    assert_eq!((&merged["row"]["id"], &merged["row"]["notes"]), (&json!(keep), &notes["notes"]));
    let sites = get(&api, &format!("/api/sites/by-client/{keep}?sort=name"));
    assert_eq!(sites["total"], 2, "the two that were called HQ are one: {sites}");
    round(&api);
    assert_eq!(sql("SELECT GROUP_CONCAT(name ORDER BY name) FROM clients"), "Acme");
    assert_eq!(sql("SELECT GROUP_CONCAT(name ORDER BY name) FROM sites"), "Branch,HQ");
    assert_eq!(sql("SELECT count(DISTINCT client_id) FROM sites"), "1");
    assert_eq!(api.post("/api/sync/duplicates/merge", &body).unwrap().expect(409).unwrap().code(), "DECLINED");
    // Who still names the row that went means the one that stays.
    let late = api.post("/api/sites", &json!({ "client_id": drop, "name": "Late" })).unwrap().expect(201).unwrap();
    assert_eq!(late.body()["client_id"], json!(keep));
    let kept = get(&api, "/api/sync/conflicts");
    assert!(kept["items"].as_array().unwrap().iter().any(|one| one["rule"] == "merged by hand"), "{kept}");
}

#[test]
fn a_credential_whose_audit_rows_vouch_for_it_is_not_merged_into_another() {
    let world = World::new("vouched");
    let (keep, drop) = (world.create(CREDENTIALS), world.create(CREDENTIALS));
    let body = json!({ "table": "credentials", "keep_id": keep["id"], "drop_id": drop["id"] });
    let trail = || {
        let rows = get(&world.api, "/api/credential-audit-logs?sort=created_at");
        (rows, get(&world.api, "/api/sync/conflicts"), get(&world.api, "/api/credentials?sort=created_at"))
    };
    let before = trail();
    let refused = world.api.post("/api/sync/duplicates/merge", &body).unwrap().expect(409).unwrap();
    assert_eq!(refused.code(), "DECLINED");
    assert!(refused.body()["detail"].as_str().unwrap().contains("credential_audit_log"), "{}", refused.body());
    assert!(refused.body()["details"]["hint"].as_str().unwrap().contains("is_active"), "{}", refused.body());
    assert_eq!(trail(), before, "nothing changed");
    assert_eq!(get(&world.api, "/api/credential-audit-logs/verify")["intact"], true);
}
