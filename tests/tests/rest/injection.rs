//! Whatever reaches SQL is bound, or is one of the names of the catalogue.

use migrations::catalogue as tables;
use serde_json::json;

use super::{World, encoded};

/// What has broken programs that put texts together.
const ATTACKS: &[&str] = &[
    "' OR '1'='1",
    "'; DROP TABLE clients; --",
    "\" OR 1=1 --",
    "id); DELETE FROM clients; --",
    "created_at DESC, (SELECT 1)",
    "1 UNION SELECT password_hash FROM users",
    "%' ESCAPE '!' OR 1=1 --",
    "\\",
    "%",
    "_",
    "%00",
    "a,b') OR ('1'='1",
    "[\"x\"]') OR 1=1 --",
];

#[test]
fn no_parameter_is_taken_for_sql() {
    let world = World::new("injection");
    let client = world.create(tables::CLIENTS);
    world.create_with(tables::CONTEXT_SNIPPETS, &json!({ "tags": ["dns"], "client_id": client["id"] }));
    let paths = world.document["paths"].as_object().unwrap();
    let mut asked = 0;
    for (path, methods) in paths.iter().filter(|(path, _)| path.starts_with("/api/") && !path.contains("/sync/")) {
        let Some(operation) = methods.get("get") else { continue };
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap();
            // Each parameter gets each attack somewhere; not all of them everywhere, which would take minutes.
            for attack in ATTACKS.iter().skip(asked % 3).step_by(3) {
                let attack = encoded(attack);
                let url = match parameter["in"].as_str().unwrap() {
                    "path" => path.replace(&format!("{{{name}}}"), &attack),
                    "query" => format!("{path}?{name}={attack}"),
                    _ => continue,
                };
                let url = url.replace("{id}", client["id"].as_str().unwrap());
                if url.contains('{') {
                    continue;
                }
                let answer = world.api.get(&url).unwrap();
                assert!([200, 404, 409, 422].contains(&answer.status), "{url}: {} {}", answer.status, answer.text());
                assert!(!answer.text().to_lowercase().contains("sqlite"), "{url}: {}", answer.text());
            }
            asked += 1;
        }
    }
    assert!(asked > 500, "{asked} parameters were tried");
    let clients = world.api.get("/api/clients").unwrap().expect(200).unwrap().body();
    assert_eq!(clients["total"], 1, "the table is as it was");
}

#[test]
fn a_search_finds_what_was_typed_and_no_more() {
    let world = World::new("search");
    for name in ["100% cotton", "100 cotton", "snake_case", "snakeXcase", "back\\slash", "it's"] {
        world.create_with(tables::CLIENTS, &json!({ "name": name }));
    }
    for (text, found) in [
        ("100%", 1),
        ("%", 1),
        ("snake_case", 1),
        ("_", 1),
        ("back\\slash", 1),
        ("it's", 1),
        ("100 COTTON", 2),
        ("' OR 1=1 --", 0),
    ] {
        let answer = world.api.get(&format!("/api/clients?q={}", encoded(text))).unwrap().expect(200).unwrap();
        assert_eq!(answer.body()["total"], found, "{text}");
    }
}

#[test]
fn names_in_a_body_are_no_columns() {
    let world = World::new("names");
    for name in ["name\"; DROP TABLE clients; --", "rowid", "name = 'x', notes", "updated_at"] {
        let refused = world.api.post("/api/clients", &json!({ "name": "a", name: "x" })).unwrap();
        assert_eq!(refused.status, 422, "{name}");
    }
    let keep = json!({ "table": "clients; DROP TABLE clients", "keep_id": "0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1b", "drop_id": "0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1c" });
    assert_eq!(world.api.post("/api/sync/duplicates/merge", &keep).unwrap().status, 422);
    assert_eq!(world.api.get("/api/clients").unwrap().body()["total"], 0);
}
