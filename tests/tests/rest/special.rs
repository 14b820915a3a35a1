//! What is particular to one table.

use migrations::catalogue as tables;
use serde_json::{Value, json};

use super::{World, encoded};

fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap()
}

#[test]
fn machines_are_enrolled_once_and_give_signs_of_life_seldom() {
    let world = World::new("machines");
    let body = world.body(tables::MACHINES);
    let made = world.api.post("/api/machines/register", &body).unwrap().expect(201).unwrap().body();
    let mut again = body.clone();
    again["os_version"] = json!("newer");
    again["hostname"] = json!("RENAMED");
    let enrolled = world.api.post("/api/machines/register", &again).unwrap().expect(200).unwrap().body();
    assert_eq!(
        (&enrolled["id"], &enrolled["os_version"], &enrolled["hostname"]),
        (&made["id"], &json!("newer"), &json!("RENAMED"))
    );
    let beat = format!("/api/machines/{}/heartbeat", id(&made));
    let tools = json!({ "installed_tools": { "git": "2.47" } });
    let first = world.api.post(&beat, &tools).unwrap().expect(200).unwrap().body();
    assert_eq!(first["installed_tools"], tools["installed_tools"]);
    let second = world.api.send("POST", &beat, &[], b"").unwrap().expect(200).unwrap().body();
    assert_eq!(second, first, "a beat right after another changes nothing");
}

#[test]
fn a_clients_overview_counts_what_is_open() {
    let world = World::new("overview");
    let client = world.create(tables::CLIENTS);
    let of_client = |values: Value| {
        let mut values = values;
        values["client_id"] = client["id"].clone();
        values
    };
    world.create_with(tables::SITES, &of_client(json!({})));
    world.create_with(tables::TASKS, &of_client(json!({ "status": "pending" })));
    world.create_with(tables::TASKS, &of_client(json!({ "status": "completed" })));
    world.create_with(
        tables::BILLABLE_TIME,
        &of_client(json!({ "duration_minutes": 45, "is_billable": true, "is_invoiced": false })),
    );
    let session = world.create_with(tables::SESSIONS, &of_client(json!({ "title": "the last one" })));
    let overview = format!("/api/clients/{}/overview", id(&client));
    let overview = world.api.get(&overview).unwrap().expect(200).unwrap().body();
    assert_eq!(
        (&overview["sites"], &overview["open_tasks"], &overview["unbilled_minutes"], &overview["latest_session"]["id"]),
        (&json!(1), &json!(1), &json!(45), &session["id"])
    );
}

#[test]
fn sessions_end_and_pending_tasks_are_completed() {
    let world = World::new("ends");
    let start = json!({ "started_at": "2026-03-01T10:00:00Z", "ended_at": null, "duration_minutes": null, "status": "in_progress" });
    let session = world.create_with(tables::SESSIONS, &start);
    let end = format!("/api/sessions/{}/end", id(&session));
    let body = json!({ "ended_at": "2026-03-01T11:30:59Z", "summary": "done" });
    let ended = world.api.post(&end, &body).unwrap().expect(200).unwrap().body();
    assert_eq!(
        (&ended["status"], &ended["duration_minutes"], &ended["summary"]),
        (&json!("completed"), &json!(90), &json!("done"))
    );
    assert_eq!(world.api.post(&end, &json!({ "title": "no" })).unwrap().status, 422);
    let task = world.create_with(tables::PENDING_TASKS, &json!({ "status": "pending", "completed_at": null }));
    let complete = format!("/api/pending-tasks/{}/complete", id(&task));
    let done =
        world.api.post(&complete, &json!({ "completed_by": "ann@example.com" })).unwrap().expect(200).unwrap().body();
    assert_eq!((&done["status"], &done["completed_by"]), (&json!("completed"), &json!("ann@example.com")));
    assert!(done["completed_at"].is_string());
}

#[test]
fn a_project_is_found_by_its_remote_in_any_form() {
    let world = World::new("slugs");
    let remote = encoded("git@git.example:acme/Site.git");
    let place = format!("/api/projects/by-slug?git_remote={remote}");
    assert_eq!(world.api.get(&place).unwrap().status, 404);
    let made = world.api.get(&format!("{place}&create=true")).unwrap().expect(201).unwrap().body();
    assert_eq!((&made["slug"], &made["name"]), (&json!("git.example/acme/site"), &json!("site")));
    let other = encoded("https://git.example/acme/site");
    let found = world.api.get(&format!("/api/projects/by-slug?git_remote={other}&create=true")).unwrap();
    assert_eq!(found.expect(200).unwrap().body()["id"], made["id"]);
    let found = world.api.get(&format!("/api/projects/by-slug?slug={}", encoded("git.example/acme/site"))).unwrap();
    assert_eq!(found.expect(200).unwrap().body()["id"], made["id"]);
    let both = world.api.get(&format!("/api/projects/by-slug?slug=another&git_remote={other}")).unwrap();
    assert_eq!(both.status, 409);
}

#[test]
fn an_invoice_is_all_or_nothing() {
    let world = World::new("invoices");
    let open = json!({ "is_invoiced": false, "invoice_reference": null, "invoiced_at": null });
    let (a, b) = (world.create_with(tables::BILLABLE_TIME, &open), world.create_with(tables::BILLABLE_TIME, &open));
    let mark = |ids: Value, reference: &str| {
        world
            .api
            .post("/api/billable-time/mark-invoiced", &json!({ "ids": ids, "invoice_reference": reference }))
            .unwrap()
    };
    let state = |row: &Value| world.api.get(&format!("/api/billable-time/{}", id(row))).unwrap().body();
    assert_eq!(mark(json!([a["id"], "0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1b"]), "R-1").status, 404);
    assert_eq!(state(&a)["is_invoiced"], false, "nothing of it was done");
    assert_eq!(mark(json!([a["id"]]), "R-1").expect(200).unwrap().body()["invoiced"], 1);
    let marked = state(&a);
    assert!(marked["is_invoiced"] == true && marked["invoice_reference"] == "R-1" && marked["invoiced_at"].is_string());
    assert_eq!(mark(json!([a["id"]]), "R-1").status, 200, "sent again it is the same");
    assert_eq!(mark(json!([b["id"], a["id"]]), "R-2").code(), "ALREADY_INVOICED");
    assert_eq!(state(&b)["is_invoiced"], false);
    assert_eq!(mark(json!([]), "R-1").status, 422);
}

#[test]
fn what_would_fail_with_a_service_is_followed_through_others() {
    let world = World::new("impact");
    let services: Vec<Value> = (0..4).map(|_| world.create(tables::SERVICES)).collect();
    let link = |from: usize, to: usize, kind: &str| {
        let values = json!({ "from_service_id": services[from]["id"], "to_service_id": services[to]["id"], "relationship_type": kind });
        world.create_with(tables::SERVICE_RELATIONSHIPS, &values)
    };
    link(1, 0, "depends_on");
    link(1, 2, "backend_for");
    link(3, 2, "authenticates_via");
    link(0, 3, "depends_on"); // a circle
    let of = |at: usize, what: &str| {
        world.api.get(&format!("/api/services/{}/{what}", id(&services[at]))).unwrap().expect(200).unwrap().body()
    };
    let impact = of(0, "impact");
    let mut hit: Vec<&Value> = impact["items"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    hit.sort_by_key(std::string::ToString::to_string);
    let mut expected: Vec<&Value> = services[1..].iter().map(|row| &row["id"]).collect();
    expected.sort_by_key(std::string::ToString::to_string);
    assert_eq!(hit, expected);
    assert_eq!(of(1, "relationships")["total"], 2);
    assert_eq!(world.api.get(&format!("/api/infrastructure/{}/guests", id(&services[0]))).unwrap().status, 404);
}

#[test]
fn the_state_of_a_project_is_one() {
    let world = World::new("states");
    let project = world.create(tables::PROJECTS);
    let place = format!("/api/project-states/by-project/{}", id(&project));
    assert_eq!(world.api.get(&place).unwrap().status, 404);
    let made = world
        .api
        .put(&place, &json!({ "current_phase": "design", "blockers": ["a", "a", "b"] }))
        .unwrap()
        .expect(201)
        .unwrap();
    assert_eq!(made.body()["blockers"], json!(["a", "b"]));
    let changed = world.api.put(&place, &json!({ "progress_percentage": 40 })).unwrap().expect(200).unwrap().body();
    assert_eq!((&changed["current_phase"], &changed["progress_percentage"]), (&json!("design"), &json!(40)));
    assert_eq!(world.api.put(&place, &json!({ "progress_percentage": 101 })).unwrap().status, 422);
    assert_eq!(world.api.get(&place).unwrap().expect(200).unwrap().body()["id"], made.body()["id"]);
    // A state that was moved to another project leaves room for a new one, and is not overwritten by it.
    let other = world.create(tables::PROJECTS);
    let moved = format!("/api/project-states/{}", made.body()["id"].as_str().unwrap());
    world.api.put(&moved, &json!({ "project_id": other["id"] })).unwrap().expect(200).unwrap();
    let early = world.api.json("PUT", &place, &json!({}), &[("If-Match", "*")]).unwrap();
    assert_eq!(early.status, 412, "there is none yet");
    let new = world.api.put(&place, &json!({ "current_phase": "build" })).unwrap().expect(201).unwrap().body();
    assert_ne!(new["id"], made.body()["id"]);
    assert_eq!(world.api.get(&moved).unwrap().body()["current_phase"], "design");
}

#[test]
fn decisions_are_replaced_by_later_ones() {
    let world = World::new("decisions");
    let old = world.create_with(tables::DECISION_LOGS, &json!({ "tags": ["dns"], "impact": "high" }));
    let body = world.body(tables::DECISION_LOGS);
    let place = format!("/api/decision-logs/{}", id(&old));
    let new = world.api.post(&format!("{place}/supersede"), &body).unwrap().expect(201).unwrap().body();
    assert_eq!(world.api.get(&place).unwrap().body()["superseded_by_id"], new["id"]);
    let again = world.api.post(&format!("{place}/supersede"), &body).unwrap();
    assert_eq!(again.status, 409, "another one cannot replace it as well");
    let total = |path: &str| {
        world.api.get(&format!("/api/decision-logs/{path}")).unwrap().expect(200).unwrap().body()["total"].clone()
    };
    assert_eq!(
        (total("by-tags?tags=dns"), total("by-impact/high"), total("by-type/technical")),
        (json!(2), json!(1), json!(2))
    );
    assert_eq!(world.api.get("/api/decision-logs/by-impact/enormous").unwrap().status, 422);
}

#[test]
fn patterns_match_and_uses_are_counted() {
    let world = World::new("patterns");
    let known = json!({ "error_pattern": "exit code [0-9]+", "is_active": true, "occurrence_count": 1 });
    let pattern = world.create_with(tables::FAILURE_PATTERNS, &known);
    let found =
        world.api.post("/api/failure-patterns/match", &json!({ "error_text": "it ended with Exit Code 17" })).unwrap();
    assert_eq!(found.expect(200).unwrap().body()["items"][0]["id"], pattern["id"]);
    let none = world.api.post("/api/failure-patterns/match", &json!({ "error_text": "all is well" })).unwrap();
    assert_eq!(none.body()["total"], 0);
    let again = format!("/api/failure-patterns/{}/occurred", id(&pattern));
    assert_eq!(world.api.send("POST", &again, &[], b"").unwrap().expect(200).unwrap().body()["occurrence_count"], 2);

    let solution =
        world.create_with(tables::PROBLEM_SOLUTIONS, &json!({ "title": "Renew the certificate", "times_reused": 0 }));
    let used = format!("/api/problem-solutions/{}/used", id(&solution));
    assert_eq!(world.api.send("POST", &used, &[], b"").unwrap().expect(200).unwrap().body()["times_reused"], 1);
    assert_eq!(
        world.api.get("/api/problem-solutions/search?q=certificate%20renew").unwrap().expect(200).unwrap().body()["total"],
        1
    );
    assert_eq!(world.api.get("/api/problem-solutions/search").unwrap().status, 422);

    let snippet = world.create_with(tables::CONTEXT_SNIPPETS, &json!({ "usage_count": 0, "relevance_score": "9.00" }));
    let place = format!("/api/context-snippets/{}", id(&snippet));
    assert_eq!(world.api.get(&place).unwrap().expect(200).unwrap().body()["usage_count"], 1);
    assert_eq!(world.api.get(&format!("{place}?touch=false")).unwrap().expect(200).unwrap().body()["usage_count"], 1);
    let top = |query: &str| {
        world.api.get(&format!("/api/context-snippets/top-relevant{query}")).unwrap().expect(200).unwrap().body()["total"].clone()
    };
    assert_eq!((top(""), top("?min_relevance_score=9.5")), (json!(1), json!(0)));
}

#[test]
fn what_is_recorded_once_is_recorded_once() {
    let world = World::new("once");
    let change =
        world.create_with(tables::DATABASE_CHANGES, &json!({ "rolled_back_at": null, "rolled_back_by": null }));
    let asset = world.create_with(tables::INFRASTRUCTURE_CHANGES, &json!({ "verified_at": null }));
    let backup =
        world.create_with(tables::BACKUP_LOG, &json!({ "verification_status": "pending", "verified_at": null }));
    let tenant = world.create(tables::M365_TENANTS);
    for (path, row, body) in [
        ("database-changes/{}/rolled-back", &change, json!({ "rolled_back_by": "ann@example.com" })),
        ("infrastructure-changes/{}/verified", &asset, json!({ "verification_notes": "works" })),
        ("backup-log/{}/verified", &backup, json!({ "verification_status": "passed" })),
    ] {
        let place = format!("/api/{}", path.replace("{}", id(row)));
        world.api.post(&place, &body).unwrap().expect(200).unwrap();
        let again = world.api.post(&place, &body).unwrap();
        assert_eq!((again.status, again.code()), (409, "ALREADY_DONE".into()), "{place}");
    }
    let by_tenant = format!("/api/m365-tenants/by-tenant-id/{}", tenant["tenant_id"].as_str().unwrap().to_uppercase());
    assert_eq!(world.api.get(&by_tenant).unwrap().expect(200).unwrap().body()["id"], tenant["id"]);
}

#[test]
fn recall_gives_text_to_inject_and_nothing_when_there_is_nothing() {
    let world = World::new("recall");
    let empty = world.api.get("/api/conversation-contexts/recall?search_term=lighthouse").unwrap().expect(200).unwrap();
    assert!(
        empty.body.is_empty() && empty.header("content-type").is_some_and(|kind| kind.starts_with("text/markdown"))
    );
    let project = world.create(tables::PROJECTS);
    let context = json!({
        "project_id": project["id"], "title": "The lighthouse API", "dense_summary": "The beacon listens on port 4317.",
        "context_type": "technical_decision", "relevance_score": "8.00", "tags": ["beacon"], "usage_count": 0,
    });
    let context = world.create_with(tables::CONVERSATION_CONTEXTS, &context);
    let recall = |query: &str| {
        let place = format!("/api/conversation-contexts/recall?project_id={}&{query}", id(&project));
        world.api.get(&place).unwrap().expect(200).unwrap().text()
    };
    let text = recall("search_term=beacon%20port&tags=beacon");
    assert!(
        text.starts_with("## Previous Context") && text.contains("### 1. The lighthouse API (Score: 8.0/10)"),
        "{text}"
    );
    assert!(text.contains("port 4317"));
    assert_eq!(recall("search_term=beacon&min_relevance_score=9"), "");
    assert_eq!(recall("search_term=beacon&tags=other"), "");
    assert_eq!(world.api.get("/api/conversation-contexts/recall?limit=51").unwrap().status, 422);
    let json = [("Accept", "application/json")];
    let place = format!("/api/conversation-contexts/recall?search_term=beacon&project_id={}", id(&project));
    let hits = world.api.send("GET", &place, &json, b"").unwrap().expect(200).unwrap().body();
    assert_eq!(hits[0]["source_id"], context["id"]);
    let uses = || {
        world.api.get(&format!("/api/conversation-contexts/{}", id(&context))).unwrap().body()["usage_count"].clone()
    };
    world::eventually("the uses counted", std::time::Duration::from_secs(10), || uses() == 2).unwrap();
}

#[test]
fn recall_tells_what_is_known_of_the_clients_environment_and_of_no_other() {
    let world = World::new("environment");
    let (client, other) = (world.create(tables::CLIENTS), world.create(tables::CLIENTS));
    let project = world.create_with(tables::PROJECTS, &json!({ "client_id": client["id"] }));
    for (client, title) in [(&client, "PowerShell 2 only"), (&other, "PowerShell 7 there")] {
        let insight = json!({ "client_id": client["id"], "title": title, "description": "On SRV1.", "priority": 8 });
        world.create_with(tables::ENVIRONMENTAL_INSIGHTS, &insight);
    }
    let asset = world.create_with(tables::INFRASTRUCTURE, &json!({ "client_id": client["id"] }));
    let pattern = json!({
        "infrastructure_id": asset["id"], "title": "PowerShell remoting fails", "severity": "major", "is_active": true,
    });
    world.create_with(tables::FAILURE_PATTERNS, &pattern);
    let place = format!("/api/conversation-contexts/recall?project_id={}&search_term=", id(&project));
    let recalled = world.api.get(&format!("{place}powershell")).unwrap().expect(200).unwrap().text();
    for (part, is_there) in [("PowerShell 2 only", true), ("PowerShell remoting fails", true), ("PowerShell 7", false)]
    {
        assert_eq!(recalled.contains(part), is_there, "{recalled}");
    }
    assert_eq!(world.api.get(&format!("{place}kerberos")).unwrap().expect(200).unwrap().text(), "");
}
