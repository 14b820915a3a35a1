//! The catalogue, the replica's tables and central's tables say the same.
//!
//! Bindings compare the catalogue with what each engine says of itself. What no engine says of itself (that a CHECK
//! refuses, that a value comes back as it went in) is tried on rows.

mod central;
mod central_binding;
mod engine;
mod refusals;
mod replica;
mod replica_binding;
mod rows;
pub(crate) mod sample;
mod verdicts;

use migrations::Entity;

/// Tables of bookkeeping are no entities and have tests of their own.
fn is_bookkeeping(table: &str) -> bool {
    table.starts_with("ct_")
}

/// The catalogue's tables that an engine has.
fn entities(on_central: bool) -> impl Iterator<Item = &'static Entity> {
    migrations::ENTITIES.iter().copied().filter(move |entity| entity.on_mariadb || !on_central)
}
