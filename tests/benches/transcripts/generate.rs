//! Transcripts as Claude Code 2.1 writes them, of the sizes that real ones have: most of it is what the client keeps of its
//! requests and what tools read; a person's words are a fraction of a percent.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use world::{Error, Result};

use super::prose::Prose;

/// The first conversation begins then, in seconds since the Unix epoch: 2026-01-05, in the past for any clock here.
const FIRST: u64 = 1_767_600_000;

/// What was made.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Made {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
    pub(crate) prompts: u64,
}

/// Fills a folder with about so many bytes of transcripts of conversations in one of the projects.
pub(crate) fn fill(folder: &Path, projects: &[PathBuf], bytes: u64) -> Result<Made> {
    let (mut made, mut prose) = (Made::default(), Prose::new(7));
    let mut number = 0;
    while made.bytes < bytes {
        let project = &projects[usize::try_from(number).unwrap_or(0) % projects.len()];
        let session = format!("{number:08x}-2222-4333-8444-555555555555");
        let slug = project.display().to_string().replace('/', "-");
        let mut talk = Talk {
            prose: &mut prose,
            session: session.clone(),
            cwd: project.display().to_string(),
            at: FIRST + number * 7_000,
            count: 0,
            out: open(&folder.join(&slug).join(format!("{session}.jsonl")))?,
            bytes: 0,
            files: 1,
        };
        let prompts = 5 + talk.prose.random().below(35);
        talk.start().map_err(Error::doing("write a transcript"))?;
        for prompt in 0..prompts {
            talk.turn(prompt, &folder.join(&slug).join(&session)).map_err(Error::doing("write a transcript"))?;
        }
        talk.out.flush().map_err(Error::doing("write a transcript"))?;
        made.bytes += talk.bytes;
        made.files += talk.files;
        made.prompts += prompts;
        number += 1;
    }
    Ok(made)
}

fn open(path: &Path) -> Result<BufWriter<File>> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(Error::doing("make a folder"))?;
    File::create(path).map(BufWriter::new).map_err(Error::doing(format!("create {}", path.display())))
}

struct Talk<'p> {
    prose: &'p mut Prose,
    session: String,
    cwd: String,
    at: u64,
    count: u64,
    out: BufWriter<File>,
    bytes: u64,
    files: u64,
}

impl Talk<'_> {
    fn line(&mut self, record: &Value) -> std::io::Result<()> {
        let text = record.to_string();
        self.bytes += text.len() as u64 + 1;
        writeln!(self.out, "{text}")
    }

    /// What every record has; the clock moves on.
    fn record(&mut self, fields: Value) -> Value {
        self.count += 1;
        self.at += 1 + self.prose.random().below(6);
        let uuid = format!("{}-{:04x}", &self.session[..31], self.count % 65_536);
        let mut record = json!({
            "parentUuid": uuid, "isSidechain": false, "uuid": uuid, "timestamp": time(self.at), "userType": "external",
            "entrypoint": "cli", "cwd": self.cwd, "sessionId": self.session, "version": "2.1.330", "gitBranch": "main",
        });
        if let (Some(record), Value::Object(fields)) = (record.as_object_mut(), fields) {
            record.extend(fields);
        }
        record
    }

    /// About so many bytes of source text.
    fn source(&mut self, bytes: u64) -> String {
        let mut text = String::new();
        while (text.len() as u64) < bytes {
            let (name, other) = (self.prose.word().to_owned(), self.prose.word().to_owned());
            let number = self.prose.random().below(10_000);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "    let {name} = self.{other}({number}, \"{name} of {other}\")?;");
        }
        text
    }

    /// What the client keeps at the start: its instructions and tools, as they were sent.
    fn start(&mut self) -> std::io::Result<()> {
        for bytes in [1_400, 3_800, 13_600, 7_500] {
            let text = self.source(bytes);
            let attachment =
                self.record(json!({"type": "attachment", "attachment": {"type": "hook_success", "content": text}}));
            self.line(&attachment)?;
        }
        let shape = self.source(42_000);
        self.line(&json!({"type": "api-request-shape", "sessionId": self.session, "shapeHash": "x", "shape": {"system": shape}}))
    }

    fn turn(&mut self, number: u64, aside: &Path) -> std::io::Result<()> {
        let prompt_id = format!("{}-p{number}", &self.session[..8]);
        let sentences = 1 + self.prose.random().below(8);
        let text = self.prose.sentences(sentences);
        let prompt = self.record(json!({"type": "user", "promptId": prompt_id, "origin": {"kind": "human"},
                                        "message": {"role": "user", "content": text}}));
        self.line(&prompt)?;
        for step in 0..2 + self.prose.random().below(10) {
            self.tool(&prompt_id, number * 100 + step)?;
        }
        if self.prose.random().percent(20) {
            self.helper(&prompt_id, number, aside)?;
        }
        let sentences = 5 + self.prose.random().below(25);
        let text = self.prose.sentences(sentences);
        self.answer(number * 100 + 99, "end_turn", &json!({"type": "text", "text": text}))?;
        let snapshot = self.source(2_000);
        self.line(&json!({"type": "file-history-snapshot", "messageId": prompt_id, "snapshot": {"files": snapshot}}))
    }

    fn answer(&mut self, message: u64, stop: &str, block: &Value) -> std::io::Result<()> {
        let id = format!("msg_{}_{message}", &self.session[..8]);
        let record = self.record(json!({"type": "assistant", "requestId": id, "message": {
            "id": id, "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": [block],
            "stop_reason": stop, "usage": {"input_tokens": 100, "output_tokens": 12, "cache_read_input_tokens": 90_000}}}));
        self.line(&record)
    }

    /// Thinking, a call, what the client keeps of the request, and the result, twice: for the model, and as its own.
    fn tool(&mut self, prompt_id: &str, number: u64) -> std::io::Result<()> {
        let thinking = self.prose.sentences(12);
        self.answer(
            number,
            "tool_use",
            &json!({"type": "thinking", "thinking": thinking, "signature": "x".repeat(400)}),
        )?;
        let id = format!("toolu_{}_{number}", &self.session[..8]);
        let path = format!("{}/src/{}.rs", self.cwd, self.prose.word());
        let (name, input, content, own) = self.deed(&path);
        self.answer(number, "tool_use", &json!({"type": "tool_use", "id": id, "name": name, "input": input}))?;
        let blob = self.source(1_500);
        self.line(&json!({"type": "api-request-blob", "sessionId": self.session, "message": {"role": "user", "content": blob}}))?;
        let result = self.record(json!({"type": "user", "promptId": prompt_id, "toolUseResult": own, "message": {
            "role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": content}]}}));
        self.line(&result)
    }

    fn deed(&mut self, path: &str) -> (&'static str, Value, String, Value) {
        match self.prose.random().below(10) {
            0..=4 => {
                let bytes = 2_000 + self.prose.random().below(30_000);
                let text = self.source(bytes);
                let own = json!({"type": "text", "file": {"filePath": path, "content": text, "numLines": 100}});
                ("Read", json!({"file_path": path}), text, own)
            }
            5..=7 => {
                let (command, bytes) = (format!("cargo test {}", self.prose.word()), self.prose.random().below(12_000));
                let text = self.source(bytes);
                (
                    "Bash",
                    json!({"command": command}),
                    text.clone(),
                    json!({"stdout": text, "stderr": "", "interrupted": false}),
                )
            }
            _ => {
                let (old, new) = (self.source(200), self.source(400));
                let bytes = 4_000 + self.prose.random().below(25_000);
                let whole = self.source(bytes);
                let lines: Vec<String> = old
                    .lines()
                    .map(|line| format!("-{line}"))
                    .chain(new.lines().map(|line| format!("+{line}")))
                    .collect();
                let own = json!({"filePath": path, "oldString": old, "newString": new, "originalFile": whole,
                    "structuredPatch": [{"oldStart": 1, "oldLines": 3, "newStart": 1, "newLines": 5, "lines": lines}]});
                let input = json!({"file_path": path, "old_string": old, "new_string": new});
                ("Edit", input, format!("The file {path} has been updated."), own)
            }
        }
    }

    /// A helper's own transcript, beside the conversation's.
    fn helper(&mut self, prompt_id: &str, number: u64, aside: &Path) -> std::io::Result<()> {
        let path = aside.join("subagents").join(format!("agent-{number:08x}.jsonl"));
        let own = open(&path).map_err(std::io::Error::other)?;
        let main = std::mem::replace(&mut self.out, own);
        let text = self.prose.sentences(3);
        let asked = self.record(json!({"type": "user", "isSidechain": true, "promptId": prompt_id,
                                       "message": {"role": "user", "content": text}}));
        self.line(&asked)?;
        for step in 0..3 + self.prose.random().below(6) {
            self.tool(prompt_id, number * 100 + 50 + step)?;
        }
        let text = self.prose.sentences(10);
        let report = self.record(json!({"type": "assistant", "isSidechain": true, "attributionAgent": "general-purpose", "message": {
            "id": format!("msg_{number}"), "role": "assistant", "stop_reason": "end_turn", "content": [{"type": "text", "text": text}]}}));
        self.line(&report)?;
        self.files += 1;
        self.out.flush()?;
        self.out = main;
        Ok(())
    }
}

/// RFC 3339, as the client writes it.
fn time(seconds: u64) -> String {
    let text = sync::datetime_text(seconds * 1_000_000);
    format!("{}.000Z", &text[..19])
}
