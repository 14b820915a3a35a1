//! The same by the command.

use serde_json::Value;
use world::machine::Machine;

use super::{NAMES, found};

#[test]
fn it_is_shown_first_and_done_when_told_so() {
    let place = found();
    let machine = Machine::new("adopt").unwrap();
    let url = place.server.url(&place.database);
    let plain = machine.cli(&["central", "init", &url]).unwrap();
    assert_eq!(plain.code, 1, "{plain:?}");
    assert!(plain.stderr.contains("--adopt"), "{plain:?}");

    let asked = ["central", "init", &url, "--adopt", "--map", NAMES[0], "--map", NAMES[1]];
    let shown = machine.cli(&asked).unwrap();
    assert_eq!(shown.code, 3, "{shown:?}");
    for part in ["~ clients in Client: partly mapped", "✗ projects: cannot be mapped", "nothing was changed", "--yes"]
    {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let dry = machine.cli(&[&asked[..], &["--dry-run", "--json"]].concat()).unwrap();
    assert_eq!(dry.code, 0, "{dry:?}");
    let survey: Value = serde_json::from_str(&dry.stdout).unwrap();
    assert!(survey["tables"].as_array().unwrap().iter().any(|table| table["mapping"] == "cannot_be_mapped"));
    assert_eq!(place.sql("SHOW TRIGGERS"), "");

    let wrong = machine.cli(&["central", "init", &url, "--adopt", "--map", "nothing=x"]).unwrap();
    assert_eq!(wrong.code, 2, "{wrong:?}");
    machine.cli(&[&asked[..], &["--yes"]].concat()).unwrap().ok().unwrap();
    assert!(place.sql("SHOW TRIGGERS").contains("ct_sync_clients_insert"));
    let checked = machine.cli(&["central", "check", &url, "--json"]).unwrap();
    let report: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(report["is_adopted"], true);
    assert_eq!(machine.cli(&["central", "release", &url]).unwrap().code, 2);
    machine.cli(&["central", "release", &url, "--yes"]).unwrap().ok().unwrap();
    assert_eq!(place.sql("SHOW TRIGGERS"), "");
}
