//! Lists: filtered, searched, sorted, a page at a time. Identifiers in the SQL are the catalogue's, every value is bound.

use axum::http::StatusCode;
use merge::Value;
use sync::local::ReadTx;

use crate::api::output::{self, Detail};
use crate::api::plan::Resource;
use crate::api::problem::Problem;
use crate::api::route::{Call, Reply};

/// Rows of a page, unless the caller says otherwise.
pub(super) const DEFAULT_LIMIT: i64 = 100;
/// The most rows of a page.
pub(super) const MAX_LIMIT: i64 = 1000;
/// Room that a page has from the beginning: so many bytes for each row that it may hold, up to so many rows.
const ROW_BYTES: usize = 512;
const EXPECTED_ROWS: usize = 100;
/// Words of a search that count.
const MAX_WORDS: usize = 16;

/// A list that is being put together.
pub(crate) struct Listing {
    resource: &'static Resource,
    conditions: Vec<String>,
    bound: Vec<Value>,
    /// The order, where the caller has no say.
    order: Option<&'static str>,
    /// Rows of a page, unless the caller says otherwise.
    limit: i64,
}

/// `GET /api/…`
pub(super) fn list(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    page(tx, call, Listing::of(super::routes::resource_of(call)))
}

/// The page of a list that the caller asks for.
pub(crate) fn page(tx: &ReadTx<'_>, call: &Call, mut listing: Listing) -> Result<Reply, Problem> {
    listing.filter(call);
    listing.search(call.text("q"));
    let resource = listing.resource;
    let condition = listing.condition();
    let (skip, limit) = (call.number("skip").unwrap_or(0), call.number("limit").unwrap_or(listing.limit));
    let order = listing.order.map_or_else(|| order(resource, call), str::to_owned);
    let clause = format!("{condition} ORDER BY {order} LIMIT ? OFFSET ?");
    let filters = listing.bound.len();
    // One more than is shown tells whether there are others.
    listing.bound.extend([limit.saturating_add(1).into(), skip.into()]);
    let expected = usize::try_from(limit).unwrap_or(0).min(EXPECTED_ROWS) * ROW_BYTES;
    let (mut page, mut found) = (Vec::with_capacity(expected), 0);
    page.extend_from_slice(b"{\"items\":[");
    tx.each(resource.entity, &clause, &listing.bound, |row| {
        found += 1;
        if found > limit {
            return Ok(());
        }
        if found > 1 {
            page.push(b',');
        }
        output::write(&mut page, resource, Detail::Short, row)
    })?;
    // The last page tells how many there are: those before it, and its own.
    let is_last = (1..=limit).contains(&found) || (found == 0 && skip == 0 && limit > 0);
    let total = if is_last {
        u64::try_from(skip + found).unwrap_or_default()
    } else {
        tx.count(resource.entity, &condition, &listing.bound[..filters])?
    };
    page.extend_from_slice(format!("],\"total\":{total},\"skip\":{skip},\"limit\":{limit}}}").as_bytes());
    Ok(Reply::bytes(StatusCode::OK, page))
}

/// The order of a list; the id makes it total, so that no row is on two pages or on none.
fn order(resource: &Resource, call: &Call) -> String {
    let column = call.text("sort").and_then(|name| resource.sortable.iter().find(|column| **column == name));
    let way = match (call.text("order"), column) {
        (Some("asc"), _) | (None, Some(_)) => "ASC",
        _ => "DESC",
    };
    format!("{} {way}, \"id\" {way}", quoted(column.unwrap_or(&"created_at")))
}

impl Listing {
    /// All rows of a table.
    pub(crate) fn of(resource: &'static Resource) -> Self {
        Self { resource, conditions: Vec::new(), bound: Vec::new(), order: None, limit: DEFAULT_LIMIT }
    }

    /// Only those whose column has this value.
    pub(crate) fn with(mut self, column: &str, value: Value) -> Self {
        self.add(&format!("{} = ?", quoted(column)), value);
        self
    }

    /// Only those for which a condition over bound values (`?`, in order) holds. The condition is ours, never a caller's.
    pub(crate) fn when(mut self, condition: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.conditions.push(format!("({condition})"));
        self.bound.extend(values);
        self
    }

    /// In this order, which is ours too.
    pub(crate) fn ordered(mut self, order: &'static str) -> Self {
        self.order = Some(order);
        self
    }

    /// With so many rows of a page, unless the caller says otherwise.
    pub(crate) fn limited(mut self, limit: i64) -> Self {
        self.limit = limit;
        self
    }

    fn add(&mut self, condition: &str, value: Value) {
        self.conditions.push(format!("({condition})"));
        self.bound.push(value);
    }

    fn filter(&mut self, call: &Call) {
        let resource = self.resource;
        for field in resource.filters() {
            if let Some(value) = call.parameters.get(field.name)
                && call.route.parameters.iter().any(|one| one.column.name == field.name && is_filter(one))
            {
                self.add(&format!("{} = ?", quoted(field.name)), value.clone());
            }
        }
        let time = quoted(resource.offer.main_time);
        for (name, comparison) in [("from", ">="), ("to", "<=")] {
            if let Some(value) = call.parameters.get(name) {
                self.add(&format!("{time} {comparison} ?"), value.clone());
            }
        }
        if resource.has_inactive() && !call.flag("include_inactive") {
            // The sign keeps SQLite from the index of this column: nearly all rows are active, and would have to be sorted.
            self.add("+\"is_active\" = ?", true.into());
        }
    }

    /// Only those in which every word is found somewhere.
    fn search(&mut self, text: Option<&str>) {
        let columns = &self.resource.text;
        for word in text.unwrap_or_default().split_whitespace().take(MAX_WORDS) {
            let pattern = format!("%{}%", escaped(word));
            let anywhere: Vec<String> =
                columns.iter().map(|column| format!("{} LIKE ? ESCAPE '\\'", quoted(column))).collect();
            self.conditions.push(format!("({})", anywhere.join(" OR ")));
            self.bound.extend(columns.iter().map(|_| Value::from(pattern.as_str())));
        }
    }

    fn condition(&self) -> String {
        if self.conditions.is_empty() { String::new() } else { format!("WHERE {}", self.conditions.join(" AND ")) }
    }
}

fn is_filter(parameter: &crate::api::route::Parameter) -> bool {
    parameter.place == crate::api::route::Place::Query
}

/// What stands for itself in a LIKE pattern.
fn escaped(word: &str) -> String {
    word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn quoted(column: &str) -> String {
    format!("\"{column}\"")
}
