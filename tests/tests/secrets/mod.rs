//! Secrets on real machines with a real central: who can open them, who may, what is on record, and who gets in.

mod access;
mod first_user;
mod http;
mod keys;
mod kinds;
mod logins;
mod needles;
mod older;
mod planted;
mod trail;
mod users;

use serde_json::Value;
use vault::{DataKey, Keyring, Place};
use world::Machine;
use world::mariadb::{MariaDb, shared};
use world::run::Run;
use zeroize::Zeroizing;

use crate::conversation::Conversation;
use crate::replica::Replica;

const PASSPHRASE: &str = "four words in a row";

/// A central of its own.
struct Central {
    server: &'static MariaDb,
    database: String,
}

impl Central {
    fn new() -> Central {
        let server = shared().unwrap();
        let central = Central { server, database: server.fresh_database("secrets").unwrap() };
        let machine = Machine::new("administrator").unwrap();
        machine.cli(&["central", "init", &central.url()]).unwrap().ok().unwrap();
        central
    }

    fn url(&self) -> String {
        self.server.url(&self.database)
    }

    fn machine(&self, name: &str) -> Machine {
        Machine::set_up(name, Some(&self.url())).unwrap()
    }

    /// Runs SQL as any other program would.
    fn sql(&self, statements: &str) -> String {
        self.server.sql(&self.database, statements).unwrap().trim().to_owned()
    }
}

/// `claudetools vault …`, given the passphrase.
fn vault(machine: &Machine, action: &str, passphrase: &str) -> Run {
    machine.cli_with(&[("CLAUDETOOLS_PASSPHRASE", passphrase)], &["vault", action, "--json"]).unwrap()
}

fn vault_status(machine: &Machine) -> Value {
    machine.cli(&["vault", "status", "--json"]).unwrap().json().unwrap()
}

fn round(machine: &Machine) {
    let run = machine.cli(&["sync", "--wait"]).unwrap();
    // 3: two homes on one host have one name, which is told as a conflict.
    assert!(matches!(run.code, 0 | 3), "{run:?}");
}

/// The keys in the file of a machine, with the one that seals.
fn ring(machine: &Machine) -> Keyring {
    let text = std::fs::read_to_string(machine.home_seen_outside().keys().join("vault.keys")).unwrap();
    let words: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let mut ring: Option<Keyring> = None;
    for line in words.iter().filter(|line| line[0] == "key") {
        let bytes = std::array::from_fn(|at| u8::from_str_radix(&line[2][2 * at..2 * at + 2], 16).unwrap());
        let key = DataKey::new(line[1].parse().unwrap(), Zeroizing::new(bytes));
        match &mut ring {
            Some(ring) => assert!(ring.add(key).unwrap()),
            None => ring = Some(Keyring::new(key)),
        }
    }
    let mut ring = ring.unwrap();
    let current = words.iter().find(|line| line[0] == "current").unwrap()[1];
    ring.make_current(current.parse().unwrap()).unwrap();
    ring
}

/// A secret of a credential, sealed as the machine would seal it, as an SQL literal.
fn sealed(machine: &Machine, id: &str, secret: &str) -> String {
    let place = Place::new("credentials", "password_encrypted", id).unwrap();
    // One value for each id: no nonce is used twice.
    let nonce = uuid::Uuid::parse_str(id).unwrap().as_bytes()[4..].try_into().unwrap();
    hex_literal(&ring(machine).seal(&place, secret.as_bytes(), nonce).unwrap())
}

fn hex_literal(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// SQL that makes a credential with this secret.
fn credential(machine: &Machine, id: &str, secret: &str) -> String {
    let sealed = sealed(machine, id, secret);
    format!(
        "INSERT INTO credentials (id, credential_type, service_name, password_encrypted) \
         VALUES ('{id}', 'password', 'router', {sealed});"
    )
}

/// A person and the assistant talk of what the vault holds, in words that no rule knows.
fn tell_in_conversation(machine: &Machine, secrets: &Value) {
    let talk = Conversation::new(machine, &machine.user_home());
    for secret in secrets.as_object().unwrap().values().filter_map(Value::as_str) {
        talk.turn(&format!("the word is {secret} and opens it"), &format!("noted: {secret}"));
    }
    let told =
        "SELECT count(*) FROM conversation_contexts WHERE dense_summary LIKE '%the word is [redacted:vault] and%'";
    assert!(Replica::of(machine).number(told) > 0);
}

fn id(name: &str) -> String {
    sync::local::derived_id("secrets", name)
}
