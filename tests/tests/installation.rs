//! Setup, status, doctor and uninstall from end to end, in a throw-away home.

use std::fs;

use serde_json::{Value, json};
use world::Machine;

/// Settings as a user may have them: a hook of their own, and keys that are none of our business.
fn settings_of_a_user() -> Value {
    json!({
        "model": "opus",
        "hooks": { "Stop": [{ "hooks": [{ "type": "command", "command": "/bin/true", "timeout": 5 }] }] },
        "permissions": { "allow": ["Bash(ls:*)"] },
    })
}

fn settings(machine: &Machine) -> Value {
    serde_json::from_slice(&fs::read(machine.claude_config().join("settings.json")).unwrap()).unwrap()
}

fn write_settings(machine: &Machine, settings: &Value) {
    fs::create_dir_all(machine.claude_config()).unwrap();
    fs::write(machine.claude_config().join("settings.json"), settings.to_string()).unwrap();
}

#[test]
fn setup_proves_itself_and_keeps_what_was_there() {
    let machine = Machine::new("setup").unwrap();
    write_settings(&machine, &settings_of_a_user());

    let first = machine.setup(None).unwrap();
    assert!(first.stdout.contains("saved and found again through the installed hook"), "{}", first.stdout);
    assert!(first.stdout.contains("recalled:"), "{}", first.stdout);
    let installed = settings(&machine);
    assert_eq!(installed["model"], "opus");
    assert_eq!(installed["permissions"], settings_of_a_user()["permissions"]);
    assert_eq!(installed["hooks"]["Stop"][0], settings_of_a_user()["hooks"]["Stop"][0], "the user's hook stays first");
    for event in hooks::events::EVENTS {
        let groups = installed["hooks"][event.event].as_array().unwrap();
        assert!(groups.iter().any(|group| group.to_string().contains("claudetools-hook")), "{}", event.event);
    }

    let daemon = machine.daemon_pid().unwrap();
    let again = machine.setup(None).unwrap();
    assert!(again.stdout.contains("nothing was changed"), "{}", again.stdout);
    assert_eq!(settings(&machine), installed);
    assert_eq!(machine.daemon_pid(), Some(daemon), "a second setup leaves the daemon alone");
}

#[test]
fn the_proof_leaves_no_memory_behind() {
    let machine = Machine::set_up("probe", None).unwrap();
    let replica = crate::replica::Replica::of(&machine);
    for table in ["projects", "sessions", "work_items", "conversation_contexts", "ct_memory"] {
        assert_eq!(replica.number(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
}

#[test]
fn status_and_doctor_see_each_link() {
    let machine = Machine::set_up("status", None).unwrap();
    let status = machine.cli(&["status", "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert_eq!(status["daemon"]["state"], "ready", "{status:#}");
    assert_eq!(status["daemon"]["pid"], json!(machine.daemon_pid()));
    assert_eq!(status["replica"]["state"], "ok");
    assert_eq!(status["sync"]["state"], "unconfigured");
    assert_eq!(status["problems"], json!([]), "{status:#}");
    let checks = doctor(&machine);
    let failed: Vec<_> = checks.iter().filter(|(_, level, _)| level == "fail").collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(machine.cli(&["status"]).unwrap().ok().unwrap().stdout.lines().count() > 3);

    machine.stop_daemon().unwrap();
    let stopped = machine.cli(&["status", "--json"]).unwrap();
    assert_eq!(stopped.code, 3);
    assert_eq!(stopped.json().unwrap()["problems"][0]["area"], "daemon");
    let find = |checks: &[(String, String, String)], name: &str, level: &str| {
        checks
            .iter()
            .any(|(check, found, remedy)| check == name && found == level && (level == "ok" || !remedy.is_empty()))
    };
    assert!(find(&doctor(&machine), "daemon", "fail"), "{:?}", doctor(&machine));
    write_settings(&machine, &json!({}));
    assert!(find(&doctor(&machine), "hooks", "fail"), "{:?}", doctor(&machine));

    machine.cli(&["doctor", "--fix"]).unwrap();
    let repaired = doctor(&machine);
    assert!(find(&repaired, "daemon", "ok") && find(&repaired, "hooks", "ok"), "{repaired:?}");
}

/// Name, level and remedy of each finding.
fn doctor(machine: &Machine) -> Vec<(String, String, String)> {
    let report = machine.cli(&["doctor", "--json"]).unwrap().json().unwrap();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(finding, "check"), text(finding, "level"), text(finding, "remedy"))).collect()
}

#[test]
fn uninstall_takes_out_what_setup_put_in_and_keeps_the_data() {
    let machine = Machine::new("uninstall").unwrap();
    write_settings(&machine, &settings_of_a_user());
    machine.setup(None).unwrap();
    machine.cli(&["remember", "the gate code is kept by the porter", "--project", "gate"]).unwrap().ok().unwrap();
    machine.cli(&["uninstall", "--yes"]).unwrap().ok().unwrap();
    assert_eq!(settings(&machine), settings_of_a_user());
    assert!(!machine.daemon_runs());
    assert_eq!(machine.processes(), [] as [u32; 0]);
    assert!(machine.home().replica().exists());

    machine.setup(None).unwrap();
    let found =
        machine.cli(&["recall", "gate code", "--project", "gate", "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert!(found["text"].as_str().unwrap().contains("porter"), "{found:#}");
    machine.cli(&["uninstall", "--yes", "--purge"]).unwrap().ok().unwrap();
    assert!(!machine.home().root().exists(), "nothing of it is left");
}

#[test]
fn settings_that_are_not_understood_are_left_alone() {
    let machine = Machine::new("strange").unwrap();
    fs::create_dir_all(machine.claude_config()).unwrap();
    let path = machine.claude_config().join("settings.json");
    fs::write(&path, "{ \"hooks\": [not json").unwrap();
    let refused = machine.cli(&["setup", "--yes", "--no-service"]).unwrap();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("settings.json") && refused.stderr.contains("nothing was changed"), "{refused:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{ \"hooks\": [not json");
}
