//! Secrets shown, who may see them, and the trail that this leaves: what is altered or removed with SQL is found.

use serde_json::{Value, json};
use world::Machine;

use super::http::{Api, token};
use super::{Central, PASSPHRASE, credential, id, round, vault};
use crate::replica::Replica;

fn verification(api: &Api, token: &str) -> Value {
    api.get("/api/credential-audit-logs/verify", token).body
}

/// The first row that is not as it was written; `doctor` names it too.
fn first_broken(api: &Api, machine: &Machine, token: &str) -> Value {
    let found = verification(api, token);
    assert_eq!(found["intact"], false, "{found}");
    let first = found["broken"][0].clone();
    let doctor = machine.cli(&["doctor"]).unwrap();
    let named = first["id"].as_str().unwrap_or("was removed");
    let of = format!("of machine {}", first["machine"].as_str().unwrap());
    assert!(doctor.code == 1 && doctor.stdout.contains(named) && doctor.stdout.contains(&of), "{doctor:?}");
    first
}

#[test]
fn a_secret_is_shown_to_whom_it_may_and_all_of_it_is_on_record() {
    let central = Central::new();
    let machine = central.machine("a");
    vault(&machine, "init", PASSPHRASE).ok().unwrap();
    let api = Api::of(&machine);
    let one = id("one");
    central.sql(&credential(&machine, &one, "planted-secret-5512"));
    central.sql(&format!(
        "INSERT INTO integration_credentials (id, integration_name, credential_type) VALUES ('{}', 'x', 'api_key')",
        id("integration")
    ));
    round(&machine);
    let path = format!("/api/credentials/{one}/reveal");
    let (admin, tech) = (token(&machine, "admin,write,read", "1h"), token(&machine, "read,write", "1h"));
    let shown = api.call("POST", &path, &admin, &json!({}));
    assert_eq!(shown.body["secrets"], json!({ "password": "planted-secret-5512" }));
    assert!(shown.head.contains("cache-control: no-store"), "{}", shown.head);
    let denied = api.call("POST", &path, &tech, &json!({}));
    assert_eq!((denied.status, denied.code()), (403, "FORBIDDEN"));
    let who = api.get("/api/auth/me", &tech).text("user");
    let grant = |until: &str| {
        format!(
            "REPLACE INTO credential_permissions (id, credential_id, user_id, permission_level, expires_at) \
             VALUES ('{}', '{one}', '{who}', 'read', {until})",
            id("grant")
        )
    };
    central.sql(&grant("'2020-01-01'"));
    round(&machine);
    assert_eq!(api.call("POST", &path, &tech, &json!({})).status, 403, "it has expired");
    central.sql(&grant("NULL"));
    round(&machine);
    assert_eq!(api.call("POST", &path, &tech, &json!({})).status, 200);
    assert_eq!(api.call("POST", &format!("/api/credentials/{}/reveal", id("none")), &admin, &json!({})).status, 404);
    let integration = format!("/api/integration-credentials/{}/reveal", id("integration"));
    assert_eq!(api.call("POST", &integration, &tech, &json!({})).status, 403, "for administrators");
    assert_eq!(api.call("POST", &integration, &admin, &json!({})).status, 200);

    round(&machine);
    let actions = central.sql("SELECT action FROM credential_audit_log ORDER BY id");
    assert_eq!(actions, "decrypt\naccess_denied\naccess_denied\ndecrypt");
    let found = verification(&api, &admin);
    assert_eq!([&found["rows"], &found["intact"], &found["broken"]], [&json!(4), &json!(true), &json!([])]);
    assert_eq!(found["chains"][0]["seen"], 4, "{found}");
    let requests = central.sql(
        "SELECT endpoint, status_code, COALESCE(error_code, '-') FROM api_audit_log WHERE endpoint LIKE '%reveal' ORDER BY id",
    );
    let all = "/api/credentials/{id}/reveal\t200\t-\n/api/credentials/{id}/reveal\t403\tFORBIDDEN";
    assert!(requests.starts_with(all), "{requests}");
    let on_record =
        central.sql("SELECT COUNT(*) FROM api_audit_log WHERE entity_id IS NOT NULL AND user_id IS NOT NULL");
    assert_eq!(on_record, "7");
    let everything = central.sql("SELECT * FROM api_audit_log; SELECT * FROM credential_audit_log");
    assert!(!everything.contains("planted-secret"), "{everything}");
}

#[test]
fn what_is_done_to_the_trail_with_sql_at_central_is_found() {
    let central = Central::new();
    let machine = central.machine("a");
    vault(&machine, "init", PASSPHRASE).ok().unwrap();
    let api = Api::of(&machine);
    central.sql(&credential(&machine, &id("one"), "a secret"));
    round(&machine);
    let admin = token(&machine, "admin,write,read", "1h");
    for _ in 0..5 {
        let path = format!("/api/credentials/{}/reveal", id("one"));
        assert_eq!(api.call("POST", &path, &admin, &json!({})).status, 200);
    }
    round(&machine);
    let text = central.sql("SELECT id FROM credential_audit_log ORDER BY id");
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 5);
    let act = |sql: &str| {
        central.sql(sql);
        round(&machine);
    };

    let user = central.sql("SELECT user_id FROM credential_audit_log LIMIT 1");
    act(&update("user_id = 'somebody@else'", rows[1]));
    let first = first_broken(&api, &machine, &admin);
    assert_eq!((&first["what"], &first["id"], &first["position"]), (&json!("altered"), &json!(rows[1]), &json!(2)));
    act(&update(&format!("user_id = '{user}'"), rows[1]));
    assert_eq!(verification(&api, &admin)["intact"], true, "put back as it was");

    // Two rows change places: each takes what the other says of its place in the chain.
    let details = |row: &str| central.sql(&format!("SELECT details FROM credential_audit_log WHERE id = '{row}'"));
    let (second, third) = (details(rows[1]), details(rows[2]));
    let swap = |one: &str, two: &str| {
        let (one, two) = (format!("details = '{one}'"), format!("details = '{two}'"));
        act(&format!("{}; {}", update(&one, rows[1]), update(&two, rows[2])));
    };
    swap(&third, &second);
    let first = first_broken(&api, &machine, &admin);
    assert_eq!((&first["what"], &first["id"], &first["position"]), (&json!("reordered"), &json!(rows[2]), &json!(2)));
    swap(&second, &third);
    assert_eq!(verification(&api, &admin)["intact"], true, "put back as it was");

    act(&format!("DELETE FROM credential_audit_log WHERE id = '{}'", rows[4]));
    let first = first_broken(&api, &machine, &admin);
    assert_eq!((&first["what"], &first["position"]), (&json!("removed"), &json!(5)), "the last one is missed too");
    act(&format!("DELETE FROM credential_audit_log WHERE id = '{}'", rows[2]));
    let first = first_broken(&api, &machine, &admin);
    assert_eq!((&first["what"], &first["position"]), (&json!("removed"), &json!(3)));
    assert_eq!([&first["after"], &first["before"]], [rows[1], rows[3]], "between these two");
    assert_eq!(Replica::of(&machine).number("SELECT count(*) FROM credential_audit_log"), 3);
}

#[test]
fn who_looks_at_one_credential_is_on_record_and_who_lists_them_is_not() {
    let machine = Machine::new("looked-at").unwrap();
    let api = Api::of(&machine);
    let admin = token(&machine, "admin,write,read", "1h");
    let body = json!({ "credential_type": "password", "service_name": "router", "password": "a secret" });
    let made = api.call("POST", "/api/credentials", &admin, &body).text("id");
    let reader = token(&machine, "read", "1h");
    assert_eq!(api.get("/api/credentials", &reader).body["total"], 1);
    let seen = api.get(&format!("/api/credentials/{made}"), &reader);
    assert_eq!((seen.status, &seen.body["has_password"]), (200, &json!(true)));
    assert_eq!(api.get(&format!("/api/credentials/{}", id("none")), &reader).status, 404);
    let actions = Replica::of(&machine).rows("SELECT action, credential_id FROM credential_audit_log ORDER BY id");
    assert_eq!(actions, [format!("create\t{made}"), format!("view\t{made}")]);
    assert_eq!(verification(&api, &reader)["intact"], true);
}

fn update(what: &str, row: &str) -> String {
    format!("UPDATE credential_audit_log SET {what} WHERE id = '{row}'")
}

/// Two rows exchange their ids, and so their places in every list.
fn exchange(one: &str, two: &str) -> String {
    let away = id("away");
    let steps = [(away.as_str(), one), (one, two), (two, away.as_str())];
    steps.map(|(to, from)| update(&format!("id = '{to}'"), from)).join("; ")
}

#[test]
fn every_machine_that_has_the_key_verifies_the_chains_of_all() {
    let central = Central::new();
    let (author, other) = (central.machine("author"), central.machine("other"));
    vault(&author, "init", PASSPHRASE).ok().unwrap();
    central.sql(&credential(&author, &id("one"), "a secret"));
    round(&author);
    let (api, far) = (Api::of(&author), Api::of(&other));
    let admin = token(&author, "admin,write,read", "1h");
    for _ in 0..5 {
        let path = format!("/api/credentials/{}/reveal", id("one"));
        assert_eq!(api.call("POST", &path, &admin, &json!({})).status, 200);
    }
    round(&author);
    round(&other);
    let text = central.sql("SELECT id FROM credential_audit_log ORDER BY created_at");
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(Replica::of(&other).number("SELECT count(*) FROM credential_audit_log"), 5, "they are here too");

    // Without the key it cannot be told, which is no accusation.
    let reader = token(&other, "read", "1h");
    assert_eq!(verification(&far, &reader)["broken"][0]["what"], "unverifiable");
    assert!(other.cli(&["doctor"]).unwrap().stdout.contains("cannot be verified"));
    vault(&other, "join", PASSPHRASE).ok().unwrap();
    let found = verification(&far, &reader);
    assert_eq!((&found["intact"], &found["chains"][0]["seen"]), (&json!(true), &json!(5)), "{found}");

    let act = |sql: &str| {
        central.sql(sql);
        round(&other);
    };
    let details = |row: &str| central.sql(&format!("SELECT details FROM credential_audit_log WHERE id = '{row}'"));
    let names_the_author = |first: &Value| {
        let machine = central.sql("SELECT MAX(machine) FROM credential_audit_log");
        assert_eq!(first["machine"], machine, "{first}");
        assert_ne!(first["chain"], Value::Null);
    };
    let before = details(rows[1]);
    act(&update(&format!("details = '{}'", before.replace("\"key\":\"", "\"key\":\"00")), rows[1]));
    let first = first_broken(&far, &other, &reader);
    assert_eq!((&first["what"], &first["id"]), (&json!("altered"), &json!(rows[1])), "another key hides nothing");
    names_the_author(&first);
    act(&update(&format!("details = '{before}'"), rows[1]));
    assert_eq!(verification(&far, &reader)["intact"], true, "put back as it was");

    act(&exchange(rows[2], rows[3]));
    let first = first_broken(&far, &other, &reader);
    assert_eq!((&first["what"], &first["position"]), (&json!("reordered"), &json!(3)));
    names_the_author(&first);
    act(&exchange(rows[2], rows[3]));
    assert_eq!(verification(&far, &reader)["intact"], true, "put back as it was");

    act(&format!("DELETE FROM credential_audit_log WHERE id IN ('{}', '{}')", rows[3], rows[4]));
    let first = first_broken(&far, &other, &reader);
    assert_eq!((&first["what"], &first["position"]), (&json!("removed"), &json!(4)), "the end was seen before");
    assert_eq!((&first["after"], &first["before"]), (&json!(rows[2]), &Value::Null));
    names_the_author(&first);
    act(&format!("DELETE FROM credential_audit_log WHERE id = '{}'", rows[0]));
    let first = first_broken(&far, &other, &reader);
    assert_eq!((&first["what"], &first["before"]), (&json!("removed"), &json!(rows[1])));
}
