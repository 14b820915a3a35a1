//! What is settled in a project, merged over time: the same fact again raises the weight of the one that is there, and a
//! newer one that takes another's place marks it as replaced.
//!
//! Architecture invariant: what an answer says of its own choices changes nothing that a person said: it neither replaces
//! nor raises it, and by itself never weighs as much as a correction.
//!
//! Words that a session said stay with the row of that session, so that forgetting it takes them along.

use merge::{Row, Value};
use migrations::Entity;
use migrations::catalogue::{CONTEXT_SNIPPETS, DECISION_LOGS};
use recall::excerpt::title;
use recall::stance::{self, Kind, Stance};
use recall::{fact, terms};
use sync::local::{WriteTx, derived_id};
use sync::{StoreError, datetime_text};

use super::fit;
use super::ledger::Turn;
use super::scene::Scene;

/// Rows of a project that a new one is compared with, the newest first.
const COMPARED: i64 = 200;
const TITLE_CHARS: usize = 160;
/// What a snippet gains when it is said again, in hundredths, and the most that it can have.
const RAISE: i64 = 50;
const MOST: i64 = 1_000;
/// From weak to strong.
const IMPACTS: [&str; 3] = ["low", "medium", "high"];
/// The most that answers alone can make of a decision, as a place in [`IMPACTS`].
const MOST_OF_ANSWERS: usize = 1;
/// Who decided: a person in a prompt, or the assistant by what its answer says.
const USER: &str = "user";
const ASSISTANT: &str = "assistant";
/// The field of a snippet's structured data that names the one in its place; see `0025_lessons.sql`.
const REPLACED_BY: &str = "superseded_by";

/// What became of a fact.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// The row that holds it.
    pub(super) id: String,
    /// Rows that it takes the place of.
    pub(super) replaces: Vec<String>,
}

/// A table of facts, and where it holds what.
struct Facts {
    entity: &'static Entity,
    text: &'static str,
    /// SQL: rows that are not replaced, beside those of the project `?1` and the kind `?2`.
    current: &'static str,
}

const DECISIONS: Facts =
    Facts { entity: DECISION_LOGS, text: "decision_text", current: "?2 = '' AND superseded_by_id IS NULL" };
const SNIPPETS: Facts = Facts {
    entity: CONTEXT_SNIPPETS,
    text: "dense_content",
    current: "snippet_type = ?2 AND CASE WHEN structured_data IS NULL THEN 1 WHEN json_valid(structured_data)
                THEN json_extract(structured_data, '$.superseded_by') IS NULL ELSE 1 END",
};

impl Facts {
    fn of(row: &Row) -> Facts {
        if row.entity() == CONTEXT_SNIPPETS { SNIPPETS } else { DECISIONS }
    }

    fn text_of<'r>(&self, row: &'r Row) -> &'r str {
        row.text(self.text).unwrap_or_default()
    }

    /// The project's facts that a row is compared with.
    fn others(&self, tx: &WriteTx<'_>, row: &Row) -> Result<Vec<Row>, StoreError> {
        let kind = row.entity().position("snippet_type").and_then(|_| row.text("snippet_type")).unwrap_or_default();
        let clause =
            format!("WHERE project_id = ?1 AND {} ORDER BY created_at DESC, id LIMIT {COMPARED}", self.current);
        let mut rows = tx.reading().select(self.entity, &clause, &[row.get("project_id").clone(), kind.into()])?;
        rows.retain(|other| other.get("id") != row.get("id"));
        Ok(rows)
    }

    /// Only decisions take each other's place: lessons and patterns stand side by side.
    fn may_replace(&self, row: &Row) -> bool {
        self.entity == DECISION_LOGS || row.text("snippet_type") == Some("decision")
    }
}

/// Enters a fact with a derived id, of a snippet or a decision. `apart` is a row that it is not to be merged with.
pub(super) fn settle(tx: &mut WriteTx<'_>, row: Row, apart: Option<&str>) -> Result<Settled, StoreError> {
    let facts = Facts::of(&row);
    let text = facts.text_of(&row).to_owned();
    let others = facts.others(tx, &row)?;
    if let Some(known) = tx.get(facts.entity, &row.key())? {
        if yields(&row, &known) {
            return Ok(Settled { id: id_of(&known), replaces: Vec::new() });
        }
        // Said again in the same words, perhaps after something else had taken its place.
        let again = raised(revived(known)?, &row);
        let id = id_of(&again);
        tx.put(again)?;
        return Ok(Settled { replaces: replace(tx, &facts, &row, &text, others)?, id });
    }
    let same = others.iter().position(|other| {
        apart.is_none_or(|apart| other.text("id") != Some(apart)) && fact::same(&text, facts.text_of(other))
    });
    match same.map(|at| &others[at]) {
        Some(other) if yields(&row, other) => Ok(Settled { id: id_of(other), replaces: Vec::new() }),
        Some(other) if !loses_words(&facts, &row, other) => {
            let mut merged = raised(other.clone(), &row);
            if session_of(&row).is_none() && session_of(other).is_none() {
                merged.set(facts.text, text.as_str()).set("title", row.get("title").clone());
            }
            let id = id_of(&merged);
            tx.put(merged)?;
            Ok(Settled { id, replaces: Vec::new() })
        }
        same => {
            let same = same.cloned();
            let id = id_of(&row);
            let mut row = row;
            if facts.may_replace(&row)
                && let Some(later) =
                    others.iter().find(|other| is_later(other, &row) && fact::replaces(facts.text_of(other), &text))
            {
                let later = id_of(later);
                mark(&mut row, &later)?;
            }
            tx.put(row.clone())?;
            let mut replaces = replace(tx, &facts, &row, &text, others)?;
            if let Some(mut same) = same {
                replaces.push(id_of(&same));
                mark(&mut same, &id)?;
                tx.put(same)?;
            }
            Ok(Settled { id, replaces })
        }
    }
}

/// True for the word of an answer beside a person's.
fn yields(row: &Row, other: &Row) -> bool {
    is_of_an_answer(row) && !is_of_an_answer(other)
}

fn is_of_an_answer(row: &Row) -> bool {
    row.entity() == DECISION_LOGS && row.text("decided_by") == Some(ASSISTANT)
}

/// True when a hand-made fact has other words than that of a session, which keeps its own.
fn loses_words(facts: &Facts, row: &Row, other: &Row) -> bool {
    session_of(row).is_none()
        && session_of(other).is_some()
        && terms::subject(facts.text_of(row)) != terms::subject(facts.text_of(other))
}

fn session_of(row: &Row) -> Option<&str> {
    row.entity().position("session_id").and_then(|_| row.text("session_id"))
}

/// Marks the facts in whose place this one is; their ids.
fn replace(
    tx: &mut WriteTx<'_>,
    facts: &Facts,
    row: &Row,
    text: &str,
    others: Vec<Row>,
) -> Result<Vec<String>, StoreError> {
    let mut replaced = Vec::new();
    if !facts.may_replace(row) {
        return Ok(replaced);
    }
    let id = id_of(row);
    for mut other in others {
        if !is_later(&other, row) && !yields(row, &other) && fact::replaces(text, facts.text_of(&other)) {
            replaced.push(id_of(&other));
            mark(&mut other, &id)?;
            tx.put(other)?;
        }
    }
    Ok(replaced)
}

/// What a transcript of the past tells is older than what is there.
fn is_later(other: &Row, row: &Row) -> bool {
    row.text("created_at").is_some_and(|made| other.text("created_at").is_some_and(|other| other > made))
}

fn mark(row: &mut Row, by: &str) -> Result<(), StoreError> {
    if row.entity() == DECISION_LOGS {
        row.set("superseded_by_id", by);
        return Ok(());
    }
    let mut data = data_of(row);
    data.insert(REPLACED_BY.to_owned(), by.into());
    row.set("structured_data", serde_json::to_string(&data).map_err(StoreError::other)?);
    Ok(())
}

fn revived(mut row: Row) -> Result<Row, StoreError> {
    if row.entity() == DECISION_LOGS {
        return Ok(row.with("superseded_by_id", Value::Null));
    }
    let mut data = data_of(&row);
    if data.remove(REPLACED_BY).is_some() {
        let left = (!data.is_empty()).then(|| serde_json::to_string(&data)).transpose().map_err(StoreError::other)?;
        row.set("structured_data", left);
    }
    Ok(row)
}

fn data_of(row: &Row) -> serde_json::Map<String, serde_json::Value> {
    row.text("structured_data").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

/// A row that is said again: weightier, with the tags of both.
fn raised(mut row: Row, again: &Row) -> Row {
    let more: Vec<String> = again.text("tags").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    row.set("tags", fit::with_tags(row.text("tags"), &more));
    if row.entity() == CONTEXT_SNIPPETS {
        let weight = row.int("relevance_score").unwrap_or(0).max(again.int("relevance_score").unwrap_or(0));
        return row.with("relevance_score", weight.saturating_add(RAISE).min(MOST));
    }
    let rank = |row: &Row| IMPACTS.iter().position(|impact| row.text("impact") == Some(impact)).unwrap_or(1);
    let most = if is_of_an_answer(again) { MOST_OF_ANSWERS } else { IMPACTS.len() - 1 };
    let raised = (rank(&row) + 1).max(rank(again)).min(most).max(rank(&row));
    if yields(&row, again) {
        row.set("decided_by", again.get("decided_by").clone());
    }
    if row.text("rationale").is_none() {
        row.set("rationale", again.get("rationale").clone());
    }
    row.with("impact", IMPACTS[raised])
}

fn id_of(row: &Row) -> String {
    row.text("id").unwrap_or_default().to_owned()
}

/// What the answers of a turn say was chosen.
pub(super) fn choices_of(turn: &Turn) -> Vec<String> {
    turn.parts.answers.iter().flat_map(|answer| stance::choices(answer)).collect()
}

impl Scene<'_, '_> {
    /// Enters what a prompt settles; once, when its turn is made. Corrections weigh most.
    pub(super) fn stances(&mut self, turn: &Turn) -> Result<(), StoreError> {
        for Stance { kind, text } in stance::stances(&turn.parts.prompt) {
            let (tag, sort, impact) = match kind {
                Kind::Correction => ("correction", "technical", "high"),
                Kind::Decision => ("decision", "technical", "medium"),
                Kind::Convention => ("convention", "process", "medium"),
            };
            let row = self
                .decision(turn, text)
                .with("decision_type", sort)
                .with("impact", impact)
                .with("tags", serde_json::json!([tag]).to_string())
                .with("decided_by", USER);
            settle(self.tx, row, None)?;
        }
        Ok(())
    }

    /// Enters what the answers of a turn say was chosen, but for what they had said before. The time is the turn's, so
    /// that it is forgotten with it, and that what a person says later is later.
    pub(super) fn choices(&mut self, turn: &Turn, before: &[String]) -> Result<(), StoreError> {
        for text in choices_of(turn).into_iter().filter(|text| !before.contains(text)) {
            let row = self.decision(turn, text);
            let row = row.with("decision_type", "technical").with("impact", IMPACTS[0]);
            let row = row.with("tags", serde_json::json!(["decision"]).to_string()).with("decided_by", ASSISTANT);
            settle(self.tx, row, None)?;
        }
        Ok(())
    }

    /// A decision of a turn, in words of it.
    fn decision(&self, turn: &Turn, text: String) -> Row {
        Row::new(DECISION_LOGS)
            .with("id", derived_id("decision_logs", &format!("{} {text}", turn.id)))
            .with("project_id", self.project_id.as_str())
            .with("session_id", self.session_id())
            .with("title", title(&text, TITLE_CHARS))
            .with("decision_text", text)
            .with("created_at", datetime_text(turn.started_us))
    }

    /// A prompt that takes back what was done makes its turn a dead end.
    pub(super) fn dismiss_last(&mut self, prompt: &str) -> Result<(), StoreError> {
        let Some(last) = self.conversation.turn_id.clone().filter(|_| stance::dismissal(prompt).is_some()) else {
            return Ok(());
        };
        match Turn::load(self.tx.connection(), &last)? {
            Some(mut turn) if !turn.state.is_waiting() => {
                turn.parts.taken_back = true;
                self.write_turn(&turn)
            }
            _ => Ok(()),
        }
    }
}
