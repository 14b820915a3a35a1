//! Deletes: what goes along, what is emptied, what forbids it; told beforehand and then done, all or nothing.

use migrations::catalogue as tables;
use serde_json::json;

use super::World;

#[test]
fn a_client_with_history_is_not_deleted_and_one_without_takes_along_what_is_its_own() {
    let world = World::new("clients");
    let client = world.create(tables::CLIENTS);
    let of_client = json!({ "client_id": client["id"] });
    let site = world.create_with(tables::SITES, &of_client);
    let asset = world.create_with(tables::INFRASTRUCTURE, &json!({ "client_id": client["id"], "site_id": site["id"] }));
    let service = world.create_with(tables::SERVICES, &json!({ "infrastructure_id": asset["id"] }));
    let rule = world.create_with(tables::FIREWALL_RULES, &json!({ "infrastructure_id": asset["id"] }));
    let ticket = world.create_with(tables::TICKET_LINKS, &of_client);
    let session = world.create_with(tables::SESSIONS, &of_client);
    let place = format!("/api/clients/{}", client["id"].as_str().unwrap());

    let plan = world.api.delete(&format!("{place}?dry_run=true")).unwrap().expect(200).unwrap().body();
    let expected = json!({
        "cascade": { "firewall_rules": 1, "infrastructure": 1, "services": 1, "sites": 1 },
        "set_null": { "ticket_links": 1 },
        "restrict": { "sessions": 1 },
    });
    assert_eq!(plan, expected);
    let refused = world.api.delete(&place).unwrap().expect(409).unwrap();
    assert_eq!(refused.code(), "DELETE_RESTRICTED");
    let details = &refused.body()["details"];
    assert_eq!((&details["restrict"], &details["cascade"]), (&expected["restrict"], &expected["cascade"]));
    let exists = |path: &str, row: &serde_json::Value| {
        world.api.get(&format!("/api/{path}/{}", row["id"].as_str().unwrap())).unwrap().status == 200
    };
    assert!(exists("sites", &site) && exists("services", &service), "nothing of it was done");

    let session = format!("/api/sessions/{}", session["id"].as_str().unwrap());
    world.api.delete(&session).unwrap().expect(204).unwrap();
    world.api.delete(&place).unwrap().expect(204).unwrap();
    for (path, row) in [("sites", &site), ("infrastructure", &asset), ("services", &service), ("firewall-rules", &rule)]
    {
        assert!(!exists(path, row), "{path}");
    }
    let ticket = world.api.get(&format!("/api/ticket-links/{}", ticket["id"].as_str().unwrap())).unwrap();
    assert!(ticket.body()["client_id"].is_null());
}

#[test]
fn a_refusal_far_below_refuses_the_whole() {
    let world = World::new("below");
    let client = world.create(tables::CLIENTS);
    let asset = world.create_with(tables::INFRASTRUCTURE, &json!({ "client_id": client["id"] }));
    world.create_with(tables::DEPLOYMENTS, &json!({ "infrastructure_id": asset["id"] }));
    let place = format!("/api/clients/{}", client["id"].as_str().unwrap());
    let refused = world.api.delete(&place).unwrap().expect(409).unwrap();
    assert_eq!(refused.body()["details"]["restrict"], json!({ "deployments": 1 }));
}

#[test]
fn subtasks_and_links_go_with_what_they_belong_to() {
    let world = World::new("trees");
    let top = world.create(tables::TASKS);
    let below = world.create_with(tables::TASKS, &json!({ "parent_task_id": top["id"] }));
    world.create_with(tables::TASKS, &json!({ "parent_task_id": below["id"] }));
    let place = format!("/api/tasks/{}", top["id"].as_str().unwrap());
    let tree = |depth: u8| world.api.get(&format!("{place}/subtasks?depth={depth}")).unwrap().body()["total"].clone();
    assert_eq!((tree(1), tree(2), tree(100)), (json!(1), json!(2), json!(2)));
    let plan = world.api.delete(&format!("{place}?dry_run=true")).unwrap().body();
    assert_eq!(plan["cascade"], json!({ "tasks": 2 }));
    world.api.delete(&place).unwrap().expect(204).unwrap();
    assert_eq!(world.api.get("/api/tasks").unwrap().body()["total"], 0);

    let (session, tag) = (world.create(tables::SESSIONS), world.create(tables::TAGS));
    let (session, tag) = (session["id"].as_str().unwrap(), tag["id"].as_str().unwrap());
    let link = format!("/api/sessions/{session}/tags/{tag}");
    for _ in 0..2 {
        let tags = world.api.send("PUT", &link, &[], b"").unwrap().expect(200).unwrap().body();
        assert_eq!(tags["tag_ids"], json!([tag]));
    }
    let used =
        || world.api.get(&format!("/api/tags/{tag}/usage")).unwrap().expect(200).unwrap().body()["sessions"].clone();
    let tagged =
        || world.api.get(&format!("/api/sessions/by-tag/{tag}")).unwrap().expect(200).unwrap().body()["total"].clone();
    assert_eq!((used(), tagged()), (json!(1), json!(1)));
    world.api.delete(&format!("/api/tags/{tag}")).unwrap().expect(204).unwrap();
    assert_eq!(world.api.delete(&link).unwrap().status, 404);
    assert_eq!(world.api.get(&format!("/api/sessions/by-tag/{tag}")).unwrap().status, 404);
}

/// What a credential was used for stays on record: it loses its secrets and goes on existing.
#[test]
fn a_credential_that_was_used_is_emptied_instead() {
    use merge::Row;
    use sync::{Store, SystemClock};
    use world::Machine;

    let machine = Machine::new("audited").unwrap();
    machine.start_api().unwrap();
    machine.stop_daemon().unwrap();
    let store = Store::open(&machine.home().replica(), std::sync::Arc::new(SystemClock)).unwrap();
    let id = sync::local::derived_id("test", "credential");
    let of = id.clone();
    store
        .write(move |tx| {
            let credential = Row::new(tables::CREDENTIALS)
                .with("id", of.as_str())
                .with("credential_type", "password")
                .with("service_name", "router")
                .with("password_encrypted", b"sealed".to_vec());
            tx.put(credential)?;
            let audit = Row::new(tables::CREDENTIAL_AUDIT_LOG)
                .with("id", sync::local::derived_id("test", "audit"))
                .with("credential_id", of.as_str())
                .with("action", "view")
                .with("user_id", "ann@example.com")
                .with("row_hmac", "0".repeat(64));
            tx.put(audit)
        })
        .unwrap();
    store.close().unwrap();
    let api = machine.start_api().unwrap();
    let place = format!("/api/credentials/{id}");
    let before = api.get(&place).unwrap().expect(200).unwrap().body();
    assert_eq!(
        (&before["has_password"], before.get("password"), before.get("password_encrypted")),
        (&json!(true), None, None)
    );
    let kept = api.delete(&place).unwrap().expect(200).unwrap().body();
    assert_eq!((&kept["has_password"], &kept["is_active"]), (&json!(false), &json!(false)));
    assert_eq!(api.get("/api/credentials").unwrap().body()["total"], 0);
    assert_eq!(api.get("/api/credentials?include_inactive=true").unwrap().body()["total"], 1);
    // The one of before, the look at it, and the emptying.
    assert_eq!(api.get(&format!("/api/credential-audit-logs/by-credential/{id}")).unwrap().body()["total"], 3);
}
