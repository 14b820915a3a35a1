//! The schema of one value.

use migrations::{Column, Kind};
use serde_json::{Value as Json, json};

use super::example;
use crate::api::input::value::bounds;
use crate::api::plan::{Field, Form, JsonShape, Role};
use crate::api::route::Parameter;

/// Years that a time may lie in.
pub(crate) const YEAR: &str = "(19[7-9][0-9]|[2-9][0-9]{3})";
/// Longest text, in characters.
const TEXT_CHARS: u32 = 1 << 20;
const PACKED_CHARS: u32 = 256 << 10;

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

/// The schema of a field.
pub(super) fn of_field(field: &Field, way: Way) -> Json {
    let column = field.column;
    let mut schema = match (field.role, column.kind) {
        (Role::Sealed, _) => json!({ "type": "string", "maxLength": TEXT_CHARS, "writeOnly": true }),
        (Role::Packed, _) => json!({ "type": "string", "maxLength": PACKED_CHARS }),
        (_, Kind::Json) => structured(field),
        _ => scalar(column, field.range, field.form, way),
    };
    if column.nullable {
        schema = nullable(schema);
    }
    describe(&mut schema, field);
    // `created_at` and the like are the daemon's to set.
    if field.role == Role::Stamp {
        schema["readOnly"] = true.into();
    }
    let example = example::of(field);
    schema["examples"] = json!([example]);
    schema
}

/// The schema of a parameter.
pub(super) fn of_parameter(parameter: &Parameter) -> Json {
    let mut schema = scalar(&parameter.column, parameter.range, Form::AsGiven, Way::In);
    if let Some(object) = schema.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    schema
}

fn describe(schema: &mut Json, field: &Field) {
    let mut said: Vec<String> = Vec::new();
    if let Some(parent) = field.references {
        said.push(format!("Id of a row of {}.", parent.name));
    }
    match field.role {
        Role::Sealed => said.push("Kept encrypted, never answered.".into()),
        Role::Packed => said.push("Answered with a single row only.".into()),
        _ if field.column.sensitive => said.push("May hold secrets: it is in no log.".into()),
        _ => {}
    }
    if !field.column.note.is_empty() {
        said.push(format!("{}.", field.column.note.trim_end_matches('.')));
    }
    if !said.is_empty() {
        schema["description"] = said.join(" ").into();
    }
}

fn scalar(column: &Column, range: (Option<i64>, Option<i64>), form: Form, way: Way) -> Json {
    match column.kind {
        // What another program wrote at central is shown as it is: what only we check is open on the way out.
        Kind::String(_) if !column.values.is_empty() && (way == Way::In || column.checked) => {
            json!({ "type": "string", "enum": column.values })
        }
        Kind::Uuid => json!({ "type": "string", "format": "uuid" }),
        Kind::String(limit) => string(limit, form, way),
        Kind::Text => json!({ "type": "string", "maxLength": TEXT_CHARS }),
        Kind::Int | Kind::BigInt => {
            let (low, high) = bounds(column.kind, if way == Way::In { range } else { (None, None) });
            let format = if column.kind == Kind::Int { "int32" } else { "int64" };
            json!({ "type": "integer", "format": format, "minimum": low, "maximum": high })
        }
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Decimal(precision, scale) => json!({ "type": "string", "pattern": decimal(precision, scale, range) }),
        Kind::Date => json!({ "type": "string", "format": "date", "pattern": format!("^{YEAR}-") }),
        Kind::DateTime => json!({ "type": "string", "format": "date-time", "pattern": format!("^{YEAR}-") }),
        Kind::Json | Kind::Blob => json!({}),
    }
}

fn string(limit: u16, form: Form, way: Way) -> Json {
    match (form, way) {
        (Form::AsGiven, _) | (_, Way::Out) => json!({ "type": "string", "maxLength": limit }),
        (Form::Guid, _) => json!({ "type": "string", "format": "uuid" }),
        (Form::Slug, _) => json!({ "type": "string", "maxLength": limit, "pattern": "^[a-z0-9._/-]+$" }),
        _ => json!({ "type": "string", "minLength": 1, "maxLength": limit, "pattern": "\\S" }),
    }
}

/// The decimals of a column, within the bounds that occur: none, from 0, from 0 to 10.
fn decimal(precision: u8, scale: u8, range: (Option<i64>, Option<i64>)) -> String {
    let fraction = format!("(\\.[0-9]{{1,{scale}}})?");
    if let (Some(0), Some(high)) = range
        && high == 10 * 10_i64.pow(scale.into())
    {
        return format!("^(10(\\.0{{1,{scale}}})?|[0-9]{fraction})$");
    }
    let sign = if range.0 == Some(0) { "" } else { "-?" };
    format!("^{sign}(0|[1-9][0-9]{{0,{}}}){fraction}$", precision - scale - 1)
}

fn structured(field: &Field) -> Json {
    match field.json {
        JsonShape::Texts if field.form == Form::Tag => {
            json!({ "type": "array", "items": { "type": "string", "minLength": 1, "pattern": "\\S" } })
        }
        JsonShape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        JsonShape::Array => json!({ "type": "array", "items": {} }),
        JsonShape::Object => json!({ "type": "object" }),
        JsonShape::Any => json!({ "type": ["array", "object"] }),
    }
}

fn nullable(mut schema: Json) -> Json {
    match &mut schema["type"] {
        Json::Array(types) => types.push("null".into()),
        one => *one = json!([one, "null"]),
    }
    if let Some(values) = schema.get_mut("enum").and_then(Json::as_array_mut) {
        values.push(Json::Null);
    }
    schema
}
