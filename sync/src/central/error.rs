//! What can go wrong with central, said so that a user can act on it.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::mysql::MySqlDatabaseError;

/// An error of central. Each text is a fragment that fits "failed to sync: {error}" and holds no value of any row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CentralError {
    /// There is no answer, or the connection was cut. What was sent last may or may not have happened.
    #[error("central cannot be reached: {0}")]
    Unreachable(String),
    /// The login or a privilege was refused.
    #[error("central refuses access: {0}")]
    Denied(String),
    /// No trigger may be made while the binary log is on.
    #[error("this user may make no triggers at central: log_bin is on, and then that needs SUPER (error 1419)")]
    TriggersDenied,
    /// Triggers run with the rights of an account that was dropped.
    #[error("every write at central fails: its triggers run as {0}, who does not exist (error 1449)")]
    DefinerGone(String),
    /// No secure connection could be made.
    #[error("no secure connection to central: {0}")]
    Tls(String),
    /// The server is no MariaDB, or too old.
    #[error("central runs {0}, which is not supported")]
    Unsupported(String),
    /// The database or its tables do not exist.
    #[error("central has no claudetools schema: {0} does not exist")]
    NotInitialised(String),
    /// The schema was made by a newer build, and this one is too old to write to it.
    #[error("central has schema version {found}, this build knows {known} and is too old to write to it")]
    Newer {
        /// Version at central.
        found: u32,
        /// Newest version that this build knows.
        known: u32,
    },
    /// A build that is older than the schema was asked to upgrade it.
    #[error("central has schema version {found}, this build would make {known} of it, and steps only go up")]
    Downgrade {
        /// Version at central.
        found: u32,
        /// Newest version that this build knows.
        known: u32,
    },
    /// What was to be adopted is claudetools' own.
    #[error("this database holds claudetools' own schema, there is nothing to adopt")]
    OurOwn,
    /// The schema is older than this build.
    #[error("central has schema version {found}, this build needs {known}")]
    Older {
        /// Version at central.
        found: u32,
        /// Version that this build needs.
        known: u32,
    },
    /// The schema was upgraded since it was read; it is read again with the next connection.
    #[error("central was upgraded this very moment")]
    Upgraded,
    /// A table of the same name is there that is not ours.
    #[error("the table {table} at central is not claudetools' own: {difference}; nothing was changed")]
    Foreign {
        /// The table.
        table: String,
        /// How it differs.
        difference: String,
    },
    /// The server takes no writes.
    #[error("central is read-only")]
    ReadOnly,
    /// The server has no space left.
    #[error("central has no disk space left")]
    Full,
    /// This transaction and another waited for each other, or a cluster node refused the commit.
    #[error("central gave up a transaction that collided with another")]
    Deadlock,
    /// Another transaction held a row for too long, or a statement took too long.
    #[error("central is busy: another transaction holds what is needed")]
    LockWait,
    /// A batch is larger than the server takes; halve it.
    #[error("a batch is larger than central accepts")]
    TooBig,
    /// Central has seen a later batch of this replica, or another one of this number: the replica is a copy, or was
    /// restored from a backup.
    #[error(
        "central knows batch {known} of this replica, which now sends {sent}: this replica is an older copy of itself"
    )]
    Rewound {
        /// The latest batch that central knows.
        known: u64,
        /// The batch that was sent.
        sent: u64,
    },
    /// Central is not the one that this replica knows, or an older state of it.
    #[error("central was restored from a backup, or is another one")]
    Restored,
    /// The server answered what it should not have.
    #[error("central answered unexpectedly: {0}")]
    Protocol(String),
    /// Any other answer of the server; values in its text are masked.
    #[error("central reports error {code}: {message}")]
    Sql {
        /// MariaDB's error number.
        code: u16,
        /// Its text without values.
        message: String,
    },
}

/// What helps where triggers need SUPER.
pub(super) const NEEDS_SUPER: &str = "let an administrator run SET GLOBAL log_bin_trust_function_creators = 1 on the server, \
                                      or run `claudetools central init` with an account that has SUPER";

impl CentralError {
    /// What the user can do, None when waiting is all.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable(_)
            | Self::Deadlock
            | Self::LockWait
            | Self::TooBig
            | Self::Upgraded
            | Self::Restored
            | Self::Protocol(_) => None,
            Self::Denied(_) => {
                Some("check user, password and GRANTs; `claudetools central check` prints what is missing")
            }
            Self::TriggersDenied => Some(NEEDS_SUPER),
            Self::DefinerGone(_) => {
                Some("run `claudetools central init` again, with a user that may create tables and triggers")
            }
            Self::Tls(_) => Some("check the server's certificate, or name its authority with ssl-ca=/path in the URL"),
            Self::Unsupported(_) => Some("central needs MariaDB 10.6 or later"),
            Self::NotInitialised(_) => Some("run `claudetools central init URL` with a user that may create tables"),
            Self::Newer { .. } => Some("upgrade claudetools on this machine; until then it goes on collecting"),
            Self::Downgrade { .. } => {
                Some("run it with the newest claudetools among your machines; nothing was changed")
            }
            Self::OurOwn => Some("run `claudetools central init` without --adopt"),
            Self::Older { .. } => Some("run `claudetools central migrate` once, with a user that may alter tables"),
            Self::Foreign { .. } => {
                Some("choose another database, or see what `claudetools central init --adopt --dry-run URL` says")
            }
            Self::ReadOnly => Some("it goes on by itself once central takes writes again"),
            Self::Full => Some("free space on the database server, then it goes on by itself"),
            Self::Rewound { .. } => Some("it gets a new identity and reconciles by itself"),
            Self::Sql { .. } => Some("run `claudetools central check`"),
        }
    }

    /// True when the same call may succeed later without anyone doing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::ReadOnly
                | Self::Full
                | Self::Deadlock
                | Self::LockWait
                | Self::TooBig
                | Self::Upgraded
                | Self::Restored
        )
    }

    /// No answer came in time.
    pub(super) fn no_answer(within: Duration) -> Self {
        Self::Unreachable(format!("no answer within {} s", within.as_secs()))
    }

    /// The meaning of one of the server's error numbers (MariaDB's `mysqld_error.h`).
    fn from_server(error: &MySqlDatabaseError) -> Self {
        let message = || without_values(error.message());
        match error.number() {
            1044 | 1045 | 1130 | 1142 | 1143 | 1227 | 1370 | 1410 | 1698 | 1820 | 1862 | 3159 => {
                Self::Denied(denied(error))
            }
            1419 => Self::TriggersDenied,
            1449 => Self::DefinerGone(definer(error.message())),
            1049 | 1146 => Self::NotInitialised(quoted_name(error.message())),
            1290 | 1792 | 1836 => Self::ReadOnly,
            3 | 28 | 1021 | 1026 | 1114 => Self::Full,
            1030 if error.message().contains("error 28 ") => Self::Full,
            1020 | 1213 => Self::Deadlock,
            // DDL that collided: the storage engine's own number for a deadlock.
            1025 if error.message().contains("errno: 149 ") => Self::Deadlock,
            1205 | 1317 | 1969 => Self::LockWait,
            1153 => Self::TooBig,
            1040 | 1047 | 1053 | 1152 | 1158..=1161 | 1184 | 1203 | 1226 | 1927 | 4150 => Self::Unreachable(message()),
            // A column that was there when the schema was read. That of a trigger is for its user to see.
            1054 if !["'OLD'", "'NEW'"].iter().any(|row| error.message().contains(row)) => Self::Upgraded,
            code => Self::Sql { code, message: message() },
        }
    }
}

impl From<sqlx::Error> for CentralError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
                Some(error) => Self::from_server(error),
                None => Self::Protocol("an error of an unknown kind".into()),
            },
            // What the TLS library refuses comes as invalid data.
            sqlx::Error::Io(error) if error.kind() == ErrorKind::InvalidData => Self::Tls(error.to_string()),
            sqlx::Error::Io(error) => Self::Unreachable(error.to_string()),
            // Of what is configured, only the certificate files can be wrong by now.
            sqlx::Error::Tls(error) | sqlx::Error::Configuration(error) => Self::Tls(error.to_string()),
            sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed | sqlx::Error::PoolTimedOut => {
                Self::Unreachable("the connection was closed".into())
            }
            sqlx::Error::ColumnDecode { index, .. } => Self::Protocol(format!("column {index} cannot be read")),
            other => Self::Protocol(without_values(&other.to_string())),
        }
    }
}

/// The number of the server's error, None when the error is not the server's.
pub(super) fn server_error(error: &sqlx::Error) -> Option<(u16, &str)> {
    let error = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some((error.number(), error.message()))
}

/// A message without what stands between its first and last single quote: those are values of rows, and a value may
/// hold quotes itself.
pub(super) fn without_values(message: &str) -> String {
    match (message.find('\''), message.rfind('\'')) {
        (Some(first), Some(last)) if first < last => format!("{}'…'{}", &message[..first], &message[last + 1..]),
        _ => message.to_owned(),
    }
}

/// Messages about privileges name users, hosts and tables only, which the user needs to see.
fn denied(error: &MySqlDatabaseError) -> String {
    match error.number() {
        3159 => "the server takes secure connections only (add ssl-mode=verify-ca or ssl-ca=/path to the URL)".into(),
        _ => error.message().to_owned(),
    }
}

/// `name@host` from "… a definer ('name'@'host') does not exist".
fn definer(message: &str) -> String {
    let account = message.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).map(|(account, _)| account);
    account.map_or_else(|| "someone".to_owned(), |account| account.replace('\'', ""))
}

/// The name within the first pair of single quotes.
fn quoted_name(message: &str) -> String {
    message.split('\'').nth(1).unwrap_or("it").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked() {
        assert_eq!(without_values("Duplicate entry 'it's a secret' for key 'uq_clients_name'"), "Duplicate entry '…'");
        assert_eq!(without_values("Lost connection"), "Lost connection");
        assert_eq!(without_values("don't"), "don't");
    }

    #[test]
    fn what_waiting_heals_is_retryable_and_what_it_does_not_has_a_hint() {
        let all = [
            CentralError::Unreachable(String::new()),
            CentralError::Denied(String::new()),
            CentralError::Newer { found: 3, known: 2 },
            CentralError::Deadlock,
            CentralError::Full,
            CentralError::Sql { code: 1, message: String::new() },
        ];
        for error in all {
            assert!(error.is_retryable() || error.hint().is_some(), "{error}");
        }
    }

    #[test]
    fn names_the_missing_table_or_database() {
        assert_eq!(quoted_name("Table 'memory.ct_sync_rows' doesn't exist"), "memory.ct_sync_rows");
        assert_eq!(quoted_name("Unknown database 'memory'"), "memory");
    }
}
