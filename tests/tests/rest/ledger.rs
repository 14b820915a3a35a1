//! The ledger: every route of the running daemon is one that was agreed and is described, and the reverse; and none answers
//! a stranger but those on a list that only shrinks.

use std::collections::BTreeSet;

use super::World;

/// The specification: every endpoint that there is to be.
const AGREED: &str = include_str!("endpoints.txt");
/// Endpoints beyond the specification, which the command line and the hooks rely on.
const OURS: &[&str] = &[
    "GET /api/docs",
    "GET /api/openapi.json",
    "GET /api/status",
    "GET /api/sync/verify",
    "POST /api/billable-time/confirm",
    "POST /api/probe/forget",
    "POST /api/recall",
    "POST /api/remember",
    "POST /api/sync/conflicts/acknowledge",
    "POST /api/sync/conflicts/restore",
    "POST /api/sync/identity/seen",
    "POST /api/sync/quarantine/discard",
    "POST /api/sync/quarantine/retry",
];
/// What needs no login.
const OPEN: &[&str] = &["GET /health", "GET /api/docs", "GET /api/openapi.json"];
/// Parts of the specification that are not there yet. This list only shrinks.
const AWAITED: &[&str] = &[
    "/api/auth/",
    "/api/users",
    "/api/credential-audit-logs/verify",
    "/api/credentials/{id}/reveal",
    "/api/integration-credentials/{id}/reveal",
];

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
    let is_awaited =
        |line: &str| AWAITED.iter().any(|part| line.split(' ').nth(1).is_some_and(|path| path.starts_with(part)));
    let agreed: BTreeSet<String> =
        AGREED.lines().filter(|line| !is_awaited(line)).map(str::to_owned).chain(lines(OURS)).collect();
    assert_eq!(described(&world), agreed);
    for part in AWAITED {
        assert!(AGREED.lines().any(|line| line.contains(part)), "{part} is awaited and was never agreed");
    }
}

#[test]
fn every_route_is_there_and_turns_strangers_away() {
    let world = World::new("strangers");
    let mut open = BTreeSet::new();
    for line in described(&world) {
        let (method, template) = line.split_once(' ').unwrap();
        let path: String = template.split('/').map(filled).collect::<Vec<_>>().join("/");
        let stranger = world.api.stranger().send(method, &path, &[], b"").unwrap();
        if stranger.status == 401 {
            assert_eq!(stranger.code(), "UNAUTHENTICATED", "{line}");
            let known = world.api.send(method, &path, &[], b"").unwrap();
            // A path without a route says so in these words; a method without one has its own status.
            assert!(known.status != 405 && !known.text().contains("nothing at this path"), "{line}: {}", known.text());
            let slash = world.api.send(method, &format!("{path}/"), &[], b"").unwrap();
            assert_eq!(slash.status, known.status, "{line} with a slash at its end");
        } else {
            assert_eq!(stranger.status, 200, "{line}");
            open.insert(line);
        }
    }
    assert_eq!(open, lines(OPEN));
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
