//! `sync conflicts`: what was decided where two sides disagreed, and putting the loser back.

use clap::{Args, Subcommand};
use hooks::home::Home;
use serde_json::Value;
use sync::local::{self, Conflict, Detail, Restored};
use sync::{Clock, SystemClock, datetime_text};

use super::quarantine::ask;
use super::{Failure, Outcome, output};
use crate::api::special::sync::by_hand::{AcknowledgeRequest, Acknowledged, RestoreRequest};
use crate::phase::Trouble;
use crate::render::{ago, counted};

/// Lines around a difference that are shown with it.
const CONTEXT: usize = 2;

/// What was decided where two sides disagreed: list it, look at it, put a loser back, acknowledge it
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    /// Also those that were acknowledged, restored, or ask for no look
    #[arg(long)]
    all: bool,
    /// Only of this table
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// At most so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<ConflictsCommand>,
}

#[derive(Subcommand)]
enum ConflictsCommand {
    /// Show one with its values as they are; what may be a secret stays masked
    Show {
        /// Its number
        id: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put the loser back: an ordinary change, which travels to all machines
    Restore {
        /// Its number
        id: i64,
        /// Overwrite what has changed since
        #[arg(long)]
        force: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Acknowledge conflicts: they count in `status` no more, and stay on record for 90 days
    Ack {
        /// Their numbers
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<i64>,
        /// All that are open
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    match &arguments.command {
        None => list(arguments, home),
        Some(ConflictsCommand::Show { id, json }) => show(*id, *json, home),
        Some(ConflictsCommand::Restore { id, force, json }) => restore(*id, *force, *json, home),
        Some(ConflictsCommand::Ack { ids, all, json }) => acknowledge(ids, *all, *json, home),
    }
}

fn list(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    let Arguments { all, table, limit, json, .. } = arguments;
    if let Some(table) = table.as_deref().filter(|table| migrations::entity(table).is_none()) {
        return Err(Failure::usage(format!("there is no table {table}")));
    }
    let read = local::inspect(&home.replica(), |tx| local::conflicts(tx, *limit, !all, table.as_deref()));
    let conflicts = read.map_err(|error| unreadable(home, &error))?;
    if *json {
        output::json(&conflicts);
        return Ok(Outcome::Done);
    }
    conflicts.iter().for_each(print);
    if conflicts.is_empty() {
        output::line(if *all {
            "no conflict is on record"
        } else {
            "no conflict wants a look (all that is on record: --all)"
        });
    } else {
        output::line(
            "put a loser back: claudetools sync conflicts restore ID   or leave it: claudetools sync conflicts ack ID",
        );
    }
    Ok(Outcome::Done)
}

/// The replica could not be looked at.
pub(super) fn unreadable(home: &Home, error: &sync::StoreError) -> Failure {
    if !home.replica().exists() {
        let reason = format!("read the replica: there is none in {}", home.root().display());
        return Failure::new(reason).hint("run: claudetools setup");
    }
    let Trouble { reason, hint } = Trouble::of_store(error);
    Failure::new(format!("read the replica: {reason}")).hint(hint)
}

fn show(id: i64, json: bool, home: &Home) -> Result<Outcome, Failure> {
    let read = local::inspect(&home.replica(), |tx| local::conflict(tx, id, Detail::Whole));
    let Some(conflict) = read.map_err(|error| unreadable(home, &error))? else {
        return Err(Failure::new(format!("show it: there is no conflict {id} on this machine"))
            .hint("see: claudetools sync conflicts --all"));
    };
    if json {
        output::json(&conflict);
    } else {
        print(&conflict);
    }
    Ok(Outcome::Done)
}

fn restore(id: i64, force: bool, json: bool, home: &Home) -> Result<Outcome, Failure> {
    let request = RestoreRequest { id, force };
    let restored: Restored = ask(home, "/api/sync/conflicts/restore", &request, "restore it")?;
    if json {
        output::json(&restored);
    } else {
        restored.done.iter().for_each(output::line);
    }
    Ok(Outcome::Done)
}

fn acknowledge(ids: &[i64], all: bool, json: bool, home: &Home) -> Result<Outcome, Failure> {
    let request = AcknowledgeRequest { ids: ids.to_vec(), all };
    let answer: Acknowledged = ask(home, "/api/sync/conflicts/acknowledge", &request, "acknowledge")?;
    if json {
        output::json(&answer);
    } else {
        output::line(format!("{} acknowledged", counted(answer.acknowledged, "conflict", "conflicts")));
    }
    Ok(Outcome::Done)
}

/// A conflict, field by field: what was set aside (`-`) and what stands (`+`).
pub(super) fn print(conflict: &Conflict) {
    let Conflict { id, table, key, explanation, loser, columns, kept, set_aside, .. } = conflict;
    let at = u64::try_from(conflict.at_us).map_or(String::new(), datetime_text);
    let when = ago(&at, SystemClock.now_us());
    output::line(format!("{id}  {table} {key}  {when}{}", state(conflict)));
    output::line(format!("    {explanation}"));
    let own = |column: &&String| set_aside.contains_key(*column) || kept.contains_key(*column);
    match loser.as_str() {
        "delete" => output::line("    - the delete"),
        "row" => output::line("    - the row:"),
        _ => {}
    }
    if loser != "delete" {
        for column in columns.iter().filter(own) {
            output::line(format!("    {column}"));
            for line in difference(set_aside.get(column), kept.get(column)) {
                output::line(format!("      {line}"));
            }
        }
    }
}

fn state(conflict: &Conflict) -> &'static str {
    match conflict {
        Conflict { restored_us: Some(_), .. } => "  restored",
        Conflict { acknowledged_us: Some(_), .. } => "  acknowledged",
        Conflict { flagged: true, .. } => "  wants a look",
        _ => "",
    }
}

/// The lines of both values, what they share at the beginning and at the end cut down to a little.
fn difference(lost: Option<&Value>, kept: Option<&Value>) -> Vec<String> {
    let (lost, kept) = (lost.map(text), kept.map(text));
    let (Some(lost), Some(kept)) = (&lost, &kept) else {
        let lines = |mark: char, value: &Option<String>| -> Vec<String> {
            value
                .iter()
                .flat_map(|value| value.lines().map(|line| format!("{mark} {line}")).collect::<Vec<_>>())
                .collect()
        };
        return [lines('-', &lost), lines('+', &kept)].concat();
    };
    let (lost, kept): (Vec<&str>, Vec<&str>) = (lost.lines().collect(), kept.lines().collect());
    let same = |mut pairs: Box<dyn Iterator<Item = (&&str, &&str)> + '_>| -> usize {
        let mut count = 0;
        while pairs.next().is_some_and(|(one, other)| one == other) {
            count += 1;
        }
        count
    };
    let head = same(Box::new(lost.iter().zip(&kept)));
    let most = lost.len().min(kept.len()) - head;
    let tail = same(Box::new(lost.iter().rev().zip(kept.iter().rev()))).min(most);
    let mut lines = Vec::new();
    if head > CONTEXT {
        lines.push(format!("  … {} the same before", counted((head - CONTEXT) as u64, "line", "lines")));
    }
    lines.extend(lost[head.saturating_sub(CONTEXT)..head].iter().map(|line| format!("  {line}")));
    lines.extend(lost[head..lost.len() - tail].iter().map(|line| format!("- {line}")));
    lines.extend(kept[head..kept.len() - tail].iter().map(|line| format!("+ {line}")));
    lines.extend(kept[kept.len() - tail..].iter().take(CONTEXT).map(|line| format!("  {line}")));
    if tail > CONTEXT {
        lines.push(format!("  … {} the same after", counted((tail - CONTEXT) as u64, "line", "lines")));
    }
    lines
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "(empty)".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_lost_and_what_stands_and_little_else() {
        let lost = Value::from("1\n2\n3\n4\nearlier\n5");
        let kept = Value::from("1\n2\n3\n4\nlater\nmore\n5");
        let shown = difference(Some(&lost), Some(&kept));
        assert_eq!(shown, ["  … 2 lines the same before", "  3", "  4", "- earlier", "+ later", "+ more", "  5"]);
        assert_eq!(difference(Some(&"a".into()), Some(&"b".into())), ["- a", "+ b"]);
        assert_eq!(difference(Some(&Value::Null), Some(&"b\nb".into())), ["- (empty)", "+ b", "+ b"]);
        assert_eq!(difference(Some(&"x\nx".into()), Some(&"x".into())), ["  x", "- x"]);
        assert_eq!(difference(None, Some(&"kept".into())), ["+ kept"]);
    }
}
