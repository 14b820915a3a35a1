//! The schemas of a table: the row, a new one, a change, a page.

use serde_json::{Map, Value as Json, json};

use super::example;
use super::value::{Way, of_field};
use crate::api::input::body::FORM;
use crate::api::plan::{Field, Resource, Role, Verbs};
use crate::api::route::Content;

/// The schemas of a table, by name.
pub(super) fn schemas(resource: &Resource) -> Vec<(String, Json)> {
    let name = resource.schema();
    let mut schemas = vec![(name.to_owned(), row(resource)), (format!("{name}Page"), page(name))];
    if resource.offer.verbs >= Verbs::Append {
        let mut new = object(resource.writable(), Field::is_required);
        new["examples"] = json!([example::row(resource)]);
        schemas.push((format!("{name}Create"), new));
    }
    if resource.offer.verbs == Verbs::All {
        schemas.push((format!("{name}Update"), object(resource.changeable(), |_| false)));
    }
    schemas
}

fn row(resource: &Resource) -> Json {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in &resource.fields {
        if matches!(field.role, Role::Sealed | Role::Packed) {
            let about = format!("Whether there is a value of `{}`.", field.name);
            properties.insert(field.has(), json!({ "type": "boolean", "description": about, "readOnly": true }));
            required.push(field.has());
        }
        if field.role != Role::Sealed {
            properties.insert(field.name.to_owned(), of_field(field, Way::Out));
        }
        if !matches!(field.role, Role::Sealed | Role::Packed) {
            required.push(field.name.to_owned());
        }
    }
    json!({
        "type": "object",
        "description": resource.entity.purpose,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn page(name: &str) -> Json {
    json!({
        "type": "object",
        "properties": {
            "total": { "type": "integer", "minimum": 0, "description": "Rows that match the filter." },
            "skip": { "type": "integer", "minimum": 0 },
            "limit": { "type": "integer", "minimum": 1, "maximum": 1000 },
            "items": { "type": "array", "items": reference(name) },
        },
        "required": ["total", "skip", "limit", "items"],
        "additionalProperties": false,
    })
}

fn object<'r>(fields: impl Iterator<Item = &'r Field>, is_required: impl Fn(&Field) -> bool) -> Json {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields {
        properties.insert(field.name.to_owned(), of_field(field, Way::In));
        if is_required(field) {
            required.push(field.name);
        }
    }
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// The media types of a body with their schemas; empty when there is no body.
pub(super) fn content(content: Content, generator: &mut schemars::SchemaGenerator) -> Map<String, Json> {
    let json_of = |schema: Json| media("application/json", &schema);
    match content {
        Content::None => Map::new(),
        Content::Text(name) => media(name, &json!({ "type": "string" })),
        Content::TextOr(name, of) => {
            let mut types = media(name, &json!({ "type": "string" }));
            types.extend(json_of(of(generator).to_value()));
            types
        }
        Content::Row(resource) => json_of(reference(resource.schema())),
        Content::Page(resource) => json_of(reference(&format!("{}Page", resource.schema()))),
        Content::New(resource) => json_of(reference(&format!("{}Create", resource.schema()))),
        Content::Change(resource) => json_of(reference(&format!("{}Update", resource.schema()))),
        Content::Some(resource, names, required) => {
            let fields = resource.fields.iter().filter(|field| names.contains(&field.name));
            json_of(object(fields, |field| required.contains(&field.name)))
        }
        Content::Type(of) => json_of(of(generator).to_value()),
        Content::TypeOrForm(of, form) => {
            let mut types = json_of(of(generator).to_value());
            types.extend(media(FORM, &form(generator).to_value()));
            types
        }
        Content::RowOr(resource, of) => {
            json_of(json!({ "anyOf": [reference(resource.schema()), of(generator).to_value()] }))
        }
    }
}

fn media(name: &str, schema: &Json) -> Map<String, Json> {
    [(name.to_owned(), json!({ "schema": schema }))].into_iter().collect()
}

fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
