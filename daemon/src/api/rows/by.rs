//! Lists of the rows that belong to one row of another table, or that have one value.

use merge::Value;
use sync::local::ReadTx;

use super::list::{Listing, page};
use super::routes::resource_of;
use crate::api::plan::By;
use crate::api::problem::Problem;
use crate::api::route::{Call, Place, Reply};

/// `GET /api/…/by-…/{…}`
pub(super) fn by(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let resource = resource_of(call);
    let parameter = call.route.parameters.iter().find(|parameter| parameter.place == Place::Path);
    let name = parameter.map_or("", |parameter| parameter.column.name);
    let value = call.parameters.get(name).cloned().unwrap_or(Value::Null);
    for by in resource.offer.by {
        match by {
            By::Column(_, column) if *column == name => {
                let parent = resource.field(column).and_then(|field| field.references);
                check_parent(tx, parent, &value)?;
                return page(tx, call, Listing::of(resource).with(column, value));
            }
            By::Through(_, own, there) if *there == name => {
                let Some(between) = resource.field(own).and_then(|field| field.references) else { continue };
                let parent = between.foreign_keys.iter().find(|key| key.column == *there);
                check_parent(tx, parent.and_then(|key| migrations::entity(key.references)), &value)?;
                let condition = format!("\"{own}\" IN (SELECT id FROM \"{}\" WHERE \"{there}\" = ?)", between.name);
                return page(tx, call, Listing::of(resource).when(&condition, [value]));
            }
            _ => {}
        }
    }
    page(tx, call, Listing::of(resource))
}

/// A parent that is not there is more likely a mistake than one without children.
pub(crate) fn check_parent(
    tx: &ReadTx<'_>,
    parent: Option<&'static migrations::Entity>,
    id: &Value,
) -> Result<(), Problem> {
    let (Some(parent), Some(id)) = (parent, id.as_text()) else { return Ok(()) };
    if super::row_of(tx, parent, id)?.is_some() {
        return Ok(());
    }
    Err(Problem::not_found(crate::api::plan::of(parent).map_or(parent.name, |resource| resource.offer.noun)))
}
