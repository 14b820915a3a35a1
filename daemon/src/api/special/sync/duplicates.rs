//! Likely duplicates: rows whose names are equal once case, width and blanks are left out of account. Nothing is merged by
//! itself; a person says which row stays.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use merge::{Key, Row};
use migrations::Entity;
use migrations::catalogue as tables;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::local::{self, ReadTx, WriteTx};
use unicode_normalization::UnicodeNormalization;

use super::{ROW_TABLES, get, post, row_table};
use crate::api::input::Id;
use crate::api::output::{self, Detail};
use crate::api::plan;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};

/// What makes two rows of a table look like one: the natural keys that people write, and for tables without a key what the
/// catalogue's notes name.
static LIKENESS: &[(&Entity, &[&str])] = &[
    (tables::CLIENTS, &["name"]),
    (tables::SITES, &["client_id", "name"]),
    (tables::NETWORKS, &["client_id", "site_id", "name"]),
    (tables::TAGS, &["name"]),
    (tables::MACHINES, &["hostname"]),
    (tables::SERVICES, &["infrastructure_id", "client_id", "service_name"]),
    (tables::INFRASTRUCTURE, &["client_id", "hostname"]),
    (tables::CREDENTIALS, &["client_id", "service_name", "username"]),
    (tables::INTEGRATION_CREDENTIALS, &["integration_name"]),
    (tables::ENVIRONMENTAL_INSIGHTS, &["client_id", "infrastructure_id", "title"]),
];

/// Rows that look like one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Duplicate")]
struct Duplicate {
    /// The table.
    table: String,
    /// The columns that are alike.
    columns: Vec<String>,
    /// The rows, the oldest first.
    rows: Vec<Candidate>,
}

/// One of them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DuplicateRow")]
struct Candidate {
    id: String,
    created_at: Option<String>,
    /// Its values of these columns; what may be a secret is masked.
    values: BTreeMap<String, Option<String>>,
}

/// What looks alike.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Duplicates")]
struct Duplicates {
    total: u64,
    items: Vec<Duplicate>,
}

/// Which row is to be merged into which.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DuplicateMerge")]
struct Merge {
    /// The table.
    #[schemars(extend("enum" = *ROW_TABLES))]
    table: String,
    /// The row that stays.
    keep_id: Id,
    /// The row that is merged into it, and goes.
    drop_id: Id,
}

/// The row that stays.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DuplicateMerged")]
struct Merged {
    table: String,
    /// As it is now.
    row: serde_json::Value,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("duplicates", "duplicates", Work::Read(list), "Rows that look like one: equal names after folding")
            .gives(StatusCode::OK, Content::of::<Duplicates>()),
        post(
            "duplicates/merge",
            "duplicates_merge",
            Work::Write(merge),
            "Merge one row into another; what referred to it refers to the other",
        )
        .takes(Content::of::<Merge>())
        .gives(StatusCode::OK, Content::of::<Merged>()),
    ]
}

fn list(tx: &ReadTx<'_>, _: &Call) -> Result<Reply, Problem> {
    let mut items = Vec::new();
    for (entity, columns) in LIKENESS {
        let mut alike: BTreeMap<Vec<String>, Vec<Row>> = BTreeMap::new();
        for row in tx.select(entity, "ORDER BY created_at, id", &[])? {
            let key = columns.iter().map(|column| folded(row.text(column).unwrap_or_default())).collect();
            alike.entry(key).or_default().push(row);
        }
        let several = alike.into_values().filter(|rows| rows.len() > 1);
        items.extend(several.map(|rows| Duplicate {
            table: entity.name.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: rows.iter().map(|row| candidate(row, columns)).collect(),
        }));
    }
    Ok(Reply::ok(Duplicates { total: items.len() as u64, items }))
}

fn candidate(row: &Row, columns: &[&str]) -> Candidate {
    let value = |column: &&str| {
        let is_masked = row.entity().column(column).is_some_and(|column| column.sensitive);
        let text = row.text(column).map(|text| if is_masked { "***".to_owned() } else { text.to_owned() });
        ((*column).to_owned(), text)
    };
    Candidate {
        id: row.text("id").unwrap_or_default().to_owned(),
        created_at: row.text("created_at").map(str::to_owned),
        values: columns.iter().map(value).collect(),
    }
}

/// Without differences of case, width and blanks.
fn folded(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn merge(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Merge { table: name, keep_id, drop_id } = call.body()?;
    let entity = row_table(&name)?;
    let row = local::merge_duplicates(tx, entity, &Key::new(keep_id.0), &Key::new(drop_id.0))?;
    let shown = plan::of(entity).map(|resource| output::row(resource, &row, Detail::Whole));
    Ok(Reply::ok(Merged { table: entity.name.to_owned(), row: shown.unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_width_and_blanks() {
        for other in ["acme inc", " Acme  Inc", "ＡＣＭＥ Inc", "Acme\u{a0}Inc"] {
            assert_eq!(folded(other), folded("Acme Inc"), "{other}");
        }
        assert_ne!(folded("Acme"), folded("Ácme"));
    }

    #[test]
    fn the_columns_are_texts_of_their_tables() {
        for (entity, columns) in LIKENESS {
            assert!(columns.iter().all(|column| entity.column(column).is_some()), "{}", entity.name);
        }
    }
}
