//! `recall`: what a hook would inject, with scores and why.

use std::env;

use clap::Args;
use hooks::home::Home;
use serde_json::Value;

use super::{Failure, Outcome, output};
use crate::api::special::memory::{RecallRequest, Signal};
use crate::client;
use crate::starter;

/// Search the memory: what a hook would inject for this text, with scores and why
#[derive(Args)]
pub(super) struct Arguments {
    /// Words or a question; without it the newest, of those with the tags
    #[arg(default_value = "")]
    text: String,
    /// The project, by its slug [default: that of the current folder]
    #[arg(long, value_name = "SLUG")]
    project: Option<String>,
    /// Only memories with this tag; several, separated by commas or repeated: with any of them
    #[arg(long, visible_alias = "tag", value_delimiter = ',', value_name = "TAG")]
    tags: Vec<String>,
    /// Only memories with all of the tags
    #[arg(long, requires = "tags", conflicts_with = "any_tag")]
    all_tags: bool,
    /// With any of the tags; this is so unless --all-tags is given
    #[arg(long, requires = "tags")]
    any_tag: bool,
    /// The most tokens of text
    #[arg(long, value_name = "TOKENS")]
    budget: Option<usize>,
    /// The most memories
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only what was made before this moment (RFC 3339)
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// What is not to count, to see what it is worth
    #[arg(long, value_delimiter = ',', value_enum, value_name = "SIGNAL")]
    without: Vec<Signal>,
    /// Print JSON: project, text, tokens, and the memories with their scores
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let request = RecallRequest {
        text: arguments.text.clone(),
        project: arguments.project.clone(),
        cwd: env::current_dir().ok(),
        tags: arguments.tags.iter().map(|tag| tag.trim().to_lowercase()).collect(),
        all_tags: arguments.all_tags,
        budget: arguments.budget,
        limit: arguments.limit,
        before: arguments.before.clone(),
        without: arguments.without.clone(),
    };
    let answer: Value = client::post(home, "/api/recall", &request, client::LONG)
        .map_err(|error| Failure::new(format!("recall: {error}")).hint(error.hint()))?;
    if arguments.json {
        output::json(&answer);
    } else {
        print(&answer);
    }
    Ok(Outcome::Done)
}

fn print(answer: &Value) {
    let memories = answer["memories"].as_array().map(Vec::as_slice).unwrap_or_default();
    if memories.is_empty() {
        output::line("nothing fits");
    }
    for memory in memories {
        let text = |name: &str| memory[name].as_str().unwrap_or_default();
        let day = text("updated_at").get(..10).unwrap_or_default();
        let relevance = memory["score"]["total"].as_f64().unwrap_or_default();
        output::line(format!("{relevance:5.2}  {day}  {}  {}", text("kind"), text("title")));
        let found: Vec<&str> = memory["found"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let project = memory["project"].as_str().unwrap_or("no project");
        output::line(format!("       {project}; found: {}", found.join(", ")));
        for line in text("text").lines().take(6) {
            output::line(format!("       {line}"));
        }
    }
}
