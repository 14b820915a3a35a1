//! Opens connections to the replica with their pragmas, and brings the file up to the ladder's last step.

use std::path::Path;

use migrations::ladder::{SQLITE, Step};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::StoreError;
use crate::clock::{Clock, datetime_text};

/// Statements kept prepared on each connection: about three for each table that is in use.
const CACHED_STATEMENTS: usize = 256;
/// Another process (`doctor`, a backup) may hold the file for a moment.
pub(super) const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Pages in the write-ahead log after which it is written into the file. Who writes waits for that.
pub(super) const LOG_PAGES: i32 = 2_000;

/// The writing connection: WAL, every commit on disk before it returns.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    make_private(path)?;
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // What it reads it mostly writes anew: a mapping would keep hundreds of MiB resident and save nothing.
    connection.pragma_update(None, "mmap_size", 0)?;
    // In KiB: the pages of the indexes that are written again and again stay at hand.
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "recursive_triggers", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    // What is deleted is overwritten with zeros, so that it is not found in the file by whoever reads its bytes.
    connection.pragma_update(None, "secure_delete", true)?;
    // What a savepoint may have to take back is small: a temporary file for it costs more than the changes.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// A connection to a copy that is being made, in a new file.
pub(super) fn open_copy(path: &Path) -> Result<Connection, StoreError> {
    make_private(path)?;
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// A writing connection to a database of its own in memory.
pub(super) fn open_in_memory() -> Result<Connection, StoreError> {
    let connection = Connection::open_in_memory()?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "trusted_schema", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "recursive_triggers", true)?;
    Ok(connection)
}

/// A reading connection: it cannot write, whatever is run on it. It maps so many bytes of the file.
pub(super) fn open_reader(path: &Path, mapped: usize) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "mmap_size", mapped)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

#[expect(clippy::disallowed_methods, reason = "the one home of replica connections")]
fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "trusted_schema", true)?;
    // A cached statement would be prepared anew whenever it is bound to other values than those that it was planned with.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// Creates the file 0600 before SQLite does, which would follow the umask.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::Full,
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => StoreError::ReadOnly,
            _ => StoreError::Other(format!("{} cannot be opened: {error}", path.display())),
        }),
    }
}

/// The version that this build makes.
pub(super) fn known() -> u32 {
    SQLITE.last().map_or(0, |step| step.version)
}

/// Applies the steps that the file lacks, each in a transaction of its own, recorded in `schema_migrations`.
pub(super) fn migrate(connection: &mut Connection, clock: &dyn Clock) -> Result<(), StoreError> {
    let known = known();
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for step in SQLITE.iter().filter(|step| step.version > found) {
        apply(connection, step, clock)?;
    }
    Ok(())
}

fn apply(connection: &mut Connection, step: &Step, clock: &dyn Clock) -> Result<(), StoreError> {
    let started_us = clock.now_us();
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(step.sql)?;
    tx.execute(
        "INSERT INTO schema_migrations (version_id, description, checksum, applied_by, applied_at, execution_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            format!("{:04}", step.version),
            step.name,
            hex(&Sha256::digest(step.sql)),
            concat!("claudetools ", env!("CARGO_PKG_VERSION")),
            datetime_text(started_us),
            clock.now_us().saturating_sub(started_us) / 1000,
        ],
    )?;
    tx.pragma_update(None, "user_version", step.version)?;
    tx.commit()?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
