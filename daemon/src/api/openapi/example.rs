//! Examples: for each field a value that the API takes.

use migrations::Kind;
use serde_json::{Value as Json, json};

use crate::api::plan::{Field, Form, JsonShape, Resource, Role};

/// A value for a field.
pub(super) fn of(field: &Field) -> Json {
    if let Some(first) = field.column.values.first() {
        return json!(first);
    }
    match field.column.kind {
        Kind::Uuid => json!("0190f5b2-7c3e-7d4a-8b21-3f6e5d4c2b1a"),
        Kind::Int | Kind::BigInt => json!(field.range.0.unwrap_or(0).max(1)),
        Kind::Bool => json!(true),
        Kind::Decimal(precision, scale) => {
            let whole = if precision - scale > 2 { "125" } else { "7" };
            json!(format!("{whole}.{:0<width$}", 5, width = usize::from(scale)))
        }
        Kind::Date => json!("2026-03-01"),
        Kind::DateTime => json!("2026-03-01T09:30:00.000000Z"),
        Kind::Json => structured(field),
        Kind::Blob => json!(if field.role == Role::Sealed { "a secret" } else { "a long text" }),
        Kind::String(_) | Kind::Text => json!(text(field)),
    }
}

fn structured(field: &Field) -> Json {
    match field.json {
        JsonShape::Texts if field.form == Form::Tag => json!(["backup", "dns"]),
        JsonShape::Texts | JsonShape::Array => json!(["one", "two"]),
        JsonShape::Object | JsonShape::Any => json!({ "name": "value" }),
    }
}

/// A text of the kind that the column's name tells of.
fn text(field: &Field) -> String {
    match field.form {
        Form::Guid => return "7f3c1f1e-95a4-4b7e-8f0e-6d2f1b0c9a11".into(),
        Form::Slug => return "github.com/acme/site".into(),
        Form::LowerName => return "ann@example.com".into(),
        Form::Tag => return "backup".into(),
        Form::AsGiven | Form::Name => {}
    }
    let name = field.name;
    let ends = |end: &str| name.ends_with(end);
    match name {
        "ip_address" | "gateway_ip" | "static_ip" => "192.0.2.10".into(),
        "mac_address" => "02:00:5e:10:00:01".into(),
        "sha256" | "row_hmac" => "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        "machine_fingerprint" => "linux/ann/LAPTOP-7".into(),
        "powershell_version" => "7.4.1".into(),
        "port_range" => "443".into(),
        _ if ends("_email") || ends("_by") || matches!(name, "user_id" | "assigned_to" | "email") => {
            "ann@example.com".into()
        }
        _ if ends("url") => "https://example.com/page".into(),
        _ if ends("_path") || ends("directory") || ends("_location") => "/srv/site".into(),
        _ if ends("hostname") || name == "host" => "SRV1".into(),
        _ => {
            let words = name.replace('_', " ");
            let length = match field.column.kind {
                Kind::String(limit) => usize::from(limit),
                _ => words.len() + 3,
            };
            format!("A {words}").chars().take(length).collect()
        }
    }
}

/// A new row, with every field that a caller may give but ids that need not be, and secrets.
pub(super) fn row(resource: &Resource) -> Json {
    let given = resource
        .changeable()
        .filter(|field| field.role != Role::Sealed && (field.column.kind != Kind::Uuid || field.is_required()));
    given.map(|field| (field.name.to_owned(), of(field))).collect::<serde_json::Map<_, _>>().into()
}
