//! The daemon's life: lock, listen, open, answer, stop.
//!
//! It answers before the replica is open (hooks wait a moment, or are told why not), and it stops in the reverse order:
//! no new requests, those in hand finished, the engine's round finished, everything checkpointed, the lock let go.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hooks::durable::private_dir;
use hooks::home::Home;
use serde_json::json;
use sync::SystemClock;
use sync::engine::VerifySettings;
use tokio::task::JoinHandle;

use crate::app::{Addresses, App, Parts};
use crate::auth::Authority;
use crate::auth::jwt::JwtKey;
use crate::billing::Rule;
use crate::config::Config;
use crate::files;
use crate::keeper;
use crate::lock::{HomeLock, LockError};
use crate::logging::{self, rotate::Rotation};
use crate::machine;
use crate::phase::{Phase, Trouble};
use crate::policy::Policy;
use crate::server::accept::serve;
use crate::server::crowd::{self, Crowd};
use crate::server::listen::{self, ListenError};
use crate::server::routes;

/// How long events that are being saved may take at the stop.
const SAVE_LIMIT: Duration = Duration::from_secs(5);
/// How long the round that runs may take at the stop.
const ROUND_LIMIT: Duration = Duration::from_secs(5);
/// Any free port of loopback, where no socket can be had.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// How the daemon is to run.
pub(crate) struct Options {
    pub(crate) home: Home,
    /// Besides what the configuration says.
    pub(crate) listen: Option<SocketAddr>,
    /// Away from the terminal and the session of whoever started it, in this process.
    pub(crate) detached: bool,
}

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// Another one runs, or the lock file is out of reach.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// An address cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A file or folder of the home cannot be made.
    #[error("{doing}: {source}")]
    Io { doing: String, source: io::Error },
}

fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> RunError {
    let doing = doing.into();
    move |source| RunError::Io { doing, source }
}

/// Runs the daemon until it is told to stop by a signal.
pub(crate) fn run(options: Options) -> Result<(), RunError> {
    if options.detached {
        detach(options.home.root());
    }
    if let Some(address) = options.listen.filter(|address| !address.ip().is_loopback()) {
        return Err(ListenError::NotLoopback(address).into());
    }
    let home = &options.home;
    for folder in [home.root(), &home.logs()] {
        private_dir(folder).map_err(io(format!("make the folder {}", folder.display())))?;
    }
    let lock = HomeLock::acquire(&home.lock())?;
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let runtime = runtime.map_err(io("start the daemon's threads"))?;
    let result = runtime.block_on(live(options, &lock));
    // A blocking job that hangs must not hold up the end: what was answered is on disk.
    runtime.shutdown_timeout(Duration::from_secs(1));
    drop(lock);
    result
}

/// Leaves the session and folder of whoever started it. A process that leads a group already cannot start a session,
/// and need not: it is no child of a terminal's job.
fn detach(home: &Path) {
    #[cfg(unix)]
    let _ = rustix::process::setsid();
    let _ = std::env::set_current_dir(home); // keeps no foreign folder busy; that it may not exist yet is no harm
}

async fn live(options: Options, lock: &HomeLock) -> Result<(), RunError> {
    let Options { home, listen: asked, detached } = options;
    let mut startup = Vec::new();
    let config = Config::load(&home.config()).unwrap_or_else(|error| {
        startup.push(Trouble {
            reason: format!("the configuration is not used: {error}"),
            hint: format!("{}; then run: claudetools daemon restart", error.hint()),
        });
        let config = Config::cautious(&home.config());
        if !config.memory.capture {
            startup.push(Trouble {
                reason: "nothing is saved or told: the configuration names what is not to be, and cannot be read"
                    .into(),
                hint: format!("correct {}; then run: claudetools daemon restart", home.config().display()),
            });
        }
        config
    });
    startup.extend(failed_sync(&home));
    let policy = policy(&config, &mut startup);
    let central = config.central_url(&home.config()).unwrap_or_else(|error| {
        startup.push(Trouble { reason: format!("memory is not shared: {error}"), hint: error.hint() });
        None
    });
    let meaning = config.recall.source(&home).unwrap_or_else(|error| {
        let hint = "correct [recall] in config.toml; then run: claudetools daemon restart";
        startup.push(Trouble { reason: format!("recall goes by words alone: {error}"), hint: hint.to_owned() });
        None
    });
    let verify = VerifySettings {
        every: Duration::from_secs(config.verify.every_minutes.saturating_mul(60)),
        pass: Duration::from_secs(config.verify.pass_hours.saturating_mul(3600)),
        ..VerifySettings::default()
    };
    let billing = Rule::of(&config.billing, &machine::this_one().username);
    let clock = Arc::new(SystemClock);
    let rotation = Rotation { max_bytes: config.log.max_mib.max(1) << 20, keep: config.log.keep };
    let file = home.logs().join("daemon.log");
    let log = logging::start(logging::Settings { file: &file, rotation, foreground: !detached, clock: clock.clone() });
    #[cfg(unix)]
    crowd::raise_descriptors();
    let machine = machine::this_one();
    let path = home.keys().join("jwt.key");
    let key = JwtKey::load_or_create(&path).map_err(io(format!("use the key {}", path.display())))?;
    let authority = Authority::new(key, machine.hostname.clone());
    let listeners = Listeners::open(&home, lock, asked, config.http.listen, &mut startup).await?;
    for trouble in &startup {
        tracing::error!(reason = trouble.reason, hint = trouble.hint, "not all is well at the start");
    }
    let app = Arc::new(App::new(Parts {
        watching: config.capture,
        home,
        central,
        authority,
        machine,
        verify,
        billing,
        policy,
        meaning,
        clock,
        log,
        startup,
    }));
    serve_until_stopped(app, listeners).await
}

/// Why the daemon before this one ended, if a failed sync made it do so.
fn failed_sync(home: &Home) -> Option<Trouble> {
    let error = sync::local::take_failed_sync(&home.replica())?;
    let hint = "what was acknowledged is on disk; look at that disk's space, and its errors in the system's log";
    Some(Trouble {
        reason: format!("the daemon before this one ended, as the disk has not confirmed what was written: {error}"),
        hint: hint.to_owned(),
    })
}

fn policy(config: &Config, startup: &mut Vec<Trouble>) -> Arc<Policy> {
    let policy = Policy::new(config.memory.clone()).unwrap_or_else(|error| {
        startup.push(Trouble {
            reason: format!("nothing is saved or told: the patterns of [memory] ignore cannot be used: {error}"),
            hint: "correct them in config.toml; then run: claudetools daemon restart".into(),
        });
        Policy::nothing()
    });
    Arc::new(policy)
}

async fn serve_until_stopped(app: Arc<App>, listeners: Listeners) -> Result<(), RunError> {
    let addresses = listeners.addresses();
    let router = routes::router(Arc::clone(&app));
    let mut serving = listeners.serve(&router, &app);
    let tasks = keeper::start(&app);
    match keeper::write_own_token(&app) {
        // Who asks over the socket needs none, and the one that lies there holds for weeks: a full disk must not keep the
        // daemon away.
        Err(error) if addresses.socket.is_some() => tracing::error!(%error, "the token of this machine is not renewed"),
        result => result.map_err(io(format!("write the token {}", app.home.token().display())))?,
    }
    announce(&app, &addresses)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), ?addresses, "the daemon answers");
    let _ = app.addresses.set(addresses); // set once, here
    stop_signal().await.map_err(io("watch for signals"))?;
    tracing::info!("stopping");
    app.stop.request();
    app.imports.stop();
    serving.extend(tasks);
    for task in serving {
        if let Err(error) = task.await {
            tracing::error!(%error, "a task did not end well");
        }
    }
    close(&app).await;
    if let Err(error) = files::remove_if_there(&app.home.daemon_json()) {
        tracing::warn!(%error, "daemon.json was left behind");
    }
    if let Err(error) = files::remove_if_there(&app.home.socket()) {
        tracing::warn!(%error, "the socket was left behind");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Finishes what is being saved, then the engine, then the replica.
async fn close(app: &App) {
    if !app.intake.finished(SAVE_LIMIT).await {
        tracing::warn!("an event was still being handled at the stop; its hook keeps it on disk");
    }
    let Phase::Ready(core) = app.phase.send_replace(Phase::Closed) else { return };
    if let Err(error) = core.capture.settle().await {
        tracing::warn!(%error, "the hook figures of the last seconds were not saved");
    }
    if tokio::time::timeout(ROUND_LIMIT, core.engine.stop()).await.is_err() {
        tracing::warn!("the round with central was cut off; it is resolved at the next start");
    }
    let Some(core) = Arc::into_inner(core) else {
        return tracing::warn!("the replica is still in use; it is checkpointed at the next start");
    };
    let store = core.store.clone();
    drop(core);
    match tokio::task::spawn_blocking(move || store.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the replica was not closed as it should be"),
        Err(error) => tracing::error!(%error, "closing the replica panicked"),
    }
}

/// Writes `daemon.json`: from now on the daemon answers.
fn announce(app: &App, addresses: &Addresses) -> Result<(), RunError> {
    let said = json!({
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "socket": addresses.socket,
        "http": addresses.http,
        "started_at_us": app.started_us,
    });
    let path = app.home.daemon_json();
    match files::write_private(&path, said.to_string().as_bytes()) {
        // Who asks over the socket does not need the file: a full disk must not keep the daemon away.
        Err(error) if addresses.socket.is_some() => tracing::warn!(%error, "daemon.json cannot be written"),
        result => result.map_err(io(format!("write {}", path.display())))?,
    }
    Ok(())
}

/// What the daemon listens on.
struct Listeners {
    #[cfg(unix)]
    socket: Option<(std::path::PathBuf, tokio::net::UnixListener)>,
    tcp: Vec<tokio::net::TcpListener>,
}

impl Listeners {
    /// The socket; the address asked for, which must be had; the configured one, which is only reported when it cannot;
    /// any port of loopback when there would be nothing else.
    async fn open(
        home: &Home,
        lock: &HomeLock,
        asked: Option<SocketAddr>,
        configured: Option<SocketAddr>,
        troubles: &mut Vec<Trouble>,
    ) -> Result<Listeners, RunError> {
        #[cfg(unix)]
        let socket = match open_socket(home, lock) {
            Ok(listener) => Some((home.socket(), listener)),
            Err(error) => {
                tracing::warn!(%error, "no socket can be had; the hooks come over loopback");
                None
            }
        };
        #[cfg(not(unix))]
        let (socket, _) = (None::<()>, (home, lock));
        let mut tcp = Vec::new();
        if let Some(address) = asked {
            tcp.push(listen::tcp(address).await?);
        } else if let Some(address) = configured {
            match listen::tcp(address).await {
                Ok(listener) => tcp.push(listener),
                Err(error) => troubles.push(Trouble {
                    reason: format!("the daemon does not answer on {address}: {error}"),
                    hint: "choose another loopback address for [http] listen in config.toml".to_owned(),
                }),
            }
        }
        if socket.is_none() && tcp.is_empty() {
            tcp.push(listen::tcp(ANY_PORT).await?);
        }
        Ok(Listeners {
            #[cfg(unix)]
            socket,
            tcp,
        })
    }

    fn addresses(&self) -> Addresses {
        Addresses {
            #[cfg(unix)]
            socket: self.socket.as_ref().map(|(path, _)| path.clone()),
            #[cfg(not(unix))]
            socket: None,
            http: self.tcp.first().and_then(|listener| listener.local_addr().ok()),
        }
    }

    fn serve(self, router: &axum::Router, app: &App) -> Vec<JoinHandle<()>> {
        #[cfg(unix)]
        let listeners = self.tcp.len() + usize::from(self.socket.is_some());
        #[cfg(not(unix))]
        let listeners = self.tcp.len();
        let tcp = self
            .tcp
            .into_iter()
            .map(|listener| tokio::spawn(serve(listener, router.clone(), Crowd::of(listeners), app.stop.clone())));
        let mut serving: Vec<_> = tcp.collect();
        #[cfg(unix)]
        serving.extend(self.socket.map(|(_, listener)| {
            tokio::spawn(serve(listener, router.clone(), Crowd::of(listeners), app.stop.clone()))
        }));
        serving
    }
}

#[cfg(unix)]
fn open_socket(home: &Home, lock: &HomeLock) -> Result<tokio::net::UnixListener, ListenError> {
    use std::os::unix::ffi::OsStrExt;
    let path = home.socket();
    if path.as_os_str().as_bytes().len() > hooks::link::SOCKET_PATH_LIMIT {
        let source = io::Error::other("its path is too long for a socket");
        return Err(ListenError::Io { place: path.display().to_string(), source });
    }
    listen::socket(&path, lock)
}

/// Waits for TERM, INT or the end of the terminal.
#[cfg(unix)]
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
