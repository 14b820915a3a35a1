//! Opens connections and says nothing on them: `idle-callers tcp ADDRESS` or `idle-callers socket PATH`.
//!
//! A number on stdin opens so many more, and is answered by how many there are; `oldest` waits until the other side closes
//! the first one, and is answered by `ended` or `open`. All are closed at the end of stdin. A process of its own, since a
//! limit of open files is a process's.

use std::io::{self, BufRead as _, ErrorKind, Read};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How long `oldest` waits.
const PATIENCE: Duration = Duration::from_mins(1);

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    raise_limit();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tcp", address] => serve(|| {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        }),
        ["socket", path] => serve(|| {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        }),
        _ => Err(io::Error::other("usage: idle-callers tcp ADDRESS | socket PATH")),
    }
}

/// As far as it may be raised without being root; who cannot open enough says so when it fails.
fn raise_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn serve<S: Read>(connect: impl Fn() -> io::Result<S>) -> io::Result<()> {
    let mut open = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line == "oldest" {
            println!("{}", if has_ended(open.first_mut())? { "ended" } else { "open" });
            continue;
        }
        let more: usize = line.parse().map_err(io::Error::other)?;
        for _ in 0..more {
            open.push(
                connect().map_err(|error| {
                    io::Error::new(error.kind(), format!("open number {}: {error}", open.len() + 1))
                })?,
            );
        }
        println!("{}", open.len());
    }
    Ok(())
}

fn has_ended(stream: Option<&mut impl Read>) -> io::Result<bool> {
    let stream = stream.ok_or_else(|| io::Error::other("none was opened"))?;
    Ok(match stream.read(&mut [0; 1024]) {
        Ok(read) => read == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    })
}
