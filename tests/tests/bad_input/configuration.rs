//! A `config.toml` that cannot be used: everything else goes on, and the user is told once which line it is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use world::Machine;

use super::{assert_known, assert_refused, assert_says, project};
use crate::conversation::{Answer, Conversation, new_uuid};
use crate::replica::Replica;

/// A machine that has this configuration when its daemon starts, and the answer to its first event.
fn first_answer(name: &str, text: &str, mode: u32) -> (Machine, Answer) {
    let machine = Machine::new(name).unwrap();
    let path = machine.home().config();
    fs::create_dir_all(machine.home().root()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    machine.start_daemon().unwrap();
    let conversation = Conversation::new(&machine, &project(&machine, name));
    let turn = new_uuid();
    let answer = conversation.prompt(&turn, "tell me about pumice");
    conversation.stop(&turn, "pumice told").is_taken();
    assert_eq!(Replica::of(&machine).rows("SELECT status FROM work_items"), ["completed"], "memory works all the same");
    (machine, answer)
}

#[test]
fn a_misspelt_key_is_named_with_its_line() {
    let text = "[recall]\nprompt_tokens = 700\n\n[log]\nmax_mb = 8\n";
    let (machine, answer) = first_answer("misspelt", text, 0o600);
    let parts = ["config.toml line 5", "max_mb"];
    assert_says(answer.message.as_deref().unwrap_or_default(), &[&parts[..], &["claudetools daemon restart"]].concat());
    assert_known(&machine, "fail", &parts);
    assert_refused(&machine.cli(&["setup", "--yes", "--no-service"]).unwrap(), 1, &parts);
}

#[test]
fn a_value_that_does_not_fit_is_named_and_a_password_is_not_shown() {
    let text = "[central]\nurl = [\"mysql://worker:hunter2@db.example.invalid/memory\"]\n";
    let (machine, answer) = first_answer("misfit", text, 0o600);
    let parts = ["config.toml line 2", "url"];
    assert_says(answer.message.as_deref().unwrap_or_default(), &parts);
    assert_known(&machine, "fail", &parts);
    assert_no_secret(&machine, &answer);
}

#[test]
fn a_password_that_others_may_read_is_not_used() {
    let text = "[central]\nurl = \"mysql://worker:hunter2@127.0.0.1:1/memory\"\n";
    let (machine, answer) = first_answer("exposed", text, 0o644);
    let parts = ["config.toml", "password", "readable by other users"];
    assert_says(answer.message.as_deref().unwrap_or_default(), &[&parts[..], &["chmod 600"]].concat());
    assert_known(&machine, "fail", &parts);
    assert_refused(&machine.cli(&["central", "check"]).unwrap(), 1, &[&parts[..], &["chmod 600"]].concat());
    assert_no_secret(&machine, &answer);
}

/// The password is in no answer, command or log.
fn assert_no_secret(machine: &Machine, answer: &Answer) {
    let logs = fs::read_dir(machine.home().logs()).unwrap().flatten();
    let mut said: Vec<String> = logs.map(|log| fs::read_to_string(log.path()).unwrap()).collect();
    assert!(!said.is_empty());
    said.push(answer.run.stdout.clone());
    for arguments in [&["status"][..], &["doctor"], &["central", "check"], &["sync", "--wait"]] {
        let run = machine.cli(arguments).unwrap();
        said.extend([run.stdout, run.stderr]);
    }
    assert!(said.iter().all(|text| !text.contains("hunter2")), "{said:#?}");
}
