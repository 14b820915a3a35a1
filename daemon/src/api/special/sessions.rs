//! Sessions: their end.

use merge::{Row, Value};
use migrations::catalogue::SESSIONS;
use sync::local::WriteTx;
use sync::parse_datetime;

use super::{addressed, changed, given, now, on_row, resource};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Reply, Route, Work};

const US_PER_MINUTE: u64 = 60_000_000;

pub(super) fn routes() -> Vec<Route> {
    let fields = &["ended_at", "status", "duration_minutes", "summary"];
    vec![
        on_row(
            SESSIONS,
            "end",
            "end",
            Work::Write(end),
            "End a session: now and completed, unless the body says otherwise",
        )
        .may_take(Content::Some(resource(SESSIONS), fields, &[])),
    ]
}

fn end(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let given = given(call)?;
    let mut row = addressed(tx, call)?;
    row.set("ended_at", now(tx)).set("status", "completed");
    given.fill(&mut row);
    if !call.body.contains_key("duration_minutes") && row.get("duration_minutes").is_null() {
        row.set("duration_minutes", minutes(&row));
    }
    changed(tx, call, row, &given)
}

/// Whole minutes between start and end.
fn minutes(row: &Row) -> Value {
    let time = |column| row.text(column).and_then(parse_datetime);
    let minutes =
        time("ended_at").zip(time("started_at")).map(|(end, start)| end.saturating_sub(start) / US_PER_MINUTE);
    minutes.and_then(|minutes| i64::from(i32::try_from(minutes).ok()?).into()).map_or(Value::Null, |n: i64| n.into())
}
