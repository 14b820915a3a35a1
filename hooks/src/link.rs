//! The way to the daemon of a home: its Unix socket, or loopback TCP with the token file where no socket can be had.
//!
//! Architecture invariant: nothing here reads a proxy variable, and no address but loopback is ever dialled, so that a
//! prompt cannot leave the machine on its way to the daemon.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, str};

use serde_json::Value;

use crate::home::Home;
use crate::wire::{self, Answer, Request, WireError};

/// The largest path, in bytes, that a Unix socket can have on every platform that we run on (macOS: 104 with its NUL).
pub const SOCKET_PATH_LIMIT: usize = 103;

/// Why the daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody listens: there is no daemon, or it is just starting or stopping.
    #[error("reach the daemon: nothing listens at {0}")]
    Nobody(String),
    /// The connection failed in another way.
    #[error("reach the daemon: {0}")]
    Io(#[from] io::Error),
    /// `daemon.json` names an address that is not of this machine.
    #[error("reach the daemon: {} names an address that is not loopback", .0.display())]
    NotLoopback(PathBuf),
    /// The daemon listens on TCP and its token cannot be read.
    #[error("read the token {}: {reason}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There was no whole answer.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// What `daemon.json` says of the running daemon. Fields that it lacks are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DaemonFile {
    /// Process id.
    pub pid: Option<u32>,
    /// Version of the program.
    pub version: Option<String>,
    /// The socket, when it listens on one.
    pub socket: Option<PathBuf>,
    /// The TCP address, when it listens on one.
    pub http: Option<SocketAddr>,
    /// Start of the daemon, in microseconds since the epoch.
    pub started_at_us: Option<u64>,
}

impl DaemonFile {
    /// Reads the file of a home; `None` when there is none.
    pub fn read(home: &Home) -> io::Result<Option<Self>> {
        let bytes = match fs::read(home.daemon_json()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let value: Value = serde_json::from_slice(&bytes)?;
        let text = |name: &str| value[name].as_str();
        Ok(Some(Self {
            pid: value["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()),
            version: text("version").map(str::to_owned),
            socket: text("socket").map(PathBuf::from),
            http: text("http").and_then(|address| address.parse().ok()),
            started_at_us: value["started_at_us"].as_u64(),
        }))
    }
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// An open connection to the daemon, for one request.
pub struct Link {
    stream: Box<dyn Stream>,
    host: String,
    bearer: Option<String>,
}

impl Link {
    /// Connects, over the socket when something listens there, else over TCP when `daemon.json` names an address.
    ///
    /// `patience` bounds each single read and write, a quarter of it the TCP connect. It does not bound connecting to a socket whose
    /// daemon stands still with a full backlog: who must not wait at all watches from another thread.
    pub fn open(home: &Home, patience: Duration) -> Result<Self, LinkError> {
        let nobody = match open_socket(home, patience) {
            Err(error @ LinkError::Nobody(_)) => error,
            settled => return settled,
        };
        // A file that cannot be read names no address, and must not keep anyone from starting a daemon.
        match DaemonFile::read(home).ok().flatten().and_then(|file| file.http) {
            Some(address) => open_tcp(home, address, patience),
            None => Err(nobody),
        }
    }

    /// Sends the request and reads the answer.
    pub fn ask(mut self, request: &Request<'_>) -> Result<Answer, LinkError> {
        let sent = request.write_to(&mut self.stream, &self.host, self.bearer.as_deref());
        let answer = wire::read_answer(&mut self.stream, wire::ANSWER_LIMIT);
        // A daemon that refuses a body may answer and close before all of it is sent.
        match (sent, answer) {
            (_, Ok(answer)) => Ok(answer),
            (Err(error), Err(_)) => Err(error.into()),
            (Ok(()), Err(error)) => Err(error.into()),
        }
    }
}

#[cfg(unix)]
fn open_socket(home: &Home, patience: Duration) -> Result<Link, LinkError> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::UnixStream;

    let path = home.socket();
    let nobody = || LinkError::Nobody(path.display().to_string());
    if path.as_os_str().as_bytes().len() > SOCKET_PATH_LIMIT {
        return Err(nobody());
    }
    let stream = UnixStream::connect(&path).map_err(|error| if is_nobody(&error) { nobody() } else { error.into() })?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(Link { stream: Box::new(stream), host: "localhost".to_owned(), bearer: None })
}

#[cfg(not(unix))]
fn open_socket(home: &Home, _patience: Duration) -> Result<Link, LinkError> {
    Err(LinkError::Nobody(home.socket().display().to_string()))
}

fn open_tcp(home: &Home, address: SocketAddr, patience: Duration) -> Result<Link, LinkError> {
    if !address.ip().is_loopback() {
        return Err(LinkError::NotLoopback(home.daemon_json()));
    }
    let bearer = read_token(home)?;
    // Loopback connects at once or not at all, but Windows asks a closed port again and again for two seconds.
    let stream = TcpStream::connect_timeout(&address, patience / 4).map_err(|error| {
        let nobody = is_nobody(&error) || error.kind() == io::ErrorKind::TimedOut;
        if nobody { LinkError::Nobody(address.to_string()) } else { error.into() }
    })?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(Link { stream: Box::new(stream), host: address.to_string(), bearer: Some(bearer) })
}

fn read_token(home: &Home) -> Result<String, LinkError> {
    let path = home.token();
    let refused = |reason: String| LinkError::Token { path: path.clone(), reason };
    let text = fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refused("it holds no token".to_owned()));
    }
    Ok(token.to_owned())
}

/// Whether a connect failed because there is nobody, rather than somebody in trouble.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);
    const PING: Request<'_> = Request { method: "GET", path: "/ping", headers: &[], body: b"" };

    /// Answers one connection with `pong` and returns the head of its request.
    fn serve_once<S: Read + Write>(stream: S) -> String {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong").unwrap();
        head
    }

    fn announce(home: &Home, http: &str) {
        fs::write(home.daemon_json(), format!(r#"{{"pid":7,"version":"1","socket":null,"http":"{http}"}}"#)).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_socket_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        announce(&home, "127.0.0.1:1");
        let listener = std::os::unix::net::UnixListener::bind(home.socket()).unwrap();
        let server = thread::spawn(move || serve_once(listener.accept().unwrap().0));
        let answer = Link::open(&home, PATIENCE).unwrap().ask(&PING).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"pong"[..]));
        assert!(!server.join().unwrap().contains("Authorization"));
    }

    #[test]
    fn without_a_socket_the_token_is_shown_over_loopback() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        announce(&home, &address);
        assert!(matches!(Link::open(&home, PATIENCE), Err(LinkError::Token { .. })));
        fs::write(home.token(), "s3cret\n").unwrap();
        let server = thread::spawn(move || serve_once(listener.accept().unwrap().0));
        assert_eq!(Link::open(&home, PATIENCE).unwrap().ask(&PING).unwrap().body, b"pong");
        let head = server.join().unwrap();
        assert!(head.contains(&format!("Host: {address}\r\n")), "{head}");
        assert!(head.contains("Authorization: Bearer s3cret\r\n"), "{head}");
    }

    #[test]
    fn no_daemon_is_nobody_and_a_foreign_address_is_not_dialled() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        fs::write(home.token(), "s3cret").unwrap();
        assert!(matches!(Link::open(&home, PATIENCE), Err(LinkError::Nobody(_))));
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        announce(&home, &closed.to_string());
        assert!(matches!(Link::open(&home, PATIENCE), Err(LinkError::Nobody(_))));
        announce(&home, "192.0.2.1:80");
        assert!(matches!(Link::open(&home, PATIENCE), Err(LinkError::NotLoopback(_))));
        fs::write(home.token(), "two\nlines").unwrap();
        announce(&home, "127.0.0.1:1");
        assert!(matches!(Link::open(&home, PATIENCE), Err(LinkError::Token { .. })));
    }

    #[test]
    fn the_daemons_file_is_read_tolerantly() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert_eq!(DaemonFile::read(&home).unwrap(), None);
        announce(&home, "127.0.0.1:80");
        let file = DaemonFile::read(&home).unwrap().unwrap();
        assert_eq!((file.pid, file.http), (Some(7), Some(SocketAddr::from(([127, 0, 0, 1], 80)))));
        fs::write(home.daemon_json(), "{}").unwrap();
        assert_eq!(DaemonFile::read(&home).unwrap(), Some(DaemonFile::default()));
        fs::write(home.daemon_json(), "{").unwrap();
        assert!(DaemonFile::read(&home).is_err());
    }
}
