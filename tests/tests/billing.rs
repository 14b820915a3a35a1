//! Work that writes itself: what is captured for a client becomes drafts, and a person decides.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hooks::link::Link;
use hooks::wire::Request;
use serde_json::{Value, json};
use world::mariadb::shared;
use world::wait::eventually_some;
use world::{Machine, eventually};

use crate::conversation::Conversation;
use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_mins(1);
/// Work is over at once, so that a test need not wait for it.
const RULE: &str =
    "[billing]\nmerge_gap_minutes = 0\nhourly_rate = \"90.00\"\nuser = \"tech@example.com\"\nround_minutes = 30\n";

/// A machine with that rule and a running daemon, and a project.
fn machine(name: &str, central: Option<&str>) -> (Machine, PathBuf) {
    let machine = Machine::new(name).unwrap();
    fs::create_dir_all(machine.home().root()).unwrap();
    fs::write(machine.home().config(), RULE).unwrap();
    machine.setup(central).unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/billed.git").unwrap();
    (machine, project)
}

/// Asks the daemon, and gives the status and the body of its answer.
fn ask(machine: &Machine, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let headers = [("Content-Type", "application/json")];
    let request = Request { method, path, headers: &headers, body: &bytes };
    let answer = Link::open(machine.home(), PATIENCE).unwrap().ask(&request).unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

fn get(machine: &Machine, path: &str) -> Value {
    let (status, body) = ask(machine, "GET", path, &Value::Null);
    assert_eq!(status, 200, "{path}: {body:#}");
    body
}

/// Work in the project, which then belongs to a client; the draft that is made of it.
fn draft(machine: &Machine, project: &std::path::Path) -> Value {
    Conversation::new(machine, project).turn("mend the fence", "mended");
    let (status, client) = ask(machine, "POST", "/api/clients", &json!({ "name": "Acme" }));
    assert_eq!(status, 201, "{client:#}");
    let of = get(machine, "/api/projects/by-slug?slug=git.example.invalid/acme/billed");
    let path = format!("/api/projects/{}", of["id"].as_str().unwrap());
    let (status, changed) = ask(machine, "PUT", &path, &json!({ "client_id": client["id"] }));
    assert_eq!(status, 200, "{changed:#}");
    eventually_some("a draft", PATIENCE, || {
        let entries = get(machine, "/api/billable-time");
        entries["items"].get(0).cloned()
    })
    .unwrap()
}

/// A round with central on each, in this order.
fn share(machines: &[&Machine]) {
    for machine in machines {
        let round = machine.cli(&["sync", "--wait"]).unwrap();
        assert!(matches!(round.code, 0 | 3), "{round:?}");
    }
}

#[test]
fn captured_work_is_drafted_and_billed_only_once_it_is_confirmed() {
    let (machine, project) = machine("drafted", None);
    let entry = draft(&machine, &project);
    let figures = ["duration_minutes", "hourly_rate", "total_amount", "user_id"].map(|name| entry[name].clone());
    assert_eq!(figures, [json!(30), json!("90.00"), json!("45.00"), json!("tech@example.com")]);
    assert_eq!((&entry["is_billable"], &entry["invoice_reference"]), (&json!(false), &json!("draft")));
    let summary = get(&machine, "/api/billable-time/summary");
    let total = |summary: &Value, name: &str| summary["total"][name].clone();
    assert_eq!([total(&summary, "billable_amount"), total(&summary, "draft_amount")], ["0.00", "45.00"]);

    let ids = json!([entry["id"]]);
    let invoice = json!({ "ids": ids, "invoice_reference": "2026-001" });
    let (status, refused) = ask(&machine, "POST", "/api/billable-time/mark-invoiced", &invoice);
    assert_eq!((status, &refused["error_code"]), (409, &json!("DRAFT")), "{refused:#}");

    let shown = machine.cli(&["timesheet", "--client", "acme"]).unwrap().ok().unwrap().stdout;
    assert!(shown.contains("mend the fence") && shown.contains("1 draft waits for you"), "{shown}");
    let table = machine.cli(&["timesheet", "--csv"]).unwrap().ok().unwrap().stdout;
    assert!(table.lines().nth(1).unwrap().contains(",Acme,draft,"), "{table}");
    let unknown = machine.cli(&["timesheet", "--client", "nobody"]).unwrap();
    assert!(unknown.code == 1 && unknown.stderr.contains("none is called"), "{unknown:?}");
    let asked = machine.cli(&["timesheet", "confirm", "--all"]).unwrap();
    assert_eq!(asked.code, 2, "without a terminal nobody agrees: {asked:?}");

    let prefix = &entry["id"].as_str().unwrap()[..8];
    machine.cli(&["timesheet", "confirm", prefix, "--yes"]).unwrap().ok().unwrap();
    let summary = get(&machine, "/api/billable-time/summary");
    let figures = ["billable_amount", "open_amount", "drafts"].map(|name| total(&summary, name));
    assert_eq!(figures, [json!("45.00"), json!("45.00"), json!(0)]);
    let month = &summary["items"][0];
    assert_eq!((&month["client_name"], month["month"].as_str().map(str::len)), (&json!("Acme"), Some(7)));
    let (status, marked) = ask(&machine, "POST", "/api/billable-time/mark-invoiced", &invoice);
    assert_eq!((status, &marked["invoiced"]), (200, &json!(1)), "{marked:#}");
    let sheet = machine.cli(&["timesheet", "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert_eq!(sheet["entries"][0]["state"], "invoiced", "{sheet:#}");
    assert_eq!(sheet["summary"]["total"]["open_amount"], "0.00", "{sheet:#}");

    // Later work is an entry of its own; the confirmed one stays as it is.
    Conversation::new(&machine, &project).turn("paint the fence", "painted");
    eventually("the next draft", PATIENCE, || get(&machine, "/api/billable-time")["total"] == 2).unwrap();
    let kept = get(&machine, &format!("/api/billable-time/{}", entry["id"].as_str().unwrap()));
    assert_eq!((&kept["total_amount"], &kept["invoice_reference"]), (&json!("45.00"), &json!("2026-001")));
    machine.cli(&["timesheet", "discard", "--all", "--yes"]).unwrap().ok().unwrap();
    let summary = get(&machine, "/api/billable-time/summary");
    assert_eq!([total(&summary, "drafts"), total(&summary, "non_billable_minutes")], [json!(0), json!(30)]);
}

#[test]
fn a_draft_is_decided_on_another_machine_and_stays_so() {
    let server = shared().unwrap();
    let url = server.url(&server.fresh_database("billing").unwrap());
    let (a, b) = (Machine::new("bill-a").unwrap(), machine("bill-b", None).0);
    a.cli(&["central", "init", &url]).unwrap().ok().unwrap();
    drop(a);
    let (a, on_a) = machine("bill-a", Some(&url));
    b.setup(Some(&url)).unwrap();
    let entry = draft(&a, &on_a);
    let id = entry["id"].as_str().unwrap();
    share(&[&a, &b]);
    b.cli(&["timesheet", "confirm", &id[..8], "--yes"]).unwrap().ok().unwrap();
    share(&[&b, &a]);
    // The rate of the client would change a draft that nobody has touched.
    let client = format!("/api/clients/{}", entry["client_id"].as_str().unwrap());
    ask(&a, "PUT", &client, &json!({ "default_hourly_rate": "1.00" }));
    Conversation::new(&a, &on_a).turn("paint the fence", "painted");
    let entries = "SELECT is_billable, total_amount, invoice_reference FROM billable_time ORDER BY started_at";
    let expected = ["1\t4500\tNULL", "0\t50\tdraft"];
    eventually("the next draft", PATIENCE, || Replica::of(&a).rows(entries) == expected).unwrap();
    share(&[&a, &b]);
    assert_eq!(Replica::of(&b).rows(entries), expected);
}

#[test]
fn a_confirmation_that_crosses_a_late_update_stands_as_it_was_confirmed() {
    let server = shared().unwrap();
    let url = server.url(&server.fresh_database("billing").unwrap());
    let (a, b) = (Machine::new("cross-a").unwrap(), machine("cross-b", None).0);
    a.cli(&["central", "init", &url]).unwrap().ok().unwrap();
    drop(a);
    let (a, on_a) = machine("cross-a", Some(&url));
    b.setup(Some(&url)).unwrap();
    let entry = draft(&a, &on_a);
    share(&[&a, &b]);
    for machine in [&a, &b] {
        assert_eq!(ask(machine, "POST", "/api/sync/pause", &json!({})).0, 200);
    }
    // At the same time: a person confirms on one machine, and on the other the draft is made anew.
    b.cli(&["timesheet", "confirm", &entry["id"].as_str().unwrap()[..8], "--yes"]).unwrap().ok().unwrap();
    let client = format!("/api/clients/{}", entry["client_id"].as_str().unwrap());
    assert_eq!(ask(&a, "PUT", &client, &json!({ "default_hourly_rate": "1.00" })).0, 200);
    let entries = "SELECT is_billable, total_amount, invoice_reference FROM billable_time ORDER BY started_at";
    eventually("the draft made anew", PATIENCE, || Replica::of(&a).rows(entries) == ["0\t50\tdraft"]).unwrap();
    for machine in [&b, &a] {
        assert_eq!(ask(machine, "POST", "/api/sync/resume", &json!({})).0, 200);
        share(&[machine]);
    }
    let confirmed = ["1\t4500\tNULL"];
    eventually("the draft taken back", PATIENCE, || Replica::of(&a).rows(entries) == confirmed).unwrap();
    share(&[&a, &b]);
    assert_eq!(Replica::of(&b).rows(entries), confirmed);
    let kept = get(&b, &format!("/api/billable-time/{}", entry["id"].as_str().unwrap()));
    assert_eq!(kept["ended_at"], entry["ended_at"]);
}

#[test]
fn drafts_of_one_user_from_two_machines_in_the_same_time_are_marked_on_both() {
    let server = shared().unwrap();
    let url = server.url(&server.fresh_database("billing").unwrap());
    let (a, b) = (Machine::new("both-a").unwrap(), machine("both-b", None));
    a.cli(&["central", "init", &url]).unwrap().ok().unwrap();
    drop(a);
    let (a, on_a) = machine("both-a", Some(&url));
    let (b, on_b) = b;
    b.setup(Some(&url)).unwrap();
    let talks = [Conversation::new(&a, &on_a), Conversation::new(&b, &on_b)];
    let ids = talks.each_ref().map(|talk| format!("{}-1", talk.session()));
    for (talk, id) in talks.iter().zip(&ids) {
        talk.prompt(id, "mend the fence").is_taken();
    }
    for (talk, id) in talks.iter().zip(&ids) {
        talk.stop(id, "mended").is_taken();
    }
    share(&[&a, &b, &a]);
    let (_, client) = ask(&a, "POST", "/api/clients", &json!({ "name": "Acme" }));
    let of = get(&a, "/api/projects/by-slug?slug=git.example.invalid/acme/billed");
    let path = format!("/api/projects/{}", of["id"].as_str().unwrap());
    assert_eq!(ask(&a, "PUT", &path, &json!({ "client_id": client["id"] })).0, 200);
    let both = || {
        share(&[&a, &b]);
        let marked = |machine: &Machine| {
            let sheet = machine.cli(&["timesheet", "--json"]).unwrap().ok().unwrap().json().unwrap();
            let entries = sheet["entries"].as_array().unwrap();
            entries.len() == 2 && entries.iter().all(|entry| entry["overlaps"] == true)
        };
        marked(&a) && marked(&b)
    };
    eventually("both drafts marked on both machines", PATIENCE, both).unwrap();
    let shown = b.cli(&["timesheet"]).unwrap().ok().unwrap().stdout;
    assert!(shown.contains("draft !") && shown.contains("confirm that time once"), "{shown}");
    let entries = get(&b, "/api/billable-time");
    let text = entries["items"][0]["description"].as_str().unwrap();
    assert!(text.contains("Overlaps drafts of another machine: "), "{text}");
}
