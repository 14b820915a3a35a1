//! Versions of central's schema, and the tables that are ours.

use migrations::{ENTITIES, Entity, ladder};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::sql::{name, statement};

/// Our bookkeeping, each table with the version of the schema that brought it.
pub(super) const OWN_TABLES: &[(&str, u32)] = &[
    ("ct_sync_outbox", 2),
    ("ct_sync_rows", 2),
    ("ct_sync_counter", 2),
    ("ct_sync_machines", 2),
    ("ct_sync_receipts", 2),
    ("ct_sync_settings", 3),
    ("ct_sync_names", 3),
    ("ct_sync_marks", RETENTION),
    ("ct_sync_vault", VAULT),
];

/// The version that brought the retention of deletes: the floor of the change log, and marks of its head.
pub(super) const RETENTION: u32 = 7;

/// The version that brought the vault's wrapped keys.
pub(super) const VAULT: u32 = 12;

/// The oldest schema that this build can work with: what it syncs by came with that.
pub(super) const OLDEST_VERSION: u32 = 2;

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

/// The steps that were recorded in this table, in their order.
pub(super) async fn applied_steps(
    connection: &mut MySqlConnection,
    table: &'static str,
) -> Result<Vec<Applied>, CentralError> {
    let text = format!("SELECT version_id, checksum FROM {} ORDER BY version_id", name(table));
    let rows = statement(text).fetch_all(connection).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_steps() {
        assert_eq!(step_number("0002_sync"), Some(2));
        assert_eq!(step_number("978b267f9ae39734"), None);
        assert_eq!(step_number("20240101_x"), None);
    }
}
