//! The tools at work: each is a request or two to the daemon, which is started when it does not run.

use std::fmt::Write as _;
use std::path::PathBuf;

use form_urlencoded::Serializer;
use hooks::home::Home;
use hooks::parent;
use serde::Serialize;
use serde_json::{Value, json};

use super::answers::{index, others, text, whole};
use crate::capture::Place;
use crate::client::{self, ClientError};
use crate::{machine, starter};

/// Tokens of an index, unless said otherwise.
const INDEX_TOKENS: usize = 800;
/// Memories of an index, unless said otherwise.
const INDEX_LIMIT: usize = 10;
/// Looked through when only those of one project are wanted.
const LOOKED_AT: usize = 200;

/// The conversation that asks.
const SESSION_VARIABLE: &str = "CLAUDE_CODE_SESSION_ID";

type Told = Result<String, String>;

/// Where the client was started, and the way to the daemon.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    home: Home,
    folder: PathBuf,
    /// The slug of the folder's project.
    project: String,
}

/// What a tool does with what the model gives it.
pub(super) type Tool = fn(&Desk, &Value) -> Told;

/// What each tool does.
pub(super) const CALLS: [(&str, Tool); 8] = [
    ("search", Desk::search),
    ("get", Desk::get),
    ("timeline", Desk::timeline),
    ("remember", Desk::remember),
    ("decide", Desk::decide),
    ("forget", Desk::forget),
    ("open_ends", Desk::open_ends),
    ("who_is_here", Desk::who_is_here),
];

/// The function of a tool.
pub(super) fn find(name: &str) -> Option<Tool> {
    CALLS.iter().find(|(known, _)| *known == name).map(|(_, call)| *call)
}

impl Desk {
    pub(super) fn new(home: Home, folder: PathBuf) -> Self {
        let project = Place::of(&folder, &machine::this_one().home_directory).slug;
        Self { home, folder, project }
    }

    fn search(&self, given: &Value) -> Told {
        let only = given["project"].as_str().filter(|project| !project.is_empty());
        let limit = number(given, "limit").unwrap_or(INDEX_LIMIT);
        let request = json!({
            "text": text(given, "query"), "cwd": self.folder, "tags": tags(given),
            "all_tags": given["all_tags"] == true, "limit": if only.is_some() { LOOKED_AT } else { limit },
        });
        let answer = self.post("/api/recall", &request)?;
        // What may be seen is decided by the project that the client works in, whatever is asked for.
        let is_wanted = |memory: &&Value| only.is_none_or(|only| text(memory, "project") == only);
        let found = answer["memories"].as_array().into_iter().flatten().filter(is_wanted).take(limit);
        let found: Vec<&Value> = found.collect();
        if found.is_empty() {
            return Ok("Nothing in memory fits. Other words may: names, error texts, file names.".to_owned());
        }
        Ok(index(&found, number(given, "budget").unwrap_or(INDEX_TOKENS), None))
    }

    fn get(&self, given: &Value) -> Told {
        let ids: Vec<&str> = given["ids"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if ids.is_empty() {
            return Err("give the ids of memories, as search shows them".to_owned());
        }
        let found = self.ask("/api/memories", &[("ids", &ids.join(",")), ("project", &self.project)])?;
        let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut told: String = found.iter().map(whole).collect();
        for id in ids.iter().filter(|id| !found.iter().any(|memory| text(memory, "source_id") == **id)) {
            let _ = writeln!(told, "There is no memory {id} that this project may see."); // into a String
        }
        Ok(told)
    }

    fn timeline(&self, given: &Value) -> Told {
        let each = number(given, "each").unwrap_or(5).to_string();
        let mut parameters = vec![("each", each.as_str()), ("project", self.project.as_str())];
        let (id, at) = (text(given, "id"), text(given, "at"));
        parameters.extend([("id", id), ("at", at)].into_iter().filter(|(_, value)| !value.is_empty()));
        let found = self.ask("/api/memories/timeline", &parameters)?;
        let found: Vec<&Value> = found.as_array().into_iter().flatten().collect();
        if found.is_empty() {
            return Ok("Nothing was saved around then.".to_owned());
        }
        Ok(index(&found, 2 * INDEX_TOKENS, Some(id)))
    }

    fn remember(&self, given: &Value) -> Told {
        let kind = given["kind"].as_str().unwrap_or("lesson");
        let request = json!({ "text": text(given, "text"), "kind": kind, "tags": tags(given), "cwd": self.folder });
        let saved = self.post("/api/remember", &request)?;
        Ok(format!("Saved as {} in {}.{}", text(&saved, "id"), text(&saved, "project"), redacted(&saved)))
    }

    fn decide(&self, given: &Value) -> Told {
        let mut request = json!({ "text": text(given, "text"), "tags": tags(given), "cwd": self.folder });
        for name in ["rationale", "impact", "supersedes"] {
            if let Some(value) = given[name].as_str().filter(|value| !value.is_empty()) {
                request[name] = value.into();
            }
        }
        let saved = self.post("/api/decide", &request)?;
        let found = saved["replaces"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut replaced: Vec<&str> = request["supersedes"].as_str().into_iter().chain(found).collect();
        replaced.dedup();
        let replaced =
            if replaced.is_empty() { String::new() } else { format!(" It replaces {}.", replaced.join(", ")) };
        let (id, project) = (text(&saved, "id"), text(&saved, "project"));
        Ok(format!("Decision {id} is on record in {project}.{replaced}{}", redacted(&saved)))
    }

    fn forget(&self, given: &Value) -> Told {
        let id = text(given, "id");
        // Only what this project may see.
        let seen = self.ask("/api/memories", &[("ids", id), ("project", &self.project)])?;
        if seen.as_array().is_none_or(Vec::is_empty) {
            return Err(format!("there is no memory {id} that this project may see"));
        }
        let confirmed = given["confirm"] == true;
        let answer = self.post("/api/forget", &json!({ "ids": [id], "dry_run": !confirmed }))?;
        let mut told = String::new();
        for row in answer["shown"].as_array().into_iter().flatten() {
            let _ = writeln!(told, "{} {}: {}", text(row, "table"), text(row, "id"), text(row, "line")); // into a String
        }
        let ended = if confirmed { "This was forgotten, and will be on every machine." } else { NOT_CONFIRMED };
        Ok(told + ended)
    }

    fn open_ends(&self, _: &Value) -> Told {
        let ends = self.ask("/api/open-ends", &[("project", &self.project)])?;
        let line = |end: &Value| {
            let id = end["id"].as_str().map_or(String::new(), |id| format!(" [{id}]"));
            format!("- {}: {}{id}\n", text(end, "kind"), text(end, "text"))
        };
        let told: String = ends.as_array().into_iter().flatten().map(line).collect();
        Ok(if told.is_empty() { "Nothing is open in this project.".to_owned() } else { told })
    }

    fn who_is_here(&self, _: &Value) -> Told {
        let client = parent::client();
        let mut parameters = vec![("project_key", self.project.as_str())];
        parameters.extend(client.as_deref().map(|client| ("client", client)));
        let status = self.ask("/api/coord/status", &parameters)?;
        // The client gives its servers the id of the conversation that it started with; another may have begun since.
        let own = status["own_session"].as_str().map(str::to_owned);
        Ok(others(&status, own.or_else(|| std::env::var(SESSION_VARIABLE).ok()).as_deref()))
    }

    fn post(&self, path: &str, request: &impl Serialize) -> Result<Value, String> {
        self.awake()?;
        client::post(&self.home, path, request, client::LONG).map_err(|error| said(&error))
    }

    fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        self.awake()?;
        let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
        client::get(&self.home, &format!("{path}?{query}"), client::LONG).map_err(|error| said(&error))
    }

    /// The daemon runs, or is started as the hooks start it.
    fn awake(&self) -> Result<(), String> {
        starter::ensure_running(&self.home).map(drop).map_err(|error| {
            format!("memory cannot be reached: failed to {error}. Tell the user: {}", error.hint(&self.home))
        })
    }
}

const NOT_CONFIRMED: &str = "Nothing was changed. This would be forgotten for good; call again with confirm: true if the user \
    wants that.";

fn said(error: &ClientError) -> String {
    let hint = error.hint();
    if hint.is_empty() { format!("{error}") } else { format!("{error} (what helps: {hint})") }
}

fn number(given: &Value, name: &str) -> Option<usize> {
    given[name].as_u64().filter(|number| *number > 0).and_then(|number| usize::try_from(number).ok())
}

fn tags(given: &Value) -> Vec<String> {
    let tags = given["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    tags.map(|tag| tag.trim().to_lowercase()).filter(|tag| !tag.is_empty()).collect()
}

fn redacted(saved: &Value) -> String {
    match saved["redactions"].as_u64() {
        Some(count) if count > 0 => format!(" Secrets that were taken out: {count}."),
        _ => String::new(),
    }
}
