//! What the two engines have in common, for tests that tell them one story.

use merge::{Row, Value};
use migrations::{Column, Entity};

use super::central::Central;
use super::replica::Replica;

/// An empty database of one engine with all steps of its ladder. Refusals are the engine's own words.
pub(super) trait Engine {
    /// Whether this is MariaDB.
    fn is_central(&self) -> bool;

    /// Runs a statement.
    fn execute(&mut self, sql: &str) -> Result<(), String>;

    /// Inserts the columns of a row that are not NULL, so that the others get their defaults.
    fn insert(&mut self, row: &Row) -> Result<(), String>;

    /// All rows of a table, in canonical form.
    fn rows(&mut self, entity: &'static Entity) -> Vec<Row>;

    /// The row with the key of another.
    fn same_row(&mut self, row: &Row) -> Option<Row> {
        self.rows(row.entity()).into_iter().find(|found| found.key() == row.key())
    }
}

/// Tells the same story to both engines.
pub(super) fn on_both(story: impl Fn(&mut dyn Engine)) {
    story(&mut Replica::new());
    story(&mut Central::new());
}

/// `INSERT` of the columns that are not NULL, with `?` for each value.
pub(super) fn insert_statement(row: &Row) -> String {
    let columns: Vec<_> = given(row).map(|(column, _)| column.name).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO {} ({}) VALUES ({marks})", row.entity().name, columns.join(", "))
}

/// The columns of a row that are not NULL, with their values.
pub(super) fn given(row: &Row) -> impl Iterator<Item = (&'static Column, &Value)> {
    row.entity().columns.iter().zip(row.values()).filter(|(_, value)| !value.is_null())
}
