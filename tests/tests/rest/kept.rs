//! Answers are given again while nothing is written, and never longer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::json;

use super::World;

const CHANGES: u64 = 300;

#[test]
fn nobody_reads_less_than_what_was_acknowledged() {
    let world = World::new("kept");
    let api = &world.api;
    let made = api.post("/api/clients", &json!({ "name": "Acme", "notes": "0" })).unwrap().expect(201).unwrap().body();
    let id = made["id"].as_str().unwrap();
    let place = format!("/api/clients/{id}");
    let child = format!("/api/sites/by-client/{id}");
    let (acknowledged, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let noted = |row: &serde_json::Value| row["notes"].as_str().unwrap().parse::<u64>().unwrap();
    let (place, child, acknowledged, is_over) = (&place, &child, &acknowledged, &is_over);
    thread::scope(|scope| {
        for reader in 0..4 {
            scope.spawn(move || {
                let (mut seen, mut times) = (0, 0);
                while !is_over.load(Ordering::SeqCst) {
                    let least = acknowledged.load(Ordering::SeqCst).max(seen);
                    seen = match reader % 2 {
                        0 => noted(&api.get(place).unwrap().expect(200).unwrap().body()),
                        _ => noted(&api.get("/api/clients").unwrap().expect(200).unwrap().body()["items"][0]),
                    };
                    assert!(seen >= least, "read {seen} after {least} was acknowledged or read");
                    times += 1;
                }
                assert!(times > CHANGES / 10, "{times}");
            });
        }
        for number in 1..=CHANGES {
            api.put(place, &json!({ "notes": number.to_string() })).unwrap().expect(200).unwrap();
            acknowledged.store(number, Ordering::SeqCst);
        }
        is_over.store(true, Ordering::SeqCst);
    });
    // What another table has to do with it.
    assert_eq!(api.get(child).unwrap().expect(200).unwrap().body()["total"], 0);
    api.post("/api/sites", &json!({ "name": "Attic", "client_id": id })).unwrap().expect(201).unwrap();
    assert_eq!(api.get(child).unwrap().expect(200).unwrap().body()["total"], 1);
    api.delete(place).unwrap().expect(204).unwrap();
    assert_eq!(api.get(child).unwrap().status, 404);
}

#[test]
fn an_answer_that_is_given_again_is_the_same_and_refused_to_whom_it_was_refused() {
    let world = World::new("again");
    let made = world.api.post("/api/clients", &json!({ "name": "Acme" })).unwrap().expect(201).unwrap().body();
    let place = format!("/api/clients/{}", made["id"].as_str().unwrap());
    let read = || {
        let answer = world.api.get(&place).unwrap().expect(200).unwrap();
        (answer.body(), answer.header("etag").map(str::to_owned), answer.header("content-type").map(str::to_owned))
    };
    let first = read();
    assert_eq!(first.0, made);
    assert!(first.1.is_some());
    for _ in 0..3 {
        assert_eq!(read(), first);
    }
    let anew = world.api.send("GET", &place, &[("Cache-Control", "no-cache")], b"").unwrap();
    assert_eq!((anew.body(), anew.header("etag").map(str::to_owned)), (first.0, first.1));
    assert_eq!(world.api.stranger().get(&place).unwrap().status, 401);
    assert_eq!(world.api.get(&format!("{place}?nonsense=1")).unwrap().status, 422);
    assert_eq!(world.api.json("GET", &place, &json!({ "name": "x" }), &[]).unwrap().status, 422);
}
