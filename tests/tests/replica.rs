//! What the replica of a machine holds, read beside the daemon.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Row;
use rusqlite::types::ValueRef;
use sync::StoreError;
use sync::local::inspect;
use world::Machine;
use world::wait::eventually_some;

/// How long a daemon may take for the steps of its replica, on a loaded machine.
const UPGRADE: Duration = Duration::from_secs(20);

/// A view of a machine's replica; each query sees what is committed by then.
pub(crate) struct Replica(PathBuf);

impl Replica {
    pub(crate) fn of(machine: &Machine) -> Self {
        assert!(
            machine.disk().is_none(),
            "SQLite does not find its way through /proc to another's disk: copy the file"
        );
        Self(machine.home().replica())
    }

    /// A view of a file, which may be a copy.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The rows of a query: a line each, columns parted by tabs.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        self.query(sql, |row| {
            let values = (0..row.as_ref().column_count()).map(|at| row.get_ref(at).map(text));
            Ok(values.collect::<Result<Vec<_>, _>>()?.join("\t"))
        })
    }

    /// The one number of a query.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.query(sql, |row| row.get(0))[0]
    }

    fn query<T>(&self, sql: &str, read: impl Fn(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let look = || {
            inspect(&self.0, |tx| {
                let mut statement = tx.connection().prepare(sql)?;
                let rows = statement.query_map([], &read)?.collect::<Result<_, _>>()?;
                Ok(rows)
            })
        };
        // A daemon that has just started answers before it has brought its replica up to date.
        let found = eventually_some("the replica brought up to date", UPGRADE, || match look() {
            Err(StoreError::Older { .. }) => None,
            found => Some(found),
        });
        found.unwrap().unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Every row of every replicated table, for comparing machines.
    pub(crate) fn everything(&self) -> Vec<String> {
        let shared = migrations::ENTITIES.iter().filter(|entity| entity.is_replicated());
        let rows = shared.flat_map(|entity| {
            let columns: Vec<_> = entity.columns.iter().map(|column| column.name).collect();
            let sql = format!("SELECT '{0}', {1} FROM {0} ORDER BY 1, 2, 3", entity.name, columns.join(", "));
            self.rows(&sql)
        });
        rows.collect()
    }
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Blob(bytes) => format!("{bytes:x?}"),
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}"); // writing to a String cannot fail
        digits
    })
}
