//! The API of a machine's daemon, as any program on that host has it: HTTP over loopback with the token.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;
use std::{fs, str};

use serde_json::Value;

use crate::{Error, Machine, Result};

const PATIENCE: Duration = Duration::from_mins(1);

/// The way to the API of one daemon.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it wants to be shown; None: nothing is shown.
    pub token: Option<String>,
}

/// What the API answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The head, without the status line.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Api {
    /// Of a machine whose daemon listens on loopback (see [`Machine::start_api`]).
    pub fn of(machine: &Machine) -> Result<Api> {
        let home = machine.home_seen_outside();
        let file = home.daemon_json();
        let text = fs::read(&file).map_err(Error::doing(format!("read {}", file.display())))?;
        let json: Value = serde_json::from_slice(&text).map_err(Error::doing("read daemon.json"))?;
        let address = json["http"].as_str().and_then(|text| text.parse().ok());
        let address = address.ok_or_else(|| Error::new("find the address of the API: the daemon has none"))?;
        let token = fs::read_to_string(home.token()).map_err(Error::doing("read the token"))?;
        Ok(Api { address, token: Some(token.trim().to_owned()) })
    }

    /// The same without a token.
    #[must_use]
    pub fn stranger(&self) -> Api {
        Api { token: None, ..self.clone() }
    }

    /// `GET`
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, &[], b"")
    }

    /// `POST` of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.json("POST", path, body, &[])
    }

    /// `PUT` of JSON.
    pub fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.json("PUT", path, body, &[])
    }

    /// `DELETE`
    pub fn delete(&self, path: &str) -> Result<Answer> {
        self.send("DELETE", path, &[], b"")
    }

    /// JSON with further headers.
    pub fn json(&self, method: &str, path: &str, body: &Value, headers: &[(&str, &str)]) -> Result<Answer> {
        let headers = [&[("Content-Type", "application/json")], headers].concat();
        self.send(method, path, &headers, body.to_string().as_bytes())
    }

    /// Any request.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        let bearer = self.token.iter().map(|token| format!("Authorization: Bearer {token}\r\n"));
        let others = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let more: String = bearer.chain(others).collect();
        let (host, length) = (self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n"
        );
        self.exchange(&[head.as_bytes(), body].concat()).map_err(Error::doing(format!("ask for {method} {path}")))
    }

    fn exchange(&self, request: &[u8]) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // A daemon that refuses a body may answer and close before all of it is sent.
        let sent = stream.write_all(request);
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            Err(error) if bytes.is_empty() => return Err(sent.err().unwrap_or(error)),
            _ => {}
        }
        answer(&bytes).ok_or_else(|| std::io::Error::other("the answer is no HTTP"))
    }
}

fn answer(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (line, headers) = str::from_utf8(&bytes[..end]).ok()?.split_once("\r\n")?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, headers: headers.to_owned(), body: bytes[end + 4..].to_vec() })
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The code of an error; empty for anything else.
    pub fn code(&self) -> String {
        self.body()["error_code"].as_str().unwrap_or_default().to_owned()
    }

    /// This answer, if it has that status.
    ///
    /// # Errors
    /// With the answer, if it has another.
    pub fn expect(self, status: u16) -> Result<Answer> {
        if self.status == status {
            Ok(self)
        } else {
            Err(Error::new(format!("see status {status}: it is {} with {}", self.status, self.text())))
        }
    }
}

impl Machine {
    /// Starts the daemon so that it listens on a free port of loopback, too.
    pub fn start_api(&self) -> Result<Api> {
        self.start_api_with(|_| {})
    }

    /// The same after `change` has had its way with the command.
    pub fn start_api_with(&self, change: impl FnOnce(&mut Command)) -> Result<Api> {
        self.start_daemon_with(|command| {
            command.args(["--listen", "127.0.0.1:0"]);
            change(command);
        })?;
        Api::of(self)
    }
}
