//! Rows as they go out.

use std::convert::Infallible;

use merge::Row;
use migrations::Kind;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sync::StoreError;
use sync::local::{Cell, Found, decompress};

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

/// Where the values of a row are.
pub(crate) trait Cells {
    /// Why a value cannot be shown.
    type Error;

    /// Shows the value at that position.
    fn show<T>(&self, position: usize, see: impl FnOnce(&Cell<'_>) -> T) -> Result<T, Self::Error>;
}

impl Cells for Found<'_> {
    type Error = StoreError;

    fn show<T>(&self, position: usize, see: impl FnOnce(&Cell<'_>) -> T) -> Result<T, StoreError> {
        Found::show(self, position, see)
    }
}

impl Cells for Row {
    type Error = Infallible;

    fn show<T>(&self, position: usize, see: impl FnOnce(&Cell<'_>) -> T) -> Result<T, Infallible> {
        Ok(see(&self.at(position).into()))
    }
}

/// Writes a row as JSON, right from where its values are: lists are made of many. Of encrypted columns it says only
/// whether they hold something.
pub(crate) fn write<C: Cells>(
    out: &mut Vec<u8>,
    resource: &Resource,
    detail: Detail,
    cells: &C,
) -> Result<(), C::Error> {
    out.push(b'{');
    for (place, field) in resource.fields.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        cells.show(field.position, |cell| shown(out, field, detail, cell))?;
    }
    out.push(b'}');
    Ok(())
}

fn shown(out: &mut Vec<u8>, field: &Field, detail: Detail, cell: &Cell<'_>) {
    out.extend_from_slice(field.opening.as_bytes());
    let is_there = !matches!(cell, Cell::Null);
    match field.role {
        Role::Sealed => boolean(out, is_there),
        Role::Packed => {
            boolean(out, is_there);
            if detail == Detail::Whole {
                out.push(b',');
                string(out, field.name);
                out.push(b':');
                unpacked(out, cell);
            }
        }
        Role::Key | Role::Plain | Role::Stamp => plain(out, field, cell),
    }
}

/// A row as JSON, in bytes.
pub(crate) fn bytes(resource: &Resource, row: &Row, detail: Detail) -> Vec<u8> {
    let mut out = Vec::new();
    let Ok(()) = write(&mut out, resource, detail, row);
    out
}

/// A row as a tree of JSON.
pub(crate) fn row(resource: &Resource, row: &Row, detail: Detail) -> Json {
    // What is written here can be read.
    serde_json::from_slice(&bytes(resource, row, detail)).unwrap_or_default()
}

/// A value that is shown as it is.
fn plain(out: &mut Vec<u8>, field: &Field, cell: &Cell<'_>) {
    match (field.column.kind, cell) {
        (_, Cell::Null) => out.extend_from_slice(b"null"),
        (Kind::Bool, Cell::Int(number)) => boolean(out, *number != 0),
        (Kind::Decimal(_, scale), Cell::Int(number)) => string(out, &decimal_text(*number, scale)),
        (Kind::Json, Cell::Text(text)) => json(out, text),
        (_, Cell::Int(number)) => out.extend_from_slice(number.to_string().as_bytes()),
        (_, Cell::Text(text)) => string(out, text),
        (_, Cell::Blob(bytes)) => string(out, &hex(bytes)),
    }
}

fn boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Most texts hold nothing that has to be escaped, which is seen of many bytes at a time.
#[expect(clippy::needless_bitwise_bool, reason = "without a branch for each, they are compared many at a time")]
fn string(out: &mut Vec<u8>, text: &str) {
    let is_special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |any, byte| any | is_special(byte)) {
        out.extend_from_slice(Json::from(text).to_string().as_bytes());
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// What another program wrote at central may be no JSON; then it is shown as the text that it is.
fn json(out: &mut Vec<u8>, text: &str) {
    match serde_json::from_str::<Json>(text) {
        Ok(json) => out.extend_from_slice(json.to_string().as_bytes()),
        Err(_) => string(out, text),
    }
}

/// A frame that another program wrote may be no frame of ours; that must not keep the rest of the row from its reader.
fn unpacked(out: &mut Vec<u8>, cell: &Cell<'_>) {
    let frame = if let Cell::Blob(bytes) = cell { decompress(bytes).ok() } else { None };
    match frame {
        Some(bytes) => string(out, &String::from_utf8_lossy(&bytes)),
        None => out.extend_from_slice(b"null"),
    }
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
