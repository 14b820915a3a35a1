//! A stand-in for the model behind the Claude Code client, so that the real client can be driven offline.
//!
//! It speaks as much of the Messages API as the client asks for, logs every request as one JSON line, and answers as the
//! markers in the last human prompt say ([`script`]). It is only ever reached inside a network namespace of its own.

mod answer;
mod http;
pub mod script;

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::wait::pause;
use crate::{Error, Result};
use http::{Request, respond};
use script::Script;

/// Starts the model on a free port of 127.0.0.1, for as long as the process lives; requests are appended to `log`.
/// Returns the base URL for the client.
pub fn serve(log: &Path) -> Result<String> {
    let log = Arc::new(Mutex::new(Log::open(log).map_err(Error::doing(format!("open {}", log.display())))?));
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::doing("listen for the client"))?;
    let address = listener.local_addr().map_err(Error::doing("listen for the client"))?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let log = Arc::clone(&log);
            // A client that hangs up in the middle is part of what the tests do.
            std::thread::spawn(move || answer_one(&stream, &log).ok());
        }
    });
    Ok(format!("http://{address}"))
}

struct Log {
    file: File,
    count: u64,
}

impl Log {
    /// Numbers go on from a log that is there: a resumed conversation must not meet an id of its past again.
    fn open(path: &Path) -> std::io::Result<Log> {
        let count = fs::read_to_string(path).unwrap_or_default().lines().count() as u64;
        Ok(Log { file: File::options().create(true).append(true).open(path)?, count })
    }

    /// Appends a request before it is answered, so that whoever sees the answer finds the request. Returns its number.
    fn append(&mut self, request: &Request, body: &Value) -> std::io::Result<u64> {
        self.count += 1;
        let line = json!({ "n": self.count, "method": request.method, "path": request.path, "body": body });
        writeln!(self.file, "{line}")?;
        Ok(self.count)
    }
}

fn answer_one(stream: &TcpStream, log: &Mutex<Log>) -> std::io::Result<()> {
    let request = Request::read(stream)?;
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let number = log.lock().unwrap_or_else(PoisonError::into_inner).append(&request, &body)?;
    let path = request.path.split('?').next().unwrap_or_default();
    match (request.method.as_str(), path) {
        ("POST", "/v1/messages") => message(stream, &body, number),
        ("POST", "/v1/messages/count_tokens") => {
            respond(stream, 200, "application/json", &json!({ "input_tokens": request.body.len() / 4 + 1 }).to_string())
        }
        ("GET", "/v1/models") => {
            respond(stream, 200, "application/json", &json!({ "data": [], "has_more": false }).to_string())
        }
        _ => respond(stream, 404, "application/json", &answer::error(404)),
    }
}

fn message(stream: &TcpStream, body: &Value, number: u64) -> std::io::Result<()> {
    let script = Script::of(body);
    if let Some(delay) = script.delay {
        pause(delay);
    }
    if let Some(status) = script.error {
        return respond(stream, status, "application/json", &answer::error(status));
    }
    let answer =
        answer::Answer { number, model: body["model"].as_str().unwrap_or("stand-in"), step: script.next_step() };
    if body["stream"].as_bool().unwrap_or(false) {
        respond(stream, 200, "text/event-stream; charset=utf-8", &answer.to_events())
    } else {
        respond(stream, 200, "application/json", &answer.to_message().to_string())
    }
}
