//! What brought the predecessor down, each once as a test. (Lost contexts and silent failures: `faults`, `disks`.)

use std::fs;
use std::time::Duration;

use world::{Machine, MariaDb, eventually};

use crate::conversation::{Conversation, new_uuid};
use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_secs(90);

fn machine(name: &str) -> (Machine, std::path::PathBuf) {
    let machine = Machine::new(name).unwrap();
    machine.start_daemon().unwrap();
    let project = machine.project("project", &format!("https://git.example.invalid/acme/{name}.git")).unwrap();
    (machine, project)
}

/// What a prompt in a new conversation is given.
fn recalled(machine: &Machine, project: &std::path::Path, prompt: &str) -> String {
    Conversation::new(machine, project).prompt(&new_uuid(), prompt).context.unwrap_or_default()
}

#[test]
fn hooks_reach_the_daemon_of_their_own_home_and_no_other() {
    let ((a, on_a), (b, on_b)) = (machine("endpoint-a"), machine("endpoint-b"));
    Conversation::new(&a, &on_a).turn("the opal is in drawer nine", "noted");
    assert_eq!(Replica::of(&b).number("SELECT count(*) FROM work_items"), 0);
    assert!(recalled(&a, &on_a, "where is the opal?").contains("drawer nine"));
    assert!(!recalled(&b, &on_b, "where is the opal?").contains("drawer nine"));
}

#[test]
fn a_home_too_deep_for_a_socket_is_served_all_the_same() {
    let machine = Machine::with_deep_home("deep").unwrap();
    assert!(machine.home().socket().as_os_str().len() > 108);
    machine.start_daemon().unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/deep.git").unwrap();
    Conversation::new(&machine, &project).turn("the pearl is in drawer ten", "noted");
    assert!(recalled(&machine, &project, "where is the pearl?").contains("drawer ten"));
}

#[test]
fn what_is_saved_has_its_project_and_is_found_again() {
    let (machine, project) = machine("findable");
    Conversation::new(&machine, &project).turn("the quartz pump is serviced in May", "noted");
    let replica = Replica::of(&machine);
    let homeless = "SELECT count(*) FROM conversation_contexts WHERE project_id IS NULL OR machine_id IS NULL OR session_id IS NULL";
    assert_eq!(replica.number(homeless), 0);
    let found = machine.cli_in(&project, &["recall", "quartz pump", "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert!(found["text"].as_str().unwrap().contains("serviced in May"), "{found:#}");
}

#[test]
fn no_process_is_left_behind() {
    let (machine, project) = machine("processes");
    let daemon = machine.daemon_pid().unwrap();
    for turn in 0..20 {
        let conversation = Conversation::new(&machine, &project);
        conversation.start().is_taken();
        conversation.turn(&format!("turn {turn}"), "done");
        conversation.fire("SessionEnd", &serde_json::json!({ "reason": "other" })).is_taken();
    }
    eventually("only the daemon running", PATIENCE, || machine.processes() == [daemon]).unwrap();
    let children = fs::read_to_string(format!("/proc/{daemon}/task/{daemon}/children")).unwrap();
    assert_eq!(children, "", "the daemon has children that it never waited for");
    machine.stop_daemon().unwrap();
    assert_eq!(machine.processes(), [] as [u32; 0]);
}

#[test]
fn text_of_any_script_survives_any_locale() {
    let (machine, project) = machine("scripts");
    let conversation = Conversation::new(&machine, &project);
    let fact = "das Prüfwort heißt Ωmega 日本語 العربية 🏔️ e\u{301} \u{202e}abc\u{202c}";
    let id = new_uuid();
    let input = conversation.input("UserPromptSubmit", &serde_json::json!({ "prompt_id": id, "prompt": fact }));
    let answer = conversation.fire_with("UserPromptSubmit", &input, |command| {
        command.env("LANG", "C").env("LC_ALL", "POSIX");
    });
    answer.is_taken();
    conversation.stop(&id, fact).is_taken();
    assert_eq!(Replica::of(&machine).rows("SELECT description FROM work_items"), [fact]);
    assert!(recalled(&machine, &project, "wie heißt das Prüfwort?").contains("日本語"));
}

#[test]
fn an_outage_of_central_ends_by_itself() {
    let server = MariaDb::start().unwrap();
    let machine = Machine::new("outage").unwrap();
    machine.cli(&["central", "init", &server.url("outage")]).unwrap().ok().unwrap();
    machine.setup(Some(&server.url("outage"))).unwrap();
    let state =
        || machine.cli(&["status", "--json"]).unwrap().json().unwrap()["sync"]["state"].as_str().unwrap().to_owned();
    eventually("central reached", PATIENCE, || state() == "idle").unwrap();
    server.kill9().unwrap();
    let project = machine.project("project", "https://git.example.invalid/acme/outage.git").unwrap();
    Conversation::new(&machine, &project).turn("tell me about rutile", "rutile told");
    eventually("the outage noticed", PATIENCE, || state() == "offline").unwrap();
    server.restart().unwrap();
    // Nobody asks for a round.
    eventually("what was collected at central", PATIENCE, || {
        server
            .sql("outage", "SELECT count(*) FROM work_items WHERE status = 'completed'")
            .is_ok_and(|count| count == "1\n")
    })
    .unwrap();
    eventually("no trouble in the status", PATIENCE, || state() == "idle").unwrap();
}

#[test]
fn text_that_looks_like_a_query_is_only_text() {
    let (machine, project) = machine("injection");
    Conversation::new(&machine, &project).turn("the sapphire is in drawer eleven", "noted");
    let attacks = [
        "'; DROP TABLE sessions; --",
        "\" OR 1=1 --",
        "sapphire NOT drawer* NEAR(",
        "title:sapphire AND (",
        "%' UNION SELECT 1 --",
        "\0",
        "* ^ :",
    ];
    for attack in attacks {
        let fields = serde_json::json!({ "prompt": attack });
        Conversation::new(&machine, &project).fire("UserPromptSubmit", &fields).is_taken();
        let text = attack.replace('\0', " ");
        machine.cli_in(&project, &["recall", "--json", "--", &text]).unwrap().ok().unwrap();
        machine.cli_in(&project, &["recall", "--json", "--tags", &text, "--", "sapphire"]).unwrap().ok().unwrap();
    }
    assert!(recalled(&machine, &project, "where is the sapphire?").contains("drawer eleven"));
}

#[test]
fn titles_say_what_was_done() {
    let (machine, project) = machine("titles");
    Conversation::new(&machine, &project)
        .turn("Add a retry to the invoice importer", "The importer now retries three times.");
    let titles =
        Replica::of(&machine).rows("SELECT title FROM conversation_contexts UNION ALL SELECT title FROM work_items");
    assert!(titles.len() >= 2);
    for title in titles {
        assert!(title.contains("invoice importer"), "{title}");
    }
}

#[test]
fn secrets_reach_no_file() {
    let (machine, project) = machine("secrets");
    let secrets =
        ["AKIAIOSFODNN7EXAMPLX", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"];
    let [access, token, key] = secrets;
    let prompt = format!("use the key {access} with AWS_SECRET_ACCESS_KEY={key} and push with {token}");
    let conversation = Conversation::new(&machine, &project);
    conversation.turn(&prompt, &format!("I used {token}."));
    let fields = serde_json::json!({ "tool_name": "Bash", "tool_input": { "command": format!("curl -H 'Authorization: Bearer {token}' https://x.invalid") },
        "tool_response": { "stdout": format!("{access}\n"), "stderr": "", "interrupted": false }, "tool_use_id": "toolu_1" });
    conversation.fire("PostToolUse", &fields).is_taken();
    machine.stop_daemon().unwrap();
    for file in files(machine.home().root()) {
        let bytes = fs::read(&file).unwrap();
        for secret in secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} stands in {}", file.display());
        }
    }
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.is_file())
        .collect()
}
