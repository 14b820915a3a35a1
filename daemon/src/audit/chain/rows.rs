//! The rows of the trail, and what each says of its place in a chain.

use merge::{Row, Value};
use migrations::catalogue::CREDENTIAL_AUDIT_LOG;
use rusqlite::{Connection, Params};
use serde_json::Value as Json;
use sync::StoreError;
use sync::local::canonical_json;
use vault::Link;

/// A row with the name of the key that it was linked with.
pub(super) struct Linked {
    pub(super) row: Row,
    pub(super) key: String,
}

/// A place in a chain.
pub(super) struct Place {
    pub(super) chain: String,
    pub(super) position: u64,
    pub(super) key: String,
}

/// All rows.
pub(super) fn all(db: &Connection) -> Result<Vec<Row>, StoreError> {
    some(db, "ORDER BY id", [])
}

/// Those whose place is behind what was seen of their chain, leaving out this one.
pub(super) fn unseen(db: &Connection, own: &str) -> Result<Vec<Row>, StoreError> {
    // What is no JSON is in no chain.
    let of = |name: &str| format!("CASE WHEN json_valid(details) THEN json_extract(details, '$.chain.{name}') END");
    let (chain, position) = (of("id"), of("position"));
    let seen = format!("coalesce((SELECT c.position FROM ct_audit_chains c WHERE c.chain = {chain}), 0)");
    some(db, &format!("WHERE {position} > {seen} AND {chain} <> ?1 ORDER BY id"), [own])
}

fn some(db: &Connection, clause: &str, bound: impl Params) -> Result<Vec<Row>, StoreError> {
    let columns: Vec<&str> = CREDENTIAL_AUDIT_LOG.columns.iter().map(|column| column.name).collect();
    let sql = format!("SELECT {} FROM {} {clause}", columns.join(", "), CREDENTIAL_AUDIT_LOG.name);
    let mut statement = db.prepare_cached(&sql)?;
    let read = |found: &rusqlite::Row<'_>| -> rusqlite::Result<Row> {
        let mut row = Row::new(CREDENTIAL_AUDIT_LOG);
        for (at, _) in columns.iter().enumerate() {
            // Every column of this table is text.
            row.set_at(at, found.get::<_, Option<String>>(at)?.map_or(Value::Null, Value::from));
        }
        Ok(row)
    };
    Ok(statement.query_map(bound, read)?.collect::<Result<_, _>>()?)
}

/// None when the row is in no chain.
pub(super) fn place_of(row: &Row) -> Option<Place> {
    let details: Json = serde_json::from_str(row.text("details")?).ok()?;
    let place = &details["chain"];
    let text = |name: &str| place[name].as_str().map(str::to_owned);
    let position = place["position"].as_u64().filter(|position| *position > 0)?;
    Some(Place { chain: text("id")?, position, key: text("key")? })
}

/// The row as it would say that it is in another place of its chain.
pub(super) fn at_position(row: &Row, position: u64) -> Option<Row> {
    let mut details: Json = serde_json::from_str(row.text("details")?).ok()?;
    *details.pointer_mut("/chain/position")? = position.into();
    Some(row.clone().with("details", canonical_json(&details.to_string())?))
}

/// The link that a row holds.
pub(super) fn link_of(row: &Row) -> Option<Link> {
    let text = row.text("row_hmac").filter(|text| text.len() == 64 && text.is_ascii())?;
    let mut link = Link::default();
    for (at, byte) in link.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(link)
}
