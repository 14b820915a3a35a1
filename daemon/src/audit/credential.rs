//! One row for each access to a credential, written in the transaction of what it is about.
//!
//! The rows of a machine are a chain: each has its place in it, and an HMAC over all of its columns and over the HMAC of
//! the row before. The key of the chain is derived from the vault's, so that nobody who has only the database can make or
//! mend a link. Where the chain ends is noted in the replica, beside and not in the table.

use merge::{Row, Value};
use migrations::catalogue::CREDENTIAL_AUDIT_LOG;
use serde_json::{Map, json};
use sync::local::{WriteTx, canonical_json, new_id};
use sync::{StoreError, datetime_text};
use vault::{ChainKey, Keyring};

use super::chain::heads::{self, Head};
use crate::server::guard::{Principal, hex};
use crate::vault::SecretError;

/// An access to a credential.
pub(crate) struct Access<'a> {
    /// The row of `credentials`.
    pub(crate) credential: &'a Row,
    /// One of the catalogue's list: `create`, `view`, `decrypt`, `update`, …
    pub(crate) action: &'static str,
    /// Names of the fields that it was about.
    pub(crate) fields: &'a [&'a str],
}

/// Writes the row. Nothing is done with a credential that cannot be put on record: an error here ends the transaction.
pub(crate) fn record(
    tx: &mut WriteTx<'_>,
    keys: &Keyring,
    who: &Principal,
    access: &Access<'_>,
) -> Result<(), AuditError> {
    let chain: String = tx
        .connection()
        .query_row("SELECT value FROM ct_sync_state WHERE name = 'replica_id'", [], |row| row.get(0))
        .map_err(StoreError::from)?;
    let head = heads::of(tx.connection(), &chain)?;
    let position = head.position + 1;
    let key = keys.get(keys.current()).map_err(SecretError::from)?;
    let place = json!({ "id": chain, "key": key.id().to_string(), "position": position });
    let details = json!({ "chain": place, "fields": access.fields });
    let details = canonical_json(&details.to_string()).unwrap_or_default();
    let credential = access.credential;
    let label = [credential.text("service_name"), credential.text("username")];
    let label: Vec<&str> = label.into_iter().flatten().collect();
    let row = Row::new(CREDENTIAL_AUDIT_LOG)
        .with("id", new_id(tx.now_us()))
        .with("credential_id", credential.text("id").unwrap_or_default())
        .with("credential_label", cut(&label.join(" / "), 500))
        .with("action", access.action)
        .with("user_id", who.user.as_str())
        .with("machine", cut(&who.machine, 255))
        .with("user_agent", who.agent.as_deref().map_or(Value::Null, |agent| cut(agent, 500).into()))
        .with("details", details)
        .with("created_at", datetime_text(tx.now_us()));
    let link = ChainKey::new(key, &chain).link(&head.link, record_of(&row).as_bytes());
    tx.put(row.with("row_hmac", hex(&link)))?;
    let head = Head { position, link, machine: Some(cut(&who.machine, 255)) };
    heads::note(tx.connection(), &chain, &head)?;
    Ok(())
}

/// Why an access was not put on record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    /// The vault gives no key.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The replica.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a link vouches for: every column but the link itself, as canonical JSON.
pub(super) fn record_of(row: &Row) -> String {
    let columns = CREDENTIAL_AUDIT_LOG.columns.iter().filter(|column| column.name != "row_hmac");
    let pairs = columns.map(|column| {
        let value = match row.get(column.name) {
            Value::Text(text) => json!(text),
            Value::Int(number) => json!(number),
            Value::Null | Value::Blob(_) => serde_json::Value::Null,
        };
        (column.name.to_owned(), value)
    });
    let object: Map<String, serde_json::Value> = pairs.collect();
    canonical_json(&serde_json::Value::Object(object).to_string()).unwrap_or_default()
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
