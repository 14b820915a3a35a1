//! The ledger: every route of the running daemon is one that was agreed and is described, and the reverse; none answers a
//! stranger but those on a list, nor a token that does not hold or does not suffice.

use std::collections::BTreeSet;
use std::time::Duration;

use world::{Api, eventually};

use super::World;

/// The specification: every endpoint that there is to be.
const AGREED: &str = include_str!("endpoints.txt");
/// Endpoints beyond the specification, which the command line and the hooks rely on.
const OURS: &[&str] = &[
    "GET /api/docs",
    "GET /api/memories",
    "GET /api/memories/timeline",
    "GET /api/open-ends",
    "GET /api/openapi.json",
    "GET /api/stats",
    "GET /api/status",
    "GET /api/sync/verify",
    "GET /api/vault",
    "POST /api/auth/issue",
    "POST /api/billable-time/confirm",
    "POST /api/context-tags/rebuild",
    "POST /api/decide",
    "POST /api/forget",
    "POST /api/probe/forget",
    "POST /api/recall",
    "POST /api/remember",
    "POST /api/sync/conflicts/acknowledge",
    "POST /api/sync/conflicts/restore",
    "POST /api/sync/identity/seen",
    "POST /api/sync/quarantine/discard",
    "POST /api/sync/quarantine/retry",
    "POST /api/v1/auth/token",
    "POST /api/vault/init",
    "POST /api/vault/join",
    "POST /api/vault/passphrase",
    "POST /api/vault/rotate",
];
/// What needs no login.
const OPEN: &[&str] = &[
    "GET /health",
    "GET /api/docs",
    "GET /api/openapi.json",
    "POST /api/auth/token",
    "POST /api/v1/auth/token",
    "POST /api/auth/refresh",
];
const PATIENCE: Duration = Duration::from_secs(30);

fn lines(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|line| (*line).to_owned()).collect()
}

fn described(world: &World) -> BTreeSet<String> {
    let paths = world.document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &serde_json::Value)| {
        let methods: Vec<String> = methods.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let path = path.clone();
        methods.into_iter().map(move |method| format!("{method} {path}")).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[test]
fn what_is_offered_is_what_was_agreed() {
    let world = World::new("ledger");
    let agreed: BTreeSet<String> = AGREED.lines().map(str::to_owned).chain(lines(OURS)).collect();
    assert_eq!(described(&world), agreed);
}

#[test]
fn every_route_is_there_and_turns_strangers_away() {
    let world = World::new("strangers");
    let mut open = BTreeSet::new();
    for line in described(&world) {
        let (method, path) = request(&line);
        let stranger = world.api.stranger().send(method, &path, &[], b"").unwrap();
        if stranger.status == 401 && stranger.text().contains("a bearer token is needed") {
            assert_eq!(stranger.code(), "UNAUTHENTICATED", "{line}");
            let known = world.api.send(method, &path, &[], b"").unwrap();
            // A path without a route says so in these words; a method without one has its own status.
            assert!(known.status != 405 && !known.text().contains("nothing at this path"), "{line}: {}", known.text());
            let slash = world.api.send(method, &format!("{path}/"), &[], b"").unwrap();
            assert_eq!(slash.status, known.status, "{line} with a slash at its end");
        } else {
            // What takes a body misses it.
            assert!([200, 422].contains(&stranger.status), "{line}: {}", stranger.text());
            open.insert(line);
        }
    }
    assert_eq!(open, lines(OPEN));
}

#[test]
fn a_path_that_is_no_text_meets_the_guard_before_it_is_read() {
    let world = World::new("no-text");
    let path = "/api/clients/%FF";
    let stranger = world.api.stranger().send("GET", path, &[], b"").unwrap();
    assert_eq!((stranger.status, stranger.code().as_str()), (401, "UNAUTHENTICATED"));
    let known = world.api.send("GET", path, &[], b"").unwrap();
    assert_eq!(known.status, 422, "{}", known.text());
    assert!(known.text().contains("must be UTF-8"), "{}", known.text());
}

#[test]
fn every_route_refuses_a_token_that_does_not_hold_and_one_that_does_not_suffice() {
    let (world, other) = (World::new("tokens-of-all-kinds"), World::new("other-key"));
    let full = token(&world, "read,write,admin", "1h");
    let parts: Vec<&str> = full.split('.').collect();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"; // {"alg":"none","typ":"JWT"}
    let small = token(&world, "read", "1h");
    let expired = token(&world, "read,write,admin", "1s");
    let refused = [
        ("alg none", format!("{none}.{}.", parts[1])),
        ("alg none, signed", format!("{none}.{}.{}", parts[1], parts[2])),
        ("forged", format!("{}.{}.{}", parts[0], parts[1], small.rsplit('.').next().unwrap())),
        ("another key", token(&other, "read,write,admin", "1h")),
        ("expired", expired),
    ];
    let with = |token: &str| Api { token: Some(token.to_owned()), ..world.api.clone() };
    eventually("the token ending", PATIENCE, || {
        with(&refused[4].1).get("/api/auth/me").is_ok_and(|answer| answer.text().contains("expired"))
    })
    .unwrap();
    // All that is not enough for a scope: the others together.
    let lacking = [
        ("msp:read", token(&world, "write,admin", "1h")),
        ("msp:write", token(&world, "read,admin", "1h")),
        ("msp:admin", token(&world, "read,write", "1h")),
    ];
    let described = described(&world);
    // The hooks send a form of their own, to a route that is no part of the description.
    for line in described.difference(&lines(OPEN)).chain([&"POST /hooks/UserPromptSubmit".to_owned()]) {
        let (method, path) = request(line);
        for (kind, token) in &refused {
            let answer = with(token).send(method, &path, &[], b"").unwrap();
            assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHENTICATED"), "{line}, {kind}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{line}, {kind}");
        }
        let operation = &world.document["paths"][line.split(' ').nth(1).unwrap()][method.to_lowercase()];
        let scope = operation["security"][0]["bearer"][0].as_str().unwrap_or("msp:write");
        let (_, token) = lacking.iter().find(|(name, _)| *name == scope).unwrap();
        let answer = with(token).send(method, &path, &[], b"").unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (403, "FORBIDDEN"), "{line}");
        assert!(answer.text().contains(scope), "{line}: {}", answer.text());
    }
}

fn token(world: &World, scopes: &str, expires: &str) -> String {
    let run = world.machine.cli(&["token", "--scopes", scopes, "--expires", expires]).unwrap().ok().unwrap();
    run.stdout.trim().to_owned()
}

/// Method and path of a line of the ledger.
fn request(line: &str) -> (&str, String) {
    let (method, template) = line.split_once(' ').unwrap();
    (method, template.split('/').map(filled).collect::<Vec<_>>().join("/"))
}

/// A path with something in place of each parameter.
fn filled(segment: &str) -> String {
    match segment {
        "{table}" => "clients".to_owned(),
        "{impact}" => "high".to_owned(),
        "{decision_type}" => "technical".to_owned(),
        _ if segment.starts_with('{') => "0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1a".to_owned(),
        _ => segment.to_owned(),
    }
}
