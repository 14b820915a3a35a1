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
    // Written down piece by piece: every row that is sent passes here, and a JSON object would copy all of it first.
    let mut image = Vec::with_capacity(row.values().iter().map(room_for).sum());
    image.push(b'{');
    for (column, value) in row.entity().columns.iter().zip(row.values()).filter(|(_, value)| !value.is_null()) {
        if image.len() > 1 {
            image.push(b',');
        }
        write_json(&mut image, column.name);
        image.push(b':');
        match value {
            Value::Null => {}
            Value::Int(number) => image.extend_from_slice(number.to_string().as_bytes()),
            Value::Text(text) => write_json(&mut image, text),
            Value::Blob(bytes) => write_json(&mut image, &hex(bytes)),
        }
    }
    image.push(b'}');
    image
}

/// About the bytes that a value takes, with its name.
fn room_for(value: &Value) -> usize {
    24 + match value {
        Value::Null | Value::Int(_) => 8,
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len() * 2,
    }
}

fn write_json(image: &mut Vec<u8>, text: &str) {
    // Text always has a form in JSON, and memory takes all that is written to it.
    let written = serde_json::to_writer(image, text);
    debug_assert!(written.is_ok());
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
