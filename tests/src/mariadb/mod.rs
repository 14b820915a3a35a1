//! Real, throw-away MariaDB servers.
//!
//! Tests that only need a database of their own take one of [`shared`]; tests that stop, kill or freeze the server start
//! their own with [`MariaDb::start`].

mod client;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::child::{self, Owned};
use crate::machine::Disk;
use crate::run::run;
use crate::scratch::Scratch;
use crate::wait::eventually_some;
use crate::{Error, Result};

/// A loaded machine with two cores needs a while for the first start.
const START: Duration = Duration::from_mins(1);
const STOP: Duration = Duration::from_secs(30);

/// How a server differs from the usual one: socket only, no binary log.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Listen on a free port of 127.0.0.1 too.
    pub tcp: bool,
    /// Further arguments of `mariadbd`, for instance `--log-bin`.
    pub arguments: Vec<String>,
    /// Keep the data on a disk of its own with so many MiB, which a test can fill.
    pub disk_mib: Option<u32>,
}

/// A running server with a data directory of its own. Dropped, it is killed and its directory removed.
#[derive(Debug)]
pub struct MariaDb {
    scratch: Scratch,
    port: Option<u16>,
    arguments: Vec<String>,
    disk: Option<Disk>,
    server: Mutex<Option<Owned>>,
}

/// The server that all tests of this process share, started at the first call. Each test makes its own database in it
/// ([`MariaDb::fresh_database`]) and never touches the server itself.
pub fn shared() -> Result<&'static MariaDb> {
    static SHARED: OnceLock<std::result::Result<MariaDb, String>> = OnceLock::new();
    match SHARED.get_or_init(|| MariaDb::start().map_err(|e| e.to_string())) {
        Ok(server) => Ok(server),
        Err(text) => Err(Error::new(text.clone())),
    }
}

impl MariaDb {
    /// Starts a server that listens on its socket only, and waits until it answers.
    pub fn start() -> Result<MariaDb> {
        MariaDb::start_with(Options::default())
    }

    /// Starts a server with options, and waits until it answers.
    pub fn start_with(options: Options) -> Result<MariaDb> {
        let scratch = Scratch::new("mariadb")?;
        install(scratch.path())?;
        let port = if options.tcp { Some(free_port()?) } else { None };
        let disk = options.disk_mib.map(|mib| own_disk(scratch.path(), mib)).transpose()?;
        let server = MariaDb { scratch, port, arguments: options.arguments, disk, server: Mutex::new(None) };
        server.launch()?;
        Ok(server)
    }

    /// The URL of a database, as `claudetools` and sqlx take it: over the socket.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@localhost/{database}?socket={}", self.socket().display())
    }

    /// The URL of a database over TCP.
    pub fn tcp_url(&self, database: &str) -> Result<String> {
        let port =
            self.port.ok_or_else(|| Error::new("name a TCP address: the server was started without Options::tcp"))?;
        Ok(format!("mysql://root@127.0.0.1:{port}/{database}"))
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.scratch.path().join("sock")
    }

    /// Makes an empty database (utf8mb4) of this name.
    pub fn create_database(&self, name: &str) -> Result<()> {
        self.sql("", &format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4")).map(drop)
    }

    /// Makes an empty database with a name that no other test has, and returns the name.
    pub fn fresh_database(&self, prefix: &str) -> Result<String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{prefix}_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.create_database(&name)?;
        Ok(name)
    }

    /// Runs statements as root through the `mariadb` client, in `database` ("" for none). Returns the rows: a line each,
    /// columns parted by tabs, without a heading. A single statement of DDL that collides with that of other tests, in the
    /// server's own tables, is run again, as the server says.
    pub fn sql(&self, database: &str, statements: &str) -> Result<String> {
        const ATTEMPTS: usize = 5;
        let collided = |error: &Error| error.to_string().contains("Lock deadlock; Retry transaction");
        let is_single = !statements.trim_end().trim_end_matches(';').contains(';');
        for _ in 1..ATTEMPTS {
            match client::run(&self.socket(), database, statements) {
                Err(error) if is_single && collided(&error) => {}
                other => return other,
            }
        }
        client::run(&self.socket(), database, statements)
    }

    /// Stops the server in an orderly way; its data stay.
    pub fn stop(&self) -> Result<()> {
        match self.process().take() {
            Some(mut server) => server.terminate(STOP).map(drop),
            None => Ok(()),
        }
    }

    /// Kills the server as a power cut would.
    pub fn kill9(&self) -> Result<()> {
        match self.process().take() {
            Some(mut server) => server.kill9(),
            None => Ok(()),
        }
    }

    /// Starts it again, with the same data, socket and port, after stopping it when it runs.
    pub fn restart(&self) -> Result<()> {
        self.stop()?;
        self.launch()
    }

    /// Freezes it: connections stay open, nothing is answered.
    pub fn sigstop(&self) -> Result<()> {
        self.running(Owned::freeze)
    }

    /// Lets it go on after [`MariaDb::sigstop`].
    pub fn sigcont(&self) -> Result<()> {
        self.running(Owned::thaw)
    }

    /// Its process id.
    pub fn id(&self) -> Result<u32> {
        self.running(|server| Ok(server.id()))
    }

    /// Its disk of its own, as the test sees it.
    pub fn disk(&self) -> Option<PathBuf> {
        self.disk.as_ref().map(|disk| disk.seen_outside(&self.scratch.path().join(DISK)))
    }

    /// A directory that lives as long as the server, for files that it reads.
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    fn process(&self) -> MutexGuard<'_, Option<Owned>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running<T>(&self, job: impl FnOnce(&Owned) -> Result<T>) -> Result<T> {
        job(self.process().as_ref().ok_or_else(|| Error::new("reach mariadbd: it does not run"))?)
    }

    /// The command that starts it, on its own disk if it has one.
    fn command(&self) -> Result<Command> {
        let program = find("mariadbd")?;
        let (inside, data) = match &self.disk {
            Some(disk) => (disk.command(program), format!("{DISK}/data")),
            None => (Command::new(program), "data".to_owned()),
        };
        let mut command = child::command(inside.get_program());
        command.args(inside.get_args());
        command.args(server_arguments(self.scratch.path(), &data, &self.socket(), self.port)).args(&self.arguments);
        Ok(command)
    }

    fn launch(&self) -> Result<()> {
        let log = self.scratch.path().join("error.log");
        let output = File::options().create(true).append(true).open(&log);
        let output = output.map_err(Error::doing(format!("open {}", log.display())))?;
        let mut command = self.command()?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(Error::doing("duplicate a file handle"))?)
            .stderr(output);
        let mut process = self.process();
        let server = process.insert(child::spawn("mariadbd", command)?);
        let socket = self.scratch.path().join("sock");
        eventually_some("mariadbd answering", START, || {
            let answers = client::run(&socket, "", "SELECT 1").is_ok();
            (answers || !server.is_running()).then_some(answers)
        })
        .and_then(|answers| if answers { Ok(()) } else { Err(Error::new("start mariadbd: it ended at once")) })
        .map_err(|e| {
            Error::new(format!("{e}\n--- {}\n{}", log.display(), fs::read_to_string(&log).unwrap_or_default()))
        })
    }
}

/// Small, quiet and quick to start. A killed server loses nothing that it acknowledged, since the operating system lives on.
fn server_arguments(directory: &Path, data: &str, socket: &Path, port: Option<u16>) -> Vec<String> {
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        format!("--datadir={}", directory.join(data).display()),
        format!("--socket={}", socket.display()),
        format!("--pid-file={}", directory.join("pid").display()),
        // A server that starts deletes the temporary tables of those that run, when they share this.
        format!("--tmpdir={}", directory.display()),
    ];
    arguments.extend(user());
    arguments.extend(match port {
        Some(port) => vec!["--bind-address=127.0.0.1".to_owned(), format!("--port={port}")],
        None => vec!["--skip-networking".to_owned()],
    });
    let fixed = [
        "--skip-name-resolve",
        "--skip-log-bin",
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=8M",
        "--innodb-fast-shutdown=1",
        "--performance-schema=OFF",
        "--character-set-server=utf8mb4",
        "--max-connections=200",
    ];
    arguments.extend(fixed.map(str::to_owned));
    arguments
}

fn install(directory: &Path) -> Result<()> {
    let output = Command::new(find("mariadb-install-db")?)
        .arg("--no-defaults")
        .arg(format!("--datadir={}", directory.join("data").display()))
        .args(user())
        .args(["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M"])
        .env("TMPDIR", directory)
        .stdin(Stdio::null())
        .output()
        .map_err(Error::doing("run mariadb-install-db"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::new(format!("make a data directory: {}", String::from_utf8_lossy(&output.stderr))))
}

/// mariadbd refuses to run as root unless told so by name.
fn user() -> Option<String> {
    rustix::process::getuid().is_root().then(|| "--user=root".to_owned())
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::doing("find a free port"))?;
    listener.local_addr().map(|address| address.port()).map_err(Error::doing("find a free port"))
}

/// Below the server's directory: where its own disk is.
const DISK: &str = "disk";

/// A disk with the fresh data directory on it.
fn own_disk(directory: &Path, mib: u32) -> Result<Disk> {
    let disk = Disk::small(&directory.join(DISK), mib)?;
    let mut copy = disk.command("cp");
    // Without holes: what the server has reserved must be there when the disk is full.
    copy.args(["-a", "--sparse=never"]).arg(directory.join("data")).arg(directory.join(DISK));
    run(copy, b"", START)?.ok()?;
    Ok(disk)
}

/// The path of one of MariaDB's programs: the server's own is outside an ordinary user's PATH.
fn find(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    let found =
        std::env::split_paths(&path).chain(system).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.ok_or_else(|| {
        Error::new(format!(
            "find {program}: MariaDB is not installed; `cargo xtask test` installs it, or `apt-get install mariadb-server`"
        ))
    })
}
