//! A tool's run becomes rows: file changes, commands, failures, attached to the work item of its turn.

use merge::{Row, Value};
use migrations::catalogue::{COMMAND_RUNS, FILE_CHANGES, OPERATION_FAILURES};
use sync::StoreError;
use sync::local::{compress, derived_id};

use super::anchors::optional;
use super::fit;
use super::ledger::Turn;
use super::scene::Scene;
use super::tool_run::{Command, Failure, FileChange, ToolRun};

impl Scene<'_, '_> {
    /// Writes what is kept of a run. Its rows' ids derive from the client's id of the run, or from the event's.
    pub(super) fn tool(
        &mut self,
        prompt_id: Option<&str>,
        run: &ToolRun,
        event_id: &str,
        cwd: &str,
    ) -> Result<(), StoreError> {
        let Some(turn) = self.turn_of(prompt_id)? else { return Ok(()) };
        let key = self.key_of(run).unwrap_or_else(|| event_id.to_owned());
        self.write_run(&turn, &key, run, cwd)
    }

    /// Writes what a transcript tells of a run; one without an id could not be told from another.
    pub(super) fn rows_of(&mut self, turn: &Turn, run: &ToolRun, cwd: &str) -> Result<(), StoreError> {
        match self.key_of(run) {
            Some(key) => self.write_run(turn, &key, run, cwd),
            None => Ok(()),
        }
    }

    fn key_of(&self, run: &ToolRun) -> Option<String> {
        run.id.as_ref().map(|id| format!("{} {id}", self.conversation.id))
    }

    fn write_run(&mut self, turn: &Turn, key: &str, run: &ToolRun, cwd: &str) -> Result<(), StoreError> {
        if let Some(file) = &run.file {
            self.file_change(&turn.work_item_id, key, file)?;
        }
        if let Some(command) = &run.command {
            self.command(&turn.work_item_id, key, command, cwd)?;
        }
        if let Some(failure) = &run.failure {
            self.failure(&turn.work_item_id, key, failure)?;
        }
        Ok(())
    }

    fn file_change(&mut self, work_item_id: &str, key: &str, file: &FileChange) -> Result<(), StoreError> {
        let row = Row::new(FILE_CHANGES)
            .with("id", derived_id("file_changes", key))
            .with("work_item_id", work_item_id)
            .with("session_id", self.session_id())
            .with("file_path", file.path.as_str())
            .with("change_type", file.change)
            .with("host", self.hostname.as_str())
            .with("size_bytes", file.size)
            .with("sha256", file.sha256.as_deref())
            .with("lines_added", file.added)
            .with("lines_removed", file.removed)
            .with("diff_zst", packed(&file.diff))
            .with("created_at", self.at());
        self.tx.put(row)
    }

    fn command(&mut self, work_item_id: &str, key: &str, command: &Command, cwd: &str) -> Result<(), StoreError> {
        let id = derived_id("command_runs", key);
        let row = Row::new(COMMAND_RUNS)
            .with("id", id.as_str())
            .with("work_item_id", work_item_id)
            .with("session_id", self.session_id())
            .with("command_text", command.text.as_str())
            .with("host", self.hostname.as_str())
            .with("shell_type", command.shell)
            .with("working_directory", optional(Some(cwd), 500))
            .with("exit_code", command.exit_code.filter(|code| i32::try_from(*code).is_ok()))
            .with("success", command.success)
            .with("duration_ms", command.duration_ms)
            .with("output_summary", optional(Some(&command.summary), 4_000))
            .with("output_zst", packed(&command.output))
            .with("created_at", self.at());
        self.tx.put(row)?;
        self.learn(&id, command)?;
        if command.success { self.resolve(&command.text) } else { Ok(()) }
    }

    fn failure(&mut self, work_item_id: &str, key: &str, failure: &Failure) -> Result<(), StoreError> {
        let row = Row::new(OPERATION_FAILURES)
            .with("id", derived_id("operation_failures", key))
            .with("session_id", self.session_id())
            .with("work_item_id", work_item_id)
            .with("operation_type", failure.operation)
            .with("operation_description", failure.description.as_str())
            .with("host", self.hostname.as_str())
            .with("error_code", failure.code.as_deref())
            .with("error_message", failure.message.as_str())
            .with("created_at", self.at());
        self.tx.put(row)
    }

    /// The same command works now: its failures in this session are put right.
    fn resolve(&mut self, command: &str) -> Result<(), StoreError> {
        let session_id = self.session_id();
        let failed: Vec<String> = self
            .tx
            .connection()
            .prepare_cached(
                "SELECT id FROM operation_failures
                  WHERE session_id = ?1 AND operation_description = ?2 AND operation_type = 'command' AND is_resolved = 0",
            )?
            .query_map((&session_id, command), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for id in failed {
            if let Some(mut row) = self.tx.get(OPERATION_FAILURES, &merge::Key::new(id))? {
                row.set("is_resolved", true)
                    .set("resolved_at", self.at())
                    .set("resolution", "The same command passed later in the session.");
                self.tx.put(row)?;
            }
        }
        Ok(())
    }
}

fn packed(text: &str) -> Value {
    (!text.is_empty()).then(|| compress(fit::bytes(text, fit::OUTPUT_BYTES).as_bytes())).into()
}
