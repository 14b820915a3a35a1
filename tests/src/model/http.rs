//! As much of HTTP/1.1 as the client speaks to the model: one request a connection.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// One request, read whole.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn read(stream: &TcpStream) -> io::Result<Request> {
        let mut input = BufReader::new(stream);
        let start = line(&mut input)?;
        let mut words = start.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (mut length, mut chunked, mut wants_go_ahead) = (0, false, false);
        loop {
            let header = line(&mut input)?;
            let Some((name, value)) = header.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
                "transfer-encoding" => chunked = value.to_ascii_lowercase().contains("chunked"),
                "expect" => wants_go_ahead = true,
                _ => {}
            }
        }
        if wants_go_ahead {
            let mut output = stream;
            output.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = if chunked { read_chunks(&mut input)? } else { read_exactly(&mut input, length)? };
        Ok(Request { method, path, body })
    }
}

fn line(input: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut text = String::new();
    input.read_line(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_exactly(input: &mut BufReader<&TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(input: &mut BufReader<&TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(input)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        body.extend(read_exactly(input, size)?);
        line(input)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Answers and closes.
pub(super) fn respond(mut stream: &TcpStream, status: u16, content_type: &str, body: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} stand-in\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.flush()
}
