//! A tool's run, as the client reports it, as what is kept of it: a changed file, a command, a failure.

use std::fmt::Write as _;

use recall::redact::Kinds;
use serde_json::Value;

use super::digest::sha256;
use super::fit::{self, Clean, OUTPUT_BYTES};
use super::payload::Payload;

/// Characters of a command's end that are kept as its summary.
const SUMMARY_CHARS: usize = 1_000;
/// What the client puts before the output of a command that failed.
const EXIT_CODE: &str = "Exit code ";

/// What is kept of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ToolRun {
    /// The client's id of the run, if it has one.
    pub(super) id: Option<String>,
    pub(super) file: Option<FileChange>,
    pub(super) command: Option<Command>,
    pub(super) failure: Option<Failure>,
    pub(super) redactions: Kinds,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileChange {
    pub(super) path: String,
    /// `created` or `modified`.
    pub(super) change: &'static str,
    pub(super) added: Option<i64>,
    pub(super) removed: Option<i64>,
    /// Of the whole file, when the run tells it.
    pub(super) size: Option<i64>,
    pub(super) sha256: Option<String>,
    pub(super) diff: String,
}

/// A command that was run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command {
    pub(super) text: String,
    pub(super) shell: &'static str,
    pub(super) exit_code: Option<i64>,
    pub(super) success: bool,
    /// The user stopped it: it neither worked nor failed.
    pub(super) interrupted: bool,
    pub(super) duration_ms: Option<i64>,
    pub(super) output: String,
    pub(super) summary: String,
}

/// Something that did not work.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) operation: &'static str,
    pub(super) description: String,
    pub(super) code: Option<String>,
    pub(super) message: String,
}

impl ToolRun {
    /// The file that it wrote.
    pub(super) fn file_path(&self) -> Option<&str> {
        self.file.as_ref().map(|file| file.path.as_str())
    }

    /// What a PostToolUse says.
    pub(super) fn succeeded(payload: &Payload) -> Self {
        let mut reader = Reader::new(payload);
        let response = payload.value("tool_response");
        let troubled = ["interrupted", "is_error", "isError"].iter().any(|flag| response[*flag] == true);
        let (file, mut command) = (reader.file_change(), reader.command());
        let failure = troubled.then(|| {
            let message = reader.output().unwrap_or_else(|| "interrupted".into());
            reader.failure(None, &message)
        });
        if let Some(command) = &mut command {
            command.success = !troubled;
            command.interrupted = response["interrupted"] == true;
            command.exit_code = (!troubled).then_some(0);
        }
        let file = file.filter(|_| !troubled);
        Self { id: reader.id(), file, command, failure, redactions: reader.redactions }
    }

    /// What a PostToolUseFailure says.
    pub(super) fn failed(payload: &Payload) -> Self {
        let mut reader = Reader::new(payload);
        let error = payload.text("error").unwrap_or("no reason given").to_owned();
        let code = error.strip_prefix(EXIT_CODE).and_then(|rest| rest.split_whitespace().next()).map(str::to_owned);
        let mut command = reader.command();
        if let Some(command) = &mut command {
            let output = reader.clean(error.split_once('\n').map_or("", |(_, output)| output));
            command.success = false;
            command.interrupted = payload.value("is_interrupt") == true;
            command.exit_code = code.as_ref().and_then(|code| code.parse().ok());
            command.summary = summary(&output);
            command.output = fit::bytes(&output, OUTPUT_BYTES);
        }
        let message =
            if payload.value("is_interrupt") == true { format!("interrupted by the user\n{error}") } else { error };
        let failure = Some(reader.failure(code, &message));
        Self { id: reader.id(), file: None, command, failure, redactions: reader.redactions }
    }

    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let (file, command) = (self.file.as_ref(), self.command.as_ref());
        let failure = self.failure.as_ref().map_or(0, |failure| failure.message.len());
        file.map_or(0, |file| file.diff.len()) + command.map_or(0, |command| command.output.len()) + failure
    }

    /// True when nothing of it is worth a row.
    pub(super) fn is_empty(&self) -> bool {
        self.file.is_none() && self.command.is_none() && self.failure.is_none()
    }
}

/// Reads a payload and counts the secrets it takes out.
struct Reader<'a> {
    payload: &'a Payload,
    tool: &'a str,
    input: &'a Value,
    redactions: Kinds,
}

impl<'a> Reader<'a> {
    fn new(payload: &'a Payload) -> Self {
        let tool = payload.text("tool_name").unwrap_or("unknown tool");
        Self { payload, tool, input: payload.value("tool_input"), redactions: Kinds::default() }
    }

    fn id(&self) -> Option<String> {
        self.payload.text("tool_use_id").map(str::to_owned)
    }

    fn clean(&mut self, text: &str) -> String {
        let clean = Clean::new(text);
        self.redactions.join(&clean.kinds);
        clean.text
    }

    fn command(&mut self) -> Option<Command> {
        let shell = match self.tool {
            "Bash" => "bash",
            "PowerShell" => "powershell",
            _ => return None,
        };
        let text = self.input["command"].as_str()?;
        let output = self.output().unwrap_or_default();
        Some(Command {
            text: fit::column(&self.clean(text)),
            shell,
            exit_code: None,
            success: true,
            interrupted: false,
            duration_ms: self.payload.value("duration_ms").as_i64(),
            summary: summary(&output),
            output: fit::bytes(&output, OUTPUT_BYTES),
        })
    }

    /// Standard output, then standard error.
    fn output(&mut self) -> Option<String> {
        let response = self.payload.value("tool_response");
        let text = match response {
            Value::String(text) => text.clone(),
            _ => ["stdout", "stderr", "error"]
                .iter()
                .filter_map(|name| response[*name].as_str())
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("\n"),
        };
        (!text.is_empty()).then(|| self.clean(&text))
    }

    fn failure(&mut self, code: Option<String>, message: &str) -> Failure {
        let (operation, subject) = match self.tool {
            "Bash" | "PowerShell" => ("command", "command"),
            "Read" | "Write" | "Edit" | "MultiEdit" | "Glob" | "Grep" | "LS" => ("file_operation", "file_path"),
            "NotebookEdit" | "NotebookRead" => ("file_operation", "notebook_path"),
            "WebFetch" | "WebSearch" => ("network", "url"),
            tool if tool.starts_with("mcp__") => ("api_call", "tool"),
            _ => ("other", "description"),
        };
        let subject = self.input[subject].as_str().unwrap_or_default().to_owned();
        let description = match operation {
            "command" => subject,
            _ => format!("{} {subject}", self.tool).trim_end().to_owned(),
        };
        let (description, message) = (self.clean(&description), self.clean(message));
        Failure {
            operation,
            description: fit::bytes(&description, 16 << 10),
            code: code.map(|code| fit::chars(&code, 100)),
            message: fit::bytes(&message, 64 << 10),
        }
    }

    fn file_change(&mut self) -> Option<FileChange> {
        let path = match self.tool {
            "Write" | "Edit" | "MultiEdit" => self.input["file_path"].as_str()?,
            "NotebookEdit" => self.input["notebook_path"].as_str()?,
            _ => return None,
        };
        let response = self.payload.value("tool_response");
        let is_new = response["type"] == "create" || (self.tool == "Write" && response["originalFile"].is_null());
        let diff = diff_of(self.tool, self.input, response);
        let count = |mark: char| i64::try_from(diff.lines().filter(|line| line.starts_with(mark)).count()).ok();
        let (added, removed) = (count('+'), count('-'));
        let before = self.redactions.total();
        let diff = self.clean(&diff);
        // A hash of a file with a secret in it would let the secret be guessed.
        let content =
            self.input["content"].as_str().filter(|_| self.tool == "Write" && self.redactions.total() == before);
        Some(FileChange {
            path: fit::chars(&self.clean(path), 1000),
            change: if is_new { "created" } else { "modified" },
            added,
            removed,
            size: content.and_then(|content| i64::try_from(content.len()).ok()),
            sha256: content.map(|content| sha256(content.as_bytes())),
            diff: fit::bytes(&diff, OUTPUT_BYTES),
        })
    }
}

/// The client's own patch when it gives one, else what was replaced by what.
fn diff_of(tool: &str, input: &Value, response: &Value) -> String {
    let mut diff = String::new();
    for hunk in response["structuredPatch"].as_array().into_iter().flatten() {
        let number = |name: &str| hunk[name].as_i64().unwrap_or(0);
        let (old, new) = ((number("oldStart"), number("oldLines")), (number("newStart"), number("newLines")));
        let _ = writeln!(diff, "@@ -{},{} +{},{} @@", old.0, old.1, new.0, new.1);
        for line in hunk["lines"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            diff.push_str(line);
            diff.push('\n');
        }
    }
    if !diff.is_empty() {
        return diff;
    }
    let mut replaced = |old: &Value, new: &Value| {
        for (mark, text) in [('-', old), ('+', new)] {
            for line in text.as_str().unwrap_or_default().lines() {
                let _ = writeln!(diff, "{mark}{line}");
            }
        }
    };
    match tool {
        "Write" => replaced(&Value::Null, &input["content"]),
        "NotebookEdit" => replaced(&Value::Null, &input["new_source"]),
        "MultiEdit" => {
            for edit in input["edits"].as_array().into_iter().flatten() {
                replaced(&edit["old_string"], &edit["new_string"]);
            }
        }
        _ => replaced(&input["old_string"], &input["new_string"]),
    }
    diff
}

/// The end of an output: what a command says last is what came of it.
fn summary(output: &str) -> String {
    let output = output.trim();
    let length = output.chars().count();
    if length <= SUMMARY_CHARS {
        return output.to_owned();
    }
    let tail: String = output.chars().skip(length - SUMMARY_CHARS).collect();
    format!("…{}", tail.split_once('\n').map_or(tail.as_str(), |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload(value: &Value) -> Payload {
        Payload::parse(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_command_that_worked() {
        let run = ToolRun::succeeded(&payload(&json!({
            "tool_name": "Bash", "tool_input": {"command": "export TOKEN=abc123def456; ls"}, "tool_use_id": "toolu_1",
            "tool_response": {"stdout": "hi\nREADME.md", "stderr": "", "interrupted": false}, "duration_ms": 30
        })));
        let command = run.command.unwrap();
        assert_eq!(command.text, "export TOKEN=[redacted:assignment]; ls");
        assert_eq!((command.exit_code, command.success, command.duration_ms), (Some(0), true, Some(30)));
        assert_eq!(command.output, "hi\nREADME.md");
        assert_eq!((run.redactions.total(), run.failure, run.id.as_deref()), (1, None, Some("toolu_1")));
    }

    #[test]
    fn a_command_that_failed() {
        let run = ToolRun::failed(&payload(&json!({
            "tool_name": "Bash", "tool_input": {"command": "make"}, "error": "Exit code 3\noops", "is_interrupt": false
        })));
        let (command, failure) = (run.command.unwrap(), run.failure.unwrap());
        assert_eq!((command.exit_code, command.success, command.output.as_str()), (Some(3), false, "oops"));
        assert_eq!((failure.operation, failure.description.as_str()), ("command", "make"));
        assert_eq!((failure.code.as_deref(), failure.message.as_str()), (Some("3"), "Exit code 3\noops"));
    }

    #[test]
    fn an_interrupted_command_is_a_failure() {
        let run = ToolRun::succeeded(&payload(&json!({
            "tool_name": "Bash", "tool_input": {"command": "make"}, "tool_response": {"stdout": "1/9", "interrupted": true}
        })));
        assert!(!run.command.unwrap().success);
        assert_eq!(run.failure.unwrap().message, "1/9");
    }

    #[test]
    fn files_are_created_and_modified() {
        let created = ToolRun::succeeded(&payload(&json!({
            "tool_name": "Write", "tool_input": {"file_path": "/p/new.txt", "content": "a\nb\n"},
            "tool_response": {"type": "create", "structuredPatch": [], "originalFile": null}
        })));
        let file = created.file.unwrap();
        assert_eq!((file.change, file.added, file.removed, file.size), ("created", Some(2), Some(0), Some(4)));
        assert_eq!(file.diff, "+a\n+b\n");
        assert_eq!(file.sha256.unwrap().len(), 64);

        let edited = ToolRun::succeeded(&payload(&json!({
            "tool_name": "Edit", "tool_input": {"file_path": "/p/new.txt", "old_string": "b", "new_string": "c\nd"},
            "tool_response": {"originalFile": "a\nb\n", "structuredPatch": [
                {"oldStart": 1, "oldLines": 2, "newStart": 1, "newLines": 3, "lines": [" a", "-b", "+c", "+d"]}]}
        })));
        let file = edited.file.unwrap();
        assert_eq!((file.change, file.added, file.removed, file.size), ("modified", Some(2), Some(1), None));
        assert_eq!(file.diff, "@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d\n");
    }

    #[test]
    fn a_file_with_a_secret_has_no_hash() {
        let run = ToolRun::succeeded(&payload(&json!({
            "tool_name": "Write", "tool_input": {"file_path": ".env", "content": "DB_PASSWORD=hunter2hunter2\n"},
            "tool_response": {"type": "create"}
        })));
        let file = run.file.unwrap();
        assert_eq!((file.sha256, file.diff.as_str()), (None, "+DB_PASSWORD=[redacted:assignment]\n"));
    }

    #[test]
    fn reading_leaves_no_trace_unless_it_fails() {
        let read = json!({"tool_name": "Read", "tool_input": {"file_path": "/x"}, "tool_response": {"file": {}},
                          "error": "File does not exist."});
        assert!(ToolRun::succeeded(&payload(&read)).is_empty());
        let failure = ToolRun::failed(&payload(&read)).failure.unwrap();
        assert_eq!((failure.operation, failure.description.as_str()), ("file_operation", "Read /x"));
    }
}
