//! What the assistant's tools did, put together from the call and its result as a hook would have told it.

use std::collections::HashMap;
use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::record::{Block, Record};
use crate::capture::payload::Payload;
use crate::capture::tool_run::ToolRun;

/// Calls that wait for their results; a transcript with more is not the client's.
const WAITING: usize = 1_000;
/// Tools whose success leaves something to keep; of others only a failure is kept.
const KEPT: &[&str] = &["Bash", "PowerShell", "Write", "Edit", "MultiEdit", "NotebookEdit"];
/// What a result of the client's own may hold in the whole, and nobody needs.
const WHOLES: &[&str] = &["originalFile", "content", "oldString", "newString", "file"];

/// What a tool did, and when and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(in crate::capture) deed: ToolRun,
    /// In microseconds since the Unix epoch.
    pub(in crate::capture) at_us: u64,
    pub(in crate::capture) cwd: String,
}

/// Calls without results yet.
#[derive(Debug, Default)]
pub(super) struct Calls {
    waiting: HashMap<String, (String, String)>,
}

impl Calls {
    /// Notes the calls of an answer.
    pub(super) fn note(&mut self, blocks: &[Block<'_>]) {
        for block in blocks.iter().filter(|block| block.kind.is("tool_use")) {
            let (Some(id), Some(name)) = (block.id.get(), block.name.get()) else { continue };
            if self.waiting.len() >= WAITING {
                self.waiting.clear();
            }
            let input = block.input.map_or("null", RawValue::get).to_owned();
            self.waiting.insert(id.to_owned(), (name.to_owned(), input));
        }
    }

    /// What the results of a record say.
    pub(super) fn results(&mut self, record: &Record<'_>) -> Vec<Run> {
        let blocks = record.message.content.blocks().iter().filter(|block| block.kind.is("tool_result"));
        let runs = blocks.filter_map(|block| {
            let id = block.tool_use_id.get()?;
            let (name, input) = self.waiting.remove(id)?;
            let run = if block.is_error.0 {
                ToolRun::failed(&payload(id, &name, &input, record, ("error", said(block).into())))
            } else if KEPT.contains(&name.as_str()) {
                let response = response(record.tool_use_result, block);
                ToolRun::succeeded(&payload(id, &name, &input, record, ("tool_response", response)))
            } else {
                return None;
            };
            let cwd = record.cwd.get().unwrap_or_default().to_owned();
            (!run.is_empty()).then(|| Run { deed: run, at_us: record.at_us(), cwd })
        });
        runs.collect()
    }
}

/// What a hook would have been told of the run.
fn payload(id: &str, name: &str, input: &str, record: &Record<'_>, told: (&str, Value)) -> Payload {
    let mut input: Value = serde_json::from_str(input).unwrap_or_default();
    // The model's own words; hooks are told the whole path.
    for column in ["file_path", "notebook_path"] {
        if let (Some(path), Some(cwd)) = (input[column].as_str(), record.cwd.get())
            && Path::new(path).is_relative()
        {
            input[column] = Path::new(cwd).join(path).to_string_lossy().into();
        }
    }
    let mut fields = Map::new();
    fields.insert("tool_name".into(), name.into());
    fields.insert("tool_use_id".into(), id.into());
    fields.insert("tool_input".into(), input);
    fields.insert(told.0.into(), told.1);
    Payload::of(fields)
}

/// The client's own result, without what it repeats of files; that of a helper's tool is a text.
fn response(own: Option<&RawValue>, block: &Block<'_>) -> Value {
    let fields: Option<HashMap<&str, &RawValue>> = own.and_then(|own| serde_json::from_str(own.get()).ok());
    let Some(fields) = fields else {
        let said = said(block);
        let kind = if said.starts_with("File created") { "create" } else { "update" };
        return json!({ "stdout": said, "type": kind, "originalFile": "" });
    };
    let read = |(name, raw): (&str, &RawValue)| {
        let is_left_out = WHOLES.contains(&name) && raw.get() != "null";
        let value = if is_left_out { "".into() } else { serde_json::from_str(raw.get()).unwrap_or_default() };
        (name.to_owned(), value)
    };
    fields.into_iter().map(read).collect::<Map<_, _>>().into()
}

/// The text that the model was given.
fn said(block: &Block<'_>) -> String {
    let content: Value = block.content.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    match content {
        Value::String(text) => text,
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}
