//! Connections, each set up the same way, each used again only after all went well on it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::CentralError;
use super::sql::run;

/// Connections at most: one that pulls while another pushes or looks.
const MOST: usize = 2;
/// For TCP, TLS and login together.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A connection that idled longer is asked whether it still lives: laptops sleep, and firewalls forget.
const TRUSTED_FOR: Duration = Duration::from_secs(20);
const PING_WITHIN: Duration = Duration::from_secs(3);

/// What every session is set to.
///
/// `idle_transaction_timeout` and `max_statement_time` (both in seconds) end what a vanished client left behind, so that
/// no lock of ours outlives it for long. READ COMMITTED takes no gap locks, which would block other writers' inserts.
const SESSION: &str = "\
    SET NAMES utf8mb4, time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, unique_checks = 1, \
    sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
    innodb_lock_wait_timeout = 10, max_statement_time = 50, idle_transaction_timeout = 60, \
    @ct_sync_origin = NULL, @ct_sync_time = NULL; \
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// At most two connections, opened when they are needed.
pub(super) struct Pool {
    options: MySqlConnectOptions,
    permits: Semaphore,
    idle: Mutex<Vec<(MySqlConnection, Instant)>>,
}

impl Pool {
    pub(super) fn new(options: MySqlConnectOptions) -> Self {
        Self { options, permits: Semaphore::new(MOST), idle: Mutex::new(Vec::new()) }
    }

    /// A connection, once one is free.
    pub(super) async fn lease(&self) -> Result<Lease<'_>, CentralError> {
        let closed = |_| CentralError::Unreachable("the connection was closed".into());
        let permit = self.permits.acquire().await.map_err(closed)?;
        let connection = match self.trusted().await {
            Some(connection) => connection,
            None => open(&self.options).await?,
        };
        Ok(Lease { pool: self, connection, _permit: permit })
    }

    async fn trusted(&self) -> Option<MySqlConnection> {
        loop {
            let (mut connection, since) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if since.elapsed() < TRUSTED_FOR || matches!(timeout(PING_WITHIN, connection.ping()).await, Ok(Ok(()))) {
                return Some(connection);
            }
        }
    }
}

/// A connection in use. Unless it is [kept](Lease::keep), it is closed, which ends its transaction and its session.
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    connection: MySqlConnection,
    _permit: SemaphorePermit<'p>,
}

impl Lease<'_> {
    pub(super) fn connection(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }

    /// Gives the connection back. Only for one on which everything succeeded and no transaction is open.
    pub(super) fn keep(self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push((self.connection, Instant::now()));
    }
}

/// A new connection, set up.
pub(super) async fn open(options: &MySqlConnectOptions) -> Result<MySqlConnection, CentralError> {
    // The driver's own session statements are left out: it would add modes to the server's sql_mode.
    let options = options
        .clone()
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .disable_statement_logging();
    within(CONNECT_WITHIN, async {
        let mut connection = options.connect().await?;
        run(&mut connection, SESSION).await?;
        Ok(connection)
    })
    .await
}

/// The job's result, or that no answer came in time: a peer that vanished never says so.
pub(super) async fn within<T>(
    limit: Duration,
    job: impl Future<Output = Result<T, CentralError>>,
) -> Result<T, CentralError> {
    timeout(limit, job).await.unwrap_or_else(|_| Err(CentralError::no_answer(limit)))
}
