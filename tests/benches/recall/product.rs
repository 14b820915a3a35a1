//! The program as it is shipped: a machine whose daemon holds a set, asked as a hook or a person asks it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hooks::durable::private_dir;
use hooks::link::Link;
use hooks::wire::Request;
use merge::Row;
use migrations::catalogue::{CONVERSATION_CONTEXTS, PROJECTS, SESSIONS};
use serde_json::{Value, json};
use sync::local::{WriteTx, derived_id};
use sync::{Store, StoreError, SystemClock};
use world::wait::eventually;
use world::{Error, Machine, Result};

use super::data::{Asked, Budget, Item, Set};
use super::host;

const PATIENCE: Duration = Duration::from_secs(30);
/// A long memory takes a tenth of a second.
const MODEL_PATIENCE: Duration = Duration::from_mins(20);

/// A machine that holds a set.
pub(crate) struct Product {
    machine: Machine,
}

impl Product {
    /// Fills the replica and starts the daemon, with a sentence model if there is one.
    pub(crate) fn with(set: &Set, model: Option<&Path>) -> Result<Product> {
        let machine = Machine::new(set.name)?;
        let home = machine.home();
        private_dir(home.root()).map_err(Error::doing(format!("make {}", home.root().display())))?;
        let store = Store::open(&home.replica(), Arc::new(SystemClock)).map_err(Error::doing("open a replica"))?;
        for (space, items) in &set.spaces {
            let rows = rows(space, items, set.is_talk);
            let write = move |tx: &mut WriteTx<'_>| rows.into_iter().try_for_each(|row| put(tx, row));
            store.write(write).map_err(Error::doing("write memories"))?;
        }
        store.close().map_err(Error::doing("close a replica"))?;
        if let Some(model) = model {
            let config = format!("[recall]\nembedding = {}\n", json!(model));
            std::fs::write(home.config(), config).map_err(Error::doing("write the configuration"))?;
        }
        machine.start_daemon()?;
        let product = Product { machine };
        product.machine.index_ready(PATIENCE)?;
        if model.is_some() {
            product.vectors_ready()?;
        }
        Ok(product)
    }

    /// Waits until every memory has its vector.
    fn vectors_ready(&self) -> Result<()> {
        let begun = Instant::now();
        let mut failed = None;
        eventually("every memory has a vector", MODEL_PATIENCE, || match self.ask("GET", "/api/status", b"") {
            Ok(status) => status["replica"]["meaning"]["memories"] == status["replica"]["memories"],
            Err(error) => {
                failed = Some(error);
                true
            }
        })?;
        eprintln!("the vectors were there after {:.1} s", begun.elapsed().as_secs_f64());
        failed.map_or(Ok(()), Err)
    }

    /// The text that a hook would inject.
    pub(crate) fn inject(&self, asked: &Asked<'_>, budget: Budget, without: &[&str]) -> Result<String> {
        let request = json!({
            "text": asked.question.text,
            "project": asked.question.space,
            "before": asked.question.before(),
            "budget": asked.tokens(budget),
            "limit": 200,
            "without": without,
        });
        let answer = self.ask("POST", "/api/recall", request.to_string().as_bytes())?;
        Ok(answer["text"].as_str().unwrap_or_default().to_owned())
    }

    /// Memory of the daemon without pages of files, in KiB.
    pub(crate) fn memory(&self) -> Result<u64> {
        let pid = self.machine.daemon_pid().ok_or_else(|| Error::new("find the daemon"))?;
        Ok(host::kib_of_process(pid, "RssAnon"))
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<Value> {
        let headers = [("Content-Type", "application/json")];
        let link = Link::open(self.machine.home(), PATIENCE).map_err(Error::doing("reach the daemon"))?;
        let answer =
            link.ask(&Request { method, path, headers: &headers, body }).map_err(Error::doing("ask the daemon"))?;
        if answer.status != 200 {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Error::new(format!("be answered on {path}: status {}: {text}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(Error::doing(format!("read the answer of {path}")))
    }
}

fn put(tx: &mut WriteTx<'_>, row: Row) -> std::result::Result<(), StoreError> {
    tx.put(row).map(drop)
}

fn rows(space: &str, items: &[Item], is_talk: bool) -> Vec<Row> {
    let project = derived_id("projects", space);
    let mut rows = vec![Row::new(PROJECTS).with("id", project.as_str()).with("name", space).with("slug", space)];
    let mut known = std::collections::HashSet::new();
    for item in items {
        let session = derived_id("sessions", &format!("{space} {}", item.session));
        if known.insert(&item.session) {
            rows.push(
                Row::new(SESSIONS)
                    .with("id", session.as_str())
                    .with("project_id", project.as_str())
                    .with("claude_session_id", item.session.as_str())
                    .with("status", "completed")
                    .with("started_at", item.made()),
            );
        }
        rows.push(
            Row::new(CONVERSATION_CONTEXTS)
                .with("id", derived_id("bench memories", &item.id))
                .with("session_id", session)
                .with("project_id", project.as_str())
                .with("context_type", if is_talk { "general_context" } else { "technical_decision" })
                .with("title", "")
                .with("dense_summary", item.text.as_str())
                .with("relevance_score", 500_i64)
                .with("created_at", item.made()),
        );
    }
    rows
}
