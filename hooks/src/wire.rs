//! The few words of HTTP/1.1 that hook and daemon exchange: one request, one answer, then the asker closes the connection.
//!
//! An answer counts only when it is whole: its length must be stated, and that much must arrive. That it is the asker who
//! closes tells the daemon whether the answer was read: what was told to nobody is told again later.

use std::io::{self, Read, Write};

/// The path of a hook's request is this and the name of the event: `POST /hooks/Stop`.
pub const HOOK_PATH: &str = "/hooks/";
/// 32 hexadecimal digits that name one firing of a hook, the same when it is sent again: what is taken exactly once.
pub const EVENT_ID: &str = "X-Claudetools-Event-Id";
/// When the hook was started, in microseconds since the epoch.
pub const SENT_AT: &str = "X-Claudetools-Sent-At";
/// Which client the event is of, see [`crate::parent`]; with the events that begin a conversation or go on with it.
pub const CLIENT: &str = "X-Claudetools-Client";
/// The largest body of a request, in bytes, that either side takes. A hook's input holds whole prompts and tool results.
pub const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// The largest body of an answer, in bytes, that is read.
pub const ANSWER_LIMIT: usize = 1024 * 1024;
/// The longest output of a hook that Claude Code passes on whole, inclusive; counted as JavaScript counts, in UTF-16
/// code units.
pub const OUTPUT_LIMIT: usize = 10_000;

const HEAD_LIMIT: usize = 16 * 1024;
/// Up to here a body is copied behind its head, for one write instead of two.
const ONE_WRITE: usize = 32 * 1024;

/// The path that takes in `event`.
pub fn hook_path(event: &str) -> String {
    format!("{HOOK_PATH}{event}")
}

/// A request. Its parts must hold no line breaks; whoever takes one from outside checks it first.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// From the slash on.
    pub path: &'a str,
    /// Beside `Host`, `Content-Length` and `Authorization`, which are made here.
    pub headers: &'a [(&'a str, &'a str)],
    /// May be empty.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// Writes the request, with `Authorization: Bearer` when there is a token.
    pub fn write_to(&self, out: &mut impl Write, host: &str, bearer: Option<&str>) -> io::Result<()> {
        let mut head = Vec::with_capacity(512 + self.body.len().min(ONE_WRITE));
        write!(head, "{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method, self.path)?;
        for (name, value) in self.headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        if let Some(token) = bearer {
            write!(head, "Authorization: Bearer {token}\r\n")?;
        }
        write!(head, "Content-Length: {}\r\n\r\n", self.body.len())?;
        if self.body.len() <= ONE_WRITE {
            head.extend_from_slice(self.body);
            out.write_all(&head)?;
        } else {
            out.write_all(&head)?;
            out.write_all(self.body)?;
        }
        out.flush()
    }
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// As many bytes as the answer said.
    pub body: Vec<u8>,
}

/// Why there is no answer to speak of.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed.
    #[error("read the answer: {0}")]
    Io(#[from] io::Error),
    /// The other side closed before the answer was whole.
    #[error("read the answer: it ended early")]
    Cut,
    /// Not the HTTP that a daemon of ours speaks.
    #[error("understand the answer: {0}")]
    Malformed(&'static str),
    /// Longer than the given limit.
    #[error("read the answer: it is longer than {0} bytes")]
    TooLong(usize),
}

/// Reads one answer with a body of at most `limit` bytes.
pub fn read_answer(from: &mut impl Read, limit: usize) -> Result<Answer, WireError> {
    let mut bytes = Vec::with_capacity(4096);
    let body_at = read_head(from, &mut bytes)?;
    let (status, length) = parse_head(&bytes[..body_at])?;
    if length > limit {
        return Err(WireError::TooLong(limit));
    }
    let mut body = bytes.split_off(body_at);
    body.truncate(length);
    let missing = length - body.len();
    from.take(missing as u64).read_to_end(&mut body)?;
    if body.len() < length { Err(WireError::Cut) } else { Ok(Answer { status, body }) }
}

/// Reads until the head is whole; returns where the body begins.
fn read_head(from: &mut impl Read, bytes: &mut Vec<u8>) -> Result<usize, WireError> {
    const END: &[u8] = b"\r\n\r\n";
    let mut chunk = [0; 4096];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => return Err(WireError::Cut),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        // The end may straddle two chunks.
        let search_from = bytes.len().saturating_sub(END.len() - 1);
        bytes.extend_from_slice(&chunk[..count]);
        if let Some(at) = bytes[search_from..].windows(END.len()).position(|window| window == END) {
            return Ok(search_from + at + END.len());
        }
        if bytes.len() > HEAD_LIMIT {
            return Err(WireError::Malformed("its head does not end"));
        }
    }
}

/// Status and length of the body.
fn parse_head(head: &[u8]) -> Result<(u16, usize), WireError> {
    let head = str::from_utf8(head).map_err(|_| WireError::Malformed("its head is not text"))?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    let status = status.ok_or(WireError::Malformed("it has no status"))?;
    if status == 204 {
        return Ok((status, 0));
    }
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.trim().parse().map_err(|_| WireError::Malformed("its length is not a number"))?;
            return Ok((status, length));
        }
    }
    Err(WireError::Malformed("it does not state its length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its text in pieces of `step` bytes.
    struct Trickle<'a> {
        text: &'a [u8],
        step: usize,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.step.min(self.text.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.text[..count]);
            self.text = &self.text[count..];
            Ok(count)
        }
    }

    fn read(text: &str, step: usize) -> Result<Answer, WireError> {
        read_answer(&mut Trickle { text: text.as_bytes(), step }, 100)
    }

    #[test]
    fn a_request_is_written_whole() {
        let mut out = Vec::new();
        let headers = [(EVENT_ID, "ab"), (SENT_AT, "12")];
        let request = Request { method: "POST", path: &hook_path("Stop"), headers: &headers, body: b"{}\n" };
        request.write_to(&mut out, "127.0.0.1:9", Some("secret")).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "POST /hooks/Stop HTTP/1.1\r\nHost: 127.0.0.1:9\r\nX-Claudetools-Event-Id: ab\r\nX-Claudetools-Sent-At: 12\r\n\
             Authorization: Bearer secret\r\nContent-Length: 3\r\n\r\n{}\n"
        );
    }

    #[test]
    fn a_large_body_follows_its_head() {
        let body = vec![b'x'; ONE_WRITE + 1];
        let mut out = Vec::new();
        Request { method: "POST", path: "/", headers: &[], body: &body }.write_to(&mut out, "h", None).unwrap();
        assert!(out.ends_with(&body));
        assert!(out.starts_with(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 32769\r\n"));
    }

    #[test]
    fn an_answer_is_read_in_pieces_of_any_size() {
        let text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-LENGTH: 5\r\n\r\nhello";
        for step in 1..=text.len() {
            assert_eq!(read(text, step).unwrap(), Answer { status: 200, body: b"hello".to_vec() }, "step {step}");
        }
        assert_eq!(read("HTTP/1.0 204 \r\n\r\n", 7).unwrap(), Answer { status: 204, body: Vec::new() });
    }

    #[test]
    fn what_follows_the_stated_length_is_not_body() {
        assert_eq!(read("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nabcd", 99).unwrap().body, b"ab");
    }

    #[test]
    fn half_an_answer_is_none() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        for end in 0..text.len() {
            assert!(matches!(read(&text[..end], 9), Err(WireError::Cut)), "cut at {end}");
        }
    }

    #[test]
    fn answers_of_strangers_are_refused() {
        for text in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        ] {
            assert!(matches!(read(text, 99), Err(WireError::Malformed(_))), "{text}");
        }
        let long = "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n";
        assert!(matches!(read(long, 99), Err(WireError::TooLong(100))));
        let endless = "x".repeat(HEAD_LIMIT + 1);
        assert!(matches!(read(&endless, 999), Err(WireError::Malformed(_))));
    }
}
