//! One event's part of a transaction: the rows it hangs on, and the conversation as it stands.

use merge::Row;
use sync::local::WriteTx;
use sync::{StoreError, datetime_text, parse_datetime};

use super::ledger::Conversation;
use super::project::Place;
use super::{MachineInfo, anchors};
use crate::coord::Session;

/// Who and where an event is.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    /// The client's session id.
    pub(super) conversation: &'a str,
    pub(super) place: &'a Place,
    pub(super) cwd: &'a str,
    pub(super) transcript: Option<&'a str>,
    /// When it happened, in microseconds since the Unix epoch.
    pub(super) at_us: u64,
}

/// The open transaction with everything that an event refers to.
pub(super) struct Scene<'s, 'tx> {
    pub(super) tx: &'s mut WriteTx<'tx>,
    pub(super) at_us: u64,
    pub(super) branch: Option<String>,
    pub(super) machine_id: String,
    pub(super) hostname: String,
    pub(super) project_id: String,
    pub(super) session: Row,
    pub(super) conversation: Conversation,
}

impl<'s, 'tx> Scene<'s, 'tx> {
    /// Finds or makes machine, project, session and conversation. An event of a conversation that nobody told us of
    /// (the daemon was away when it began) makes them too.
    pub(super) fn enter(
        tx: &'s mut WriteTx<'tx>,
        visit: &Visit<'_>,
        machine: &MachineInfo,
        replica_id: &str,
    ) -> Result<Self, StoreError> {
        let (machine_id, hostname) = anchors::machine(tx, machine, replica_id, visit.at_us)?;
        let project = anchors::project(tx, visit.place)?;
        let known = Conversation::load(tx.connection(), visit.conversation)?;
        let mut conversation = known.unwrap_or_else(|| Conversation::new(visit.conversation));
        if conversation.project_slug.is_empty() {
            conversation.project_slug.clone_from(&visit.place.slug);
        }
        visit.cwd.clone_into(&mut conversation.cwd);
        if let Some(transcript) = visit.transcript {
            conversation.transcript_path = Some(transcript.to_owned());
        }
        conversation.last_event_us = conversation.last_event_us.max(visit.at_us);
        let mut session = anchors::session(tx, &conversation, &project, &machine_id, visit.at_us)?;
        let started = session.text("started_at").and_then(parse_datetime).unwrap_or(visit.at_us);
        if visit.at_us < started {
            session.set("started_at", datetime_text(visit.at_us));
        }
        if let Some(branch) = &visit.place.git_branch {
            session.set("git_branch", branch.as_str());
        }
        Ok(Self {
            at_us: visit.at_us,
            branch: visit.place.git_branch.clone(),
            machine_id,
            hostname,
            project_id: anchors::id_of(&project),
            session,
            conversation,
            tx,
        })
    }

    /// `sessions.id`.
    pub(super) fn session_id(&self) -> String {
        anchors::id_of(&self.session)
    }

    /// The session by its names.
    pub(super) fn name(&self) -> Session {
        Session {
            hostname: self.hostname.clone(),
            claude_session_id: self.conversation.id.clone(),
            id: self.session_id(),
        }
    }

    /// The project that the session belongs to: the one it began in, wherever its events come from.
    pub(super) fn home_project(&self) -> String {
        self.session.text("project_id").unwrap_or(&self.project_id).to_owned()
    }

    /// The event's time as the rows hold it.
    pub(super) fn at(&self) -> String {
        datetime_text(self.at_us)
    }

    /// The conversation goes on: it was resumed, or an event that ended it came before this one.
    pub(super) fn reopen(&mut self) {
        if self.conversation.ended_us > 0 && self.at_us > self.conversation.ended_us {
            self.conversation.ended_us = 0;
        }
        if self.conversation.ended_us == 0 {
            self.session.set("status", "in_progress").set("ended_at", None::<String>);
        }
    }

    /// Writes what has changed of session and conversation.
    pub(super) fn leave(self) -> Result<(), StoreError> {
        self.conversation.save(self.tx.connection())?;
        self.tx.put(self.session)
    }
}
