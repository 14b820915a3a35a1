//! The rule for single rows: what a transaction changed must have been the caller's, and be so still.

use std::collections::{BTreeSet, HashMap};

use merge::{Key, Row, RowId, Value};
use migrations::Entity;
use migrations::catalogue as tables;
use sync::StoreError;
use sync::local::{ReadTx, WriteTx};

use super::views::{BY_SLUG, followed};
use super::{Limit, forbidden, refuses};
use crate::api::problem::Problem;
use crate::api::route::{Call, Reply, ReplyBody};

/// What a row belongs to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Owners {
    pub(super) clients: BTreeSet<String>,
    /// A reference leads nowhere, or what the row belongs to cannot be told.
    pub(super) dangles: bool,
}

impl Owners {
    /// True if a caller with that limit may change it.
    pub(super) fn are_within(&self, limit: &Limit) -> bool {
        !self.clients.is_empty() && self.spare(limit)
    }

    /// True if nothing of it is outside the limit.
    pub(super) fn spare(&self, limit: &Limit) -> bool {
        !self.dangles && self.clients.is_subset(&limit.clients)
    }
}

/// The rows that are there, or were there before a transaction.
pub(super) struct Rows<'a> {
    tx: &'a ReadTx<'a>,
    /// Rows as they were before; None for one that was not there.
    before: HashMap<RowId, Option<Row>>,
}

impl<'a> Rows<'a> {
    pub(super) fn now(tx: &'a ReadTx<'a>) -> Self {
        Self { tx, before: HashMap::new() }
    }

    fn get(&self, entity: &'static Entity, id: &str) -> Result<Option<Row>, StoreError> {
        let key = Key::new(id);
        match self.before.get(&RowId::new(entity, key.clone())) {
            Some(before) => Ok(before.clone()),
            None => self.tx.get(entity, &key),
        }
    }

    /// What a row belongs to.
    pub(super) fn owners(&self, row: &Row) -> Result<Owners, StoreError> {
        let mut owners = Owners::default();
        self.add(row, &mut owners)?;
        Ok(owners)
    }

    fn add(&self, row: &Row, owners: &mut Owners) -> Result<(), StoreError> {
        let entity = row.entity();
        if entity == tables::CLIENTS {
            owners.clients.extend(row.text("id").map(str::to_owned));
        }
        if BY_SLUG.contains(&entity) {
            match row.text("project_key") {
                Some(slug) => match self.tx.find(tables::PROJECTS, "slug", &Value::from(slug))? {
                    Some(project) => self.add(&project, owners)?,
                    None => owners.dangles = true,
                },
                None => owners.dangles |= row.text("to_session").is_some(),
            }
        }
        for key in followed(entity) {
            let (Some(parent), Some(id)) = (migrations::entity(key.references), row.text(key.column)) else { continue };
            match self.get(parent, id)? {
                Some(above) => self.add(&above, owners)?,
                None => owners.dangles = true,
            }
        }
        Ok(())
    }
}

/// Refuses what a transaction of a limited caller did, unless all of it was to rows of the caller's clients.
pub(crate) fn check_changes(tx: &WriteTx<'_>, limit: &Limit) -> Result<(), Problem> {
    let reading = tx.reading();
    let mut past = Rows::now(&reading);
    for (id, before) in tx.watched() {
        past.before.entry(id.clone()).or_insert_with(|| before.clone());
    }
    let now = Rows::now(&reading);
    for (id, before) in &past.before {
        // What is put on record of an access is not the caller's write: no route takes such a row.
        if id.entity == tables::CREDENTIAL_AUDIT_LOG && before.is_none() {
            continue;
        }
        // Nor is the name of a row that was forgotten; the row itself is judged.
        if id.entity == tables::FORGOTTEN {
            continue;
        }
        let after = tx.get(id.entity, &id.key)?;
        let is_own = |rows: &Rows<'_>, row: &Option<Row>| match row {
            Some(row) => rows.owners(row).map(|owners| owners.are_within(limit)),
            None => Ok(true),
        };
        if refuses(id.entity) || !is_own(&past, before)? || !is_own(&now, &after)? {
            return Err(forbidden("you may change only what belongs to the clients that you are limited to"));
        }
    }
    Ok(())
}

/// Refuses to answer a write with a row that the caller does not see: one that was found, and needed no change.
pub(crate) fn check_reply(tx: &WriteTx<'_>, limit: &Limit, call: &Call, reply: &Reply) -> Result<(), Problem> {
    let row = match &reply.body {
        ReplyBody::Row(_, row) => tx.get(row.entity(), &row.key())?,
        ReplyBody::Json(json) => match (json["id"].as_str(), call.route.resource) {
            (Some(id), Some(resource)) => tx.get(resource.entity, &Key::new(id))?,
            _ => None,
        },
        ReplyBody::Empty | ReplyBody::Written(_) | ReplyBody::Text(..) => None,
    };
    let Some(row) = row else { return Ok(()) };
    let reading = tx.reading();
    if Rows::now(&reading).owners(&row)?.spare(limit) { Ok(()) } else { Err(forbidden(super::HIDDEN)) }
}

/// A problem without the id of a row that the caller does not see.
pub(crate) fn trimmed(tx: &WriteTx<'_>, limit: &Limit, call: &Call, problem: Problem) -> Problem {
    let (Some(id), Some(resource)) = (problem.existing_id(), call.route.resource) else {
        return problem.without_existing_id();
    };
    let reading = tx.reading();
    let seen = |row: &Row| Rows::now(&reading).owners(row).is_ok_and(|owners| owners.are_within(limit));
    match tx.get(resource.entity, &Key::new(id)) {
        Ok(Some(row)) if seen(&row) => problem,
        _ => problem.without_existing_id(),
    }
}
