//! Daemons that do nothing: what is left of a request when there is no work in it.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use world::{Error, Result};

/// As much as the daemon says with a few memories.
const ANSWER_BYTES: usize = 2_000;

/// Listens on a socket and answers every request with the same text.
pub(crate) struct Responder {
    pub(crate) socket: PathBuf,
}

impl Responder {
    /// Answers at once.
    pub(crate) fn echo(folder: &Path) -> Result<Responder> {
        Responder::start(folder.join("echo.sock"), None)
    }

    /// Appends each request to a file first, and answers when that is on disk: the least that a durable answer costs.
    pub(crate) fn synced(folder: &Path) -> Result<Responder> {
        let path = folder.join("requests");
        let file = File::options().create(true).append(true).open(&path);
        Responder::start(
            folder.join("synced.sock"),
            Some(file.map_err(Error::doing(format!("open {}", path.display())))?),
        )
    }

    fn start(socket: PathBuf, mut file: Option<File>) -> Result<Responder> {
        let listener = UnixListener::bind(&socket).map_err(Error::doing(format!("listen on {}", socket.display())))?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever asked sees a broken connection, and fails the benchmark.
                let _ = answer(stream, file.as_mut());
            }
        });
        Ok(Responder { socket })
    }
}

fn answer(mut stream: UnixStream, file: Option<&mut File>) -> io::Result<()> {
    let request = read_request(&mut stream)?;
    if let Some(file) = file {
        file.write_all(&request)?;
        file.sync_data()?;
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {ANSWER_BYTES}\r\nConnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), &[b'x'; ANSWER_BYTES]].concat())
}

/// Reads head and body.
fn read_request(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut chunk = [0; 8 * 1024];
    while length(&request).is_none_or(|length| request.len() < length) {
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => request.extend_from_slice(&chunk[..count]),
        }
    }
    Ok(request)
}

/// Of the whole request, once its head is there.
fn length(request: &[u8]) -> Option<usize> {
    let head_end = request.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&request[..head_end]).ok()?;
    let value = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?;
    Some(head_end + value.parse::<usize>().ok()?)
}
