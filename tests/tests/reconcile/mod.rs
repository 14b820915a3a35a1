//! Replicas and a real central: what one machine writes reaches the others, and nothing is lost on the way.

mod central_changes;
mod conflicts;
mod listed;
mod notice;
mod outages;
mod rare;
mod slow_link;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use merge::{Key, Row};
use migrations::catalogue::CLIENTS;
use migrations::{Entity, entity};
use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sync::central::{self, CentralUrl, InitOptions};
use sync::engine::{self, EngineHandle, EngineSettings, RoundReport};
use sync::local::derived_id;
use sync::{Store, SystemClock};
use world::mariadb::{MariaDb, shared};

/// A central database of its own on a server.
pub(crate) struct Central<'a> {
    pub(crate) server: &'a MariaDb,
    pub(crate) database: String,
}

impl<'a> Central<'a> {
    pub(crate) async fn on(server: &'a MariaDb) -> Self {
        let database = server.fresh_database("reconcile").unwrap();
        let central = Self { server, database };
        central::init(&central.url(), InitOptions::default()).await.unwrap();
        central
    }

    pub(crate) fn url(&self) -> CentralUrl {
        self.server.url(&self.database).parse().unwrap()
    }

    /// A connection as any program has it: nothing of ours is set.
    pub(crate) async fn connect(&self) -> MySqlConnection {
        self.try_connect().await.unwrap()
    }

    /// The same of a server that may be down.
    pub(crate) async fn try_connect(&self) -> Result<MySqlConnection, sqlx::Error> {
        let options = MySqlConnectOptions::new().username("root").socket(self.server.socket());
        options.database(&self.database).disable_statement_logging().connect().await
    }

    /// Runs SQL as any other program would, and returns what it printed.
    pub(crate) fn sql(&self, statements: &str) -> String {
        self.server.sql(&self.database, statements).unwrap().trim().to_owned()
    }
}

pub(crate) async fn central() -> Central<'static> {
    Central::on(shared().unwrap()).await
}

/// A machine: a replica in a folder of its own and its engine, which only moves when told to.
pub(crate) struct Machine {
    pub(crate) store: Store,
    pub(crate) engine: EngineHandle,
    folder: tempfile::TempDir,
}

impl Machine {
    pub(crate) async fn new(name: &str, central: &Central<'_>) -> Self {
        Self::through(name, central.url()).await
    }

    /// A machine that reaches central by this URL, for instance through a proxy.
    pub(crate) async fn through(name: &str, url: CentralUrl) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        Self::start(store, folder, name, url).await
    }

    /// A replica that has not met a central yet.
    pub(crate) fn offline() -> Offline {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        Offline { store, folder }
    }

    /// A machine whose engine moves by itself, as in a daemon, after its first round.
    pub(crate) async fn live(name: &str, central: &Central<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("replica.db"), Arc::new(SystemClock)).unwrap();
        let engine = engine::start(store.clone(), EngineSettings::new(Some(central.url()), name));
        engine.round().await.unwrap();
        Self { store, engine, folder }
    }

    /// The machine after its first round, which the engine runs by itself.
    pub(crate) async fn with(store: Store, folder: tempfile::TempDir, name: &str, central: &Central<'_>) -> Self {
        Self::start(store, folder, name, central.url()).await
    }

    async fn start(store: Store, folder: tempfile::TempDir, name: &str, url: CentralUrl) -> Self {
        let mut settings = EngineSettings::new(Some(url), name);
        settings.poll = Duration::from_hours(1);
        settings.settle = Duration::from_hours(1);
        settings.verify.every = Duration::ZERO;
        let engine = engine::start(store.clone(), settings);
        engine.round().await.unwrap();
        Self { store, engine, folder }
    }

    /// Where its replica is.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) async fn round(&self) -> RoundReport {
        self.engine.round().await.unwrap()
    }

    pub(crate) async fn put(&self, row: Row) {
        self.store.write_async(move |tx| tx.put(row)).await.unwrap();
    }

    pub(crate) async fn delete(&self, entity: &'static Entity, name: &str) {
        let key = key(name);
        assert!(self.store.write_async(move |tx| tx.delete(entity, &key)).await.unwrap());
    }

    pub(crate) async fn get(&self, entity: &'static Entity, name: &str) -> Option<Row> {
        let key = key(name);
        self.store.read_async(move |tx| tx.get(entity, &key)).await.unwrap()
    }

    /// Changes one column of a client.
    pub(crate) async fn edit(&self, name: &str, column: &str, value: &str) {
        let row = self.get(CLIENTS, name).await.unwrap();
        self.put(row.with(column, value)).await;
    }

    /// Every row of a table as central's own form would show it: key and the text of one column.
    pub(crate) fn column(&self, table: &str, column: &str) -> String {
        let entity = entity(table).unwrap();
        let column = entity.column(column).unwrap().name;
        let sql = format!("SELECT id, coalesce(CAST({column} AS TEXT), 'NULL') FROM {table} ORDER BY id");
        let rows = self.store.read(|tx| {
            let mut statement = tx.connection().prepare(&sql)?;
            let found = statement
                .query_map([], |row| Ok(format!("{}\t{}", row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            Ok(found.collect::<Result<Vec<_>, _>>()?)
        });
        rows.unwrap().join("\n")
    }

    /// The file of the replica.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("replica.db")
    }

    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.engine.stop().await;
        self.store.close().unwrap();
        self.folder
    }
}

/// A machine before it meets central.
pub(crate) struct Offline {
    store: Store,
    folder: tempfile::TempDir,
}

impl Offline {
    pub(crate) async fn put(&self, row: Row) {
        self.store.write_async(move |tx| tx.put(row)).await.unwrap();
    }

    /// The machine after its first round.
    pub(crate) async fn join(self, name: &str, central: &Central<'_>) -> Machine {
        Machine::with(self.store, self.folder, name, central).await
    }
}

/// The same of central.
pub(crate) fn central_column(central: &Central<'_>, table: &str, column: &str) -> String {
    central.sql(&format!("SELECT id, COALESCE({column}, 'NULL') FROM {table} ORDER BY id"))
}

pub(crate) fn id(name: &str) -> String {
    derived_id("test", name)
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(id(name))
}

pub(crate) fn client(name: &str) -> Row {
    Row::new(CLIENTS).with("id", id(name)).with("name", name)
}
