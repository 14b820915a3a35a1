//! Readers that see a part of the rows only.
//!
//! On their connections TEMP views stand in front of the tables of the same names, so that any SQL sees what the views let
//! through, whoever wrote it. What they let through is the caller's affair; it says so by the lists that the views look into.

use std::path::PathBuf;

use rusqlite::Connection;
use tokio::sync::OwnedSemaphorePermit;

use super::readers::Idle;
use super::{ReadTx, StoreError, schema};

/// What a reader sees of the rows.
#[derive(Debug, Clone)]
pub struct Shade {
    /// Statements that make the views, and the tables of one column that they look into; run once on each connection.
    pub views: &'static str,
    /// Those tables, with what they hold for this reader.
    pub lists: Vec<(&'static str, Vec<String>)>,
}

pub(super) struct ShadedReaders {
    path: PathBuf,
    idle: Idle,
}

impl ShadedReaders {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Idle::default() }
    }

    /// Runs a job on one snapshot, of which it sees what the shade leaves.
    pub(super) fn read<T>(
        &self,
        shade: &Shade,
        job: impl FnOnce(&ReadTx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.idle.read(|| self.open(shade), |connection| fill(connection, shade), job)
    }

    /// [`Idle::clear`]
    pub(super) fn clear(&self) {
        self.idle.clear();
    }

    /// [`Idle::turn`]
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        self.idle.turn().await
    }

    fn open(&self, shade: &Shade) -> Result<Connection, StoreError> {
        let connection = schema::open_reader(&self.path, 64 << 20)?;
        connection.pragma_update(None, "query_only", false)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.execute_batch(shade.views)?;
        // A view of the file looks past the TEMP views: one that is TEMP itself does not.
        let views: Vec<String> = connection
            .prepare("SELECT sql FROM main.sqlite_schema WHERE type = 'view'")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for view in views {
            connection.execute_batch(&view.replacen("CREATE VIEW", "CREATE TEMP VIEW", 1))?;
        }
        Ok(connection)
    }
}

/// Writes the lists, and bars the connection from writing anything else.
fn fill(connection: &Connection, shade: &Shade) -> Result<(), StoreError> {
    connection.pragma_update(None, "query_only", false)?;
    for (table, texts) in &shade.lists {
        connection.prepare_cached(&format!("DELETE FROM temp.\"{table}\""))?.execute([])?;
        let mut insert = connection.prepare_cached(&format!("INSERT OR IGNORE INTO temp.\"{table}\" VALUES (?1)"))?;
        for text in texts {
            insert.execute([text])?;
        }
    }
    connection.pragma_update(None, "query_only", true)?;
    Ok(())
}
