//! Writing: only what belongs to one's own client, and to no other, before and after.

use std::collections::BTreeMap;

use migrations::catalogue as tables;
use migrations::{Entity, Kind};
use serde_json::{Value, json};
use world::api::Answer;

use super::{Divided, REFUSED, Side, by_depth, encoded, is_refused, leads_to_client};

/// Every row of every table that is offered, as an unlimited caller sees it.
fn everything(divided: &Divided) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (table, path) in divided.world.paths() {
        if ["api_audit_log", "credential_audit_log"].contains(&table) {
            continue;
        }
        // Also those that are not active.
        let inactive = if migrations::entity(table).unwrap().column("is_active").is_some() {
            "&include_inactive=true"
        } else {
            ""
        };
        let list = divided.world.api.get(&format!("{path}?limit=1000{inactive}")).unwrap().expect(200).unwrap().body();
        for row in list["items"].as_array().unwrap() {
            all.insert(format!("{table} {}", row["id"]), row.clone());
        }
    }
    all
}

/// What is left of a body when a row is made anew: an id of its own, and names that nobody has.
fn fresh(divided: &Divided, entity: &'static Entity, side: &Side) -> Value {
    let mut body = divided.world.body(entity);
    for key in entity.foreign_keys {
        let parent = side.rows.get(key.references).or_else(|| divided.general.rows.get(key.references));
        body[key.column] = match parent {
            Some(row) if key.references != entity.name => row["id"].clone(),
            _ => Value::Null,
        };
    }
    if entity == tables::SERVICE_RELATIONSHIPS {
        body["to_service_id"] = divided.second_service(side);
    }
    if entity == tables::PROJECT_STATES {
        // There is one for each project.
        let project = json!({ "client_id": side.id(tables::CLIENTS) });
        body["project_id"] = divided.world.create_with(tables::PROJECTS, &project)["id"].clone();
    }
    body
}

impl Divided {
    fn second_service(&self, side: &Side) -> Value {
        let owners = json!({
            "infrastructure_id": side.row(tables::INFRASTRUCTURE)["id"], "client_id": side.row(tables::CLIENTS)["id"],
        });
        self.world.create_with(tables::SERVICES, &owners)["id"].clone()
    }
}

#[test]
fn every_write_to_another_clients_row_is_refused_and_changes_nothing() {
    let divided = Divided::new("isolated-writes");
    let before = everything(&divided);
    let (mut tried, mut refusals) = (0, 0);
    for (method, path, operation) in divided.operations() {
        let writes = ["POST", "PUT", "DELETE"].contains(&method.as_str());
        let entity = divided.entity(&path);
        if !writes || !path.contains('{') || entity.is_some_and(|entity| !leads_to_client(entity)) {
            continue;
        }
        let Some(place) = divided.filled(&path, &divided.beta) else { continue };
        for caller in [&divided.viewer, &divided.tech] {
            let body: &[u8] = if operation["requestBody"].is_null() { b"" } else { b"{}" };
            let answer = caller.send(&method, &place, &[("Content-Type", "application/json")], body).unwrap();
            assert_eq!(answer.status, 403, "{method} {place}: {}", answer.text());
            let of_beta = divided.beta.seen_in(&answer.text(), &place);
            assert!(of_beta.is_empty(), "{method} {place} tells {of_beta:?}");
            refusals += usize::from(answer.code() == REFUSED);
        }
        tried += 1;
    }
    assert!(tried > 60 && refusals >= tried, "{tried} tried, {refusals} refused for the client");
    assert!(everything(&divided) == before, "nothing has changed");
    let on_record = divided.refusals();
    for method in ["POST", "PUT", "DELETE"] {
        assert!(on_record.iter().any(|row| row["http_method"] == method), "{method}");
    }
}

#[test]
fn rows_are_made_and_changed_for_the_own_client_only() {
    let divided = Divided::new("isolated-making");
    let (tech, beta) = (&divided.tech, &divided.beta);
    let mut made = 0;
    for entity in by_depth() {
        let Some(path) = divided.world.paths().get(entity.name).cloned() else { continue };
        if !divided.world.offers(&path, "post") {
            continue;
        }
        if entity == tables::CLIENTS || !leads_to_client(entity) {
            let body = divided.world.body(entity);
            assert!(
                is_refused(&tech.post(&path, &body).unwrap()),
                "{}: it would belong to none of theirs",
                entity.name
            );
            continue;
        }
        let body = fresh(&divided, entity, &divided.alpha);
        for key in entity.foreign_keys.iter().filter(|key| key.references != entity.name) {
            let Some(other) = beta.rows.get(key.references) else { continue };
            let mut mixed = body.clone();
            mixed[key.column] = other["id"].clone();
            let answer = tech.post(&path, &mixed).unwrap();
            assert!(is_refused(&answer), "{}.{}: {} {}", entity.name, key.column, answer.status, answer.text());
        }
        let row = tech.post(&path, &body).unwrap().expect(201).unwrap().body();
        made += 1;
        let place = format!("{path}/{}", row["id"].as_str().unwrap());
        if !divided.world.offers(&format!("{path}/{{id}}"), "put") {
            continue;
        }
        for key in entity.foreign_keys.iter().filter(|key| key.references != entity.name) {
            let Some(other) = beta.rows.get(key.references) else { continue };
            let moved = tech.put(&place, &json!({ key.column: other["id"] })).unwrap();
            assert!(is_refused(&moved), "{}.{} moved: {} {}", entity.name, key.column, moved.status, moved.text());
        }
        let (name, value) = changed(entity, &row);
        let answer = tech.put(&place, &json!({ name: value })).unwrap().expect(200).unwrap();
        assert_eq!(answer.body()[name], value, "{}", entity.name);
        tech.delete(&format!("{place}?dry_run=true")).unwrap().expect(200).unwrap();
        let gone = tech.delete(&place).unwrap();
        assert!([200, 204].contains(&gone.status), "{}: {} {}", entity.name, gone.status, gone.text());
    }
    assert!(made > 25, "{made}");
}

/// A field and another value for it.
fn changed(entity: &'static Entity, row: &Value) -> (&'static str, Value) {
    let free = entity.columns.iter().filter(|column| {
        let is_own = entity.foreign_keys.iter().all(|key| key.column != column.name);
        let is_text = matches!(column.kind, Kind::String(_) | Kind::Text) && column.values.is_empty();
        is_own && is_text && !["slug", "tenant_id", "ip_address", "user_id"].contains(&column.name)
    });
    let mut texts = free.filter_map(|column| row[column.name].as_str().map(|text| (column.name, text)));
    let (name, text) = texts.find(|(_, text)| text.len() > 2).unwrap();
    (name, json!(format!("{}x", &text[..text.len() - 1])))
}

#[test]
fn what_is_general_is_read_and_not_written() {
    let divided = Divided::new("isolated-general");
    let (tech, general) = (&divided.tech, &divided.general);
    for (entity, change) in
        [(tables::MACHINES, json!({ "os_version": "x" })), (tables::TAGS, json!({ "description": "x" }))]
    {
        let place = format!("{}/{}", divided.world.path(entity), general.id(entity));
        let row = tech.get(&place).unwrap().expect(200).unwrap().body();
        assert!(is_refused(&tech.put(&place, &change).unwrap()), "{}", entity.name);
        // What refers to it may forbid it before.
        assert!([403, 409].contains(&tech.delete(&place).unwrap().status), "{}", entity.name);
        assert_eq!(tech.get(&place).unwrap().expect(200).unwrap().body(), row);
    }
    let machine = general.row(tables::MACHINES)["id"].as_str().unwrap();
    let beat = tech
        .post(&format!("/api/machines/{machine}/heartbeat"), &json!({ "installed_tools": { "git": "1" } }))
        .unwrap();
    assert!(is_refused(&beat), "{} {}", beat.status, beat.text());
    // A row that moves out of the own client would belong to none.
    let project =
        divided.world.create_with(tables::PROJECTS, &json!({ "client_id": divided.alpha.id(tables::CLIENTS) }));
    let place = format!("/api/projects/{}", project["id"].as_str().unwrap());
    assert!(is_refused(&tech.put(&place, &json!({ "client_id": null })).unwrap()));
    assert_eq!(tech.get(&place).unwrap().expect(200).unwrap().body()["client_id"], project["client_id"]);
    // Nor is one made that belongs to none.
    let made = tech.get("/api/projects/by-slug?slug=nobody/has-this&create=true").unwrap();
    assert!(is_refused(&made), "{} {}", made.status, made.text());
    assert_eq!(divided.world.api.get("/api/projects/by-slug?slug=nobody/has-this").unwrap().status, 404);
}

#[test]
fn a_delete_that_would_take_another_clients_rows_along_is_refused() {
    let divided = Divided::new("isolated-cascade");
    let site = divided.world.create_with(tables::SITES, &json!({ "client_id": divided.alpha.id(tables::CLIENTS) }));
    // The other client's network has a reference to it, which the delete would empty.
    let network = format!("/api/networks/{}", divided.beta.id(tables::NETWORKS));
    divided.world.api.put(&network, &json!({ "site_id": site["id"] })).unwrap().expect(200).unwrap();
    let place = format!("/api/sites/{}", site["id"].as_str().unwrap());
    assert!(is_refused(&divided.tech.delete(&place).unwrap()));
    let kept = divided.world.api.get(&network).unwrap().expect(200).unwrap().body();
    assert_eq!(kept["site_id"], site["id"]);
    divided.world.api.put(&network, &json!({ "site_id": null })).unwrap().expect(200).unwrap();
    divided.tech.delete(&place).unwrap().expect(204).unwrap();
}

#[test]
fn whoever_holds_a_key_that_is_taken_is_not_told() {
    let divided = Divided::new("isolated-keys");
    let (tech, alpha, beta) = (&divided.tech, &divided.alpha, &divided.beta);
    let check = |answer: Answer, what: &str| {
        assert!([403, 409].contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        let told: Vec<String> = beta.names().into_iter().filter(|id| answer.text().contains(id.as_str())).collect();
        assert!(told.is_empty() && answer.body()["details"]["existing_id"].is_null(), "{what}: {}", answer.text());
    };
    for (entity, column) in [
        (tables::M365_TENANTS, "tenant_id"),
        (tables::SESSIONS, "claude_session_id"),
        (tables::FAILURE_PATTERNS, "pattern_signature"),
        (tables::PROJECTS, "slug"),
    ] {
        let mut body = fresh(&divided, entity, alpha);
        body[column] = beta.row(entity)[column].clone();
        check(tech.post(&divided.world.path(entity), &body).unwrap(), entity.name);
        // The own row that holds a key is told.
        body[column] = alpha.row(entity)[column].clone();
        let own = tech.post(&divided.world.path(entity), &body).unwrap().expect(409).unwrap();
        assert_eq!(own.body()["details"]["existing_id"], alpha.row(entity)["id"], "{}", entity.name);
    }
    // By an id that a hidden row has, nothing is learnt either.
    let mut body = fresh(&divided, tables::SITES, alpha);
    body["id"] = json!(beta.id(tables::SITES));
    assert!(is_refused(&tech.post("/api/sites", &body).unwrap()));
}

#[test]
fn entries_that_are_named_in_a_body_are_the_own_clients() {
    let divided = Divided::new("isolated-bodies");
    let (tech, alpha, beta) = (&divided.tech, &divided.alpha, &divided.beta);
    let ids = |side: &[&Side]| json!(side.iter().map(|side| side.id(tables::BILLABLE_TIME)).collect::<Vec<_>>());
    for all in [vec![beta], vec![alpha, beta]] {
        let invoice = json!({ "ids": ids(&all), "invoice_reference": "2026-17" });
        assert!(is_refused(&tech.post("/api/billable-time/mark-invoiced", &invoice).unwrap()));
        let confirm = json!({ "ids": ids(&all), "is_billable": true });
        assert!(is_refused(&tech.post("/api/billable-time/confirm", &confirm).unwrap()));
    }
    for side in [alpha, beta] {
        let entry = format!("/api/billable-time/{}", side.id(tables::BILLABLE_TIME));
        let now = divided.world.api.get(&entry).unwrap().expect(200).unwrap().body();
        assert_eq!(&now, side.row(tables::BILLABLE_TIME), "it is as it was");
    }
    // A memory by hand goes to a project of the own client, and nowhere else.
    let remember = |project: Value| {
        tech.post(
            "/api/remember",
            &json!({ "text": "the gate code is on the card", "kind": "lesson", "project": project }),
        )
        .unwrap()
    };
    remember(json!(alpha.slug())).expect(200).unwrap();
    for elsewhere in [json!(beta.slug()), Value::Null, json!("nobody/knows-this")] {
        let answer = remember(elsewhere.clone());
        assert!(is_refused(&answer), "{elsewhere}: {} {}", answer.status, answer.text());
    }
    // A remote means a project, too.
    let project = divided.world.create_with(
        tables::PROJECTS,
        &json!({ "client_id": beta.id(tables::CLIENTS), "slug": "git.example.invalid/beta/hidden" }),
    );
    for create in ["", "&create=true"] {
        let remote = encoded("https://git.example.invalid/beta/hidden.git");
        let answer = tech.get(&format!("/api/projects/by-slug?git_remote={remote}{create}")).unwrap();
        assert!([403, 404].contains(&answer.status), "{} {}", answer.status, answer.text());
        assert!(!answer.text().contains(project["id"].as_str().unwrap()));
    }
}

#[test]
fn a_limited_caller_administers_nothing() {
    let divided = Divided::new("isolated-administration");
    for (path, body) in [
        ("/api/bulk-import/import-folder", json!({ "path": "/tmp" })),
        ("/api/probe/forget", json!({ "sessions": ["x"] })),
        ("/api/sync/now", json!({})),
        ("/api/sync/pause", json!({})),
    ] {
        let answer = divided.tech.post(path, &body).unwrap();
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
    let hook = divided.tech.post("/hooks/SessionStart", &json!({ "session_id": "x" })).unwrap();
    assert!(is_refused(&hook), "{} {}", hook.status, hook.text());
    // A token that may do everything cannot be limited.
    let request = json!({ "scopes": ["admin"], "expires_in": 60, "clients": [divided.alpha.id(tables::CLIENTS)] });
    assert_eq!(divided.world.api.post("/api/auth/issue", &request).unwrap().status, 409);
}
