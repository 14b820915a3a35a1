//! Tags of rows, through a link table.

use merge::{Key, Row, Value};
use migrations::Entity;
use migrations::catalogue::TAGS;
use schemars::JsonSchema;
use serde::Serialize;
use sync::local::{ReadTx, WriteTx};

use super::access::existing;
use super::by::check_parent;
use super::list::{Listing, page};
use super::routes::resource_of;
use crate::api::problem::Problem;
use crate::api::route::{Call, Reply};

/// The tags of a row.
#[derive(Serialize, JsonSchema)]
pub(super) struct TagsOfRow {
    /// The row.
    id: String,
    /// Its tags.
    tag_ids: Vec<String>,
}

/// `GET /api/…/by-tag/{tag_id}`
pub(super) fn by_tag(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (resource, junction, own) = link_table(call)?;
    let tag = call.parameters.get("tag_id").cloned().unwrap_or(Value::Null);
    check_parent(tx, Some(TAGS), &tag)?;
    let condition = format!("\"id\" IN (SELECT \"{own}\" FROM \"{}\" WHERE \"tag_id\" = ?)", junction.name);
    page(tx, call, Listing::of(resource).when(&condition, [tag]))
}

/// `PUT /api/…/{id}/tags/{tag_id}`
pub(super) fn add(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (link, own) = link(&tx.reading(), call)?;
    tx.put(link)?;
    let tags = tags_of(&tx.reading(), call, own)?;
    Ok(Reply::ok(TagsOfRow { id: call.id().to_owned(), tag_ids: tags }))
}

/// `DELETE /api/…/{id}/tags/{tag_id}`
pub(super) fn remove(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (link, _) = link(&tx.reading(), call)?;
    if tx.delete(link.entity(), &link.key())? { Ok(Reply::empty()) } else { Err(Problem::not_found("tag of this row")) }
}

/// The link between the row and the tag of the path, both of which must exist.
fn link(tx: &ReadTx<'_>, call: &Call) -> Result<(Row, &'static str), Problem> {
    let (resource, junction, own) = link_table(call)?;
    let tag = call.parameters.get("tag_id").cloned().unwrap_or(Value::Null);
    existing(tx, resource, call.id())?;
    check_parent(tx, Some(TAGS), &tag)?;
    Ok((Row::new(junction).with(own, call.id()).with("tag_id", tag), own))
}

fn tags_of(tx: &ReadTx<'_>, call: &Call, own: &str) -> Result<Vec<String>, Problem> {
    let (_, junction, _) = link_table(call)?;
    let links = tx.find_all(junction, own, &Value::from(Key::new(call.id()).as_str()))?;
    Ok(links.iter().filter_map(|link| link.text("tag_id").map(str::to_owned)).collect())
}

/// The resource, its link table, and that table's column for it.
fn link_table(call: &Call) -> Result<(&'static crate::api::plan::Resource, &'static Entity, &'static str), Problem> {
    let resource = resource_of(call);
    let junction = resource.offer.tagged.ok_or_else(|| Problem::not_found("table of tags"))?;
    let own = junction.primary_key.iter().find(|column| **column != "tag_id").copied().unwrap_or("id");
    Ok((resource, junction, own))
}
