//! `/api/users` keeps to what holds for all of the API: errors by field, versions, calls that are sent again, pages.

use serde_json::{Value, json};

use super::Central;
use super::http::{Answer, Api, token};

const PASSWORD: &str = "correct horse battery";

fn fields(answer: &Answer) -> Vec<&str> {
    assert_eq!((answer.status, answer.code()), (422, "VALIDATION_ERROR"));
    answer.body["details"]["fields"].as_object().unwrap().keys().map(String::as_str).collect()
}

fn user(email: &str) -> Value {
    json!({ "email": email, "full_name": "Ann Example", "password": PASSWORD, "role": "viewer" })
}

#[test]
fn what_cannot_be_taken_is_named_by_field_and_nothing_is_kept() {
    let central = Central::new();
    let machine = central.machine("a");
    let api = Api::of(&machine);
    let admin = token(&machine, "admin,write,read", "1h");
    let post = |body: &Value| api.call("POST", "/api/users", &admin, body);
    let wrong = json!({ "email": "no address", "full_name": " ", "password": "s3cret", "role": "viewer" });
    let answer = post(&wrong);
    assert_eq!(fields(&answer), ["email", "full_name", "password"]);
    assert!(!answer.body.to_string().contains("s3cret"), "{answer:?}");
    for (name, value) in [("nonsense", json!(1)), ("role", json!("owner")), ("id", json!("x")), ("password", json!(7))]
    {
        let mut body = user("ann@example.org");
        body[name] = value;
        assert_eq!(fields(&post(&body)).len(), 1, "{name}");
    }
    assert_eq!(fields(&api.get("/api/users?limit=0&nonsense=1", &admin)), ["limit", "nonsense"]);
    assert_eq!(fields(&api.get("/api/users/no-id", &admin)), ["id"]);
    assert_eq!(central.sql("SELECT COUNT(*) FROM users"), "0");
    let made = post(&user("ann@example.org"));
    let path = format!("/api/users/{}", made.text("id"));
    for change in [json!({ "role": null }), json!({ "email": "other@example.org" }), json!({ "full_name": "" })] {
        assert_eq!(fields(&api.call("PUT", &path, &admin, &change)).len(), 1, "{change}");
    }
    assert_eq!(api.get(&path, &admin).body, made.body);
}

#[test]
fn a_user_is_made_once_and_changed_in_the_version_that_was_read() {
    let central = Central::new();
    let machine = central.machine("a");
    let api = Api::of(&machine);
    let admin = token(&machine, "admin,write,read", "1h");
    let mut body = user("Ann@Example.org");
    body["id"] = json!(super::id("ann").to_uppercase());
    let made = api.call("POST", "/api/users", &admin, &body);
    assert_eq!((made.status, made.text("email"), made.text("id")), (201, "ann@example.org".into(), super::id("ann")));
    let again = api.call("POST", "/api/users", &admin, &body);
    assert_eq!((again.status, &again.body), (200, &made.body), "the same sent again");
    for (name, value) in [("full_name", "Another"), ("password", "another long one"), ("email", "bob@example.org")] {
        let mut other = body.clone();
        other[name] = json!(value);
        let refused = api.call("POST", "/api/users", &admin, &other);
        assert_eq!((refused.status, refused.code()), (409, "DUPLICATE_KEY"), "{name}");
        assert_eq!(refused.body["details"]["existing_id"], made.body["id"]);
    }

    let path = format!("/api/users/{}", super::id("ann"));
    let tag = |answer: &Answer| answer.head.split("etag: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let read = tag(&api.get(&path, &admin));
    let with = |method: &str, tag: &str, body: &str| {
        let bearer = format!("Bearer {admin}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), ("If-Match", tag)];
        api.send(method, &path, &headers, body)
    };
    let changed = with("PUT", &read, r#"{"role":"tech"}"#);
    assert_eq!((changed.status, changed.text("role")), (200, "tech".into()));
    for late in [with("PUT", &read, r#"{"role":"admin"}"#), with("DELETE", &read, "")] {
        assert_eq!((late.status, late.code()), (412, "PRECONDITION_FAILED"));
        assert_eq!(late.body["details"]["etag"], tag(&changed));
    }
    assert_eq!(api.call("POST", "/api/users", &admin, &user("bob@example.org")).status, 201);
    let page = api.get("/api/users?skip=1&limit=1", &admin).body;
    assert_eq!((&page["total"], &page["items"][0]["email"]), (&json!(2), &json!("bob@example.org")));
    let dry = api.call("DELETE", &format!("{path}?dry_run=true"), &admin, &json!({}));
    assert_eq!((dry.status, &dry.body["cascade"]), (200, &json!({})));
    assert_eq!(with("DELETE", &tag(&changed), "").status, 204);
    assert_eq!(api.get(&path, &admin).code(), "NOT_FOUND");
}
