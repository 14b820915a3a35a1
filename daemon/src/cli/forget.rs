//! `forget`: takes memories out, on purpose and everywhere.

use clap::Args;
use hooks::home::Home;

use super::{Failure, Outcome, output};
use crate::api::special::forget::{ForgetMemories, Forgotten};
use crate::client::{self, ClientError};
use crate::render::counted;
use crate::setup::confirm::confirm;
use crate::starter;

/// Forget memories on purpose: here, at central and on every machine
#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["ids", "query", "sessions", "project"]))]
pub(super) struct Arguments {
    /// A memory by its id, as recall --json shows it (may be repeated)
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    /// Every memory that holds this text
    #[arg(long, value_name = "TEXT")]
    query: Option<String>,
    /// All that was said and done in a session until now, by Claude Code's session id (may be repeated)
    #[arg(long = "session", value_name = "ID")]
    sessions: Vec<String>,
    /// All memory of a project until now, by its slug
    #[arg(long, value_name = "SLUG")]
    project: Option<String>,
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    starter::ensure_running(home).map_err(|error| Failure::new(&error).hint(error.hint(home)))?;
    let found = ask(arguments, home, true)?;
    let is_nothing = found.deleted.is_empty() && found.emptied.is_empty() && arguments.sessions.is_empty();
    if arguments.dry_run || (is_nothing && arguments.project.is_none()) {
        show(arguments, &found);
        return Ok(Outcome::Done);
    }
    if !arguments.yes {
        confirm(false, &describe(&found))?;
    }
    let done = ask(arguments, home, false)?;
    show(arguments, &done);
    Ok(if done.cleaned { Outcome::Done } else { Outcome::NeedsUser })
}

fn ask(arguments: &Arguments, home: &Home, dry_run: bool) -> Result<Forgotten, Failure> {
    let request = ForgetMemories {
        ids: arguments.ids.clone(),
        text: arguments.query.clone(),
        sessions: arguments.sessions.clone(),
        project: arguments.project.clone(),
        dry_run,
    };
    let failure = |error: ClientError| Failure::new(format!("forget: {error}")).hint(error.hint());
    client::post(home, "/api/forget", &request, client::LONG).map_err(failure)
}

fn show(arguments: &Arguments, found: &Forgotten) {
    if arguments.json {
        return output::json(found);
    }
    output::print(&describe(found));
    if found.dry_run {
        return output::line("nothing was changed");
    }
    output::line("✓ forgotten on this machine");
    if !found.cleaned {
        output::line("! traces are still being taken out of this machine's files; that goes on by itself");
    }
    if found.waiting_for_central > 0 {
        output::line("  central and the other machines follow with their next sync; see: claudetools sync --wait");
    }
}

fn describe(found: &Forgotten) -> String {
    let mut text = String::new();
    let mut push = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for row in &found.shown {
        push(format!("  {}  {}  {}", row.created_at.get(..10).unwrap_or_default(), row.id, row.line));
    }
    let all: u64 = found.deleted.values().sum();
    let more = all.saturating_sub(found.shown.len() as u64);
    if more > 0 {
        push(format!("  and {more} more"));
    }
    push(format!("{} in all: {}", counted(all, "row", "rows"), listed(&found.deleted)));
    if !found.emptied.is_empty() {
        push(format!("stay without their words, as time is billed by them: {}", listed(&found.emptied)));
    }
    if !found.elsewhere.is_empty() {
        push(format!("hold the text too and are left alone, change them by hand: {}", listed(&found.elsewhere)));
    }
    text
}

fn listed(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(table, count)| format!("{table} {count}")).collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}
