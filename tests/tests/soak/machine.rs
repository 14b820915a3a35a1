//! One machine of a soak: a daemon, and somebody who works there.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use world::Machine;
use world::random::Random;
use world::wait::pause;

use super::Stage;
use crate::conversation::{Conversation, new_uuid};

/// A machine with twenty daemons beside it is slow: what is tested is that nothing is lost, not how quick it is.
const DEADLINE_MS: &str = "10000";
/// Between two turns, at most, in milliseconds.
const PACE_MS: u64 = 3_000;

pub(super) struct Desk {
    number: u64,
    machine: Machine,
    project: PathBuf,
    acknowledged: AtomicU64,
    /// Held while the daemon is being killed and started again.
    pub(super) daemon: Mutex<()>,
}

impl Desk {
    /// A machine whose daemon runs and reaches central by this URL.
    pub(super) fn new(number: u64, url: &str) -> Self {
        let machine = Machine::new(&format!("soak{number}")).unwrap();
        fs::create_dir_all(machine.home().root()).unwrap();
        fs::write(machine.home().config(), format!("[central]\nurl = \"{url}\"\n")).unwrap();
        machine.start_daemon().unwrap();
        // Some share a repository, so that machines meet in one project.
        let remote = format!("https://git.example.invalid/acme/project{}.git", number % 4);
        let project = machine.project("project", &remote).unwrap();
        Self { number, machine, project, acknowledged: AtomicU64::new(0), daemon: Mutex::default() }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.machine.daemon_pid()
    }

    pub(super) fn replica(&self) -> PathBuf {
        self.machine.home().replica()
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Turns until the end, and memories by hand.
    pub(super) fn work(&self, stage: &Stage<'_>) {
        let mut random = Random::new(1_000 + self.number);
        let conversation = Conversation::new(&self.machine, &self.project);
        while stage.goes_on() {
            self.turn(stage, &conversation);
            if random.percent(25) {
                self.remember(stage);
            }
            pause(Duration::from_millis(random.below(PACE_MS)));
        }
    }

    fn turn(&self, stage: &Stage<'_>, conversation: &Conversation<'_>) {
        let by = format!("machine{}", self.number);
        let (id, token) = (new_uuid(), stage.record.token(&by));
        let asked =
            json!({ "prompt_id": id, "permission_mode": "default", "prompt": format!("tell me about {token}") });
        let ran = json!({
            "prompt_id": id,
            "tool_name": "Bash",
            "tool_use_id": format!("toolu_{}", new_uuid()),
            "tool_input": { "command": format!("echo '{token}'") },
            "tool_response": { "stdout": "done\n", "stderr": "", "interrupted": false, "isImage": false },
            "duration_ms": 3,
        });
        let told = json!({
            "prompt_id": id, "stop_hook_active": false, "last_assistant_message": format!("{token} told"), "background_tasks": [],
        });
        if self.fire(conversation, "UserPromptSubmit", &asked) {
            stage.record.saved(&by, "work_items", "description", &token);
        }
        if self.fire(conversation, "PostToolUse", &ran) {
            stage.record.saved(&by, "command_runs", "command_text", &token);
        }
        self.fire(conversation, "Stop", &told);
    }

    /// Whether the event was taken: the hook ended well and did not say otherwise.
    fn fire(&self, conversation: &Conversation<'_>, event: &str, fields: &Value) -> bool {
        let run = self.machine.hook_with(event, &conversation.input(event, fields), |command| {
            command.env("CLAUDETOOLS_HOOK_DEADLINE_MS", DEADLINE_MS);
        });
        let run = run.unwrap();
        assert_eq!(run.code, 0, "{run:?}");
        let taken = !run.stdout.contains("NOT SAVED");
        self.acknowledged.fetch_add(u64::from(taken), Ordering::Relaxed);
        taken
    }

    /// A memory by hand; the command fails while the daemon is away, and says so.
    fn remember(&self, stage: &Stage<'_>) {
        let by = format!("machine{}", self.number);
        let token = stage.record.token(&by);
        let text = format!("the decision {token} stands");
        let run = self.machine.cli_in(&self.project, &["remember", &text, "--type", "decision"]).unwrap();
        if run.code == 0 {
            stage.record.saved(&by, "context_snippets", "dense_content", &token);
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Kills the daemon and starts it again.
    pub(super) fn kill(&self) {
        self.machine.kill_daemon().unwrap();
        self.machine.start_daemon().unwrap();
    }

    /// Starts the daemon if it does not run.
    pub(super) fn revive(&self) {
        if !self.machine.daemon_runs() {
            self.machine.start_daemon().unwrap();
        }
    }

    /// Runs a round; true when there was nothing to do and nothing waits.
    pub(super) fn is_still(&self) -> bool {
        let run = self.machine.cli(&["sync", "--wait", "--json"]).unwrap();
        let Ok(answer) = run.json() else { return false };
        let moved = |name: &str| answer["round"][name].as_u64().unwrap_or(1);
        let spooled = hooks::spool::pending(&self.machine.home().spool()).map_or(0, |paths| paths.len());
        moved("pulled") + moved("pushed") == 0 && spooled == 0
    }
}
