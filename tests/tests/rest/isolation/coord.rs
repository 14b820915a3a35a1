//! What sessions tell each other, for those who are limited, and from project to project.

use migrations::catalogue as tables;
use serde_json::{Value, json};
use world::Api;

use super::{Divided, Side, encoded, is_refused};

/// A message to all about a side's project.
fn tell(divided: &Divided, side: &Side) -> String {
    let message = json!({
        "from_session": "somebody", "project_key": side.slug(), "subject": side.word, "body": side.word,
    });
    let sent = divided.world.api.post("/api/coord/messages", &message).unwrap().expect(201).unwrap().body();
    sent["id"].as_str().unwrap().to_owned()
}

fn claim(api: &Api, side: &Side, resource: &str) -> world::api::Answer {
    let wanted =
        json!({ "project_key": side.slug(), "session_id": format!("{}-session", side.word), "resource": resource });
    api.post("/api/coord/locks", &wanted).unwrap()
}

#[test]
fn locks_and_messages_of_another_clients_project_are_hidden() {
    let divided = Divided::new("isolated-coord");
    let (alpha, beta, tech) = (&divided.alpha, &divided.beta, &divided.tech);
    let messages = [tell(&divided, alpha), tell(&divided, beta)];
    let locks: Vec<String> = [alpha, beta]
        .map(|side| {
            claim(&divided.world.api, side, side.word).expect(201).unwrap().body()["id"].as_str().unwrap().to_owned()
        })
        .into();
    for url in ["/api/coord/locks", "/api/coord/status", "/api/coord/components"] {
        let answer = tech.get(url).unwrap().expect(200).unwrap().text();
        let full = divided.world.api.get(url).unwrap().expect(200).unwrap().text();
        assert!(full.contains(beta.word), "{url}: {full}");
        assert!(answer.contains(alpha.word) && !answer.contains(beta.word), "{url}: {answer}");
        assert!(!answer.contains(&locks[1]) && !answer.contains(&messages[1]), "{url}: {answer}");
    }
    let unread = |api: &Api, side: &Side| {
        let url = format!("/api/coord/messages/unread-count?session_id=x&project_key={}", encoded(side.slug()));
        let answer = api.get(&url).unwrap();
        if answer.status == 200 { answer.body()["unread"].as_u64().unwrap() } else { 0 }
    };
    assert_eq!((unread(tech, alpha), unread(tech, beta), unread(&divided.world.api, beta)), (1, 0, 1));

    // One's own goes on working; the other's is refused.
    let own = claim(tech, alpha, "another resource").expect(201).unwrap().body();
    let (id, session) = (own["id"].as_str().unwrap(), encoded(&format!("{}-session", alpha.word)));
    tech.post(&format!("/api/coord/locks/{id}/renew?session_id={session}"), &json!({})).unwrap().expect(200).unwrap();
    tech.delete(&format!("/api/coord/locks/{id}?session_id={session}")).unwrap().expect(204).unwrap();
    let theirs = encoded(&format!("{}-session", beta.word));
    for answer in [
        claim(tech, beta, beta.word),
        claim(tech, beta, "another resource"),
        tech.post(&format!("/api/coord/locks/{}/renew?session_id={theirs}", locks[1]), &json!({})).unwrap(),
        tech.delete(&format!("/api/coord/locks/{}?session_id={theirs}", locks[1])).unwrap(),
        tech.put(&format!("/api/coord/messages/{}/read?session_id=x", messages[1]), &json!({})).unwrap(),
        tech.delete(&format!("/api/coord/messages/{}?session_id=somebody", messages[1])).unwrap(),
        component(tech, beta),
    ] {
        assert!(is_refused(&answer), "{} {}", answer.status, answer.text());
    }
    tech.put(&format!("/api/coord/messages/{}/read?session_id=x", messages[0]), &json!({}))
        .unwrap()
        .expect(200)
        .unwrap();
    component(tech, alpha).expect(200).unwrap();
    let unknown = json!({ "project_key": "nobody/knows-this", "session_id": "x", "resource": "y" });
    assert!(is_refused(&tech.post("/api/coord/locks", &unknown).unwrap()), "a project of nobody is not theirs");
}

fn component(api: &Api, side: &Side) -> world::api::Answer {
    let said = json!({ "project_key": side.slug(), "component": side.word, "state": "broken", "updated_by": "x" });
    api.json("PUT", "/api/coord/components", &said, &[]).unwrap()
}

/// For every caller: a session in one client's project reads nothing of another client's.
#[test]
fn a_session_is_not_told_what_is_for_another_clients_project() {
    let divided = Divided::new("isolated-inbox");
    let (alpha, beta, api) = (&divided.alpha, &divided.beta, &divided.world.api);
    let (own, others) = (tell(&divided, alpha), tell(&divided, beta));
    let all = json!({ "from_session": "somebody", "subject": "to all", "body": "lunch" });
    let all = api.post("/api/coord/messages", &all).unwrap().expect(201).unwrap().body()["id"].clone();
    let inbox = |session: &str| -> Vec<Value> {
        let session = encoded(session);
        let answer = api.get(&format!("/api/coord/messages?session_id={session}")).unwrap().expect(200).unwrap().body();
        let count = api.get(&format!("/api/coord/messages/unread-count?session_id={session}")).unwrap().body();
        assert_eq!(count["unread"], answer["total"]);
        answer["items"].as_array().unwrap().iter().map(|message| message["id"].clone()).collect()
    };
    let of = |side: &Side| inbox(side.row(tables::SESSIONS)["claude_session_id"].as_str().unwrap());
    let (here, there) = (of(alpha), of(beta));
    assert!(here.contains(&json!(own)) && here.contains(&all) && !here.contains(&json!(others)), "{here:?}");
    assert!(there.contains(&json!(others)) && there.contains(&all) && !there.contains(&json!(own)), "{there:?}");
    assert_eq!(inbox("nobody-knows-it"), [all], "a session that is not known is in no project");
}
