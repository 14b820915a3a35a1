//! Sessions of two machines: who is there, what they tell each other, and what each is told when it starts.

use serde_json::{Value, json};
use world::mariadb::shared;
use world::{eventually, wait};

use super::{Desk, PATIENCE, PROJECT, pair};
use crate::conversation::{Conversation, new_uuid};

/// What a session is called, once the machine knows of it.
fn label(desk: &Desk, conversation: &Conversation<'_>) -> String {
    let path = format!("/api/coord/status?project_key={PROJECT}");
    let probe = || {
        let status = desk.api.get(&path).unwrap().expect(200).unwrap().body();
        let sessions = status["projects"][0]["sessions"].as_array()?.clone();
        let session = sessions.into_iter().find(|one| one["claude_session_id"] == conversation.session())?;
        session["session_id"].as_str().map(str::to_owned)
    };
    wait::eventually_some("the session being known", PATIENCE, probe).unwrap()
}

fn send(desk: &Desk, message: &Value) -> Value {
    desk.api.post("/api/coord/messages", message).unwrap().expect(201).unwrap().body()
}

fn unread(desk: &Desk, session: &str) -> Value {
    let path = format!("/api/coord/messages/unread-count?session_id={session}&project_key={PROJECT}");
    desk.api.get(&path).unwrap().expect(200).unwrap().body()["unread"].clone()
}

#[test]
fn a_session_that_starts_hears_who_is_there_what_is_locked_and_what_it_has_not_read() {
    let (one, two) = pair(shared().unwrap());
    let worker = Conversation::new(&one.machine, &one.folder);
    let alone = worker.start();
    assert!(!alone.context.unwrap_or_default().contains("coordination"), "nobody else is there");
    worker.turn("Rework the schema", "Done so far.");
    let name = label(&two, &worker);
    one.claim(&name, "schema", 1.0).expect(201).unwrap();
    send(
        &one,
        &json!({ "from_session": name, "project_key": PROJECT, "subject": "Careful", "body": "It is in pieces." }),
    );

    let told = |desk: &Desk| {
        let probe = || {
            let context = Conversation::new(&desk.machine, &desk.folder).start().context.unwrap_or_default();
            let line = context.lines().find(|line| line.contains("[ClaudeTools coordination]"))?.to_owned();
            (line.contains("Locked") && line.contains("unread")).then_some(line)
        };
        wait::eventually_some("a session being told", PATIENCE, probe).unwrap()
    };
    let line = told(&two);
    for part in ["Also at work in this project: ", &name, "Locked: schema by ", "1 unread message", "This session is "]
    {
        assert!(line.contains(part), "{part} in {line}");
    }
    // What is told to one project is none of another's.
    let elsewhere = two.machine.project("other", "https://git.example.invalid/rival/shop.git").unwrap();
    let context = Conversation::new(&two.machine, &elsewhere).start().context.unwrap_or_default();
    assert!(!context.contains("schema") && !context.contains("unread"), "{context}");

    worker.fire("SessionEnd", &json!({ "reason": "logout" })).is_taken();
    let path = format!("/api/coord/status?project_key={PROJECT}");
    let gone = || !two.api.get(&path).unwrap().text().contains(worker.session());
    eventually("the session being gone", PATIENCE, gone).unwrap();
}

#[test]
fn what_a_session_does_renews_its_locks() {
    let (one, two) = pair(shared().unwrap());
    let worker = Conversation::new(&one.machine, &one.folder);
    worker.start().is_taken();
    let name = label(&one, &worker);
    let first = one.claim(&name, "schema", 0.002).expect(201).unwrap().body();
    let active = || {
        worker.prompt(&new_uuid(), "go on").is_taken();
        two.locks("schema").iter().any(|lock| lock["expires_at"].as_str() > first["expires_at"].as_str())
    };
    eventually("the renewed lock on the other machine", PATIENCE, active).unwrap();
}

#[test]
fn messages_reach_one_session_or_all_and_are_read_by_each() {
    let (one, two) = pair(shared().unwrap());
    let to_one = json!({ "from_session": "one/main", "to_session": "two/main", "subject": "Only you", "body": "b" });
    let to_all = json!({ "from_session": "one/main", "subject": "All of you", "body": "b" });
    let to_others =
        json!({ "from_session": "one/main", "project_key": "rival/shop", "subject": "Others", "body": "b" });
    let sent: Vec<Value> = [&to_one, &to_all, &to_others].into_iter().map(|message| send(&one, message)).collect();
    eventually("both messages being there", PATIENCE, || unread(&two, "two/main") == 2).unwrap();
    assert_eq!((unread(&two, "two/other"), unread(&one, "one/main")), (json!(1), json!(0)));
    let status = two.api.get("/api/coord/status").unwrap().body();
    assert_eq!(status["unread"], json!([{ "session_id": "two/main", "unread": 1 }]));

    let path = |message: &Value| format!("/api/coord/messages/{}", message["id"].as_str().unwrap());
    for message in &sent[..2] {
        let read = two.api.put(&format!("{}/read?session_id=two/main", path(message)), &json!({})).unwrap();
        assert!(read.expect(200).unwrap().body()["read_at"].is_string());
    }
    assert_eq!((unread(&two, "two/main"), unread(&two, "two/other")), (json!(0), json!(1)));
    let not_theirs = two.api.put(&format!("{}/read?session_id=two/other", path(&sent[0])), &json!({})).unwrap();
    assert_eq!(not_theirs.status, 404);
    let seen = || one.api.get("/api/coord/messages?session_id=two/main").unwrap().body()["items"].clone();
    let is_read = |items: &Value| {
        let of_one = items.as_array().unwrap().iter().find(|message| message["subject"] == "Only you").cloned();
        of_one.is_some_and(|message| message["read_at"].is_string())
    };
    eventually("the sender seeing it read", PATIENCE, || is_read(&seen())).unwrap();

    assert_eq!(two.api.delete(&format!("{}?session_id=two/main", path(&sent[1]))).unwrap().status, 403);
    one.api.delete(&format!("{}?session_id=one/main", path(&sent[1]))).unwrap().expect(204).unwrap();
    eventually("the message being gone", PATIENCE, || unread(&two, "two/other") == 0).unwrap();
}

#[test]
fn a_components_state_is_the_last_word_on_all_machines() {
    let (one, two) = pair(shared().unwrap());
    let say = |desk: &Desk, state: &str, version: Option<&str>| {
        let body = json!({
            "project_key": PROJECT, "component": "api", "state": state, "version": version, "updated_by": "one/main",
        });
        desk.api.put("/api/coord/components", &body).unwrap()
    };
    say(&one, "building", Some("1.2")).expect(201).unwrap();
    say(&one, "deployed", None).expect(200).unwrap();
    let path = format!("/api/coord/components?project_key={PROJECT}");
    let there = || {
        let body = two.api.get(&path).unwrap().body();
        body["total"] == 1 && body["items"][0]["state"] == "deployed" && body["items"][0]["version"].is_null()
    };
    eventually("the state on the other machine", PATIENCE, there).unwrap();
    assert_eq!(say(&one, "on fire", None).status, 422);
}
