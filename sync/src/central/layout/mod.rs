//! How this central holds the catalogue: read from the database itself, at every connection and whenever its version
//! changed.
//!
//! Everything that is said to central in SQL is made of the catalogue and of this: which table and column hold what,
//! what a value looks like there, what is not held. For a schema of this build's own making it is the identity. It is
//! not, and nothing depends on that, for
//! - a central of another version: steps only ever add, so that an older build works with the tables and columns that it
//!   knows and touches no others, and a newer one leaves at home what has no place there yet;
//! - an adopted database, whose names, types, collations and keys are its own.
//!
//! How a value is read back decides how it is written ([`Table::fitted`]): time without fractions, text without blanks
//! at the end. What central holds must be what the machines hold, or the next pull would look like a change.

mod column;
mod map;
mod table;

use std::collections::HashMap;
use std::sync::Arc;

use migrations::Entity;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

pub(super) use column::{Physical, stand_in};
pub use map::{Mapping, TableReport};
pub(super) use map::{Names, altered};
pub(super) use table::Table;

#[cfg(test)]
pub(super) use map::as_made;

use super::CentralError;
use super::introspect::Database;
use super::schema::{Applied, OLDEST_VERSION, applied_steps, known_version, version_of};
use super::sql::statement;
use crate::extent::Extent;

/// Where an adopted database keeps what our own keeps in `schema_migrations`, which may be another program's there.
pub(super) const ADOPTED_STEPS: &str = "ct_sync_steps";

/// How central holds the catalogue.
#[derive(Debug)]
pub(super) struct Layout {
    /// The version of its schema.
    pub version: u32,
    /// The oldest version of a build that may write to it.
    pub min_client: u32,
    /// True when its tables are another program's.
    pub is_adopted: bool,
    /// As it was found.
    pub database: Database,
    /// The steps that were applied.
    pub steps: Vec<Applied>,
    /// Names that its user gave.
    pub names: Names,
    tables: HashMap<&'static str, Table>,
    reports: Vec<TableReport>,
    extent: Arc<Extent>,
    mark: String,
}

impl Layout {
    /// Reads what is there. A database that is not ours, or not yet, holds nothing and has version 0.
    pub(super) async fn read(connection: &mut MySqlConnection) -> Result<Self, CentralError> {
        let database = Database::read(connection).await?;
        let is_adopted = database.tables.contains_key(ADOPTED_STEPS);
        let mark = mark_of(connection, &database).await?;
        let steps = recorded(connection, &database).await?;
        let names = names(connection, &database).await?;
        let min_client = min_client(connection, &database).await?;
        let mut layout = Self::of(database, names);
        layout.version = version_of(&steps);
        layout.min_client = min_client;
        layout.is_adopted = is_adopted;
        layout.steps = steps;
        layout.mark = mark;
        Ok(layout)
    }

    /// What a database with these tables holds.
    pub(super) fn of(database: Database, names: Names) -> Self {
        let (tables, reports) = map::map(&database, &names);
        let mut extent = Extent::nothing();
        for table in tables.values() {
            extent.hold(table.entity, table.held());
        }
        for index in reports.iter().flat_map(|report| &report.unenforced_keys) {
            extent.leave_unenforced(index);
        }
        Self {
            version: 0,
            min_client: 0,
            is_adopted: false,
            database,
            steps: Vec::new(),
            names,
            tables,
            reports,
            extent: Arc::new(extent),
            mark: String::new(),
        }
    }

    /// A schema of this build's own making.
    #[cfg(test)]
    pub(super) fn of_ours() -> Self {
        let tables = super::schema::entities().map(|entity| (entity.name.to_owned(), as_made(entity))).collect();
        Self::of(Database { tables, references: Vec::new() }, Names::default())
    }

    /// Whether this build can work with it.
    pub(super) fn require_usable(&self) -> Result<(), CentralError> {
        match self.version {
            0 => Err(CentralError::NotInitialised("its schema".into())),
            found if found < OLDEST_VERSION => Err(CentralError::Older { found, known: known_version() }),
            _ => Ok(()),
        }
    }

    /// Whether this build may write to it.
    pub(super) fn require_writable(&self) -> Result<(), CentralError> {
        if self.may_write() {
            return Ok(());
        }
        Err(CentralError::Newer { found: self.version, known: known_version() })
    }

    /// True when this build may write to it.
    pub(super) fn may_write(&self) -> bool {
        self.min_client <= known_version()
    }

    /// How an entity is held, None when it is not.
    pub(super) fn table(&self, entity: &Entity) -> Option<&Table> {
        self.tables.get(entity.name)
    }

    /// [`Layout::table`] where it is an error that there is none.
    pub(super) fn held(&self, entity: &Entity) -> Result<&Table, CentralError> {
        self.table(entity).ok_or_else(|| CentralError::NotInitialised(entity.name.to_owned()))
    }

    /// All tables that are held, in the catalogue's order.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        super::schema::entities().filter_map(|entity| self.table(entity))
    }

    /// The table that has this name at central.
    pub(super) fn named(&self, physical: &str) -> Option<&Table> {
        self.tables.values().find(|table| table.name == physical)
    }

    /// A report of each entity.
    pub(super) fn reports(&self) -> &[TableReport] {
        &self.reports
    }

    /// What it holds.
    pub(super) fn extent(&self) -> Arc<Extent> {
        Arc::clone(&self.extent)
    }

    /// The expression by which a statement learns whether the schema is still the one that was read: asked for along
    /// with what is asked anyway, since central may be upgraded while machines are connected to it.
    pub(super) fn mark(&self) -> String {
        mark_sql(&self.database)
    }

    /// Whether the schema is still the one that was read.
    pub(super) fn require_same(&self, found: &str) -> Result<(), CentralError> {
        if found == self.mark { Ok(()) } else { Err(CentralError::Upgraded) }
    }
}

/// Its latest step, and the oldest build that may write.
fn mark_sql(database: &Database) -> String {
    let steps = steps_table(database);
    let latest = format!("(SELECT MAX(version_id) FROM {steps} WHERE version_id RLIKE '^[0-9]{{4}}_')");
    if database.tables.contains_key("ct_sync_settings") {
        let least = "(SELECT value FROM ct_sync_settings WHERE name = 'min_client')";
        return format!("CONCAT_WS(' ', {latest}, {least})");
    }
    latest
}

async fn mark_of(connection: &mut MySqlConnection, database: &Database) -> Result<String, CentralError> {
    if recorded(connection, database).await?.is_empty() {
        return Ok(String::new());
    }
    let row = statement(format!("SELECT {}", mark_sql(database))).fetch_one(connection).await?;
    Ok(row.try_get_unchecked::<Option<String>, _>(0)?.unwrap_or_default())
}

/// Where the steps are recorded.
pub(super) fn steps_table(database: &Database) -> &'static str {
    if database.tables.contains_key(ADOPTED_STEPS) { ADOPTED_STEPS } else { "schema_migrations" }
}

/// The steps that were recorded; none where the table of that name is another program's.
async fn recorded(connection: &mut MySqlConnection, database: &Database) -> Result<Vec<Applied>, CentralError> {
    let table = steps_table(database);
    let Some(found) = database.tables.get(table) else { return Ok(Vec::new()) };
    if found.column("version_id").is_none() || found.column("checksum").is_none() {
        return Ok(Vec::new());
    }
    applied_steps(connection, table).await
}

async fn names(connection: &mut MySqlConnection, database: &Database) -> Result<Names, CentralError> {
    let mut names = Names::default();
    if !database.tables.contains_key("ct_sync_names") {
        return Ok(names);
    }
    let text = "SELECT entity, col, physical FROM ct_sync_names";
    for row in sqlx::query(text).fetch_all(connection).await? {
        let (entity, column, physical): (String, String, String) =
            (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?, row.try_get_unchecked(2)?);
        names.give(&entity, &column, &physical);
    }
    Ok(names)
}

async fn min_client(connection: &mut MySqlConnection, database: &Database) -> Result<u32, CentralError> {
    if !database.tables.contains_key("ct_sync_settings") {
        return Ok(0);
    }
    let text = "SELECT value FROM ct_sync_settings WHERE name = 'min_client'";
    let found = sqlx::query(text).fetch_optional(connection).await?;
    let Some(row) = found else { return Ok(0) };
    let text: String = row.try_get_unchecked(0)?;
    // What cannot be read is no leave to write.
    Ok(text.trim().parse().unwrap_or(u32::MAX))
}
