//! The REST API: a handful of functions over a plan compiled from the catalogue, and one table of routes.
//!
//! [`plan`] is what is known of each table; [`routes`] the table of all routes, from which the router, the description
//! ([`openapi`]) and the rights are made; [`rows`] what can be done with the rows of any table; [`special`] what is particular
//! to one. [`kept`] gives answers again as long as nothing is written. [`input`] and [`output`] are the forms of values on both
//! sides, [`problem`] that of errors.
//!
//! Architecture invariants: no SQL holds a caller's text, every value is bound; a write that answers with an error leaves
//! nothing behind; what is encrypted or sensitive appears in no error.

mod dispatch;
pub(crate) mod docs;
pub(crate) mod input;
pub(crate) mod kept;
pub(crate) mod openapi;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod route;
pub(crate) mod routes;
pub(crate) mod rows;
pub(crate) mod special;

pub(crate) use dispatch::{OPENING_PATIENCE, no_such_method, nothing, router};
pub(crate) use routes::is_open;
