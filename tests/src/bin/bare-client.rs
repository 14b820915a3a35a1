//! What a hook cannot be quicker than: sends its input, a whole request, over a Unix socket and prints the answer's body.
//!
//! The hook benchmark runs it beside the hook. It understands nothing, checks nothing and keeps nothing.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

fn main() -> io::Result<()> {
    let socket = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: bare-client SOCKET"))?;
    let mut request = Vec::with_capacity(8 * 1024);
    io::stdin().lock().read_to_end(&mut request)?;
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(&request)?;
    let mut answer = Vec::with_capacity(8 * 1024);
    stream.read_to_end(&mut answer)?;
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |at| at + 4);
    io::stdout().lock().write_all(&answer[body..])
}
