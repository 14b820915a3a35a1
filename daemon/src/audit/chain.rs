//! Verifying the chains of audit rows: the first row of each that was altered, removed or moved.
//!
//! A machine holds the rows that it wrote itself. What somebody does to them with SQL at central comes here with the next
//! round, since of rows that are written once central's stand; here it does not fit its link any more.

use std::collections::BTreeMap;

use merge::{Row, Value};
use migrations::catalogue::CREDENTIAL_AUDIT_LOG;
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::StoreError;
use sync::local::ReadTx;
use vault::{ChainKey, Keyring, Link};

use super::credential::record_of;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Verification {
    /// Rows that were looked at.
    pub(crate) rows: u64,
    /// True when every row is as it was written, and none is missing.
    pub(crate) intact: bool,
    /// What is not, of each chain the first first.
    pub(crate) broken: Vec<Broken>,
}

/// A row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "BrokenAuditRow")]
pub(crate) struct Broken {
    /// `altered`: it, or its place in the chain, was changed; `removed`; `foreign`: it is in no chain; `unverifiable`: the
    /// key of its chain is not here.
    pub(crate) what: What,
    /// The machine's replica that wrote the chain; `null` for a row in no chain.
    pub(crate) chain: Option<String>,
    /// Its place in the chain, from 1.
    pub(crate) position: Option<u64>,
    /// The row; `null` when it was removed.
    pub(crate) id: Option<String>,
    /// When it was written, as it says; of a removed row, when the one before it was.
    pub(crate) at: Option<String>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Altered,
    Removed,
    Foreign,
    Unverifiable,
}

impl Broken {
    /// In a sentence.
    pub(crate) fn said(&self) -> String {
        let id = self.id.as_deref().unwrap_or("?");
        let position = self.position.map_or(String::new(), |position| format!(", number {position} of its chain"));
        match self.what {
            What::Altered => format!("the audit row {id}{position}, was altered"),
            What::Removed => {
                let after = self.at.as_ref().map_or("at the start".to_owned(), |at| format!("after the one of {at}"));
                format!("an audit row{position}, was removed ({after})")
            }
            What::Foreign => {
                format!("the audit row {id} is in no chain: it was altered, or written by another program")
            }
            What::Unverifiable => format!("the audit row {id}{position}, cannot be verified: its key is not here"),
        }
    }
}

/// A row with its place.
struct Linked {
    row: Row,
    key: String,
}

type Chain = BTreeMap<u64, Vec<Linked>>;

/// Verifies all chains.
pub(crate) fn verify(tx: &ReadTx<'_>, keys: &Keyring) -> Result<Verification, StoreError> {
    let (mut found, mut chains) = (Verification::default(), BTreeMap::<String, Chain>::new());
    for row in rows(tx.connection())? {
        found.rows += 1;
        match place_of(&row) {
            Some((chain, position, key)) => {
                chains.entry(chain).or_default().entry(position).or_default().push(Linked { row, key });
            }
            None => found.broken.push(broken(What::Foreign, None, None, Some(&row))),
        }
    }
    for (chain, end) in heads(tx.connection())? {
        let rows = chains.remove(&chain).unwrap_or_default();
        found.broken.extend(verify_chain(&chain, &rows, end, keys));
    }
    for (chain, rows) in &chains {
        found.broken.extend(verify_chain(chain, rows, 0, keys));
    }
    found.intact = found.broken.is_empty();
    Ok(found)
}

fn verify_chain(chain: &str, rows: &Chain, end: u64, keys: &Keyring) -> Vec<Broken> {
    let mut found = Vec::new();
    let last = end.max(rows.keys().next_back().copied().unwrap_or(0));
    // What the next row follows; None when that is not to be known.
    let mut previous: Option<Link> = Some([0; 32]);
    let mut before: Option<&Row> = None;
    for position in 1..=last {
        let Some(here) = rows.get(&position) else {
            let at = before.and_then(|row| row.text("created_at")).map(str::to_owned);
            found.push(Broken { at, ..broken(What::Removed, Some(chain), Some(position), None) });
            previous = None;
            // What is missing at the end is told once, however much it is.
            if rows.range(position..).next().is_none() {
                break;
            }
            continue;
        };
        for linked in here {
            let said = match fits(linked, chain, previous.as_ref(), keys) {
                Some(true) => None,
                Some(false) => Some(What::Altered),
                None => Some(What::Unverifiable),
            };
            found.extend(said.map(|what| broken(what, Some(chain), Some(position), Some(&linked.row))));
        }
        previous = here.first().and_then(|linked| link_of(&linked.row));
        before = here.first().map(|linked| &linked.row);
    }
    found
}

/// None when the key is not here. After a gap a row is taken on trust: the one that follows shows whether it is whole.
fn fits(linked: &Linked, chain: &str, previous: Option<&Link>, keys: &Keyring) -> Option<bool> {
    let key = keys.get(linked.key.parse().ok()?).ok()?;
    let Some(previous) = previous else { return Some(true) };
    let link = ChainKey::new(key, chain).link(previous, record_of(&linked.row).as_bytes());
    Some(link_of(&linked.row) == Some(link))
}

fn link_of(row: &Row) -> Option<Link> {
    let text = row.text("row_hmac").filter(|text| text.len() == 64 && text.is_ascii())?;
    let mut link = Link::default();
    for (at, byte) in link.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(link)
}

/// Chain, position in it, and name of the key.
fn place_of(row: &Row) -> Option<(String, u64, String)> {
    let details: serde_json::Value = serde_json::from_str(row.text("details")?).ok()?;
    let place = &details["chain"];
    let text = |name: &str| place[name].as_str().map(str::to_owned);
    Some((text("id")?, place["position"].as_u64().filter(|position| *position > 0)?, text("key")?))
}

fn broken(what: What, chain: Option<&str>, position: Option<u64>, row: Option<&Row>) -> Broken {
    let text = |name: &str| row.and_then(|row| row.text(name)).map(str::to_owned);
    Broken { what, chain: chain.map(str::to_owned), position, id: text("id"), at: text("created_at") }
}

fn heads(db: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement = db.prepare_cached("SELECT chain, position FROM ct_audit_chains ORDER BY chain")?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn rows(db: &Connection) -> Result<Vec<Row>, StoreError> {
    let columns: Vec<&str> = CREDENTIAL_AUDIT_LOG.columns.iter().map(|column| column.name).collect();
    let sql = format!("SELECT {} FROM {} ORDER BY id", columns.join(", "), CREDENTIAL_AUDIT_LOG.name);
    let mut statement = db.prepare_cached(&sql)?;
    let read = |found: &rusqlite::Row<'_>| -> rusqlite::Result<Row> {
        let mut row = Row::new(CREDENTIAL_AUDIT_LOG);
        for (at, _) in columns.iter().enumerate() {
            // Every column of this table is text.
            row.set_at(at, found.get::<_, Option<String>>(at)?.map_or(Value::Null, Value::from));
        }
        Ok(row)
    };
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}
