//! Rows as they go out.

use merge::{Row, Value};
use migrations::Kind;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use sync::local::decompress;

use super::input::value::decimal_text;
use super::plan::{Field, Resource, Role};
use crate::server::guard::hex;

/// How much of a row is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// As in lists: long texts only by whether they are there.
    Short,
    /// With its long texts.
    Whole,
}

/// A row as JSON. Of encrypted columns it says only whether they hold something.
pub(crate) fn row(resource: &Resource, row: &Row, detail: Detail) -> Json {
    let mut shown = Map::new();
    for field in &resource.fields {
        let value = row.at(field.position);
        match field.role {
            Role::Sealed => drop(shown.insert(has(field), (!value.is_null()).into())),
            Role::Packed => {
                shown.insert(has(field), (!value.is_null()).into());
                if detail == Detail::Whole {
                    shown.insert(field.name.to_owned(), unpacked(value));
                }
            }
            Role::Key | Role::Plain | Role::Stamp => drop(shown.insert(field.name.to_owned(), plain(field, value))),
        }
    }
    Json::Object(shown)
}

/// The name under which it is said whether there is something: `has_password`.
pub(crate) fn has(field: &Field) -> String {
    format!("has_{}", field.name)
}

fn plain(field: &Field, value: &Value) -> Json {
    match (field.column.kind, value) {
        (_, Value::Null) => Json::Null,
        (Kind::Bool, Value::Int(number)) => (*number != 0).into(),
        (Kind::Decimal(_, scale), Value::Int(number)) => decimal_text(*number, scale).into(),
        // What another program wrote at central may be no JSON; then it is shown as the text that it is.
        (Kind::Json, Value::Text(text)) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        (_, Value::Int(number)) => (*number).into(),
        (_, Value::Text(text)) => text.as_str().into(),
        (_, Value::Blob(bytes)) => hex(bytes).into(),
    }
}

/// A frame that another program wrote may be no frame of ours; that must not keep the rest of the row from its reader.
fn unpacked(value: &Value) -> Json {
    let text = value.as_blob().and_then(|frame| decompress(frame).ok());
    text.map_or(Json::Null, |bytes| String::from_utf8_lossy(&bytes).into_owned().into())
}

/// The version of a row: changes whenever anything in it does.
pub(crate) fn etag(row: &Row) -> String {
    etag_of(&merge::encode(row))
}

/// The version of anything, by its bytes.
pub(crate) fn etag_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("\"{}\"", hex(&digest[..12]))
}
