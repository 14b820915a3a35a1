//! Rows as they go out.

use merge::{Row, Value};
use migrations::Kind;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
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

/// A row as JSON, written without a tree of it in between: lists are made of many. Of encrypted columns it says only
/// whether they hold something.
pub(crate) struct Shown<'a> {
    pub(crate) resource: &'static Resource,
    pub(crate) row: &'a Row,
    pub(crate) detail: Detail,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_map(None)?;
        for field in &self.resource.fields {
            let value = self.row.at(field.position);
            match field.role {
                Role::Sealed => shown.serialize_entry(&has(field), &!value.is_null())?,
                Role::Packed => {
                    shown.serialize_entry(&has(field), &!value.is_null())?;
                    if self.detail == Detail::Whole {
                        shown.serialize_entry(field.name, &unpacked(value))?;
                    }
                }
                Role::Key | Role::Plain | Role::Stamp => shown.serialize_entry(field.name, &Plain(field, value))?,
            }
        }
        shown.end()
    }
}

/// A row as a tree of JSON.
pub(crate) fn row(resource: &'static Resource, row: &Row, detail: Detail) -> Json {
    // A map with names for keys has a form.
    serde_json::to_value(Shown { resource, row, detail }).unwrap_or_default()
}

/// The name under which it is said whether there is something: `has_password`.
pub(crate) fn has(field: &Field) -> String {
    format!("has_{}", field.name)
}

/// A value that is shown as it is.
struct Plain<'a>(&'a Field, &'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0.column.kind, self.1) {
            (_, Value::Null) => serializer.serialize_unit(),
            (Kind::Bool, Value::Int(number)) => serializer.serialize_bool(*number != 0),
            (Kind::Decimal(_, scale), Value::Int(number)) => serializer.serialize_str(&decimal_text(*number, scale)),
            // What another program wrote at central may be no JSON; then it is shown as the text that it is.
            (Kind::Json, Value::Text(text)) => match serde_json::from_str::<Json>(text) {
                Ok(json) => json.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
            (_, Value::Int(number)) => serializer.serialize_i64(*number),
            (_, Value::Text(text)) => serializer.serialize_str(text),
            (_, Value::Blob(bytes)) => serializer.serialize_str(&hex(bytes)),
        }
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
