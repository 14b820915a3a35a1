//! What the daemon's routes and tasks share.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hooks::home::Home;
use sync::central::CentralUrl;
use sync::engine::VerifySettings;
use sync::{Clock, StoreError, datetime_text};
use tokio::sync::{Notify, watch};

use crate::auth::Authority;
use crate::billing::Rule;
use crate::capture::MachineInfo;
use crate::central_link::CentralLink;
use crate::clients::Clients;
use crate::config::Watching;
use crate::import::Board;
use crate::intake::Intake;
use crate::logging::LogHealth;
use crate::meaning::source::Source;
use crate::notices::Notices;
use crate::phase::{self, Core, Phase, Trouble};
use crate::policy::Policy;
use crate::report::EventError;
use crate::stop::Stop;
use crate::tasks::TaskBoard;
use crate::transcripts::watch::WatchBoard;

/// The running daemon of one home.
pub(crate) struct App {
    pub(crate) home: Home,
    /// Absent: nothing is shared with other machines.
    pub(crate) central: Option<CentralUrl>,
    /// For what must not wait for a round.
    pub(crate) central_link: CentralLink,
    /// Takes and gives tokens.
    pub(crate) authority: Authority,
    pub(crate) machine: MachineInfo,
    /// When the replica is compared with it.
    pub(crate) verify: VerifySettings,
    /// Whether and how the client's transcripts are watched.
    pub(crate) watching: Watching,
    /// How captured work becomes drafts of billable time; absent: it does not.
    pub(crate) billing: Option<Rule>,
    /// What is kept, and what it may cost.
    pub(crate) policy: Arc<Policy>,
    /// What makes vectors of memories; absent: recall goes by words alone.
    pub(crate) meaning: Option<Source>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Microseconds since the epoch.
    pub(crate) started_us: u64,
    pub(crate) addresses: OnceLock<Addresses>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) stop: Stop,
    /// The store's writer has ended: the replica is to be opened again.
    pub(crate) reopen: Notify,
    /// The vault has other keys: there may be secrets to seal anew.
    pub(crate) vault_changed: watch::Sender<()>,
    pub(crate) tasks: TaskBoard,
    pub(crate) notices: Arc<Notices>,
    pub(crate) intake: Intake,
    /// Which conversation each client holds.
    pub(crate) clients: Clients,
    pub(crate) imports: Arc<Board>,
    /// How the watching of transcripts goes.
    pub(crate) watched: WatchBoard,
    pub(crate) log: LogHealth,
    /// What did not go well at the start and has not stopped the daemon, such as a configuration that cannot be used.
    pub(crate) startup: Vec<Trouble>,
    /// Why the last event was not saved; `None` once one was.
    saving: Mutex<Option<Trouble>>,
    last_error: Mutex<Option<EventError>>,
}

/// Where the daemon answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    pub(crate) socket: Option<PathBuf>,
    pub(crate) http: Option<SocketAddr>,
}

/// What `App::new` needs.
pub(crate) struct Parts {
    pub(crate) home: Home,
    pub(crate) central: Option<CentralUrl>,
    pub(crate) authority: Authority,
    pub(crate) machine: MachineInfo,
    pub(crate) verify: VerifySettings,
    /// Whether and how the client's transcripts are watched.
    pub(crate) watching: Watching,
    /// How captured work becomes drafts of billable time; absent: it does not.
    pub(crate) billing: Option<Rule>,
    pub(crate) policy: Arc<Policy>,
    /// What makes vectors of memories; absent: recall goes by words alone.
    pub(crate) meaning: Option<Source>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: LogHealth,
    pub(crate) startup: Vec<Trouble>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> App {
        let Parts {
            home,
            central,
            authority,
            machine,
            verify,
            watching,
            billing,
            policy,
            meaning,
            clock,
            log,
            startup,
        } = parts;
        let notices = Arc::new(Notices::default());
        for trouble in &startup {
            notices.add(format!("ClaudeTools: {} ({})", trouble.reason, trouble.hint));
        }
        App {
            intake: Intake::new(&home.spool(), Arc::clone(&notices)),
            started_us: clock.now_us(),
            addresses: OnceLock::new(),
            phase: watch::Sender::new(Phase::Opening),
            stop: Stop::new(),
            reopen: Notify::new(),
            vault_changed: watch::Sender::new(()),
            tasks: TaskBoard::default(),
            clients: Clients::default(),
            imports: Arc::default(),
            saving: Mutex::new(None),
            last_error: Mutex::new(None),
            central_link: CentralLink::new(central.clone()),
            home,
            central,
            authority,
            machine,
            verify,
            watching,
            watched: WatchBoard::default(),
            billing,
            policy,
            meaning,
            clock,
            notices,
            log,
            startup,
        }
    }

    /// The replica and what stands on it; waits at most `patience` for its opening.
    pub(crate) async fn core(&self, patience: Duration) -> Result<Arc<Core>, Trouble> {
        phase::core(&self.phase, patience).await
    }

    /// The same if they are there now.
    pub(crate) fn ready(&self) -> Option<Arc<Core>> {
        if let Phase::Ready(core) = &*self.phase.borrow() { Some(Arc::clone(core)) } else { None }
    }

    /// Notes how the last save went.
    pub(crate) fn note_saving(&self, result: Result<(), &StoreError>) {
        if matches!(result, Err(StoreError::Closed)) {
            self.reopen.notify_one();
        }
        let mut saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let now = result.err().map(Trouble::of_store);
        if let Some(trouble) = now.as_ref().filter(|_| saving.is_none()) {
            tracing::error!(reason = trouble.reason, "events cannot be saved");
        } else if now.is_none() && saving.is_some() {
            tracing::info!("events are saved again");
        }
        *saving = now;
    }

    /// Notes an event that was not taken.
    pub(crate) fn note_error(&self, event: &str, reason: String) {
        let at = datetime_text(self.clock.now_us());
        let error = EventError { event: event.to_owned(), at, reason };
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The latest event that was not taken, since the daemon started.
    pub(crate) fn last_error(&self) -> Option<EventError> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why events cannot be saved at the moment.
    pub(crate) fn saving_trouble(&self) -> Option<Trouble> {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
