//! What the daemon writes down: JSON lines in `logs/daemon.log`, and for people on stderr when it runs in the foreground.
//!
//! Nothing that a user typed and no secret is ever a log field: events are logged by id, name, size and duration.

pub(crate) mod rotate;

use std::io::{self, Write};
use std::panic;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sync::Clock;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use rotate::{RotatingFile, Rotation};

/// Chooses what is logged, in the syntax of `tracing` (`debug`, `sync=debug,info`). Default: `info`.
pub(crate) const LEVEL_VARIABLE: &str = "CLAUDETOOLS_LOG";

/// Where the lines go.
pub(crate) struct Settings<'a> {
    /// `logs/daemon.log`
    pub(crate) file: &'a Path,
    pub(crate) rotation: Rotation,
    /// Also to stderr, for people.
    pub(crate) foreground: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Sends every event and panic of this process to the log. To be called once.
pub(crate) fn start(settings: Settings<'_>) -> LogHealth {
    let health = LogHealth::default();
    let file = RotatingFile::new(settings.file.to_path_buf(), settings.rotation, settings.clock);
    let sink = Sink(Arc::new(Mutex::new(file)), health.clone());
    let filter = || EnvFilter::try_from_env(LEVEL_VARIABLE).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(sink).with_filter(filter());
    let people = settings.foreground.then(|| {
        let ansi = io::IsTerminal::is_terminal(&io::stderr());
        tracing_subscriber::fmt::layer()
            .with_ansi(ansi)
            .with_target(false)
            .with_writer(io::stderr)
            .with_filter(filter())
    });
    tracing_subscriber::registry().with(lines).with(people).init();
    log_panics();
    health
}

fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let reason = info.payload_as_str().unwrap_or("no message");
        tracing::error!(place, reason, "a task panicked");
    }));
}

/// Whether the log itself can be written: its last error, since it can hardly be read in the log.
#[derive(Clone, Default)]
pub(crate) struct LogHealth(Arc<Mutex<Option<String>>>);

impl LogHealth {
    /// Why the last line could not be written; `None` when it was.
    pub(crate) fn problem(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, result: &io::Result<usize>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = result.as_ref().err().map(ToString::to_string);
    }
}

/// One writer for all threads. A line that cannot be written is noted in the health, and never stops the daemon.
#[derive(Clone)]
struct Sink(Arc<Mutex<RotatingFile>>, LogHealth);

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Sink;

    fn make_writer(&'a self) -> Sink {
        self.clone()
    }
}

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let result = self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line);
        self.1.record(&result);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
