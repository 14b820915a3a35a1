//! The server that is measured: private, and durable as a server that keeps people's data must be.

use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sync::central::{self, CentralUrl, InitOptions};
use world::mariadb::{MariaDb, Options};
use world::{Error, Result};

/// Every commit is on disk before it is acknowledged, pages are written twice against torn writes; memory as a small
/// server has it.
const SETTINGS: [&str; 5] = [
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-doublewrite=1",
    "--innodb-buffer-pool-size=1G",
    "--innodb-log-file-size=512M",
    "--max-connections=100",
];

pub(crate) struct Server {
    pub(crate) mariadb: MariaDb,
}

impl Server {
    pub(crate) fn start() -> Result<Server> {
        let arguments = SETTINGS.map(str::to_owned).to_vec();
        Ok(Server { mariadb: MariaDb::start_with(Options { arguments, ..Options::default() })? })
    }

    pub(crate) fn settings(&self) -> String {
        let version = self.mariadb.sql("", "SELECT VERSION()").unwrap_or_default();
        let settings: Vec<&str> = SETTINGS.iter().map(|setting| setting.trim_start_matches("--")).collect();
        format!("MariaDB {}, {}", version.trim(), settings.join(", "))
    }

    /// Makes a central database of that name.
    pub(crate) async fn init(&self, name: &str) -> Result<()> {
        self.mariadb.create_database(name)?;
        let url: CentralUrl = self.mariadb.url(name).parse().map_err(Error::doing("read a URL"))?;
        central::init(&url, InitOptions::default()).await.map_err(Error::doing("make a central database"))?;
        Ok(())
    }

    /// Takes the full text indexes off the table that is measured, which must be empty.
    pub(crate) fn without_full_text(&self, database: &str) -> Result<()> {
        // Rebuilt, the table loses the hidden column of the indexes too.
        let alter = "ALTER TABLE conversation_contexts DROP INDEX idx_fulltext_summary, DROP INDEX idx_fulltext_title; \
                     ALTER TABLE conversation_contexts FORCE";
        self.mariadb.sql(database, alter).map(drop)
    }

    /// A connection of another program.
    pub(crate) async fn connect(&self, database: &str) -> Result<MySqlConnection> {
        let options = MySqlConnectOptions::new().username("root").socket(self.mariadb.socket()).database(database);
        options.connect().await.map_err(Error::doing("connect to the server"))
    }

    /// A single number.
    pub(crate) fn number(&self, database: &str, query: &str) -> Result<u64> {
        let text = self.mariadb.sql(database, query)?;
        text.trim().parse().map_err(Error::doing(format!("read {text:?} as a number")))
    }

    /// Statements that the server has been asked so far.
    pub(crate) fn questions(&self) -> Result<u64> {
        let text = self.mariadb.sql("", "SHOW GLOBAL STATUS LIKE 'Questions'")?;
        let number = text.split_whitespace().last().unwrap_or_default();
        number.parse().map_err(Error::doing("read the server's status"))
    }
}
