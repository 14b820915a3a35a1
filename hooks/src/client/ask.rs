//! The request to the daemon, and the ways in which it can fail.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hooks::home::Home;
use hooks::link::{Link, LinkError};
use hooks::parent;
use hooks::spool::Spooled;
use hooks::wire::{self, Answer, Request};
use serde_json::Value;

use super::daemon_start::{self, StartFailure};
use super::deadline::{Deadlines, by};

/// The longest reason of the daemon's that is passed on to the user.
const REASON_CHARS: usize = 300;
/// The events that say which client they are of: a daemon that was started since hears of it with the next prompt.
const TELLS_CLIENT: [&str; 2] = ["SessionStart", "UserPromptSubmit"];

/// Why the daemon has not taken the event.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There is no daemon.
    Nobody,
    /// There is none, and one could not be started, or does not answer yet.
    NotStarted(StartFailure),
    /// It did not answer within this time.
    Silent(Duration),
    /// It answered that it cannot take the event, perhaps with the reason.
    Refused { status: u16, reason: Option<String> },
    /// The connection or its answer failed.
    Broken(LinkError),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("the daemon is not running"),
            Self::NotStarted(failure) => write!(f, "the daemon was not running and {failure}"),
            Self::Silent(time) => write!(f, "the daemon did not answer within {} ms", time.as_millis()),
            Self::Refused { reason: Some(reason), .. } => write!(f, "the daemon cannot save at the moment: {reason}"),
            Self::Refused { status, reason: None } => write!(f, "the daemon answered with status {status}"),
            Self::Broken(error) => write!(f, "the daemon could not be asked (failed to {error})"),
        }
    }
}

/// Asks the daemon that is there. This takes as long as the daemon does: the caller watches the time.
pub(crate) fn ask(home: &Home, event: &Spooled, deadlines: &Deadlines) -> Result<Answer, Trouble> {
    let patience = deadlines.total();
    judge(Link::open(home, patience).and_then(|link| exchange(link, event)))
}

/// Starts a daemon, with `flag` as its `--home`, and asks it as soon as it listens.
pub(crate) fn start_and_ask(
    home: &Home,
    flag: Option<PathBuf>,
    event: &Arc<Spooled>,
    deadlines: &Deadlines,
) -> Result<Answer, Trouble> {
    let (home, event, patience, until) = (home.clone(), Arc::clone(event), deadlines.total(), deadlines.asking_end());
    let answer = by(until, move || {
        let link = daemon_start::start(&home, flag.as_deref(), until, patience)?;
        Ok(exchange(link, &event))
    });
    match answer {
        Some(Ok(answer)) => judge(answer),
        Some(Err(failure)) => Err(Trouble::NotStarted(failure)),
        None => Err(Trouble::NotStarted(StartFailure::NotYet)),
    }
}

fn exchange(link: Link, event: &Spooled) -> Result<Answer, LinkError> {
    let sent_at = event.sent_at_us.to_string();
    let client = if TELLS_CLIENT.contains(&event.event.as_str()) { parent::client() } else { None };
    let mut headers = vec![(wire::EVENT_ID, event.id.as_str()), (wire::SENT_AT, sent_at.as_str())];
    headers.extend(client.as_deref().map(|client| (wire::CLIENT, client)));
    let path = wire::hook_path(&event.event);
    let request = Request { method: "POST", path: &path, headers: &headers, body: &event.body };
    link.ask(&request)
}

/// What the daemon says under `detail` (before the upgrade: `error`), in the first line and within bounds.
fn reason_in(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let line = body["detail"].as_str().or(body["error"].as_str())?.lines().next()?;
    let reason: String = line.chars().take(REASON_CHARS).collect();
    (!reason.is_empty()).then_some(reason)
}

/// Only a whole answer with status 200 says that the event is safe.
fn judge(answer: Result<Answer, LinkError>) -> Result<Answer, Trouble> {
    match answer {
        Ok(answer) if answer.status == 200 => Ok(answer),
        Ok(answer) => Err(Trouble::Refused { status: answer.status, reason: reason_in(&answer.body) }),
        Err(LinkError::Nobody(_)) => Err(Trouble::Nobody),
        Err(error) => Err(Trouble::Broken(error)),
    }
}
