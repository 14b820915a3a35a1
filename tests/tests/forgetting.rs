//! What is forgotten on one machine is nowhere any more: not in its files, not at central, not on the other machine, and it
//! does not come back from there.

use std::time::Duration;

use world::mariadb::shared;
use world::{Machine, eventually};

use crate::conversation::{Conversation, new_uuid};
use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_mins(1);
/// A word that nothing else contains, from parts, so that no tool takes it for a secret.
const WORD: [&str; 2] = ["zanzi", "barium"];

fn share(machines: &[&Machine]) {
    for machine in machines {
        let round = machine.cli(&["sync", "--wait"]).unwrap();
        assert!(matches!(round.code, 0 | 3), "{round:?}");
    }
}

/// The files of a machine that hold the word; transcripts and projects are the user's.
fn files(machine: &Machine, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![machine.home().root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path)
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).to_lowercase().contains(word))
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// Every column of central that may hold text.
const TEXTS: &str = "SELECT CONCAT(table_name, ' ', column_name) FROM information_schema.columns \
                     WHERE table_schema = DATABASE() AND (data_type LIKE '%text' OR data_type LIKE '%char' OR data_type LIKE '%blob')";

#[test]
fn what_is_forgotten_is_nowhere_and_stays_away() {
    let word = WORD.concat();
    let server = shared().unwrap();
    let database = server.fresh_database("forgetting").unwrap();
    let url = server.url(&database);
    let (a, b) = (Machine::new("a").unwrap(), Machine::new("b").unwrap());
    a.cli(&["central", "init", &url]).unwrap().ok().unwrap();
    for machine in [&a, &b] {
        machine.setup(Some(&url)).unwrap();
    }
    let on_a = a.project("project", "https://git.example.invalid/acme/forgetting.git").unwrap();
    let on_b = b.project("project", "https://git.example.invalid/acme/forgetting.git").unwrap();
    let told = Conversation::new(&a, &on_a);
    told.start().is_taken();
    told.turn(&format!("Where is the {word} kept?"), &format!("The {word} is in the cellar."));
    told.turn("Where is the lantern?", "On the roof.");
    let remembered = format!("A {word} is blue.");
    a.cli_in(&on_a, &["remember", &remembered, "--tags", "colour"]).unwrap().ok().unwrap();
    share(&[&a, &b]);
    let at_central = |table: &str, column: &str| -> i64 {
        let sql = format!("SELECT COUNT(*) FROM {table} WHERE LOWER(CONVERT({column} USING utf8mb4)) LIKE '%{word}%'");
        server.sql(&database, &sql).unwrap().trim().parse().unwrap()
    };
    assert!(at_central("conversation_contexts", "dense_summary") > 0);
    assert!(Replica::of(&b).number("SELECT count(*) FROM context_snippets") == 1);

    // Nothing happens unasked.
    let shown =
        b.cli_in(&on_b, &["forget", "--query", &word, "--dry-run", "--json"]).unwrap().ok().unwrap().json().unwrap();
    assert_eq!((shown["dry_run"].as_bool(), shown["deleted"]["context_snippets"].as_u64()), (Some(true), Some(1)));
    assert_eq!(b.cli_in(&on_b, &["forget", "--query", &word]).unwrap().code, 2, "there is no terminal to ask on");
    assert_eq!(Replica::of(&b).number("SELECT count(*) FROM forgotten"), 0);

    // The other machine, where it was only heard of, forgets it; meanwhile its own goes on about it, offline.
    a.stop_daemon().unwrap();
    b.cli_in(&on_b, &["forget", "--query", &word, "--yes"]).unwrap().ok().unwrap();
    share(&[&b]);
    a.start_daemon().unwrap();
    share(&[&a, &b, &a, &b]);

    for (machine, project) in [(&a, &on_a), (&b, &on_b)] {
        eventually("nothing of it in the files", PATIENCE, || files(machine, &word).is_empty())
            .unwrap_or_else(|error| panic!("{error}: {:?}", files(machine, &word)));
        let found = machine.cli_in(project, &["recall", &word, "--json"]).unwrap().ok().unwrap().stdout;
        assert!(!found.contains("cellar") && !found.contains("blue"), "{found}");
        let found =
            machine.cli_in(project, &["recall", "Where is the lantern?", "--json"]).unwrap().ok().unwrap().stdout;
        assert!(found.contains("On the roof"), "{found}");
    }
    // Each asks central to forget the last images of what it has taken out, without being told to.
    for machine in [&a, &b] {
        let left = || Replica::of(machine).number("SELECT count(*) FROM ct_forget_central");
        eventually("central asked to forget all of it", PATIENCE, || left() == 0).unwrap();
    }
    let columns = server.sql(&database, TEXTS).unwrap();
    let holds = |line: &&str| {
        let (table, column) = line.split_once(' ').unwrap();
        at_central(table, &format!("`{column}`")) > 0
    };
    assert_eq!(columns.lines().filter(holds).collect::<Vec<_>>(), [""; 0]);
    let audited = "SELECT COUNT(*) FROM api_audit_log WHERE endpoint = '/api/forget' AND status_code = 200 \
                   AND request_fields LIKE '%text%'";
    assert!(server.sql(&database, audited).unwrap().trim().parse::<u32>().unwrap() > 0);

    // Its conversation goes on, and the answer to what was forgotten does not bring it back.
    told.stop(&new_uuid(), "On the roof, as I said.");
    share(&[&a, &b]);
    assert_eq!(at_central("conversation_contexts", "dense_summary"), 0);
}
