//! A bare hyper handler: what is left of a request when there is no work in it. `GET /N` is answered with N bytes.
//! `GET /thread/N` is, too, but they come from a thread that does nothing else: what is left of it where whoever reads a
//! database, which may block, must not do so on a worker of the runtime.

use std::convert::Infallible;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, mpsc};

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::oneshot;
use world::child::{self, Owned};
use world::{Error, Result, wait};

use super::client::Place;
use super::options::BARE;

const SOCKET: &str = "bare.sock";
/// Holds the TCP address once both are listened on.
const ADDRESS: &str = "bare.address";

/// The handler in a process of its own.
pub(crate) struct Bare {
    pub(crate) places: [Place; 2],
    _process: Owned,
}

impl Bare {
    /// Starts it with its files in this folder.
    pub(crate) fn start(folder: &Path) -> Result<Bare> {
        let own = std::env::current_exe().map_err(Error::doing("find the running program"))?;
        let mut command = child::command(own);
        command.arg(BARE).arg(folder);
        let process = child::spawn("the bare handler", command)?;
        let said = folder.join(ADDRESS);
        let address = wait::eventually_some("the bare handler listening", std::time::Duration::from_secs(10), || {
            std::fs::read_to_string(&said).ok()?.parse().ok()
        })?;
        Ok(Bare { places: [Place::Socket(folder.join(SOCKET)), Place::Tcp(address)], _process: process })
    }
}

/// Is the handler, for as long as its parent lives.
pub(crate) fn serve(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().map_err(Error::doing("start threads"))?;
    runtime.block_on(listen(folder.to_owned())).map_err(Error::doing("serve the bare handler"))
}

async fn listen(folder: PathBuf) -> std::io::Result<()> {
    let (socket, tcp) = (UnixListener::bind(folder.join(SOCKET))?, TcpListener::bind("127.0.0.1:0").await?);
    // Renamed into its place, so that nobody reads half of it.
    let (draft, said) = (folder.join("bare.draft"), folder.join(ADDRESS));
    write!(std::fs::File::create(&draft)?, "{}", tcp.local_addr()?)?;
    std::fs::rename(&draft, &said)?;
    loop {
        tokio::select! {
            accepted = socket.accept() => drop(tokio::spawn(connection(accepted?.0))),
            accepted = tcp.accept() => {
                let (stream, _) = accepted?;
                stream.set_nodelay(true)?;
                tokio::spawn(connection(stream));
            }
        }
    }
}

async fn connection<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(io: I) {
    // Whoever asked sees a broken connection, and fails the benchmark.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(io), service_fn(answer)).await;
}

async fn answer(request: Request<Incoming>) -> std::result::Result<Response<String>, Infallible> {
    let path = request.uri().path();
    let number = |text: &str| text.parse().unwrap_or(0);
    let body = match path.strip_prefix("/thread/") {
        Some(bytes) => from_thread(number(bytes)).await,
        None => text(number(path.trim_start_matches('/'))),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// The text, made by the thread that makes all of them. Empty when it is gone, which the benchmark notices.
async fn from_thread(bytes: usize) -> String {
    type Wanted = (usize, oneshot::Sender<String>);
    static THREAD: LazyLock<mpsc::Sender<Wanted>> = LazyLock::new(|| {
        let (ask, asked) = mpsc::channel::<Wanted>();
        std::thread::spawn(move || {
            for (bytes, reply) in asked {
                let _ = reply.send(text(bytes));
            }
        });
        ask
    });
    let (reply, answer) = oneshot::channel();
    let _ = THREAD.send((bytes, reply));
    answer.await.unwrap_or_default()
}
