//! A machine and its backup: made while it works, restored in its place and on another machine, and what becomes of what
//! happened since.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sync::central::{self, InitOptions};
use world::mariadb::shared;
use world::{Api, Machine, eventually};

use crate::replica::Replica;

const PATIENCE: Duration = Duration::from_secs(30);
const PASSPHRASE: &str = "four words in a row";

/// A machine with its API.
struct Desk {
    machine: Machine,
    api: Api,
}

impl Desk {
    fn new(name: &str, central: &str) -> Desk {
        let machine = Machine::set_up(name, Some(central)).unwrap();
        machine.stop_daemon().unwrap();
        let api = machine.start_api().unwrap();
        Desk { machine, api }
    }

    /// After its daemon was stopped.
    fn again(self) -> Desk {
        let api = self.machine.start_api().unwrap();
        Desk { api, ..self }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.api.json(method, path, body, &[]).unwrap();
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.body() }
    }

    fn client(&self, name: &str) -> String {
        let made = self.ask("POST", "/api/clients", &json!({ "name": name, "notes": "first" }));
        format!("/api/clients/{}", made["id"].as_str().unwrap())
    }

    fn note(&self, client: &str, notes: &str) {
        self.ask("PUT", client, &json!({ "notes": notes }));
    }

    fn round(&self) {
        let run = self.machine.cli(&["sync", "--wait"]).unwrap();
        // 3: two homes on one host have one name, which is told as a conflict.
        assert!(matches!(run.code, 0 | 3), "{run:?}");
    }

    /// All of it is at central.
    fn settle(&self) {
        self.round();
        let pending = "SELECT count(*) FROM ct_sync_dirty";
        eventually("all of it at central", PATIENCE, || Replica::of(&self.machine).number(pending) == 0).unwrap();
    }

    fn vault(&self, action: &str) {
        self.machine.cli_with(&[("CLAUDETOOLS_PASSPHRASE", PASSPHRASE)], &["vault", action]).unwrap().ok().unwrap();
    }

    fn assert_trail_is_whole(&self) {
        let found = self.api.get("/api/credential-audit-logs/verify").unwrap().expect(200).unwrap().body();
        assert_eq!((&found["intact"], &found["broken"]), (&json!(true), &json!([])), "{found:#}");
    }

    fn clients(&self) -> Vec<String> {
        Replica::of(&self.machine).rows("SELECT name, notes FROM clients ORDER BY name")
    }
}

fn restore(machine: &Machine, file: &Path, more: &[&str]) -> world::run::Run {
    let arguments = [&["restore", file.to_str().unwrap()], more].concat();
    machine.cli_with(&[("CLAUDETOOLS_PASSPHRASE", PASSPHRASE)], &arguments).unwrap()
}

#[test]
fn what_happened_since_the_backup_comes_back_and_nothing_is_lost() {
    let server = shared().unwrap();
    let database = server.fresh_database("backup").unwrap();
    let url = server.url(&database);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(central::init(&url.parse().unwrap(), InitOptions::default())).unwrap();
    let (a, b) = (Desk::new("a", &url), Desk::new("b", &url));
    a.vault("init");
    b.vault("join");
    let [edited, deleted, _] = ["edited", "deleted later", "as it was"].map(|name| a.client(name));
    let secret = json!({ "credential_type": "password", "service_name": "router", "password": "a secret of the test" });
    let credential = format!("/api/credentials/{}", a.ask("POST", "/api/credentials", &secret)["id"].as_str().unwrap());
    a.settle();
    b.round();

    // Backed up while the daemon runs, with something that central has not got.
    a.ask("POST", "/api/sync/pause", &json!({}));
    let unsent = a.client("unsent at the backup");
    let file = backed_up(&a.machine);
    a.ask("POST", "/api/sync/resume", &json!({}));

    // What happens since: changes, a new row, a delete, the trail going on; here and elsewhere.
    a.note(&edited, "second");
    a.note(&unsent, "sent since");
    a.client("made later");
    a.ask("DELETE", &deleted, &json!(null));
    for _ in 0..2 {
        a.ask("GET", &credential, &json!(null));
    }
    a.settle();
    b.round();
    b.note(&edited, "third, by the other");
    b.settle();
    a.settle();
    let expected =
        ["as it was\tfirst", "edited\tthird, by the other", "made later\tfirst", "unsent at the backup\tsent since"];
    assert_eq!(a.clients(), expected);

    let refused = restore(&a.machine, &file, &[]);
    assert!(refused.code == 1 && refused.stderr.contains("uses this home"), "{refused:?}");
    a.machine.stop_daemon().unwrap();
    let before = Replica::of(&a.machine).rows("SELECT value FROM ct_sync_state WHERE name = 'replica_id'");
    let report = restore(&a.machine, &file, &["--json"]);
    assert_eq!(report.code, 3, "what was paused still is: {report:?}");
    let report = report.json().unwrap();
    assert!(report["next"].to_string().contains("sync resume"), "{report:#}");
    assert_eq!((&report["keys"], &report["settings"]), (&json!("kept"), &json!("kept")));
    assert_ne!(report["replica_id"], json!(before[0]));
    assert!(Replica::of(&a.machine).rows("SELECT name FROM clients").contains(&"deleted later".to_owned()));
    let a = a.again();
    a.ask("POST", "/api/sync/resume", &json!({}));
    for desk in [&a, &b, &a] {
        desk.settle();
    }
    assert_eq!((a.clients(), b.clients()), (expected.map(str::to_owned).to_vec(), a.clients()));
    let told = a.machine.cli(&["status"]).unwrap().stdout;
    assert!(told.contains("restored from a backup"), "{told}");
    a.assert_trail_is_whole();
    // Its trail goes on under the new name, and everybody can follow it.
    a.ask("GET", &credential, &json!(null));
    a.client("after the restore");
    a.settle();
    b.settle();
    for desk in [&a, &b] {
        desk.assert_trail_is_whole();
    }
    assert_eq!(Replica::of(&a.machine).everything(), Replica::of(&b.machine).everything());

    on_another_machine(&b, &url, &file, &credential);
}

/// Makes a backup with the keys, which status and doctor know of.
fn backed_up(machine: &Machine) -> PathBuf {
    let file = machine.temporary().join("a.tar.zst");
    let arguments = ["backup", file.to_str().unwrap(), "--with-keys", "--json"];
    let made = machine.cli_with(&[("CLAUDETOOLS_PASSPHRASE", PASSPHRASE)], &arguments).unwrap().ok().unwrap();
    assert_eq!(made.json().unwrap()["with_keys"], true);
    let status = machine.cli(&["status", "--json"]).unwrap().json().unwrap();
    assert_eq!(status["replica"]["last_backup"]["path"], json!(file.canonicalize().unwrap()), "{status:#}");
    assert!(machine.cli(&["doctor"]).unwrap().stdout.contains("a.tar.zst"));
    file
}

/// The same backup on a machine that has nothing yet: with its keys, and beside the one that it is of.
fn on_another_machine(b: &Desk, url: &str, file: &Path, credential: &str) {
    let machine = Machine::new("c").unwrap();
    let report = restore(&machine, file, &["--json"]).json().unwrap();
    assert_eq!((&report["keys"], &report["settings"]), (&json!("restored"), &json!("restored")), "{report:#}");
    machine.setup(Some(url)).unwrap();
    machine.stop_daemon().unwrap();
    let api = machine.start_api().unwrap();
    let c = Desk { machine, api };
    c.ask("POST", "/api/sync/resume", &json!({}));
    let shown = c.ask("POST", &format!("{credential}/reveal"), &json!({}));
    assert_eq!(shown["secrets"]["password"], "a secret of the test");
    for desk in [&c, b, &c] {
        desk.settle();
    }
    assert_eq!(c.clients(), b.clients());
    for desk in [&c, b] {
        desk.assert_trail_is_whole();
    }
}
