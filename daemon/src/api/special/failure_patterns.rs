//! Failure patterns: which of them an error text is a case of, and that one occurred again.

use axum::http::{Method, StatusCode};
use merge::Row;
use migrations::catalogue::FAILURE_PATTERNS;
use regex::RegexBuilder;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use sync::local::{ReadTx, WriteTx};

use super::{addressed, changed, now, on_row, resource, resource_of, route};
use crate::api::input::row::Given;
use crate::api::output::{self, Detail};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Scope, Work};

/// Longest error text that is looked through, in characters.
const MAX_TEXT: usize = 65_536;
/// A pattern whose compiled form would be larger than this many bytes is not tried.
const MAX_COMPILED: usize = 1 << 18;
/// The most patterns that are answered.
const MAX_MATCHES: usize = 100;

/// An error that happened.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FailureText")]
struct Failure {
    /// What the failing program said.
    #[schemars(length(max = MAX_TEXT))]
    error_text: String,
}

pub(super) fn routes() -> Vec<Route> {
    let patterns = resource(FAILURE_PATTERNS);
    vec![
        route(FAILURE_PATTERNS, Method::POST, "/match", "match", Work::Read(matching))
            .about("failure-patterns", "The patterns that an error text is a case of, the latest first")
            .scope(Scope::Read)
            .takes(Content::of::<Failure>())
            .gives(StatusCode::OK, Content::Page(patterns)),
        on_row(FAILURE_PATTERNS, "occurred", "occurred", Work::Write(occurred), "Count one more occurrence, now"),
    ]
}

fn matching(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Failure { error_text } = call.body()?;
    if error_text.chars().count() > MAX_TEXT {
        return Err(Problem::field("error_text", format!("is longer than {MAX_TEXT} characters")));
    }
    let text = error_text.to_lowercase();
    let mut rows = tx.select(FAILURE_PATTERNS, "WHERE is_active ORDER BY last_seen_at DESC, id DESC", &[])?;
    rows.retain(|row| is_case(row, &text));
    rows.truncate(MAX_MATCHES);
    let patterns = resource_of(call);
    let items: Vec<_> = rows.iter().map(|row| output::row(patterns, row, Detail::Short)).collect();
    Ok(Reply::json(StatusCode::OK, json!({ "total": items.len(), "skip": 0, "limit": MAX_MATCHES, "items": items })))
}

/// Whether the text (in lower case) holds the pattern as it is written, or matches it as a regular expression.
fn is_case(pattern: &Row, text: &str) -> bool {
    let Some(wanted) = pattern.text("error_pattern").filter(|wanted| !wanted.is_empty()) else { return false };
    text.contains(&wanted.to_lowercase())
        || RegexBuilder::new(wanted)
            .case_insensitive(true)
            .size_limit(MAX_COMPILED)
            .build()
            .is_ok_and(|regex| regex.is_match(text))
}

fn occurred(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let mut row = addressed(tx, call)?;
    let count = row.int("occurrence_count").unwrap_or(0).saturating_add(1).min(i32::MAX.into());
    row.set("occurrence_count", count).set("last_seen_at", now(tx));
    changed(tx, call, row, &Given::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_text_or_an_expression() {
        let case =
            |pattern: &str, text: &str| is_case(&Row::new(FAILURE_PATTERNS).with("error_pattern", pattern), text);
        assert!(case("Access is denied", "error: access is denied to c:"));
        assert!(case("exit code [0-9]+", "ended with exit code 17"));
        assert!(case("f(oo", "a f(oo b"));
        assert!(!case("f(oo", "foo") && !case("", "anything") && !case("timeout", "refused"));
    }
}
