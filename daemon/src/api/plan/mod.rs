//! The plan: what the API needs to know of each table, compiled once from the catalogue.
//!
//! Everything is derived from the catalogue's columns, keys and conditions; [`resources`] adds the little that it does
//! not say (paths, and what is offered). Handlers, the description of the API and its examples all read the plan, so that
//! none of them can drift from another.

mod field;
mod limits;
pub(crate) mod resources;

use std::sync::LazyLock;

use migrations::{Entity, Kind};

pub(crate) use field::{Field, Form, JsonShape, Role};
pub(crate) use resources::{By, Offer, Verbs};

/// A table as the API offers it.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) offer: &'static Offer,
    pub(crate) entity: &'static Entity,
    /// One for each column, in table order.
    pub(crate) fields: Vec<Field>,
    /// Columns that lists can be sorted by.
    pub(crate) sortable: Vec<&'static str>,
    /// Columns that `q` looks into.
    pub(crate) text: Vec<&'static str>,
}

/// Every table that is offered.
static RESOURCES: LazyLock<Vec<Resource>> = LazyLock::new(|| resources::OFFERS.iter().map(Resource::new).collect());

/// Every table that is offered, in the order of the documentation.
pub(crate) fn all() -> &'static [Resource] {
    &RESOURCES
}

/// How a table is offered; None for those that are not.
pub(crate) fn of(entity: &Entity) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.entity == entity)
}

/// There is one for each table.
impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.entity == other.entity
    }
}

impl Resource {
    fn new(offer: &'static Offer) -> Self {
        let entity = offer.entity;
        let fields: Vec<Field> = (0..entity.columns.len()).map(|position| Field::new(entity, position)).collect();
        let plain = |field: &&Field| field.role != Role::Sealed && field.role != Role::Packed;
        let is_text = |field: &&Field| {
            matches!(field.column.kind, Kind::String(_) | Kind::Text | Kind::Json) && field.column.values.is_empty()
        };
        let sortable = |field: &&Field| !matches!(field.column.kind, Kind::Text | Kind::Json | Kind::Blob);
        Self {
            offer,
            entity,
            sortable: fields.iter().filter(plain).filter(sortable).map(|field| field.name).collect(),
            text: fields.iter().filter(plain).filter(is_text).map(|field| field.name).collect(),
            fields,
        }
    }

    /// The field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The fields that a client may give.
    pub(crate) fn writable(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.role != Role::Stamp)
    }

    /// The fields that a change may name.
    pub(crate) fn changeable(&self) -> impl Iterator<Item = &Field> {
        self.writable().filter(|field| field.role != Role::Key)
    }

    /// The fields that lists can be filtered by: references and closed lists.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.references.is_some() || !field.column.values.is_empty())
    }

    /// Whether lists leave out rows that are no longer active.
    pub(crate) fn has_inactive(&self) -> bool {
        self.entity.column("is_active").is_some()
    }

    /// Name of its schema in the description: `Client`.
    pub(crate) fn schema(&self) -> &'static str {
        self.entity.model
    }
}

#[cfg(test)]
mod tests;
