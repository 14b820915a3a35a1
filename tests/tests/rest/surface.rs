//! Schemathesis over the whole API: it reads the description, tries what it allows and what it forbids, and holds each
//! answer against it.

use std::process::Command;
use std::time::Duration;

use sync::central;
use world::run::run;
use world::toolbox::SCHEMATHESIS;
use world::{Machine, mariadb};

/// What may differ from Schemathesis's own idea of an answer, and why.
const SETTINGS: &str = r#"
# U+0000 is refused in every text, which no schema says.
[generation]
allow-x00 = false

# Only the links that the description names: of those that could be guessed there are tens of thousands.
[phases.stateful.inference]
algorithms = []

[phases.stateful.generation]
max-examples = 60

# A precondition that does not hold is the point of If-Match, whatever the schema allows; and nobody may try to log in as
# often as they like.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "412", "429"]
"#;

#[test]
fn schemathesis_finds_nothing() {
    let server = mariadb::shared().unwrap();
    let database = server.fresh_database("surface").unwrap();
    let url = server.url(&database);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(central::init(&url.parse().unwrap(), central::InitOptions::default())).unwrap();
    let machine = Machine::set_up("surface", Some(&url)).unwrap();
    machine.stop_daemon().unwrap();
    let api = machine.start_api().unwrap();

    let settings = machine.temporary().join("schemathesis.toml");
    std::fs::write(&settings, SETTINGS).unwrap();
    let mut command = Command::new(SCHEMATHESIS.program("python").unwrap());
    command.current_dir(machine.temporary()).args(["-m", "schemathesis.cli", "--config-file"]).arg(&settings).args([
        "run",
        &format!("http://{}/api/openapi.json", api.address),
        "--header",
        &format!("Authorization: Bearer {}", api.token.clone().unwrap()),
        "--checks=all",
        "--phases=examples,coverage,fuzzing,stateful",
        "--max-examples=2",
        // With two, CPython 3.11.7 may fail on its own: its parser counts the recursions of all threads as one (gh-106905).
        "--workers=1",
        "--seed=1",
        "--generation-database=none",
        "--no-color",
    ]);
    let done = run(command, b"", Duration::from_mins(10)).unwrap();
    println!("{}", done.stdout);
    assert_eq!(done.code, 0, "{}\n{}", done.stdout, done.stderr);
    assert!(machine.daemon_runs());
    // With a central behind them, users and the vault did something; and nobody locked the caller out.
    for done in ["POST /api/users 201", "PUT /api/users/{id} 200", "POST /api/vault/init 200"] {
        let audited = format!(
            "SELECT COUNT(*) FROM api_audit_log WHERE CONCAT(http_method, ' ', endpoint, ' ', status_code) = '{done}'"
        );
        assert_ne!(server.sql(&database, &audited).unwrap().trim(), "0", "{done}");
    }
    api.get("/api/users").unwrap().expect(200).unwrap();
}
