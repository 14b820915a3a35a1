//! A row as bytes, for bases, receipts and tombstones.
//!
//! A JSON object of the non-NULL columns by name, so that an image made by an older schema is read by a newer one (new
//! columns are NULL) and the other way round (columns that this build does not know are ignored). Blobs are hex.

use migrations::{Entity, Kind};
use serde_json::{Map, Value as Json};

use crate::{Row, Value};

/// An image that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("damaged image of a row of {table}: {reason}")]
pub struct ImageError {
    table: &'static str,
    reason: &'static str,
}

/// The row as bytes.
pub fn encode(row: &Row) -> Vec<u8> {
    let mut object = Map::new();
    for (column, value) in row.entity().columns.iter().zip(row.values()) {
        let json = match value {
            Value::Null => continue,
            Value::Int(number) => Json::from(*number),
            Value::Text(text) => Json::from(text.as_str()),
            Value::Blob(bytes) => Json::from(hex(bytes)),
        };
        object.insert(column.name.to_owned(), json);
    }
    Json::Object(object).to_string().into_bytes()
}

/// The row from bytes.
pub fn decode(entity: &'static Entity, image: &[u8]) -> Result<Row, ImageError> {
    let damaged = |reason| ImageError { table: entity.name, reason };
    let object: Map<String, Json> = serde_json::from_slice(image).map_err(|_| damaged("it is not a JSON object"))?;
    let mut row = Row::new(entity);
    for (position, column) in entity.columns.iter().enumerate() {
        let value = match object.get(column.name) {
            None | Some(Json::Null) => Value::Null,
            Some(Json::Number(number)) => {
                Value::Int(number.as_i64().ok_or_else(|| damaged("a number is out of range"))?)
            }
            Some(Json::String(text)) if column.kind == Kind::Blob => {
                Value::Blob(unhex(text).ok_or_else(|| damaged("a blob is not hexadecimal"))?)
            }
            Some(Json::String(text)) => Value::Text(text.clone()),
            Some(_) => return Err(damaged("a value is neither number nor text")),
        };
        row.set_at(position, value);
    }
    Ok(row)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let nibble = |b: u8| char::from(b).to_digit(16);
    text.as_bytes().chunks_exact(2).map(|pair| u8::try_from(nibble(pair[0])? * 16 + nibble(pair[1])?).ok()).collect()
}
