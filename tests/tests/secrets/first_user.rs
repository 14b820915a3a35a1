//! The first user: made by setup where there is a central, or setup and doctor say how.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use world::run::Run;
use world::{Machine, binaries, child, eventually};

use super::Central;
use super::http::Api;

const PASSWORD: &str = "correct horse battery";
const PATIENCE: Duration = Duration::from_mins(1);

/// `claudetools setup` on a terminal that nobody sits at.
fn setup(machine: &Machine, central: Option<&str>, password: &str, more: &[&str]) -> Run {
    let mut arguments = vec!["setup", "--yes", "--no-service"];
    arguments.extend(central.iter().flat_map(|url| ["--central", *url]));
    arguments.extend(more);
    machine.cli_given(format!("{password}\n").as_bytes(), &arguments).unwrap()
}

fn who_may_log_in(machine: &Machine) -> String {
    let report: Value = machine.cli(&["doctor", "--json"]).unwrap().json().unwrap();
    let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["check"] == "users").unwrap();
    assert_eq!(found["level"], "ok");
    found["what"].as_str().unwrap().to_owned()
}

#[test]
fn setup_makes_the_first_user_or_says_how() {
    let central = Central::new();
    let (machine, url) = (Machine::new("a").unwrap(), central.url());
    let without = setup(&machine, Some(&url), "", &[]).ok().unwrap();
    for said in [&without.stdout, &who_may_log_in(&machine)] {
        assert!(
            said.contains("nobody may log in") && said.contains("claudetools users add EMAIL --role admin"),
            "{said}"
        );
    }
    let named = ["--admin-email", "Ann@Example.org", "--admin-name", "Ann Example", "--admin-password-stdin"];
    let short = setup(&machine, None, "too short", &named);
    assert!(short.code == 1 && short.stderr.contains("12 characters"), "{short:?}");
    assert_eq!(central.sql("SELECT COUNT(*) FROM users"), "0");
    let empty = setup(&machine, None, "", &named);
    assert!(empty.code == 2 && empty.stderr.contains("not on stdin"), "{empty:?}");

    let made = setup(&machine, None, PASSWORD, &named).ok().unwrap();
    assert!(made.stdout.contains("ann@example.org may log in, as an administrator"), "{made:?}");
    assert!(!made.stdout.contains(PASSWORD) && !made.stderr.contains(PASSWORD));
    assert_eq!(central.sql("SELECT email, full_name, role FROM users"), "ann@example.org\tAnn Example\tadmin");
    assert_eq!(who_may_log_in(&machine), "1 may log in over HTTP");
    let api = Api::of(&machine);
    let login = api.post("/api/auth/token", &json!({ "email": "ann@example.org", "password": PASSWORD }));
    assert_eq!(api.get("/api/users", &login.text("access_token")).body["total"], 1);

    let again = setup(&machine, None, PASSWORD, &named).ok().unwrap();
    assert!(again.stdout.contains("nothing was changed"), "{again:?}");
    let other = ["--admin-email", "bob@example.org", "--admin-password-stdin"];
    let other = setup(&machine, None, PASSWORD, &other).ok().unwrap();
    assert!(other.stdout.contains("there are users already, so bob@example.org was not made"), "{other:?}");
    assert_eq!(central.sql("SELECT COUNT(*) FROM users"), "1");
}

#[test]
fn without_a_central_there_is_nowhere_to_keep_a_user() {
    let machine = Machine::new("alone").unwrap();
    let refused = setup(&machine, None, PASSWORD, &["--admin-email", "ann@example.org", "--admin-password-stdin"]);
    assert!(refused.code == 2 && refused.stderr.contains("--central URL"), "{refused:?}");
    assert!(!machine.home().root().exists(), "nothing was changed");
}

/// `claudetools setup` at a terminal, where each question is answered once it is asked; what the terminal showed.
fn setup_by_hand(machine: &Machine, central: &str, answers: &[(&str, &str)]) -> String {
    let program = binaries::path("claudetools").unwrap();
    let line = format!("{} setup --no-service --central '{central}'", program.display());
    let mut command = machine.program(child::MORTAL[0]);
    command.args(&child::MORTAL[1..]).args(["script", "-qefc", &line, "/dev/null"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut terminal = child::spawn("script", command).unwrap();
    let (mut keyboard, mut output) = (terminal.child().stdin.take().unwrap(), terminal.child().stdout.take().unwrap());
    let screen = Arc::new(Mutex::new(Vec::new()));
    let shown = {
        let screen = Arc::clone(&screen);
        move || String::from_utf8_lossy(&screen.lock().unwrap()).into_owned()
    };
    std::thread::spawn(move || {
        let mut bytes = [0; 1024];
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            screen.lock().unwrap().extend(&bytes[..count]);
        }
    });
    for (question, answer) in answers {
        eventually(question, PATIENCE, || shown().contains(question)).unwrap_or_else(|e| panic!("{e}: {}", shown()));
        keyboard.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }
    eventually("the end of setup", PATIENCE, || terminal.child().try_wait().unwrap().is_some()).unwrap();
    shown()
}

#[test]
fn whoever_sits_at_the_terminal_is_asked() {
    let central = Central::new();
    let machine = Machine::new("a").unwrap();
    let nobody =
        setup_by_hand(&machine, &central.url(), &[("Go on?", "y"), ("E-mail address of an administrator", "")]);
    assert!(nobody.contains("nobody may log in over HTTP yet"), "{nobody}");
    let somebody = [
        ("Go on?", "y"),
        ("E-mail address of an administrator", "ann@example.org"),
        ("password of the first user", PASSWORD),
        ("once more", PASSWORD),
    ];
    let made = setup_by_hand(&machine, &central.url(), &somebody);
    assert!(made.contains("ann@example.org may log in, as an administrator"), "{made}");
    let asked_no_more = setup_by_hand(&machine, &central.url(), &[("Go on?", "y")]);
    assert!(!asked_no_more.contains("E-mail address"), "{asked_no_more}");
    assert_eq!(central.sql("SELECT email, role FROM users"), "ann@example.org\tadmin");
}
