//! What holds for all calls: forms of values, errors, limits.

use migrations::catalogue as tables;
use serde_json::{Value, json};
use world::api::Answer;

use super::World;

/// An answer that is an error of the one form.
fn problem(answer: &Answer, status: u16, code: &str) -> Value {
    let body = answer.body();
    assert_eq!((answer.status, body["error_code"].as_str()), (status, Some(code)), "{}", answer.text());
    assert_eq!(body["status_code"], status);
    assert!(body["detail"].as_str().is_some_and(|text| !text.is_empty()) && body["details"].is_object());
    body["details"].clone()
}

#[test]
fn values_have_one_form_whatever_they_came_in() {
    let world = World::new("values");
    let client = world.create_with(tables::CLIENTS, &json!({ "name": "  Acme \t Inc", "default_hourly_rate": "90" }));
    assert_eq!((&client["name"], &client["default_hourly_rate"]), (&json!("Acme Inc"), &json!("90.00")));
    let upper = client["id"].as_str().unwrap().to_uppercase();
    assert_eq!(
        world.api.get(&format!("/api/clients/{upper}")).unwrap().expect(200).unwrap().body()["id"],
        client["id"]
    );
    let session = world.create_with(
        tables::SESSIONS,
        &json!({ "client_id": upper, "started_at": "2026-03-01T10:00:00.25+02:00", "ended_at": "2026-03-01T09:00:00Z" }),
    );
    assert_eq!(
        (&session["client_id"], &session["started_at"], &session["ended_at"]),
        (&client["id"], &json!("2026-03-01T08:00:00.250000Z"), &json!("2026-03-01T09:00:00.000000Z"))
    );
    let of_client = world.api.get(&format!("/api/sessions/by-client/{upper}?status=in_progress")).unwrap();
    assert_eq!(of_client.expect(200).unwrap().body()["total"], 1);
    let tagged = world
        .create_with(tables::CONTEXT_SNIPPETS, &json!({ "tags": ["Active  Directory", "active-directory", "DNS"] }));
    assert_eq!(tagged["tags"], json!(["active-directory", "dns"]));
    let found = world.api.get("/api/context-snippets/by-tags?tags=dns,nothing").unwrap().expect(200).unwrap();
    assert_eq!(found.body()["total"], 1);
}

#[test]
fn what_cannot_be_taken_is_named_by_field_and_never_by_value() {
    let world = World::new("fields");
    let body = json!({
        "credential_type": "magic-s3cret", "service_name": 7, "requires_vpn": "yes", "username": null,
        "expires_at": "yesterday-s3cret", "nonsense": "s3cret", "client_id": "s3cret",
    });
    let answer = world.api.post("/api/credentials", &body).unwrap();
    let details = problem(&answer, 422, "VALIDATION_ERROR");
    let fields: Vec<&String> = details["fields"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["credential_type", "service_name", "requires_vpn", "expires_at", "nonsense", "client_id"]);
    assert!(!answer.text().contains("s3cret"), "{}", answer.text());
    let missing = problem(&world.api.post("/api/sites", &json!({})).unwrap(), 422, "VALIDATION_ERROR");
    assert_eq!(missing["fields"], json!({ "client_id": "must be given", "name": "must be given" }));
    let query =
        problem(&world.api.get("/api/sites?limit=0&sort=nonsense&x=1&skip=-1").unwrap(), 422, "VALIDATION_ERROR");
    assert_eq!(query["fields"].as_object().unwrap().len(), 4, "{query}");
    let twice = problem(&world.api.get("/api/sites?limit=1&limit=2").unwrap(), 422, "VALIDATION_ERROR");
    assert!(twice["fields"]["limit"].is_string());
    let no_id = problem(&world.api.get("/api/sites/not-an-id").unwrap(), 422, "VALIDATION_ERROR");
    assert!(no_id["fields"]["id"].is_string());
}

#[test]
fn what_does_not_fit_what_is_there_is_a_conflict_that_says_what_is_in_the_way() {
    let world = World::new("conflicts");
    let client = world.create(tables::CLIENTS);
    let taken = world.api.post("/api/clients", &json!({ "name": client["name"] })).unwrap();
    assert_eq!(problem(&taken, 409, "DUPLICATE_KEY")["existing_id"], client["id"]);
    let orphan = json!({ "name": "x", "client_id": "0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1b" });
    let orphan = world.api.post("/api/sites", &orphan).unwrap();
    assert!(problem(&orphan, 409, "MISSING_PARENT")["fields"]["client_id"].is_string());
    let backwards = json!({ "started_at": "2026-03-02T00:00:00Z", "ended_at": "2026-03-01T00:00:00Z" });
    let backwards = world.api.post("/api/sessions", &backwards).unwrap();
    assert_eq!(problem(&backwards, 409, "CONSTRAINT_VIOLATED")["constraint"], "ck_sessions_times");
    assert_eq!(world.api.get("/api/sessions").unwrap().body()["total"], 0, "nothing of it was written");
}

#[test]
fn secrets_are_kept_sealed_and_everything_done_with_them_is_on_record() {
    let world = World::new("secrets");
    let id = sync::local::derived_id("test", "router");
    let place = format!("/api/credentials/{id}");
    let body = |password: &str| json!({ "id": id, "credential_type": "password", "service_name": "router", "password": password });
    let made = world.api.post("/api/credentials", &body("hunter2-s3cret")).unwrap().expect(201).unwrap();
    assert_eq!((&made.body()["has_password"], made.body().get("password")), (&json!(true), None));
    world.api.post("/api/credentials", &body("hunter2-s3cret")).unwrap().expect(200).unwrap();
    problem(&world.api.post("/api/credentials", &body("another-s3cret")).unwrap(), 409, "DUPLICATE_KEY");
    let reveal = || {
        let shown = world.api.post(&format!("{place}/reveal"), &json!({})).unwrap().expect(200).unwrap();
        shown.body()["secrets"]["password"].clone()
    };
    assert_eq!(reveal(), "hunter2-s3cret");
    world.api.put(&place, &json!({ "password": "changed-s3cret" })).unwrap().expect(200).unwrap();
    assert_eq!(reveal(), "changed-s3cret");
    let rotated = json!({ "password": "rotated-s3cret" });
    world.api.post(&format!("{place}/rotate"), &rotated).unwrap().expect(200).unwrap();
    assert_eq!(reveal(), "rotated-s3cret");

    let record = format!("/api/credential-audit-logs/by-credential/{id}?sort=created_at&order=asc");
    let record = world.api.get(&record).unwrap().expect(200).unwrap();
    let actions: Vec<String> =
        record.body()["items"].as_array().unwrap().iter().map(|row| row["action"].to_string()).collect();
    assert_eq!(actions.join(" "), r#""create" "decrypt" "update" "decrypt" "rotate" "decrypt""#);
    let requests = world.api.get("/api/api-audit-log").unwrap().expect(200).unwrap();
    assert!(requests.body()["total"].as_u64().unwrap() >= 5, "{}", requests.text());
    assert!(!record.text().contains("s3cret") && !requests.text().contains("s3cret"));
    let checked = world.api.get("/api/credential-audit-logs/verify").unwrap().expect(200).unwrap();
    assert_eq!(checked.body()["intact"], true, "{}", checked.text());
    let replica = world.machine.home().replica();
    let folder = std::fs::read_dir(replica.parent().unwrap()).unwrap();
    for file in folder.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"s3cret"), "{}", file.display());
    }
}

#[test]
fn bodies_have_limits() {
    let world = World::new("limits");
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(5 << 20));
    let json = [("Content-Type", "application/json")];
    problem(&world.api.send("POST", "/api/clients", &json, large.as_bytes()).unwrap(), 413, "TOO_LARGE");
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    problem(&world.api.send("POST", "/api/clients", &json, deep.as_bytes()).unwrap(), 422, "VALIDATION_ERROR");
    for body in ["", "{", "[]", "null", "7", "{\"name\":\"a\",}", "\u{feff}{}"] {
        problem(&world.api.send("POST", "/api/clients", &json, body.as_bytes()).unwrap(), 422, "VALIDATION_ERROR");
    }
    // What a page of another origin can send without being asked is no JSON.
    for media in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let sent = world.api.send("POST", "/api/clients", &[("Content-Type", media)], b"{\"name\":\"a\"}").unwrap();
        problem(&sent, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let method = world.api.send("PATCH", "/api/clients", &json, b"{}").unwrap();
    problem(&method, 405, "METHOD_NOT_ALLOWED");
    assert!(method.header("allow").is_some_and(|allowed| allowed.contains("POST")));
    problem(&world.api.get("/api/nonsense").unwrap(), 404, "NOT_FOUND");
    assert_eq!(world.api.get("/api/clients").unwrap().expect(200).unwrap().body()["total"], 0);
}

#[test]
fn another_host_and_another_origin_are_refused_in_the_same_form() {
    let world = World::new("origins");
    let origin = world.api.send("GET", "/api/clients", &[("Origin", "http://evil.example")], b"").unwrap();
    problem(&origin, 403, "WRONG_ORIGIN");
    problem(&world.api.stranger().get("/api/clients").unwrap(), 401, "UNAUTHENTICATED");
    let open = world.api.stranger().send("GET", "/api/docs", &[("Origin", "http://evil.example")], b"").unwrap();
    problem(&open, 403, "WRONG_ORIGIN");
    let page = world.api.stranger().get("/api/docs").unwrap().expect(200).unwrap();
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    assert!(page.text().contains("SwaggerUIBundle"));
}
