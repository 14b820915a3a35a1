//! Conflicts and quarantine, one by one: looked at, resolved, dismissed, tried again; and deleted rows brought back.

use axum::http::StatusCode;
use merge::{Key, RowId};
use migrations::Column;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sync::local::{self, Conflict, Detail, Parked, Quarantined, ReadTx, Restored};

use super::by_hand::{Acknowledged, Retried, acknowledged, put_back, tried_again};
use super::{ROW_TABLES, TABLES, get, page_parameters, post, row_table, table, table_column};
use crate::api::dispatch;
use crate::api::input::row;
use crate::api::plan;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Work};
use crate::api::rows::{apply_change, existing};

/// The most conflicts that are looked through.
const LOOKED_AT: usize = 10_000;
const STATES: &[&str] = &["open", "resolved"];

/// A row that one side refused, with the id that the path takes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "QuarantinedRow")]
struct Refused {
    /// `table:key`
    id: String,
    #[serde(flatten)]
    row: Quarantined,
}

/// What was set aside for the moment.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Quarantine")]
struct Quarantine {
    total: u64,
    /// Rows that one side refused, oldest first.
    items: Vec<Refused>,
    /// References that wait for their parent, oldest first.
    parked: Vec<Parked>,
}

/// Conflicts on record.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Conflicts")]
struct Conflicts {
    total: u64,
    skip: u64,
    limit: u64,
    /// The newest first.
    items: Vec<Conflict>,
}

/// How a conflict is to end.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ConflictResolution")]
struct Resolution {
    /// A side, or the values that are to stand by field.
    keep: Keep,
    /// Overwrite what has changed since.
    #[serde(default)]
    force: bool,
}

/// What is to stand.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Keep {
    /// `local`: what this machine wrote; `remote`: what central had.
    Side(Side),
    /// These values, as a change of the row takes them.
    Values(Map<String, Json>),
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Side {
    Local,
    Remote,
}

pub(super) fn routes() -> Vec<Route> {
    let mut list = get("conflicts", "conflicts", Work::Read(list), "Conflicts on record, the newest first");
    list.parameters = page_parameters();
    let number = |route: Route| {
        route
            .with(Parameter::path(Column::bigint("id"), "Number of the conflict").within(0, i64::MAX))
            .fails(StatusCode::NOT_FOUND)
    };
    let refused = Parameter::path(Column::string("id", 500), "`table:key` of the refused row");
    vec![
        list.with(Parameter::query(table_column(&TABLES), "Only of this table"))
            .with(Parameter::query(
                Column::string("status", 10).known(STATES),
                "Only those that ask for a look, or do not",
            ))
            .gives(StatusCode::OK, Content::of::<Conflicts>()),
        number(get("conflicts/{id}", "conflict", Work::Read(one), "One conflict, field by field"))
            .gives(StatusCode::OK, Content::of::<Conflict>()),
        number(post(
            "conflicts/{id}/resolve",
            "conflict_resolve",
            Work::Task(|call| Box::pin(resolve(call))),
            "Say what is to stand",
        ))
        .takes(Content::of::<Resolution>())
        .gives(StatusCode::OK, Content::of::<Restored>()),
        number(post(
            "conflicts/{id}/dismiss",
            "conflict_dismiss",
            Work::Task(|call| Box::pin(dismiss(call))),
            "Accept the automatic result",
        ))
        .gives(StatusCode::OK, Content::of::<Acknowledged>()),
        get("quarantine", "quarantine", Work::Read(quarantine), "Rows that one side refused, with the reason")
            .gives(StatusCode::OK, Content::of::<Quarantine>()),
        post(
            "quarantine/{id}/retry",
            "quarantine_retry",
            Work::Task(|call| Box::pin(retry(call))),
            "Try a refused row again",
        )
        .with(refused)
        .gives(StatusCode::OK, Content::of::<Retried>()),
        post(
            "restore/{table}/{id}",
            "restore",
            Work::Task(|call| Box::pin(restore(call))),
            "Bring a deleted row back from its last image",
        )
        .with(Parameter::path(table_column(&ROW_TABLES), "Its table"))
        .with(Parameter::path(Column::uuid("id"), "Its id"))
        .gives(StatusCode::OK, Content::of::<Restored>()),
    ]
}

fn list(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (skip, limit) = super::bounds(call);
    let wanted = call.text("table").map(table).transpose()?.map(|table| table.name);
    let mut found = local::conflicts(tx, LOOKED_AT, call.text("status") == Some("open"), wanted)?;
    if call.text("status") == Some("resolved") {
        found.retain(|conflict| !conflict.flagged || conflict.acknowledged_us.is_some());
    }
    let total = found.len() as u64;
    let page = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let items = found.into_iter().skip(page(skip)).take(page(limit)).collect();
    Ok(Reply::ok(Conflicts { total, skip, limit, items }))
}

fn conflict(tx: &ReadTx<'_>, id: i64) -> Result<Conflict, Problem> {
    local::conflict(tx, id, Detail::Whole)?.ok_or_else(|| Problem::not_found("conflict"))
}

fn number(call: &Call) -> i64 {
    call.number("id").unwrap_or_default()
}

fn one(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    Ok(Reply::ok(conflict(tx, number(call))?))
}

async fn resolve(call: Call) -> Result<Reply, Problem> {
    let Resolution { keep, force } = call.body()?;
    let id = number(&call);
    let found = call.core.store.read_async(move |tx| Ok(conflict(tx, id))).await??;
    let side = match keep {
        Keep::Side(side) => side,
        Keep::Values(_) => return dispatch::write(call, set_values).await,
    };
    if (found.winner == "local") != (side == Side::Local) {
        return put_back(&call, id, force).await;
    }
    acknowledged(&call, vec![id], false).await?;
    let done = vec!["what stands was kept".to_owned()];
    Ok(Reply::ok(Restored { id, table: found.table, key: found.key, done }))
}

/// Changes the row that a conflict is about, and acknowledges the conflict.
fn set_values(tx: &mut sync::local::WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let found = conflict(&tx.reading(), number(call))?;
    let Resolution { keep: Keep::Values(values), .. } = call.body()? else { return Err(Problem::not_found("value")) };
    let resource = migrations::entity(&found.table).and_then(plan::of).ok_or_else(|| {
        let detail = format!("rows of {} cannot be changed by value", found.table);
        Problem::new(StatusCode::CONFLICT, detail, "keep one of the two sides").coded("DECLINED")
    })?;
    let given = row::change(resource, &values)?;
    let row = existing(&tx.reading(), resource, &found.key)?;
    apply_change(tx, call, row, &given)?;
    local::acknowledge_conflict(tx, found.id)?;
    let done = vec![format!("{} set", values.keys().cloned().collect::<Vec<_>>().join(", "))];
    Ok(Reply::ok(Restored { id: found.id, table: found.table, key: found.key, done }))
}

async fn dismiss(call: Call) -> Result<Reply, Problem> {
    let id = number(&call);
    call.core.store.read_async(move |tx| Ok(conflict(tx, id))).await??;
    Ok(Reply::ok(Acknowledged { acknowledged: acknowledged(&call, vec![id], false).await? }))
}

fn quarantine(tx: &ReadTx<'_>, _: &Call) -> Result<Reply, Problem> {
    let items: Vec<Refused> = local::quarantine(tx)?
        .into_iter()
        .map(|row| Refused { id: format!("{}:{}", row.table, row.key), row })
        .collect();
    Ok(Reply::ok(Quarantine { total: items.len() as u64, items, parked: local::parked(tx)? }))
}

async fn retry(call: Call) -> Result<Reply, Problem> {
    let (table, key) = call.id().split_once(':').unwrap_or((call.id(), ""));
    let row = (table.to_owned(), key.to_owned());
    tried_again(&call, Some(row)).await
}

async fn restore(call: Call) -> Result<Reply, Problem> {
    let entity = row_table(call.text("table").unwrap_or_default())?;
    let id = RowId::new(entity, Key::new(call.id()));
    let done = call.core.engine.revive(id).await?;
    call.core.engine.nudge();
    Ok(Reply::ok(Restored { id: 0, table: entity.name.to_owned(), key: call.id().to_owned(), done }))
}
