//! Input that is broken, huge or unknown, a configuration, a replica, a disk or a central that is not as it should be:
//! a message that says what, where and what to do; and nothing lost that was acknowledged.

mod central;
mod configuration;
mod events;
mod full_disk;
mod read_only;
mod replica;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use world::Machine;
use world::run::Run;

use crate::replica::Replica;

/// How long a busy machine may take until what has to happen has happened.
const PATIENCE: Duration = Duration::from_mins(1);

/// A machine with a running daemon and a project.
fn machine(name: &str) -> (Machine, PathBuf) {
    let machine = Machine::new(name).unwrap();
    machine.start_daemon().unwrap();
    let project = project(&machine, name);
    (machine, project)
}

fn project(machine: &Machine, name: &str) -> PathBuf {
    machine.project("project", &format!("https://git.example.invalid/acme/{name}.git")).unwrap()
}

/// `claudetools status --json`
fn status(machine: &Machine) -> Value {
    machine.cli(&["status", "--json"]).unwrap().json().unwrap()
}

/// The prompts in the replica of a machine with a disk of its own. Everything on the machine is killed for it.
fn saved_at_the_end(machine: &Machine) -> Vec<String> {
    machine.power_off();
    let (disk, copy) = (machine.home_seen_outside(), machine.temporary().join("replica.db"));
    for suffix in ["", "-wal"] {
        let of = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        let copied = fs::copy(of(&disk.replica()), of(&copy));
        assert!(copied.is_ok() || suffix == "-wal", "{copied:?}");
    }
    Replica::at(copy).rows("SELECT description FROM work_items ORDER BY rowid")
}

/// Asserts that a text has all these parts.
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not said in: {text}");
    }
}

/// Asserts that a command failed and said on stderr what, and what to do.
fn assert_refused(run: &Run, code: i32, parts: &[&str]) {
    assert_eq!(run.code, code, "{run:?}");
    assert!(run.stderr.starts_with("error: ") && run.stderr.contains("\nhint: "), "{run:?}");
    assert_says(&run.stderr, parts);
}

/// Asserts that `status` knows of this, with a remedy, and so does `doctor`.
fn assert_known(machine: &Machine, severity: &str, parts: &[&str]) {
    let status = machine.cli(&["status", "--json"]).unwrap();
    let problems = status.json().unwrap()["problems"].clone();
    let matching =
        |found: &&Value| parts.iter().all(|part| found["what"].as_str().is_some_and(|what| what.contains(part)));
    let problem = problems.as_array().unwrap().iter().find(matching);
    let problem = problem.unwrap_or_else(|| panic!("{parts:?} is not in {problems:#}"));
    assert_eq!(problem["severity"], severity, "{problem:#}");
    assert_ne!(problem["remedy"], "", "{problem:#}");
    let doctor = machine.cli(&["doctor"]).unwrap();
    assert_says(&doctor.stdout, parts);
    if severity == "fail" {
        assert_eq!(status.code, 3, "{status:?}");
        assert_ne!(doctor.code, 0, "{doctor:?}");
    }
}
