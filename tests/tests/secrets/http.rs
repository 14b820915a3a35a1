//! Requests over TCP as any program may send them, headers and all.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use world::Machine;

const PATIENCE: Duration = Duration::from_secs(30);

/// The API of a machine over TCP.
pub(super) struct Api {
    address: String,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) body: Value,
}

impl Answer {
    /// The error code of the envelope, whose shape is checked.
    pub(super) fn code(&self) -> &str {
        let body = &self.body;
        assert!(body["detail"].is_string() && body["details"].is_object(), "{self:?}");
        assert_eq!(body["status_code"], self.status, "{self:?}");
        body["error_code"].as_str().unwrap()
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("{name} is not in {self:?}")).to_owned()
    }
}

impl Api {
    /// Has the daemon of a machine listen on TCP too.
    pub(super) fn of(machine: &Machine) -> Api {
        if machine.daemon_runs() {
            machine.stop_daemon().unwrap();
        }
        Api { address: machine.start_api().unwrap().address.to_string() }
    }

    /// A request with these headers, and the right `Host` unless one is among them.
    pub(super) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = format!("Host: {}\r\n", self.address);
        let host = if headers.iter().any(|(name, _)| *name == "Host") { "" } else { host.as_str() };
        let more = headers.iter().fold(String::new(), |text, (name, value)| format!("{text}{name}: {value}\r\n"));
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{host}{more}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
    }

    /// A `GET` with a token.
    pub(super) fn get(&self, path: &str, token: &str) -> Answer {
        self.send("GET", path, &[("Authorization", &format!("Bearer {token}"))], "")
    }

    /// Another method with a token and a JSON body.
    pub(super) fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send(method, path, &[("Authorization", &bearer), ("Content-Type", "application/json")], &body.to_string())
    }

    /// A `POST` of JSON without a token.
    pub(super) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("Content-Type", "application/json")], &body.to_string())
    }
}

/// A token for scripts.
pub(super) fn token(machine: &Machine, scopes: &str, expires: &str) -> String {
    let run = machine.cli(&["token", "--scopes", scopes, "--expires", expires]).unwrap().ok().unwrap();
    run.stdout.trim().to_owned()
}
