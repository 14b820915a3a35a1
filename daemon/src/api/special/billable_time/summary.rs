//! `GET /api/billable-time/summary`: minutes and amounts per client and month.

use axum::http::{Method, StatusCode};
use migrations::Column;
use migrations::catalogue::BILLABLE_TIME;
use rusqlite::{Connection, Row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::local::ReadTx;

use crate::api::input::value::decimal_text;
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Work};
use crate::billing::IS_DRAFT;

/// Digits behind the point of an amount.
const SCALE: u8 = 2;

/// Minutes and amounts. A draft is in no figure but those of drafts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TimeAmounts")]
pub(crate) struct Amounts {
    /// Entries that are no drafts.
    pub(crate) entries: u64,
    /// Minutes that are billable.
    pub(crate) billable_minutes: i64,
    pub(crate) billable_amount: String,
    /// Of these, what is on no invoice.
    pub(crate) open_minutes: i64,
    pub(crate) open_amount: String,
    /// Of these, what is on an invoice.
    pub(crate) invoiced_minutes: i64,
    pub(crate) invoiced_amount: String,
    /// Minutes that are not billable.
    pub(crate) non_billable_minutes: i64,
    /// Entries that nobody has confirmed.
    pub(crate) drafts: u64,
    pub(crate) draft_minutes: i64,
    pub(crate) draft_amount: String,
}

/// A month of a client.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MonthOfClient {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    /// `2026-11`, of the start of the work, UTC.
    pub(crate) month: String,
    #[serde(flatten)]
    pub(crate) amounts: Amounts,
}

/// What was worked and what it is worth.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TimeSummary")]
pub(crate) struct Summary {
    /// By the client's name, then by month.
    pub(crate) items: Vec<MonthOfClient>,
    pub(crate) total: Amounts,
}

pub(super) fn route() -> Route {
    super::route(BILLABLE_TIME, Method::GET, "/summary", "summary", Work::Read(summary))
        .about("billable-time", "Minutes and amounts per client and month; drafts apart")
        .with(Parameter::query(Column::datetime("from"), "Only work that did not begin earlier"))
        .with(Parameter::query(Column::datetime("to"), "Only work that did not begin later"))
        .with(Parameter::query(Column::uuid("client_id"), "Only work for this client"))
        .gives(StatusCode::OK, Content::of::<Summary>())
}

fn summary(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let text = |name| call.text(name);
    Ok(Reply::ok(of(tx.connection(), text("from"), text("to"), text("client_id"))?))
}

fn of(db: &Connection, from: Option<&str>, to: Option<&str>, client: Option<&str>) -> Result<Summary, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "WITH entry AS (SELECT *, {IS_DRAFT} AS draft FROM billable_time \
                         WHERE (?1 IS NULL OR started_at >= ?1) AND (?2 IS NULL OR started_at <= ?2) \
                           AND (?3 IS NULL OR client_id = ?3)) \
         SELECT count(*) FILTER (WHERE NOT draft), {}, {}, {}, \
                coalesce(sum(duration_minutes) FILTER (WHERE NOT draft AND NOT is_billable), 0), \
                count(*) FILTER (WHERE draft), {}, client_id, max(name), substr(started_at, 1, 7) AS month \
           FROM entry JOIN clients ON clients.id = client_id GROUP BY client_id, month ORDER BY name, client_id, month",
        sums("is_billable"),
        sums("is_billable AND NOT is_invoiced"),
        sums("is_billable AND is_invoiced"),
        sums("draft"),
    ))?;
    let found = statement
        .query_map((from, to, client), |row| Ok((Figures::read(row)?, row.get(11)?, row.get(12)?, row.get(13)?)))?;
    let (mut items, mut total) = (Vec::new(), Figures::default());
    for month in found {
        let (figures, client_id, client_name, month) = month?;
        total.add(&figures);
        items.push(MonthOfClient { client_id, client_name, month, amounts: figures.amounts() });
    }
    Ok(Summary { items, total: total.amounts() })
}

fn sums(condition: &str) -> String {
    let sum = |column| format!("coalesce(sum({column}) FILTER (WHERE {condition}), 0)");
    format!("{}, {}", sum("duration_minutes"), sum("total_amount"))
}

/// Entries, then minutes and hundredths of what is billable, open and invoiced, minutes that are not billable, drafts with
/// their minutes and hundredths.
#[derive(Debug, Default)]
struct Figures([i64; 11]);

impl Figures {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut figures = Self::default();
        for (at, figure) in figures.0.iter_mut().enumerate() {
            *figure = row.get(at)?;
        }
        Ok(figures)
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, figure)| *sum += figure);
    }

    fn amounts(&self) -> Amounts {
        let amount = |at: usize| decimal_text(self.0[at], SCALE);
        Amounts {
            entries: self.0[0].unsigned_abs(),
            billable_minutes: self.0[1],
            billable_amount: amount(2),
            open_minutes: self.0[3],
            open_amount: amount(4),
            invoiced_minutes: self.0[5],
            invoiced_amount: amount(6),
            non_billable_minutes: self.0[7],
            drafts: self.0[8].unsigned_abs(),
            draft_minutes: self.0[9],
            draft_amount: amount(10),
        }
    }
}
