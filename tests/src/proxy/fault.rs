//! What a proxy does to a connection, and when.

use std::time::Duration;

use super::wire::Command;

/// Characters of a statement that are recorded.
pub(super) const RECORDED: usize = 160;

/// The kinds that hit any statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Fault::Delay`]
    Delay,
    /// [`Fault::Throttle`]
    Throttle,
    /// [`Fault::Cut`]
    Cut,
    /// [`Fault::LoseAnswer`]
    LoseAnswer,
    /// [`Fault::CloseRequests`]
    CloseRequests,
    /// [`Fault::CloseAnswers`]
    CloseAnswers,
    /// [`Fault::Late`]
    Late,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] =
        [Kind::Delay, Kind::Throttle, Kind::Cut, Kind::LoseAnswer, Kind::CloseRequests, Kind::CloseAnswers, Kind::Late];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Delay => "delayed",
            Kind::Throttle => "throttled",
            Kind::Cut => "cut before",
            Kind::LoseAnswer => "answer lost",
            Kind::CloseRequests => "requests closed",
            Kind::CloseAnswers => "answers closed",
            Kind::Late => "cut, arrived late",
        }
    }
}

/// What happens to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is passed on after a while.
    Delay(Duration),
    /// Its answer comes a few bytes at a time, with this between them.
    Throttle(Duration),
    /// It never reaches the server; both ends see a reset.
    Cut,
    /// The server does it; the answer is dropped, and both ends see a reset.
    LoseAnswer,
    /// It is done and answered, but nothing sent after it arrives: the server sees the client gone.
    CloseRequests,
    /// It reaches the server; the client sees the server gone, while the server keeps session and locks for so long.
    CloseAnswers(Duration),
    /// The client sees a reset; so much later the server gets and does it: a commit of a dead client.
    Late(Duration),
    /// It waits for [`Proxy::release`](super::Proxy::release), and is then passed on.
    Hold,
}

impl Fault {
    /// A fault of this kind, with short times.
    pub fn of(kind: Kind) -> Fault {
        match kind {
            Kind::Delay => Fault::Delay(Duration::from_millis(20)),
            Kind::Throttle => Fault::Throttle(Duration::from_millis(1)),
            Kind::Cut => Fault::Cut,
            Kind::LoseAnswer => Fault::LoseAnswer,
            Kind::CloseRequests => Fault::CloseRequests,
            Kind::CloseAnswers => Fault::CloseAnswers(Duration::from_millis(100)),
            Kind::Late => Fault::Late(Duration::from_millis(100)),
        }
    }

    /// Its kind; a held statement is a delayed one.
    pub fn kind(self) -> Kind {
        match self {
            Fault::Delay(_) | Fault::Hold => Kind::Delay,
            Fault::Throttle(_) => Kind::Throttle,
            Fault::Cut => Kind::Cut,
            Fault::LoseAnswer => Kind::LoseAnswer,
            Fault::CloseRequests => Kind::CloseRequests,
            Fault::CloseAnswers(_) => Kind::CloseAnswers,
            Fault::Late(_) => Kind::Late,
        }
    }
}

/// Which statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The n-th since the proxy was armed, from 0; preparing one counts as one.
    Number(usize),
    /// The first that is run and whose text contains this.
    Text(&'static str),
}

impl At {
    pub(super) fn is(&self, number: usize, command: Command, text: &str) -> bool {
        match self {
            At::Number(wanted) => number == *wanted,
            At::Text(part) => command.runs() && text.contains(part),
        }
    }
}

/// A fault at a statement, once.
#[derive(Debug, Clone)]
pub struct Rule {
    /// When.
    pub at: At,
    /// What.
    pub fault: Fault,
}
