//! What can be done with the rows of any table: one function for each operation, over the plan of the table.

mod access;
mod by;
mod change;
mod create;
mod list;
mod removal;
mod remove;
pub(in crate::api) mod routes;
mod tags;

pub(crate) use access::{existing, free_id, note, put, row_of, seal};
pub(crate) use by::check_parent;
pub(crate) use change::{apply as apply_change, check_absent, check_etag, check_version};
pub(crate) use create::insert;
pub(crate) use list::{Listing, page};
pub(crate) use removal::DeletePlan;
pub(crate) use routes::{all as routes, by_id, if_match, list_parameters, resource_of};
