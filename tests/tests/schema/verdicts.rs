//! Where the engines compare text by different rules of their own, they must come to one verdict.

use merge::Row;
use migrations::catalogue::{CLIENTS, COORD_COMPONENT_STATES, MACHINES, SESSIONS};

use super::engine::on_both;
use super::sample;

#[test]
fn unique_names_are_compared_byte_for_byte() {
    let names = [
        ("Acme", true),
        ("acme", true),
        ("Acme ", true),
        ("Ácme", true),
        ("A\u{301}cme", true),
        ("ACME\u{a0}", true),
        ("Acme", false),
        ("Acme ", false),
    ];
    on_both(|engine| {
        for (n, (name, is_new)) in (1..).zip(names) {
            let client = client(n).with("name", name);
            assert_eq!(engine.insert(&client).is_ok(), is_new, "{name:?}");
        }
    });
}

#[test]
fn composite_keys_are_compared_byte_for_byte() {
    on_both(|engine| {
        for (component, is_new) in [("api", true), ("API", true), ("api ", true), ("api", false)] {
            let row = sample::minimal(COORD_COMPONENT_STATES, 1, 1).with("component", component);
            assert_eq!(engine.insert(&row).is_ok(), is_new, "{component:?}");
        }
    });
}

#[test]
fn closed_lists_refuse_what_only_looks_alike() {
    on_both(|engine| {
        engine.insert(&client(1).with("client_type", "prospect")).unwrap();
        for (n, value) in (2..).zip(["Prospect", "prospect ", "prospéct", ""]) {
            let error = engine.insert(&client(n).with("client_type", value)).expect_err(value);
            assert!(error.contains("ck_clients_client_type"), "{value:?}: {error}");
        }
    });
}

#[test]
fn unique_keys_do_not_hold_for_null() {
    on_both(|engine| {
        for n in [1, 2] {
            engine.insert(&sample::minimal(MACHINES, n, 1)).unwrap();
            engine.insert(&sample::minimal(SESSIONS, n, 1)).unwrap();
        }
    });
}

fn client(n: u8) -> Row {
    sample::minimal(CLIENTS, n, 1)
}
