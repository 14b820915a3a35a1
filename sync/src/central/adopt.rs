//! Joining a database whose tables are another program's.
//!
//! What is there is not changed: beside it come tables and triggers of the prefix `ct_sync_`, and with consent the tables
//! that are missing. Which table holds what is read from the database ([`layout`](super::layout)); names that differ are
//! offered, never assumed, and recorded once they were given.
//!
//! Decisions:
//! - Steps are recorded in `ct_sync_steps`: a `schema_migrations` that is there is another program's.
//! - Where central does not enforce a unique key of ours, both rows of a pair are kept, there and on the machines, whose
//!   index is then no unique one. To set the second aside would hide it, and orphan what refers to it.
//! - An extra column that must be given makes central refuse new rows of its table, each with that reason. To give it a
//!   value would be to guess what it means to its program.
//! - A missing table is made with the types that its parents' keys have there, without the references whose parents
//!   cannot be mapped.

use serde::Serialize;
use sqlx::mysql::MySqlConnection;

use super::connect::{ANSWER_WITHIN, greet};
use super::introspect::Database;
use super::layout::{Layout, Mapping, Names, TableReport};
use super::pool::{open, within};
use super::sql::{name, run};
use super::steps::{statements, table_of};
use super::triggers::{self, Trigger};
use super::{CentralError, CentralUrl};
use migrations::{Entity, ladder};

/// How a database is to be adopted.
#[derive(Clone, Debug, Default)]
pub struct Adoption {
    /// Names at central that differ.
    pub names: Vec<GivenName>,
    /// Also makes the tables that are missing.
    pub create_missing: bool,
}

/// A name at central that differs from the catalogue's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenName {
    /// The catalogue's table.
    pub entity: String,
    /// The catalogue's column; None for the table itself.
    pub column: Option<String>,
    /// The name at central.
    pub physical: String,
}

/// `clients=Customer` or `clients.notes=remarks`.
impl std::str::FromStr for GivenName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ours, physical) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} is not of the form TABLE=NAME or TABLE.COLUMN=NAME"))?;
        let (entity, column) = match ours.split_once('.') {
            Some((entity, column)) => (entity, Some(column)),
            None => (ours, None),
        };
        let known = migrations::entity(entity).filter(|entity| entity.is_replicated());
        let known = known.ok_or_else(|| format!("claudetools has no table {entity}"))?;
        if let Some(column) = column.filter(|column| known.column(column).is_none()) {
            return Err(format!("the table {entity} of claudetools has no column {column}"));
        }
        if physical.is_empty() || physical.chars().count() > 64 {
            return Err(format!("{physical:?} is no name of a table or column"));
        }
        Ok(Self { entity: entity.to_owned(), column: column.map(str::to_owned), physical: physical.to_owned() })
    }
}

/// What an adoption would find and do.
#[derive(Clone, Debug, Serialize)]
pub struct Survey {
    /// The database's name.
    pub database: String,
    /// True when it was adopted before.
    pub is_adopted: bool,
    /// How it holds each table of the catalogue.
    pub tables: Vec<TableReport>,
    /// Its tables that nothing of claudetools is held in. They are left alone.
    pub other_tables: Vec<String>,
    /// Tables of claudetools' own that it would get.
    pub own_tables: Vec<String>,
    /// Triggers that it would get.
    pub triggers: Vec<String>,
    /// Keys by which the server changes rows in a way that triggers cannot follow, as `key of table`.
    pub not_followed: Vec<String>,
}

impl Survey {
    /// True when at least one table can be held.
    pub fn is_useful(&self) -> bool {
        self.tables.iter().any(|table| matches!(table.mapping, Mapping::Mapped | Mapping::PartlyMapped))
    }
}

/// Looks what adopting would mean, and changes nothing.
pub async fn survey(url: &CentralUrl, adoption: &Adoption) -> Result<Survey, CentralError> {
    let mut connection = open(&url.options(true)?).await?;
    greet(&mut connection).await?;
    within(ANSWER_WITHIN, look(&mut connection, url, adoption)).await
}

async fn look(connection: &mut MySqlConnection, url: &CentralUrl, adoption: &Adoption) -> Result<Survey, CentralError> {
    let found = Layout::read(connection).await?;
    if found.version > 0 && !found.is_adopted {
        return Err(CentralError::OurOwn);
    }
    let is_adopted = found.is_adopted;
    let layout = Layout::of(found.database, with(found.names, adoption));
    let held: Vec<&str> = layout.tables().map(|table| table.name.as_str()).collect();
    let is_other = |table: &&String| !held.contains(&table.as_str()) && !table.starts_with("ct_sync_");
    let own = ladder::MARIADB.iter().flat_map(|step| statements(step.sql)).filter(|text| text.contains("CREATE TABLE"));
    let own =
        own.filter_map(table_of).chain([super::layout::ADOPTED_STEPS]).filter(|table| table.starts_with("ct_sync_"));
    let not_followed = super::cascade::uncaptured(&layout).into_iter().map(|(key, table)| format!("{key} of {table}"));
    Ok(Survey {
        database: url.database().to_owned(),
        is_adopted,
        tables: layout.reports().to_vec(),
        other_tables: layout.database.tables.keys().filter(is_other).cloned().collect(),
        own_tables: own.map(str::to_owned).collect(),
        triggers: triggers::wanted(&layout)
            .into_iter()
            .map(|Trigger { name, table, .. }| format!("{name} on {table}"))
            .collect(),
        not_followed: not_followed.collect(),
    })
}

fn with(mut names: Names, adoption: &Adoption) -> Names {
    for given in &adoption.names {
        names.give(&given.entity, given.column.as_deref().unwrap_or_default(), &given.physical);
    }
    names
}

/// Makes the record of steps of an adopted database, which also tells that it is one.
pub(super) const RECORD: &str = "CREATE TABLE IF NOT EXISTS ct_sync_steps ( \
      version_id   VARCHAR(100) COLLATE utf8mb4_nopad_bin NOT NULL, \
      description  VARCHAR(500), \
      checksum     VARCHAR(64) COLLATE utf8mb4_nopad_bin, \
      applied_by   VARCHAR(255), \
      applied_at   DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)), \
      execution_ms BIGINT, \
      PRIMARY KEY (version_id) \
    ) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci";

/// Records the names that were given.
pub(super) async fn record_names(connection: &mut MySqlConnection, adoption: &Adoption) -> Result<(), CentralError> {
    let text = "INSERT INTO ct_sync_names (entity, col, physical) VALUES (?, ?, ?) \
                ON DUPLICATE KEY UPDATE physical = VALUES(physical)";
    for (entity, column, physical) in with(Names::default(), adoption).iter() {
        sqlx::query(text).bind(entity).bind(column).bind(physical).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Makes the tables that are missing; which were made, and which could not be, with the reason.
pub(super) async fn create_missing(
    connection: &mut MySqlConnection,
    layout: &Layout,
) -> Result<(Vec<String>, Vec<String>), CentralError> {
    let (mut created, mut refused) = (Vec::new(), Vec::new());
    let is_missing = |table: &str| {
        layout.reports().iter().any(|report| report.entity == table && report.mapping == Mapping::Missing)
    };
    let first = ladder::MARIADB.iter().take(1).flat_map(|step| statements(step.sql));
    for text in first {
        let Some(table) = table_of(text).filter(|table| is_missing(table)) else { continue };
        let Some(entity) = migrations::entity(table) else { continue };
        match super::sql::run_made(connection, creation(entity, text, layout)).await.map_err(CentralError::from) {
            Ok(()) => {
                let later = ladder::MARIADB.iter().skip(1).flat_map(|step| statements(step.sql));
                for addition in later.filter(|text| table_of(text) == Some(table)) {
                    run(connection, addition).await?;
                }
                created.push(table.to_owned());
            }
            Err(error @ CentralError::Sql { .. }) => refused.push(format!("{table}: {error}")),
            Err(error) => return Err(error),
        }
    }
    Ok((created, refused))
}

/// The statement of the first step that makes a table, with what its parents are like here.
fn creation(entity: &Entity, text: &str, layout: &Layout) -> String {
    // A key may take two lines, and stands or falls as one.
    let text = text.replace("\n    FOREIGN KEY", " FOREIGN KEY");
    let lines = text.lines().filter_map(|line| {
        let reference = entity.foreign_keys.iter().find(|key| line.contains(&format!("FOREIGN KEY ({})", key.column)));
        if let Some(key) = reference {
            let parent = migrations::entity(key.references)?;
            // One that is made along with this one is as the step has it.
            let is_new = !layout.database.tables.contains_key(parent.name) && layout.table(parent).is_none();
            if is_new {
                return Some(line.to_owned());
            }
            let (table, column) = (layout.table(parent)?.quoted(), layout.table(parent)?.key_columns());
            let ours = format!("REFERENCES {} (id)", key.references);
            return Some(line.replace(&ours, &format!("REFERENCES {table} ({column})")));
        }
        let column = line.split_whitespace().next().unwrap_or_default();
        let key = entity.foreign_keys.iter().find(|key| key.column == column);
        let kind = key.and_then(|key| key_type(&layout.database, layout.table(migrations::entity(key.references)?)?));
        Some(match kind {
            Some(kind) => line.replacen("CHAR(36) COLLATE ascii_bin", &kind, 1),
            None => line.to_owned(),
        })
    });
    // What was left out may have been the last.
    lines.collect::<Vec<_>>().join("\n").replace(",\n)", "\n)")
}

/// The type of a table's key, with its collation.
fn key_type(database: &Database, table: &super::layout::Table) -> Option<String> {
    let key = table.key_names().next()?;
    let found = database.tables.get(&table.name)?.column(&key)?;
    let collation = found.collation.as_ref().map(|collation| format!(" COLLATE {}", name(collation)));
    Some(format!("{}{}", found.full_type, collation.unwrap_or_default()))
}

/// Takes out what [`init`](super::init) brought into an adopted database: its triggers, and with `purge` its tables.
pub async fn release(url: &CentralUrl, purge: bool) -> Result<Vec<String>, CentralError> {
    let mut connection = open(&url.options(true)?).await?;
    greet(&mut connection).await?;
    within(ANSWER_WITHIN, take_out(&mut connection, purge)).await
}

async fn take_out(connection: &mut MySqlConnection, purge: bool) -> Result<Vec<String>, CentralError> {
    run(connection, "SET SESSION lock_wait_timeout = 10").await?;
    let mut dropped = Vec::new();
    let there = triggers::installed(connection).await?;
    let mut ours: Vec<&String> = there.iter().filter(|(name, it)| it.is_ours(name)).map(|(name, _)| name).collect();
    ours.sort_unstable();
    for trigger in ours {
        super::sql::run_made(connection, format!("DROP TRIGGER IF EXISTS {}", name(trigger))).await?;
        dropped.push(format!("trigger {trigger}"));
    }
    let database = Database::read(connection).await?;
    for table in database.tables.keys().filter(|table| purge && table.starts_with("ct_sync_")) {
        super::sql::run_made(connection, format!("DROP TABLE IF EXISTS {}", name(table))).await?;
        dropped.push(format!("table {table}"));
    }
    Ok(dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_checked() {
        let given: GivenName = "clients.notes=remarks".parse().unwrap();
        assert_eq!(
            (given.entity.as_str(), given.column.as_deref(), given.physical.as_str()),
            ("clients", Some("notes"), "remarks")
        );
        assert_eq!("clients=Customer".parse::<GivenName>().unwrap().column, None);
        for wrong in ["clients", "nothing=x", "clients.nothing=x", "clients=", "schema_migrations=x"] {
            assert!(wrong.parse::<GivenName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_missing_table_is_made_to_fit_its_parents() {
        let sites = migrations::entity("sites").unwrap();
        let text = statements(ladder::MARIADB[0].sql).into_iter().find(|text| table_of(text) == Some("sites")).unwrap();
        assert!(text.contains("CHAR(36) COLLATE ascii_bin             NOT NULL,\n  client_id"), "{text}");
        let mut database = Database::default();
        let mut clients = crate::central::layout::as_made(migrations::entity("clients").unwrap());
        clients.columns[0].collation = Some("utf8mb4_unicode_ci".into());
        database.tables.insert("Customer".into(), clients);
        let mut names = Names::default();
        names.give("clients", "", "Customer");
        let made = creation(sites, text, &Layout::of(database, names));
        assert!(made.contains("client_id      char(36) COLLATE `utf8mb4_unicode_ci`"), "{made}");
        assert!(made.contains("REFERENCES `Customer` (`id`)"), "{made}");
        assert!(made.contains("id             CHAR(36) COLLATE ascii_bin"), "{made}");
        // A parent that cannot be mapped takes its reference with it, also where that is written in two lines.
        let states = migrations::entity("project_states").unwrap();
        let mut statements = statements(ladder::MARIADB[0].sql).into_iter();
        let text = statements.find(|text| table_of(text) == Some("project_states")).unwrap();
        let mut database = Database::default();
        database.tables.insert("projects".into(), crate::central::introspect::FoundTable::default());
        let made = creation(states, text, &Layout::of(database, Names::default()));
        assert!(!made.contains("projects (id)") && !made.contains("fk_project_states_project_id"), "{made}");
        assert!(made.contains("fk_project_states_last_session_id FOREIGN KEY"), "{made}");
    }
}
