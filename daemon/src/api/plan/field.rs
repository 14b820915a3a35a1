//! A column as the API shows and takes it.

use migrations::entity::MergeRule;
use migrations::{Column, Entity, Kind};

use super::limits;

/// A column as the API shows and takes it.
#[derive(Debug)]
pub(crate) struct Field {
    /// Name in JSON: the column's, without `_encrypted` and `_zst`.
    pub(crate) name: &'static str,
    pub(crate) column: &'static Column,
    pub(crate) position: usize,
    pub(crate) role: Role,
    /// How it opens in JSON: its name, or the name under which it is said whether there is something (`"has_password":`).
    pub(crate) opening: String,
    /// The least and the greatest value that a condition of the table allows, in the units of the column.
    pub(crate) range: (Option<i64>, Option<i64>),
    pub(crate) form: Form,
    pub(crate) references: Option<&'static Entity>,
    /// What JSON may be in it.
    pub(crate) json: JsonShape,
}

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The row's id: may be given when it is made, and never changes.
    Key,
    /// A value.
    Plain,
    /// Set by the daemon alone.
    Stamp,
    /// Taken in plain, kept encrypted, never shown.
    Sealed,
    /// Long text, kept compressed, shown with a single row only.
    Packed,
}

/// The form that a text is brought into before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As it is.
    AsGiven,
    /// A name that people compare: trimmed, inner blanks collapsed, NFC.
    Name,
    /// The same in lower case (an address that identifies somebody).
    LowerName,
    /// The same in lower case, with `-` for blanks.
    Tag,
    /// A UUID in lower case.
    Guid,
    /// A project's key: `[a-z0-9._/-]`.
    Slug,
}

/// What JSON may be in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonShape {
    /// A list of texts: it is merged as a set.
    Texts,
    /// Any list.
    Array,
    /// Any object.
    Object,
    /// A list or an object.
    Any,
}

impl Field {
    pub(super) fn new(entity: &'static Entity, position: usize) -> Self {
        let column = &entity.columns[position];
        let references = entity.foreign_keys.iter().find(|key| key.column == column.name);
        let name = column.name.trim_end_matches("_encrypted").trim_end_matches("_zst");
        let role = role(entity, column);
        Self {
            name,
            column,
            position,
            role,
            opening: opening(name, role),
            range: limits::range(entity, column),
            form: form(entity, column),
            references: references.and_then(|key| migrations::entity(key.references)),
            json: shape(column),
        }
    }

    /// The name under which it is said whether there is something: `has_password`.
    pub(crate) fn has(&self) -> String {
        format!("has_{}", self.name)
    }

    /// Whether a new row must have it.
    pub(crate) fn is_required(&self) -> bool {
        self.role == Role::Plain && !self.column.nullable && self.column.default.is_none()
    }
}

fn role(entity: &Entity, column: &Column) -> Role {
    match column.name {
        name if entity.primary_key.contains(&name) => Role::Key,
        "created_at" | "updated_at" => Role::Stamp,
        _ if column.encrypted => Role::Sealed,
        _ if column.compressed => Role::Packed,
        _ => Role::Plain,
    }
}

fn opening(name: &str, role: Role) -> String {
    let has = if matches!(role, Role::Sealed | Role::Packed) { "has_" } else { "" };
    format!("\"{has}{name}\":")
}

fn form(entity: &Entity, column: &Column) -> Form {
    match (entity.name, column.name) {
        ("tags", "name") | (_, "tags") => Form::Tag,
        ("m365_tenants", "tenant_id") => Form::Guid,
        ("projects", "slug") => Form::Slug,
        ("credential_permissions", "user_id") | ("users", "email") => Form::LowerName,
        _ if is_name(entity, column) => Form::Name,
        _ => Form::AsGiven,
    }
}

/// A text that a unique key is made of is one that people compare.
fn is_name(entity: &Entity, column: &Column) -> bool {
    let in_key = entity.unique.iter().any(|index| index.columns.contains(&column.name));
    in_key && matches!(column.kind, Kind::String(_)) && column.values.is_empty()
}

fn shape(column: &Column) -> JsonShape {
    match column {
        _ if column.merge == MergeRule::Set => JsonShape::Texts,
        _ if column.note.starts_with("array") => JsonShape::Array,
        _ if column.note.starts_with("object") => JsonShape::Object,
        _ => JsonShape::Any,
    }
}
