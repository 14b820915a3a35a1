//! A machine for tests: a store in a folder of its own, a clock that is set by hand, a project under git.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use sync::{Clock, Store};
use tempfile::TempDir;

use crate::capture::{Capture, Incoming, MachineInfo, Reply};
use crate::memory::Handing;
use crate::memory::index::Index;
use crate::policy::Policy;

/// 2026-11-20T09:00:00Z.
const MORNING_US: u64 = 1_795_165_200_000_000;
pub(crate) const SECOND: u64 = 1_000_000;
pub(crate) const HOUR: u64 = 3_600 * SECOND;

/// A clock that is set by hand.
pub(crate) struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now_us(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// One machine.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) capture: Capture,
    pub(crate) index: Arc<Index>,
    clock: Arc<HandClock>,
    events: AtomicU64,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::under(Policy::default())
    }

    /// One whose configuration has this `[memory]`.
    pub(crate) fn under(policy: Policy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicU64::new(MORNING_US)));
        let store = Store::open(&folder.path().join("replica.db"), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let machine = MachineInfo {
            hostname: "laptop-a".into(),
            username: "dev".into(),
            platform: "linux".into(),
            os_version: Some("Linux".into()),
            home_directory: folder.path().to_owned(),
        };
        let index = Arc::new(Index::new(store.clone(), folder.path().join("index")));
        let capture = Capture::new(store.clone(), machine, Arc::clone(&index), Arc::new(policy));
        let desk = Self { capture, index, folder, store, clock, events: AtomicU64::new(0) };
        desk.index.step().unwrap();
        assert!(desk.index.report().ready);
        desk.repository("repo", "git@example.com:team/api.git");
        desk
    }

    /// A checkout of a remote.
    pub(crate) fn repository(&self, name: &str, remote: &str) -> PathBuf {
        let root = self.folder.path().join(name);
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::write(root.join(".git/config"), format!("[remote \"origin\"]\n\turl = {remote}\n")).unwrap();
        std::fs::write(root.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        root
    }

    pub(crate) fn pass(&self, us: u64) {
        self.clock.0.fetch_add(us, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now_us()
    }

    pub(crate) fn transcript(&self, session: &str) -> PathBuf {
        self.folder.path().join(format!("{session}.jsonl"))
    }

    /// A live event of a conversation in `repo`, a second after the one before.
    pub(crate) async fn fire(&self, event: &str, session: &str, fields: Value) -> Reply {
        self.fire_in(&self.folder.path().join("repo"), event, session, fields).await
    }

    pub(crate) async fn fire_in(&self, folder: &Path, event: &str, session: &str, fields: Value) -> Reply {
        self.pass(SECOND);
        let incoming = self.incoming(folder, event, session, &fields);
        let mut reply = self.capture.handle(incoming).await.unwrap();
        reply.on_the_way.drain(..).for_each(Handing::arrived);
        reply
    }

    pub(crate) fn incoming(&self, folder: &Path, event: &str, session: &str, fields: &Value) -> Incoming {
        let mut body = json!({
            "session_id": session, "cwd": folder, "transcript_path": self.transcript(session), "hook_event_name": event,
        });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.raw(event, body.to_string().into_bytes())
    }

    pub(crate) fn raw(&self, event: &str, body: Vec<u8>) -> Incoming {
        let id = format!("{:032x}", self.events.fetch_add(1, Ordering::SeqCst));
        Incoming { event: event.into(), id, sent_at_us: self.now(), body, live: true }
    }

    /// A prompt and its answer.
    pub(crate) async fn turn(&self, session: &str, prompt_id: &str, prompt: &str, answer: &str) -> Reply {
        let reply = self.prompt(session, prompt_id, prompt).await;
        self.fire("Stop", session, json!({"prompt_id": prompt_id, "last_assistant_message": answer})).await;
        reply
    }

    pub(crate) async fn prompt(&self, session: &str, prompt_id: &str, prompt: &str) -> Reply {
        self.fire("UserPromptSubmit", session, json!({"prompt_id": prompt_id, "prompt": prompt})).await
    }

    pub(crate) async fn start(&self, session: &str, source: &str) -> Reply {
        self.fire("SessionStart", session, json!({"source": source})).await
    }

    pub(crate) async fn end(&self, session: &str) {
        self.fire("SessionEnd", session, json!({"reason": "other"})).await;
        self.capture.settle().await.unwrap();
    }

    /// The first column of every row.
    pub(crate) fn column(&self, sql: &str) -> Vec<String> {
        self.store
            .read(|tx| {
                let mut statement = tx.connection().prepare(sql)?;
                let rows = statement.query_map([], |row| {
                    let value: rusqlite::types::Value = row.get(0)?;
                    Ok(match value {
                        rusqlite::types::Value::Null => "NULL".to_owned(),
                        rusqlite::types::Value::Integer(number) => number.to_string(),
                        rusqlite::types::Value::Real(number) => number.to_string(),
                        rusqlite::types::Value::Text(text) => text,
                        rusqlite::types::Value::Blob(frame) => {
                            String::from_utf8(sync::local::decompress(&frame).unwrap()).unwrap()
                        }
                    })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .unwrap()
    }

    /// The one value that a query gives.
    pub(crate) fn one(&self, sql: &str) -> String {
        let rows = self.column(sql);
        assert_eq!(rows.len(), 1, "{sql} gave {rows:?}");
        rows.into_iter().next().unwrap()
    }

    /// What a plain SQL writer, such as the sync, does to the tables.
    pub(crate) fn sql(&self, sql: &'static str) {
        self.store.write(move |tx| Ok(tx.connection().execute_batch(sql)?)).unwrap();
    }
}
