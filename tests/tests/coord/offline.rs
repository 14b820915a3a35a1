//! Locks while central is away: provisional, and confirmed or lost once it is back.

use serde_json::json;
use world::eventually;
use world::mariadb::MariaDb;

use super::{PATIENCE, holder, pair};
use crate::conversation::{Conversation, new_uuid};

#[test]
fn a_provisional_lock_is_confirmed_or_lost_and_the_loser_is_told() {
    let server = MariaDb::start().unwrap();
    let (one, two) = pair(&server);
    let loser = Conversation::new(&two.machine, &two.folder);
    loser.start().is_taken();
    two.round();
    // The second machine is away on its own account, so that the first is the first to ask.
    two.api.post("/api/sync/pause", &json!({})).unwrap().expect(200).unwrap();
    server.stop().unwrap();

    let first = one.claim("one/main", "schema", 1.0).expect(201).unwrap().body();
    assert_eq!(first["provisional"], true, "{first}");
    assert!(first["note"].as_str().unwrap().contains("central"), "{first}");
    let refused = one.claim("one/other", "schema", 1.0);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "LOCK_HELD"),
        "sessions of one machine know each other"
    );
    let second = two.claim(loser.session(), "schema", 1.0).expect(201).unwrap().body();
    assert_eq!(second["provisional"], true);
    let status = one.status();
    assert_eq!(status["locks"]["provisional"], 1, "{status}");
    assert!(status["problems"].to_string().contains("provisional"), "{status}");
    let shown = one.machine.cli(&["locks"]).unwrap().ok().unwrap();
    assert!(shown.stdout.contains("provisional: claimed while central"), "{shown:?}");

    server.restart().unwrap();
    one.round();
    let confirmed = one.lock_once("schema", |lock| lock["provisional"] == false);
    assert_eq!((&confirmed["id"], holder(&confirmed)), (&first["id"], "one/main"));

    two.api.post("/api/sync/resume", &json!({})).unwrap().expect(200).unwrap();
    two.round();
    let kept = two.lock_once("schema", |lock| lock["provisional"] == false);
    assert_eq!(holder(&kept), "one/main");
    eventually("the loss being noticed", PATIENCE, || two.status()["locks"]["lost"] == 1).unwrap();
    assert_eq!(two.locks("schema").len(), 1, "{:?}", two.locks("schema"));

    let told = loser.prompt(&new_uuid(), "go on");
    for text in [told.message.as_deref(), told.context.as_deref()] {
        let text = text.unwrap_or_default();
        assert!(text.contains("the lock on schema") && text.contains("is held by one/main"), "{told:?}");
    }
    loser.prompt(&new_uuid(), "and on").is_taken();
    assert_eq!(two.status()["locks"]["lost"], 0);
}

#[test]
fn a_lock_that_ran_out_while_its_session_was_away_goes_on_unless_somebody_took_it() {
    let server = MariaDb::start().unwrap();
    let (one, two) = pair(&server);
    let worker = Conversation::new(&one.machine, &one.folder);
    worker.start().is_taken();
    for resource in ["kept", "taken"] {
        one.claim(worker.session(), resource, 0.002).expect(201).unwrap();
    }
    one.api.post("/api/sync/pause", &json!({})).unwrap().expect(200).unwrap();
    eventually("the lock running out", PATIENCE, || two.claim("two/main", "taken", 1.0).status == 201).unwrap();
    worker.prompt(&new_uuid(), "still here").is_taken();
    assert_eq!(one.locks("kept")[0]["provisional"], true, "{:?}", one.locks("kept"));

    one.api.post("/api/sync/resume", &json!({})).unwrap().expect(200).unwrap();
    one.round();
    let told = eventually_told(&worker);
    assert!(told.contains("the lock on taken") && told.contains("two/main"), "{told}");
    assert!(!told.contains("kept"), "{told}");
    assert_eq!(holder(&two.lock_once("kept", |lock| lock["provisional"] == false)), worker.session());
}

/// What the user is told in the end.
fn eventually_told(conversation: &Conversation<'_>) -> String {
    world::wait::eventually_some("the session being told", PATIENCE, || {
        conversation.prompt(&new_uuid(), "and now?").message
    })
    .unwrap()
}
