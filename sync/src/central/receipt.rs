//! What became of each row of a batch, stored by the batch's own transaction.
//!
//! The stored form is JSON, one object an item. A row that central took as it was sent is not repeated: whoever asks for
//! a receipt has the batch, or the receipt would tell it nothing.
//!
//! A newer build on this machine may have written it. What this one does not know in it must not keep the machine from
//! going on: unknown columns are left out, and with them a conflict that is about nothing else; an unknown rule is
//! [`Rule::Unknown`]; an unknown reason of a refusal is [`RefusalKind::Other`], its text says the rest. A row whose very
//! outcome is of an unknown kind is refused too: it waits in quarantine with what was written here, and the next exchange
//! tells what central has.

use std::collections::HashMap;

use merge::{FieldConflict, Key, Row, RowId, Rule, Value, Winner, decode, encode};
use migrations::Entity;
use serde::{Deserialize, Serialize};
use serde_json::value::Map;

use super::{Batch, CentralError, PushItem, Refusal, RefusalKind};

/// The answer to a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The batch that it answers.
    pub batch_no: u64,
    /// One outcome for each item of the batch, in its order.
    pub outcomes: Vec<(RowId, ItemOutcome)>,
}

/// What became of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    /// Both sides agree from now on.
    Agreed {
        /// What central holds now; None when the row is gone.
        row: Option<Row>,
        /// What lost against it.
        conflicts: Vec<FieldConflict>,
    },
    /// Central did not take it and is as it was.
    Refused(Refusal),
}

type Image = Map<String, serde_json::Value>;

/// An item as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    table: String,
    key: String,
    #[serde(flatten)]
    outcome: StoredOutcome,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    conflicts: Vec<StoredConflict>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum StoredOutcome {
    AsSent,
    Row {
        row: Image,
    },
    Gone,
    Refused {
        code: u16,
        message: String,
        refusal: serde_json::Value,
    },
    /// Of a newer build.
    #[serde(other)]
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum StoredKind {
    Unique { columns: Vec<String>, existing: Option<String> },
    MissingParent { column: String, parent: String },
    HasChildren { child: String },
    Check { name: String },
    TooLong { column: String },
    BadValue { column: String },
    Foreign { column: String },
    TooBig,
    Unreadable { column: String },
    Other,
}

/// Values are an image of a row that has these columns only; None stands for a delete.
#[derive(Serialize, Deserialize)]
struct StoredConflict {
    columns: Vec<String>,
    rule: String,
    local_won: bool,
    loser: Option<Image>,
    kept: Option<Image>,
}

/// The stored form.
pub(super) fn write(batch: &Batch, receipt: &Receipt) -> Result<Vec<u8>, CentralError> {
    let sent: HashMap<&RowId, &PushItem> = batch.items.iter().map(|item| (&item.id, item)).collect();
    let stored: Vec<Stored> = receipt
        .outcomes
        .iter()
        .map(|(id, outcome)| stored(id, outcome, sent.get(id).and_then(|item| item.local.row())))
        .collect();
    serde_json::to_vec(&stored).map_err(|_| damaged("cannot be written"))
}

fn stored(id: &RowId, outcome: &ItemOutcome, sent: Option<&Row>) -> Stored {
    let (outcome, conflicts) = match outcome {
        ItemOutcome::Agreed { row, conflicts } => {
            let outcome = match row {
                Some(row) if Some(row) == sent => StoredOutcome::AsSent,
                Some(row) => StoredOutcome::Row { row: image(row) },
                None => StoredOutcome::Gone,
            };
            (outcome, conflicts.iter().map(|conflict| stored_conflict(id.entity, conflict)).collect())
        }
        ItemOutcome::Refused(why) => {
            let refusal = serde_json::to_value(stored_kind(&why.kind)).unwrap_or_default();
            (StoredOutcome::Refused { code: why.code, message: why.message.clone(), refusal }, Vec::new())
        }
    };
    Stored { table: id.entity.name.to_owned(), key: id.key.as_str().to_owned(), outcome, conflicts }
}

/// The receipt of a batch from its stored form.
pub(super) fn read(batch: &Batch, bytes: &[u8]) -> Result<Receipt, CentralError> {
    let stored: Vec<Stored> = serde_json::from_slice(bytes).map_err(|_| damaged("is not what it should be"))?;
    let mut outcomes: HashMap<(String, String), Stored> =
        stored.into_iter().map(|item| ((item.table.clone(), item.key.clone()), item)).collect();
    let read = batch.items.iter().map(|item| {
        let place = (item.id.entity.name.to_owned(), item.id.key.as_str().to_owned());
        let stored = outcomes.remove(&place).ok_or_else(|| damaged("lacks a row of its batch"))?;
        Ok((item.id.clone(), outcome(item, stored)?))
    });
    Ok(Receipt { batch_no: batch.batch_no, outcomes: read.collect::<Result<_, CentralError>>()? })
}

fn outcome(item: &PushItem, stored: Stored) -> Result<ItemOutcome, CentralError> {
    let entity = item.id.entity;
    let row = match stored.outcome {
        StoredOutcome::Refused { code, message, refusal } => {
            let kind = serde_json::from_value(refusal).ok().and_then(|refusal| kind(entity, refusal));
            return Ok(ItemOutcome::Refused(Refusal { kind: kind.unwrap_or(RefusalKind::Other), code, message }));
        }
        StoredOutcome::Unknown => {
            let message = "a newer claudetools on this machine sent it, and central's answer has a form of that one";
            return Ok(ItemOutcome::Refused(Refusal::unsent(RefusalKind::Other, message)));
        }
        StoredOutcome::AsSent => Some(item.local.row().cloned().ok_or_else(|| damaged("mistakes a delete for a row"))?),
        StoredOutcome::Row { row } => Some(row_of(entity, &row)?),
        StoredOutcome::Gone => None,
    };
    let conflicts = stored.conflicts.into_iter().map(|stored| conflict(entity, stored));
    let conflicts = conflicts.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    Ok(ItemOutcome::Agreed { row, conflicts })
}

fn damaged(how: &str) -> CentralError {
    CentralError::Protocol(format!("the receipt of a batch {how}"))
}

fn image(row: &Row) -> Image {
    serde_json::from_slice(&encode(row)).unwrap_or_default()
}

fn row_of(entity: &'static Entity, image: &Image) -> Result<Row, CentralError> {
    let bytes = serde_json::to_vec(image).map_err(|_| damaged("holds a damaged row"))?;
    decode(entity, &bytes).map_err(|_| damaged("holds a damaged row"))
}

fn stored_conflict(entity: &'static Entity, conflict: &FieldConflict) -> StoredConflict {
    let values = |values: &[Value]| {
        let mut row = Row::new(entity);
        for (column, value) in conflict.columns.iter().zip(values) {
            row.set(column, value.clone());
        }
        (!values.is_empty()).then(|| image(&row))
    };
    StoredConflict {
        columns: conflict.columns.iter().map(|&column| column.to_owned()).collect(),
        rule: rule_name(conflict.rule).to_owned(),
        local_won: conflict.winner == Winner::Local,
        loser: values(&conflict.loser),
        kept: values(&conflict.kept),
    }
}

/// None when it is about columns only that this build does not know.
fn conflict(entity: &'static Entity, stored: StoredConflict) -> Result<Option<FieldConflict>, CentralError> {
    let columns = known(entity, &stored.columns);
    if columns.is_empty() {
        return Ok(None);
    }
    let values = |image: Option<Image>| -> Result<Vec<Value>, CentralError> {
        let Some(image) = image else { return Ok(Vec::new()) };
        let row = row_of(entity, &image)?;
        Ok(columns.iter().map(|column| row.get(column).clone()).collect())
    };
    let (loser, kept) = (values(stored.loser)?, values(stored.kept)?);
    let rule = rule_named(&stored.rule);
    let winner = if stored.local_won { Winner::Local } else { Winner::Remote };
    Ok(Some(FieldConflict { columns, rule, winner, loser, kept }))
}

/// Under which name a rule is stored, whatever it is called for people.
fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::LastWriter => "last_writer",
        Rule::AtomicGroup => "atomic_group",
        Rule::DeleteVsEdit => "delete_vs_edit",
        Rule::CentralOnly => "central_only",
        Rule::WrittenOnce => "written_once",
        Rule::LesserRight => "lesser_right",
        Rule::KeptKey => "kept_key",
        Rule::Cycle => "cycle",
        Rule::Check => "check",
        Rule::Unknown => "unknown",
    }
}

fn rule_named(name: &str) -> Rule {
    match name {
        "last_writer" => Rule::LastWriter,
        "atomic_group" => Rule::AtomicGroup,
        "delete_vs_edit" => Rule::DeleteVsEdit,
        "central_only" => Rule::CentralOnly,
        "written_once" => Rule::WrittenOnce,
        "lesser_right" => Rule::LesserRight,
        "kept_key" => Rule::KeptKey,
        "cycle" => Rule::Cycle,
        "check" => Rule::Check,
        _ => Rule::Unknown,
    }
}

/// Those of the columns that this build knows.
fn known(entity: &'static Entity, names: &[String]) -> Vec<&'static str> {
    names.iter().filter_map(|name| entity.column(name).map(|column| column.name)).collect()
}

fn stored_kind(kind: &RefusalKind) -> StoredKind {
    match kind.clone() {
        RefusalKind::Unique { columns, existing } => StoredKind::Unique {
            columns: columns.into_iter().map(str::to_owned).collect(),
            existing: existing.map(|id| id.key.as_str().to_owned()),
        },
        RefusalKind::MissingParent { column, parent } => {
            StoredKind::MissingParent { column: column.to_owned(), parent: parent.key.as_str().to_owned() }
        }
        RefusalKind::HasChildren { child } => StoredKind::HasChildren { child },
        RefusalKind::Check { name } => StoredKind::Check { name },
        RefusalKind::TooLong { column } => StoredKind::TooLong { column },
        RefusalKind::BadValue { column } => StoredKind::BadValue { column },
        RefusalKind::Foreign { column } => StoredKind::Foreign { column },
        RefusalKind::TooBig => StoredKind::TooBig,
        RefusalKind::Unreadable { column } => StoredKind::Unreadable { column: column.to_owned() },
        RefusalKind::Other => StoredKind::Other,
    }
}

/// None when it names a column that this build does not know.
fn kind(entity: &'static Entity, stored: StoredKind) -> Option<RefusalKind> {
    Some(match stored {
        StoredKind::Unique { columns, existing } => {
            let known = known(entity, &columns);
            // Part of a key is no key.
            let is_whole = known.len() == columns.len();
            let existing = existing.map(|key| RowId::new(entity, Key::new(key)));
            if is_whole { RefusalKind::Unique { columns: known, existing } } else { return None }
        }
        StoredKind::MissingParent { column, parent } => {
            let key = entity.foreign_keys.iter().find(|key| key.column == column)?;
            let parent = RowId::new(migrations::entity(key.references)?, Key::new(parent));
            RefusalKind::MissingParent { column: key.column, parent }
        }
        StoredKind::HasChildren { child } => RefusalKind::HasChildren { child },
        StoredKind::Check { name } => RefusalKind::Check { name },
        StoredKind::TooLong { column } => RefusalKind::TooLong { column },
        StoredKind::BadValue { column } => RefusalKind::BadValue { column },
        StoredKind::Foreign { column } => RefusalKind::Foreign { column },
        StoredKind::TooBig => RefusalKind::TooBig,
        StoredKind::Unreadable { column } => RefusalKind::Unreadable { column: entity.column(&column)?.name },
        StoredKind::Other => RefusalKind::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::central::{Known, PushState};
    use merge::HybridTime;

    fn client(id: &str) -> Row {
        Row::new(migrations::entity("clients").unwrap()).with("id", id).with("name", "né").with("is_active", true)
    }

    fn item(row: Row) -> PushItem {
        PushItem { id: row.id(), base: None, local: PushState::Present(row), time: HybridTime(7) }
    }

    fn conflict(rule: Rule, winner: Winner) -> FieldConflict {
        FieldConflict {
            columns: vec!["notes", "default_hourly_rate"],
            rule,
            winner,
            loser: vec![Value::Null, Value::Int(1250)],
            kept: Vec::new(),
        }
    }

    fn batch(items: Vec<PushItem>) -> Batch {
        Batch { replica_id: "r".into(), batch_no: 3, cursor: 0, known: Known::default(), items }
    }

    #[test]
    fn a_receipt_is_read_as_it_was_written() {
        let refused = |kind| ItemOutcome::Refused(Refusal { kind, code: 1062, message: "no".into() });
        let parent = RowId::new(migrations::entity("clients").unwrap(), Key::new("c9"));
        let site = |id: &str| Row::new(migrations::entity("sites").unwrap()).with("id", id).with("client_id", "c9");
        let outcomes = vec![
            ItemOutcome::Agreed { row: Some(client("1")), conflicts: Vec::new() },
            ItemOutcome::Agreed {
                row: Some(client("2").with("notes", "theirs")),
                conflicts: vec![
                    conflict(Rule::LastWriter, Winner::Remote),
                    conflict(Rule::DeleteVsEdit, Winner::Local),
                ],
            },
            ItemOutcome::Agreed { row: None, conflicts: Vec::new() },
            refused(RefusalKind::Unique { columns: vec!["name"], existing: Some(client("8").id()) }),
            refused(RefusalKind::Check { name: "ck".into() }),
            refused(RefusalKind::TooBig),
            refused(RefusalKind::Unreadable { column: "notes" }),
        ];
        let mut items: Vec<PushItem> = (1..=outcomes.len()).map(|n| item(client(&n.to_string()))).collect();
        let mut outcomes: Vec<(RowId, ItemOutcome)> = items.iter().map(|item| item.id.clone()).zip(outcomes).collect();
        items.push(item(site("s")));
        outcomes.push((site("s").id(), refused(RefusalKind::MissingParent { column: "client_id", parent })));
        let (batch, receipt) = (batch(items), Receipt { batch_no: 3, outcomes });
        let bytes = write(&batch, &receipt).unwrap();
        assert_eq!(read(&batch, &bytes).unwrap(), receipt);
    }

    #[test]
    fn a_row_that_was_taken_as_sent_is_not_repeated() {
        let batch = batch(vec![item(client("1"))]);
        let outcome = ItemOutcome::Agreed { row: Some(client("1")), conflicts: Vec::new() };
        let bytes = write(&batch, &Receipt { batch_no: 3, outcomes: vec![(client("1").id(), outcome)] }).unwrap();
        assert!(!String::from_utf8(bytes).unwrap().contains("né"));
    }

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        for rule in Rule::ALL {
            assert_eq!(rule_named(rule_name(rule)), rule);
        }
    }

    #[test]
    fn what_a_newer_build_wrote_is_read_as_far_as_it_is_known() {
        let names = ["1", "2", "3", "4", "5"];
        let batch = batch(names.iter().map(|id| item(client(id))).collect());
        let conflict = |columns: &str| {
            format!(
                r#"{{"columns":[{columns}],"rule":"of_tomorrow","local_won":false,"since":3,
                    "loser":{{"notes":"mine","colour":"red"}},"kept":{{"colour":"blue"}}}}"#
            )
        };
        let refused = |refusal: &str| format!(r#""outcome":"refused","code":9,"message":"why","refusal":{refusal}"#);
        let outcomes = [
            format!(
                r#""outcome":"row","row":{{"id":"1","name":"né","colour":["red"]}},"conflicts":[{},{}]"#,
                conflict(r#""colour","notes""#),
                conflict(r#""colour""#)
            ),
            refused(r#"{"kind":"of_tomorrow","colour":"red"}"#),
            refused(r#"{"kind":"unique","columns":["name","colour"],"existing":null}"#),
            refused(r#"{"kind":"unreadable","column":"colour"}"#),
            r#""outcome":"of_tomorrow","row":{"id":"5"}"#.to_owned(),
        ];
        let items =
            names.iter().zip(outcomes).map(|(id, rest)| format!(r#"{{"table":"clients","key":"{id}",{rest}}}"#));
        let receipt = read(&batch, format!("[{}]", items.collect::<Vec<_>>().join(",")).as_bytes()).unwrap();
        let ItemOutcome::Agreed { row: Some(row), conflicts } = &receipt.outcomes[0].1 else { panic!("{receipt:?}") };
        assert_eq!(row.text("name"), Some("né"));
        let told = FieldConflict {
            columns: vec!["notes"],
            rule: Rule::Unknown,
            winner: Winner::Remote,
            loser: vec!["mine".into()],
            kept: vec![Value::Null],
        };
        assert_eq!(conflicts, &[told]);
        for (id, outcome) in &receipt.outcomes[1..] {
            let ItemOutcome::Refused(refusal) = outcome else { panic!("{id}: {outcome:?}") };
            assert_eq!(refusal.kind, RefusalKind::Other, "{id}");
            assert!(!refusal.message.is_empty());
        }
    }

    #[test]
    fn a_receipt_of_another_batch_is_an_error() {
        let outcome = ItemOutcome::Agreed { row: None, conflicts: Vec::new() };
        let one = batch(vec![item(client("1"))]);
        let bytes = write(&one, &Receipt { batch_no: 3, outcomes: vec![(client("1").id(), outcome)] }).unwrap();
        assert!(read(&batch(vec![item(client("2"))]), &bytes).is_err());
        assert!(read(&one, b"{").is_err());
    }
}
