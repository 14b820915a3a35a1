//! `remember`: a memory by hand.

use std::env;

use clap::{Args, ValueEnum};
use hooks::home::Home;
use serde_json::Value;

use super::{Failure, Outcome, output};
use crate::api::special::memory::RememberRequest;
use crate::client;
use crate::starter;

/// Save a memory by hand
#[derive(Args)]
pub(super) struct Arguments {
    /// What is to be remembered
    text: String,
    /// What it is
    #[arg(long = "type", value_enum, default_value_t = Kind::Lesson)]
    kind: Kind,
    /// Tags, separated by commas
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
    /// The project, by its slug [default: that of the current folder]
    #[arg(long, value_name = "SLUG")]
    project: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The kinds of memories that are made by hand.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Decision,
    Pattern,
    Lesson,
    Blocker,
    State,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Decision => "decision",
            Kind::Pattern => "pattern",
            Kind::Lesson => "lesson",
            Kind::Blocker => "blocker",
            Kind::State => "state",
        }
    }
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    if arguments.text.trim().is_empty() {
        return Err(
            Failure::usage("there is nothing to remember").hint("claudetools remember \"what is to be remembered\"")
        );
    }
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let request = RememberRequest {
        text: arguments.text.clone(),
        kind: arguments.kind.name().to_owned(),
        tags: arguments.tags.clone(),
        project: arguments.project.clone(),
        cwd: env::current_dir().ok(),
    };
    let answer: Value = client::post(home, "/api/remember", &request, client::LONG)
        .map_err(|error| Failure::new(format!("remember: {error}")).hint(error.hint()))?;
    if arguments.json {
        output::json(&answer);
    } else {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        output::line(format!("✓ saved as {} in {}", text("id"), text("project")));
        for replaced in answer["replaces"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            output::line(format!("  in place of {replaced}"));
        }
    }
    Ok(Outcome::Done)
}
