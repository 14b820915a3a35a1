//! Locks while central answers: one of all gets it, and keeps it as long as it should.

use std::sync::Barrier;

use serde_json::json;
use world::eventually;
use world::mariadb::shared;

use super::{Desk, PATIENCE, PROJECT, holder, pair};

/// Resources that both machines claim at the same moment.
const RACES: usize = 8;

#[test]
fn of_two_that_claim_at_once_one_has_it_and_the_other_hears_who() {
    let (one, two) = pair(shared().unwrap());
    for race in 0..RACES {
        let (resource, gate) = (format!("race-{race}"), Barrier::new(2));
        let claim = |desk: &Desk, session: &str| {
            gate.wait();
            desk.claim(session, &resource, 1.0)
        };
        let answers = std::thread::scope(|scope| {
            let other = scope.spawn(|| claim(&two, "two/main"));
            [claim(&one, "one/main"), other.join().unwrap()]
        });
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let winner = if statuses[0] == 201 { "one/main" } else { "two/main" };
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{answers:?}");
        let refused = answers.iter().find(|answer| answer.status == 409).unwrap();
        assert_eq!(refused.code(), "LOCK_HELD");
        let body = refused.body();
        assert_eq!(holder(&body["details"]["holder"]), winner, "{body}");
        let taken = answers.iter().find(|answer| answer.status == 201).unwrap().body();
        assert_eq!((&taken["provisional"], holder(&taken)), (&json!(false), winner));
        // The loser's machine knows it without a round.
        let loser = if winner == "one/main" { &two } else { &one };
        assert_eq!(holder(&loser.locks(&resource)[0]), winner);
    }
}

#[test]
fn a_session_that_claims_again_renews_and_only_it_or_force_releases() {
    let (one, two) = pair(shared().unwrap());
    let first = one.claim("one/main", "schema", 1.0).expect(201).unwrap().body();
    let again = one.claim("one/main", "schema", 2.0).expect(200).unwrap().body();
    assert_eq!(first["id"], again["id"]);
    assert!(again["expires_at"].as_str() > first["expires_at"].as_str(), "{first} {again}");
    let path = format!("/api/coord/locks/{}", first["id"].as_str().unwrap());
    let renewed = one.api.post(&format!("{path}/renew?session_id=one/main"), &json!({})).unwrap();
    let renewed = renewed.expect(200).unwrap().body();
    assert!(renewed["expires_at"].as_str() > again["expires_at"].as_str(), "{again} {renewed}");

    let two_sees = two.lock_once("schema", |lock| lock["expires_at"] == renewed["expires_at"]);
    assert_eq!(holder(&two_sees), "one/main");
    assert_eq!(two.api.post(&format!("{path}/renew?session_id=two/main"), &json!({})).unwrap().status, 403);
    for query in ["?session_id=two/main", ""] {
        let refused = two.api.delete(&format!("{path}{query}")).unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (403, "FORBIDDEN"), "{query}");
    }
    two.api.delete(&format!("{path}?force=true")).unwrap().expect(204).unwrap();
    two.claim("two/main", "schema", 1.0).expect(201).unwrap();

    // The session that lost it by force finds that in its inbox.
    let unread = || {
        let count = one.api.get("/api/coord/messages/unread-count?session_id=one/main").unwrap().body();
        count["unread"] == 1
    };
    eventually("the loser being told", PATIENCE, unread).unwrap();
    let inbox = one.api.get("/api/coord/messages?session_id=one/main&unread=true").unwrap().body();
    assert_eq!(inbox["items"][0]["subject"], "Lock lost: schema");
    assert_eq!(holder(&one.lock_once("schema", |_| true)), "two/main");
    let ended = one.api.get(&format!("/api/coord/locks?resource=schema&project_key={PROJECT}&include_released=true"));
    assert_eq!(ended.unwrap().body()["total"], 2);
}

#[test]
fn a_lock_that_runs_out_is_free_and_an_endless_one_is_not() {
    let (one, two) = pair(shared().unwrap());
    one.claim("one/main", "brief", 0.0005).expect(201).unwrap();
    let endless = one.claim("one/main", "endless", 0.0).expect(201).unwrap().body();
    assert!(endless["expires_at"].is_null());
    eventually("the lock running out", PATIENCE, || two.claim("two/main", "brief", 1.0).status == 201).unwrap();
    assert_eq!(holder(&one.lock_once("brief", |_| true)), "two/main");
    assert_eq!(two.claim("two/main", "endless", 1.0).status, 409);
    let listed = two.machine.cli(&["locks", "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert_eq!(listed["locks"].as_array().unwrap().len(), 2, "{listed}");
}

#[test]
fn without_a_central_a_lock_is_sure_at_once() {
    let desk = Desk::new("alone", None);
    // Some seconds: on a loaded machine the next claim may take one or two.
    let lock = desk.claim("alone/a", "schema", 0.002).expect(201).unwrap().body();
    assert_eq!(lock["provisional"], false);
    let refused = desk.claim("alone/b", "schema", 1.0);
    assert_eq!((refused.status, refused.code().as_str()), (409, "LOCK_HELD"));
    eventually("the lock running out", PATIENCE, || desk.claim("alone/b", "schema", 1.0).status == 201).unwrap();
}

#[test]
fn of_two_rows_that_other_programs_made_the_earlier_holds() {
    let server = shared().unwrap();
    let database = server.fresh_database("coord").unwrap();
    let url = server.url(&database);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sync::central::init(&url.parse().unwrap(), sync::central::InitOptions::default())).unwrap();
    let one = Desk::new("one", Some(&url));
    one.claim("one/main", "schema", 1.0).expect(201).unwrap();
    let row = format!(
        "INSERT INTO coord_session_locks (id, project_key, session_id, resource, acquired_at) \
         VALUES (UUID(), '{PROJECT}', 'elsewhere', 'schema', UTC_TIMESTAMP(6) - INTERVAL 1 HOUR)"
    );
    server.sql(&database, &row).unwrap();
    let holders = || one.locks("schema").iter().map(|lock| holder(lock).to_owned()).collect::<Vec<_>>();
    eventually("the later lock ending", PATIENCE, || holders() == ["elsewhere"]).unwrap();
    let ended = "SELECT session_id FROM coord_session_locks WHERE released_at IS NOT NULL";
    eventually("central hearing of it", PATIENCE, || server.sql(&database, ended).unwrap().trim() == "one/main")
        .unwrap();
}

#[test]
fn anybody_who_may_write_ends_a_lock_that_has_expired_and_only_an_admin_a_live_one() {
    let desk = Desk::new("expired", None);
    let token = desk.machine.cli(&["token", "--scopes", "read,write", "--expires", "1h"]).unwrap().ok().unwrap();
    let tech = world::Api { token: Some(token.stdout.trim().to_owned()), ..desk.api.clone() };
    let live = desk.claim("desk/a", "live", 1.0).expect(201).unwrap().body();
    let brief = desk.claim("desk/a", "brief", 0.0005).expect(201).unwrap().body();
    let path = |lock: &serde_json::Value| format!("/api/coord/locks/{}?force=true", lock["id"].as_str().unwrap());
    let refused = tech.delete(&path(&live)).unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (403, "FORBIDDEN"), "{}", refused.text());
    assert!(refused.text().contains("msp:admin"), "{}", refused.text());
    eventually("the lock running out", PATIENCE, || desk.locks("brief").is_empty()).unwrap();
    let without = tech.delete(path(&brief).trim_end_matches("?force=true")).unwrap();
    assert_eq!(without.status, 403, "it has to be meant");
    tech.delete(&path(&brief)).unwrap().expect(204).unwrap();
    let ended = desk.api.get("/api/coord/locks?resource=brief&include_released=true").unwrap().body();
    assert!(ended["items"][0]["released_at"].is_string(), "{ended}");
    desk.api.delete(&path(&live)).unwrap().expect(204).unwrap();
}
