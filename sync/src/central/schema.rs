//! What the database holds, beside what the catalogue says: whether a table is ours, and what is missing.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use migrations::{Column, ENTITIES, Entity, Kind, ladder};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::error::server_error;

/// Our bookkeeping.
pub(super) const OWN_TABLES: &[&str] =
    &["ct_sync_outbox", "ct_sync_rows", "ct_sync_counter", "ct_sync_machines", "ct_sync_receipts"];

/// The tables of the catalogue that central has.
pub(super) fn entities() -> impl Iterator<Item = &'static Entity> {
    ENTITIES.iter().copied().filter(|entity| entity.on_mariadb)
}

/// The version that this build makes.
pub(super) fn known_version() -> u32 {
    ladder::MARIADB.iter().map(|step| step.version).max().unwrap_or(0)
}

/// A step that was applied.
#[derive(Clone, Debug)]
pub(super) struct Applied {
    /// As in [`step_id`].
    pub id: String,
    pub checksum: Option<String>,
}

/// The name under which a step is recorded: `0001_schema`.
pub(super) fn step_id(step: &ladder::Step) -> String {
    format!("{:04}_{}", step.version, step.name)
}

/// The number of a recorded step, None for what others recorded.
fn step_number(id: &str) -> Option<u32> {
    let (number, _) = id.split_once('_')?;
    if number.len() == 4 { number.parse().ok() } else { None }
}

/// The steps that were recorded, in their order.
pub(super) async fn applied_steps(connection: &mut MySqlConnection) -> Result<Vec<Applied>, CentralError> {
    let text = "SELECT version_id, checksum FROM schema_migrations ORDER BY version_id";
    let rows = match sqlx::query(text).fetch_all(connection).await {
        // A table of that name with other columns belongs to another program.
        Err(error) if matches!(server_error(&error), Some((1054, _))) => {
            return Err(CentralError::NotInitialised("its schema_migrations table".into()));
        }
        other => other?,
    };
    let mut steps = Vec::with_capacity(rows.len());
    for row in rows {
        let step = Applied { id: row.try_get_unchecked(0)?, checksum: row.try_get_unchecked(1)? };
        if step_number(&step.id).is_some() {
            steps.push(step);
        }
    }
    Ok(steps)
}

/// The highest step, 0 for none.
pub(super) fn version_of(steps: &[Applied]) -> u32 {
    steps.iter().filter_map(|step| step_number(&step.id)).max().unwrap_or(0)
}

/// The name of the highest step, as an expression: asked for along with what each round asks anyway, since central may be
/// upgraded while machines are connected to it.
pub(super) const LATEST_STEP: &str =
    "(SELECT MAX(version_id) FROM schema_migrations WHERE version_id RLIKE '^[0-9]{4}_')";

/// Whether this build may work with the schema whose highest step this is.
pub(super) fn require_step(latest: Option<&str>) -> Result<(), CentralError> {
    require_version(latest.and_then(step_number).unwrap_or(0))
}

/// Whether this build may work with a schema of this version.
pub(super) fn require_version(found: u32) -> Result<(), CentralError> {
    let known = known_version();
    match found.cmp(&known) {
        _ if found == 0 => Err(CentralError::NotInitialised("its schema".into())),
        Ordering::Greater => Err(CentralError::Newer { found, known }),
        Ordering::Less => Err(CentralError::Older { found, known }),
        Ordering::Equal => Ok(()),
    }
}

/// A column as the database has it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    kind: String,
    collation: Option<String>,
}

/// Columns by name, by table.
pub(super) type Tables = HashMap<String, HashMap<String, Found>>;

/// All tables of the current database.
pub(super) async fn tables(connection: &mut MySqlConnection) -> Result<Tables, CentralError> {
    let text = "SELECT table_name, column_name, column_type, collation_name FROM information_schema.columns \
                WHERE table_schema = DATABASE()";
    let mut tables = Tables::new();
    for row in sqlx::query(text).fetch_all(connection).await? {
        let found = Found { kind: without_width(row.try_get_unchecked(2)?), collation: row.try_get_unchecked(3)? };
        tables.entry(row.try_get_unchecked(0)?).or_default().insert(row.try_get_unchecked(1)?, found);
    }
    Ok(tables)
}

/// `int(11)` as `int`: the display width says nothing, and newer servers leave it out.
fn without_width(kind: String) -> String {
    match kind.split_once('(') {
        Some((base @ ("int" | "bigint" | "tinyint"), _)) => base.to_owned(),
        _ => kind,
    }
}

/// How a table differs from the catalogue's, None when it does not.
pub(super) fn difference(entity: &Entity, found: &HashMap<String, Found>) -> Option<String> {
    let known: HashSet<&str> = entity.columns.iter().map(|column| column.name).collect();
    let mut unknown: Vec<&str> = found.keys().map(String::as_str).filter(|name| !known.contains(name)).collect();
    unknown.sort_unstable();
    if let Some(name) = unknown.first() {
        return Some(format!("it has a column {name}"));
    }
    entity.columns.iter().find_map(|column| {
        let Some(found) = found.get(column.name) else { return Some(format!("it has no column {}", column.name)) };
        let kind = type_name(column.kind);
        if found.kind != kind {
            return Some(format!("its column {} is {} instead of {kind}", column.name, found.kind));
        }
        let collation = collation(column)?;
        (found.collation.as_deref() != Some(collation)).then(|| {
            let has = found.collation.as_deref().unwrap_or("no collation");
            format!("its column {} has {has} instead of {collation}", column.name)
        })
    })
}

fn type_name(kind: Kind) -> String {
    match kind {
        Kind::Uuid => "char(36)".into(),
        Kind::String(length) => format!("varchar({length})"),
        Kind::Text | Kind::Json => "mediumtext".into(),
        Kind::Int => "int".into(),
        Kind::BigInt => "bigint".into(),
        Kind::Bool => "tinyint".into(),
        Kind::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
        Kind::Date => "date".into(),
        Kind::DateTime => "datetime(6)".into(),
        Kind::Blob => "mediumblob".into(),
    }
}

/// The collation that a column must have, None where any will do.
fn collation(column: &Column) -> Option<&'static str> {
    match column.kind {
        Kind::Uuid => Some("ascii_bin"),
        Kind::String(_) if column.exact => Some("utf8mb4_nopad_bin"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_steps() {
        assert_eq!(step_number("0002_sync"), Some(2));
        assert_eq!(step_number("978b267f9ae39734"), None);
        assert_eq!(step_number("20240101_x"), None);
    }

    #[test]
    fn tells_a_foreign_table_from_ours() {
        let tags = migrations::entity("tags").unwrap();
        let ours = |column: &Column| Found {
            kind: type_name(column.kind),
            collation: Some(collation(column).unwrap_or("utf8mb4_unicode_ci").into()),
        };
        let table: HashMap<String, Found> = tags.columns.iter().map(|c| (c.name.to_owned(), ours(c))).collect();
        assert_eq!(difference(tags, &table), None);

        let mut other = table.clone();
        other.remove("name");
        assert_eq!(difference(tags, &other).unwrap(), "it has no column name");
        let mut other = table.clone();
        other.insert("colour".into(), other["name"].clone());
        assert_eq!(difference(tags, &other).unwrap(), "it has a column colour");
        let mut other = table.clone();
        other.get_mut("name").unwrap().collation = Some("utf8mb4_unicode_ci".into());
        assert!(difference(tags, &other).unwrap().contains("utf8mb4_nopad_bin"));
        let mut other = table;
        other.get_mut("name").unwrap().kind = "text".into();
        assert!(difference(tags, &other).unwrap().contains("instead of varchar(100)"));
    }

    #[test]
    fn display_widths_say_nothing() {
        assert_eq!(without_width("bigint(20)".into()), "bigint");
        assert_eq!(without_width("decimal(10,2)".into()), "decimal(10,2)");
    }
}
