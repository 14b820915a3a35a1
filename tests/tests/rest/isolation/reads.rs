//! Reading: nothing of another client is in any answer, and all of one's own client is.

use std::collections::{BTreeMap, BTreeSet};

use migrations::catalogue as tables;
use serde_json::{Value, json};
use world::Api;

use super::{Divided, encoded, is_refused, leads_to_client};

/// What tells of the machine or of all clients at once: not for callers that are limited.
const NOT_FOR_LIMITED: &[&str] = &[
    "/api/api-audit-log",
    "/api/api-audit-log/{id}",
    "/api/backup-log",
    "/api/backup-log/{id}",
    "/api/bulk-import/import-status",
    "/api/credential-audit-logs/verify",
    "/api/integration-credentials",
    "/api/integration-credentials/{id}",
    "/api/status",
    "/api/sync/conflicts",
    "/api/sync/conflicts/{id}",
    "/api/sync/duplicates",
    "/api/sync/machines",
    "/api/sync/quarantine",
    "/api/sync/queue",
    "/api/sync/status",
    "/api/sync/verify",
    "/api/users",
    "/api/users/{id}",
    "/api/vault",
];

/// What a route cannot do without.
fn query(divided: &Divided, path: &str, side: &super::Side) -> String {
    let session = encoded(&format!("{}-session", side.word));
    match path {
        "/api/projects/by-slug" => format!("?slug={}", encoded(side.slug())),
        "/api/context-snippets/by-tags" | "/api/decision-logs/by-tags" => {
            let entity = divided.entity(path).unwrap();
            let tags: Vec<String> = side.row(entity)["tags"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|tag| tag.as_str().map(encoded))
                .collect();
            format!("?tags={}", tags.join(","))
        }
        "/api/problem-solutions/search" => format!("?q={}", side.word),
        "/api/coord/messages" | "/api/coord/messages/unread-count" => format!("?session_id={session}"),
        "/api/coord/locks" => "?include_released=true".to_owned(),
        "/api/conversation-contexts/recall" => {
            let project = side.id(tables::PROJECTS);
            format!("?project_id={project}&search_term={}&min_relevance_score=0&limit=50", side.word)
        }
        _ if path.ends_with("/by-tag/{tag_id}") || !path.contains('{') => "?limit=1000".to_owned(),
        _ => String::new(),
    }
}

#[test]
fn no_answer_has_anything_of_another_client_and_all_have_ones_own() {
    let divided = Divided::new("isolated-reads");
    let (mut asked, mut refused, mut not_for_limited) = (BTreeSet::new(), 0, BTreeSet::new());
    let mut wrong: Vec<String> = Vec::new();
    for (method, path, _) in divided.operations() {
        if method != "GET" || path == "/api/openapi.json" || path == "/api/docs" {
            continue;
        }
        for (side, is_own) in [(&divided.alpha, true), (&divided.beta, false)] {
            let Some(place) = divided.filled(&path, side) else { continue };
            let query = query(&divided, &path, side);
            let query = if query == "?limit=1000" && !takes(&divided, &path, "limit") { String::new() } else { query };
            let url = format!("{place}{query}");
            let full = divided.world.api.get(&url).unwrap();
            for caller in [&divided.viewer, &divided.tech] {
                let answer = caller.get(&url).unwrap();
                let told = divided.beta.seen_in(&answer.text(), &url);
                if !told.is_empty() {
                    wrong.push(format!("{url} tells {told:?}: {}", answer.text()));
                }
                if is_refused(&answer) {
                    refused += 1;
                    if is_own {
                        not_for_limited.insert(path.clone());
                    }
                } else if is_own && answer.status == 403 {
                    // Too small a scope says no before the limit does.
                    not_for_limited.insert(path.clone());
                } else if is_own && full.status == 200 {
                    // What an unlimited caller is told of the own client, the limited one is told, too.
                    let mine = |text: &str| -> BTreeSet<String> {
                        divided.alpha.names().into_iter().filter(|id| text.contains(id.as_str())).collect()
                    };
                    if answer.status != 200 || !mine(&full.text()).is_subset(&mine(&answer.text())) {
                        wrong.push(format!("{url} keeps something back: {} {}", answer.status, answer.text()));
                    }
                    check_total(&answer.body(), &url, &mut wrong);
                } else if !is_own && names_a_row(&divided, &path) && full.status == 200 {
                    wrong.push(format!("{url} is not refused: {} {}", answer.status, answer.text()));
                }
            }
            asked.insert(path.clone());
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let expected: BTreeSet<String> = NOT_FOR_LIMITED.iter().map(|path| (*path).to_owned()).collect();
    let asked_of: BTreeSet<String> = expected.intersection(&asked).cloned().collect();
    assert_eq!(not_for_limited, asked_of);
    let on_record = divided.refusals();
    assert!(on_record.len() >= refused.min(900), "{refused} refusals, {} on record", on_record.len());
    assert!(on_record.iter().any(|row| row["http_method"] == "GET" && row["status_code"] == 403));
    assert!(!json!(on_record).to_string().contains(divided.beta.word), "no values are on record");
    assert!(asked.len() > 150 && refused > 150, "{} asked, {refused} refused", asked.len());
}

/// Whether a GET takes a parameter.
fn takes(divided: &Divided, path: &str, name: &str) -> bool {
    let parameters = divided.world.document["paths"][path]["get"]["parameters"].as_array().cloned().unwrap_or_default();
    parameters.iter().any(|parameter| parameter["name"] == name)
}

/// Whether a path names a row that belongs to a client.
fn names_a_row(divided: &Divided, path: &str) -> bool {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).any(|name| match name {
        "id" => divided.entity(path).is_some_and(leads_to_client),
        _ => super::parent_named(name).is_some_and(leads_to_client),
    })
}

/// A total counts what is seen.
fn check_total(body: &Value, url: &str, wrong: &mut Vec<String>) {
    if let (Some(total), Some(items)) = (body["total"].as_u64(), body["items"].as_array())
        && total != items.len() as u64
    {
        wrong.push(format!("{url}: a total of {total} for {} rows", items.len()));
    }
}

#[test]
fn a_filter_by_another_clients_row_is_refused_and_one_by_the_own_is_not() {
    let divided = Divided::new("isolated-filters");
    let mut tried = 0;
    for (method, path, operation) in divided.operations() {
        if method != "GET" || path.contains('{') || NOT_FOR_LIMITED.contains(&path.as_str()) {
            continue;
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in &parameters {
            let name = parameter["name"].as_str().unwrap();
            let Some(parent) = super::parent_named(name).filter(|parent| leads_to_client(parent)) else { continue };
            // What else the route cannot do without.
            let is_needed = |other: &&Value| other["required"] == true && other["name"] != name;
            let others = parameters.iter().filter(is_needed).map(|other| other["name"].as_str().unwrap());
            let others = others.fold(String::new(), |query, other| query + "&" + other + "=x");
            let with = |id: &str| divided.viewer.get(&format!("{path}?{name}={id}{others}")).unwrap();
            let hidden = with(divided.beta.id(parent));
            assert!(is_refused(&hidden), "{path}?{name}: {} {}", hidden.status, hidden.text());
            assert!(hidden.body()["details"]["hint"].as_str().unwrap().contains("claudetools users limit"));
            with(divided.alpha.id(parent)).expect(200).unwrap();
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
    let (viewer, beta) = (&divided.viewer, &divided.beta);
    for url in [
        format!("/api/coord/status?project_key={}", encoded(beta.slug())),
        format!("/api/coord/components?project_key={}", encoded(beta.slug())),
        format!("/api/projects/by-slug?slug={}", encoded(beta.slug())),
    ] {
        let answer = viewer.get(&url).unwrap();
        assert!(is_refused(&answer), "{url}: {} {}", answer.status, answer.text());
    }
}

#[test]
fn recall_gives_what_is_seen() {
    let divided = Divided::new("isolated-recall");
    let recall = |api: &Api, side: &super::Side| {
        let request = json!({ "text": side.word, "project": side.slug(), "limit": 100 });
        api.post("/api/recall", &request).unwrap()
    };
    let (alpha, beta) = (&divided.alpha, &divided.beta);
    assert!(recall(&divided.world.api, beta).text().contains(beta.id(tables::CONTEXT_SNIPPETS)), "it is there");
    assert!(is_refused(&recall(&divided.viewer, beta)));
    let own = recall(&divided.viewer, alpha).expect(200).unwrap();
    assert!(own.text().contains(alpha.id(tables::CONTEXT_SNIPPETS)), "{}", own.text());
    for request in [
        json!({ "text": beta.word }),
        json!({ "text": "marker" }),
        json!({ "text": "" }),
        json!({ "text": beta.word, "project": alpha.slug() }),
        json!({ "text": beta.word, "project": "nowhere/else" }),
    ] {
        let answer = divided.viewer.post("/api/recall", &request).unwrap().expect(200).unwrap();
        assert_eq!(beta.seen_in(&answer.text(), &request.to_string()), [""; 0], "{request}: {}", answer.text());
    }
    let text = json!({ "error_text": beta.row(tables::FAILURE_PATTERNS)["error_pattern"] });
    let found = |api: &Api| api.post("/api/failure-patterns/match", &text).unwrap().expect(200).unwrap().body();
    assert_eq!((&found(&divided.world.api)["total"], &found(&divided.viewer)["total"]), (&json!(1), &json!(0)));
}

#[test]
fn a_credential_without_a_client_is_seen_by_whom_a_permission_names() {
    let divided = Divided::new("isolated-credentials");
    let api = &divided.world.api;
    let general = json!({ "client_id": null, "service_id": null, "infrastructure_id": null });
    let credential = divided.world.create_with(tables::CREDENTIALS, &general);
    let id = credential["id"].as_str().unwrap();
    let place = format!("/api/credentials/{id}");
    let seen = || divided.viewer.get(&place).unwrap();
    assert!(is_refused(&seen()), "{}", seen().text());
    assert!(!divided.viewer.get("/api/credentials").unwrap().text().contains(id));
    let who = divided.viewer.get("/api/auth/me").unwrap().body()["user"].clone();
    let permission = json!({ "credential_id": id, "user_id": who, "permission_level": "read", "expires_at": null });
    let permission = divided.world.create_with(tables::CREDENTIAL_PERMISSIONS, &permission);
    assert_eq!(seen().expect(200).unwrap().body()["id"], credential["id"]);
    let past = json!({ "expires_at": "2026-01-01T00:00:00Z" });
    let permission = format!("/api/credential-permissions/{}", permission["id"].as_str().unwrap());
    api.put(&permission, &past).unwrap().expect(200).unwrap();
    assert!(is_refused(&seen()), "an expired permission names nobody: {}", seen().text());
    // A permission does not open what is another client's.
    let others = divided.beta.id(tables::CREDENTIALS);
    let permission = json!({ "credential_id": others, "user_id": who, "permission_level": "read", "expires_at": null });
    divided.world.create_with(tables::CREDENTIAL_PERMISSIONS, &permission);
    assert!(is_refused(&divided.viewer.get(&format!("/api/credentials/{others}")).unwrap()));
}

#[test]
fn a_reference_that_leads_to_both_is_hidden_and_one_that_is_general_is_seen() {
    let divided = Divided::new("isolated-both");
    let of = |side: &super::Side, entity| json!(side.id(entity));
    let (alpha, beta) = (&divided.alpha, &divided.beta);
    let nothing: BTreeMap<&str, Value> =
        tables::TASKS.foreign_keys.iter().map(|key| (key.column, Value::Null)).collect();
    let task = |values: &[(&str, Value)]| {
        let mut body = json!(nothing);
        for (name, value) in values {
            body[*name] = value.clone();
        }
        divided.world.create_with(tables::TASKS, &body)["id"].as_str().unwrap().to_owned()
    };
    let seen = |id: &str| divided.viewer.get(&format!("/api/tasks/{id}")).unwrap().status;
    assert_eq!(seen(&task(&[])), 200);
    assert_eq!(seen(&task(&[("session_id", of(alpha, tables::SESSIONS))])), 200);
    assert_eq!(seen(&task(&[("session_id", of(beta, tables::SESSIONS))])), 403);
    let both = [("client_id", of(alpha, tables::CLIENTS)), ("session_id", of(beta, tables::SESSIONS))];
    assert_eq!(seen(&task(&both)), 403);
    let both = [("session_id", of(alpha, tables::SESSIONS)), ("project_id", of(beta, tables::PROJECTS))];
    assert_eq!(seen(&task(&both)), 403);
}
