//! Coordination of sessions on two machines with one central.

mod locks;
mod offline;
mod pruned;
mod sessions;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use sync::central::{self, InitOptions};
use world::api::Answer;
use world::mariadb::MariaDb;
use world::{Api, Machine, wait};

const PATIENCE: Duration = Duration::from_secs(30);
/// The project that the machines share.
const PROJECT: &str = "git.example.invalid/acme/portal";

/// A machine with its API.
struct Desk {
    machine: Machine,
    api: Api,
    folder: PathBuf,
}

/// Two machines with one central.
fn pair(server: &MariaDb) -> (Desk, Desk) {
    pair_on(server, &server.fresh_database("coord").unwrap())
}

/// Two machines with this database as their central.
fn pair_on(server: &MariaDb, database: &str) -> (Desk, Desk) {
    let url = server.url(database);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(central::init(&url.parse().unwrap(), InitOptions::default())).unwrap();
    (Desk::new("one", Some(&url)), Desk::new("two", Some(&url)))
}

impl Desk {
    fn new(name: &str, central: Option<&str>) -> Self {
        let machine = Machine::set_up(name, central).unwrap();
        machine.stop_daemon().unwrap();
        let api = machine.start_api().unwrap();
        let folder = machine.project("work", &format!("https://{PROJECT}.git")).unwrap();
        let desk = Self { machine, api, folder };
        if central.is_some() {
            desk.round();
        }
        desk
    }

    /// A round with central, done.
    fn round(&self) {
        self.api.post("/api/sync/now", &json!({ "wait": true })).unwrap().expect(200).unwrap();
    }

    fn claim(&self, session: &str, resource: &str, ttl_hours: f64) -> Answer {
        let body =
            json!({ "project_key": PROJECT, "session_id": session, "resource": resource, "ttl_hours": ttl_hours });
        self.api.post("/api/coord/locks", &body).unwrap()
    }

    /// The live locks of a resource.
    fn locks(&self, resource: &str) -> Vec<Value> {
        let path = format!("/api/coord/locks?project_key={PROJECT}&resource={resource}");
        self.api.get(&path).unwrap().expect(200).unwrap().body()["items"].as_array().unwrap().clone()
    }

    /// The only live lock of a resource, once there is one for which this holds.
    fn lock_once(&self, resource: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let probe = || self.locks(resource).into_iter().find(|lock| holds(lock));
        wait::eventually_some(&format!("the lock on {resource}"), PATIENCE, probe).unwrap()
    }

    /// What `claudetools status --json` says.
    fn status(&self) -> Value {
        self.machine.cli(&["status", "--json"]).unwrap().json().unwrap()
    }
}

/// Whose a lock is.
fn holder(lock: &Value) -> &str {
    lock["session_id"].as_str().unwrap()
}
