//! A client that does as little as may be, so that what is measured is the other side: one connection, kept open.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use world::{Error, Result};

const PATIENCE: Duration = Duration::from_secs(30);

/// Where a server is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Socket(PathBuf),
    Tcp(SocketAddr),
}

impl Place {
    /// For the report.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Place::Socket(_) => "socket",
            Place::Tcp(_) => "TCP",
        }
    }
}

/// The bytes of a request.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>, place: &Place, body: &str) -> Vec<u8> {
    request_with(method, path, "", token, place, body)
}

/// The same with further lines in its head, each with its end.
pub(crate) fn request_with(
    method: &str,
    path: &str,
    further: &str,
    token: Option<&str>,
    place: &Place,
    body: &str,
) -> Vec<u8> {
    let host = match place {
        Place::Socket(_) => "localhost".to_owned(),
        Place::Tcp(address) => address.to_string(),
    };
    let bearer = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let content = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{bearer}{further}{content}\r\n{body}").into_bytes()
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    answer: Vec<u8>,
    /// What one read can take.
    chunk: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(place: &Place) -> Result<Connection> {
        let opened: io::Result<Box<dyn Stream>> = match place {
            Place::Socket(path) => UnixStream::connect(path).and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream) as _)
            }),
            Place::Tcp(address) => TcpStream::connect(address).and_then(|stream| {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream) as _)
            }),
        };
        let stream = opened.map_err(Error::doing(format!("connect over {}", place.kind())))?;
        Ok(Connection { stream, answer: Vec::with_capacity(128 * 1024), chunk: vec![0; 64 * 1024] })
    }

    /// Sends a request and reads all of the answer, which must have this status. Returns its body.
    pub(crate) fn ask(&mut self, request: &[u8], status: u16) -> Result<&[u8]> {
        self.exchange(request).map_err(Error::doing("ask over a connection"))?;
        let head = head_end(&self.answer).unwrap_or(0);
        let found = self.answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
        if found == Some(status) {
            Ok(&self.answer[head..])
        } else {
            let text = String::from_utf8_lossy(&self.answer);
            Err(Error::new(format!("see status {status}: {}", text.chars().take(600).collect::<String>())))
        }
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)?;
        self.answer.clear();
        let mut whole = None;
        while whole.is_none_or(|whole| self.answer.len() < whole) {
            match self.stream.read(&mut self.chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.answer.extend_from_slice(&self.chunk[..count]),
            }
            if whole.is_none() {
                whole = length(&self.answer);
            }
        }
        Ok(())
    }
}

fn head_end(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// Of the whole answer, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let end = head_end(answer)?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value.trim())
    })?;
    Some(end + value.parse::<usize>().ok()?)
}
