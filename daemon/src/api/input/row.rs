//! The fields of a body into the values of a row.

use merge::{Row, Value};
use serde_json::{Map, Value as Json};
use sync::local::compress;

use super::value;
use crate::api::plan::{Field, Resource, Role};
use crate::api::problem::Problem;

/// The values that a body gives, by the position of their columns. Encrypted columns are apart, as only the vault can
/// make something of them that may be written.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) values: Vec<(usize, Value)>,
    pub(crate) secrets: Vec<Secret>,
}

/// A value in plain, for an encrypted column. No `Debug`.
pub(crate) struct Secret {
    pub(crate) position: usize,
    pub(crate) plain: String,
}

impl Given {
    /// The value given for a column.
    pub(crate) fn value(&self, position: usize) -> Option<&Value> {
        self.values.iter().find(|(given, _)| *given == position).map(|(_, value)| value)
    }

    /// Writes the values into a row.
    pub(crate) fn fill(&self, row: &mut Row) {
        for (position, value) in &self.values {
            row.set_at(*position, value.clone());
        }
    }
}

/// Takes the fields that a body gives. `allowed` says which it may give, `required` which it must.
pub(crate) fn take<'r>(
    body: &Map<String, Json>,
    allowed: impl Iterator<Item = &'r Field>,
    required: impl Fn(&Field) -> bool,
) -> Result<Given, Problem> {
    let allowed: Vec<&Field> = allowed.collect();
    let (mut given, mut wrong) = (Given::default(), Vec::new());
    for (name, json) in body {
        let Some(field) = allowed.iter().find(|field| field.name == name) else {
            wrong.push((name.clone(), "is no field that can be given here".to_owned()));
            continue;
        };
        match value::of_json(field, json) {
            Ok(value) => add(&mut given, field, value),
            Err(reason) => wrong.push((name.clone(), reason)),
        }
    }
    let missing = allowed.iter().filter(|field| required(field) && !body.contains_key(field.name));
    wrong.extend(missing.map(|field| (field.name.to_owned(), "must be given".to_owned())));
    if wrong.is_empty() { Ok(given) } else { Err(Problem::fields(&wrong)) }
}

fn add(given: &mut Given, field: &Field, value: Value) {
    match (field.role, value) {
        (Role::Sealed, Value::Text(plain)) => given.secrets.push(Secret { position: field.position, plain }),
        (Role::Packed, Value::Text(text)) => {
            given.values.push((field.position, compress(text.as_bytes()).into()));
        }
        (_, value) => given.values.push((field.position, value)),
    }
}

/// The fields of a new row.
pub(crate) fn new(resource: &Resource, body: &Map<String, Json>) -> Result<Given, Problem> {
    take(body, resource.writable(), Field::is_required)
}

/// The fields of a change.
pub(crate) fn change(resource: &Resource, body: &Map<String, Json>) -> Result<Given, Problem> {
    take(body, resource.changeable(), |_| false)
}

/// Some fields of a row.
pub(crate) fn some(
    resource: &Resource,
    body: &Map<String, Json>,
    names: &[&str],
    required: &[&str],
) -> Result<Given, Problem> {
    let allowed = resource.fields.iter().filter(|field| names.contains(&field.name));
    take(body, allowed, |field| required.contains(&field.name))
}
