//! An event before it meets the store: read, understood, placed, without secrets. All that takes time is done here, on
//! a thread for blocking work, so that the writer's thread only writes.

use std::path::Path;
use std::sync::Arc;

use hooks::events;
use recall::redact::Kinds;

use super::Incoming;
use super::deed::Deed;
use super::payload::Payload;
use super::project::{Place, folder_of};
use crate::policy::Policy;

/// Longest session id that the schema takes, in characters.
const CONVERSATION_CHARS: usize = 100;

/// An event, ready to be written.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) event: String,
    pub(super) id: String,
    /// When the hook was started; 0 when it did not say.
    pub(super) sent_at_us: u64,
    pub(super) live: bool,
    /// The client's session id; empty for an unknown event without one.
    pub(super) conversation: String,
    pub(super) transcript: Option<String>,
    pub(super) cwd: String,
    /// The client's prompt id.
    pub(super) prompt_id: Option<String>,
    pub(super) place: Place,
    pub(super) deed: Deed,
    /// Secrets that were taken out.
    pub(super) redactions: Kinds,
    body: Vec<u8>,
}

/// An event that cannot be taken, with the reason for the user.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) event: String,
    pub(super) id: String,
    pub(super) sent_at_us: u64,
    pub(super) body: Vec<u8>,
    pub(super) reason: String,
}

impl Arrival {
    /// Reads an event; `home` is the user's home directory. What the policy says is not to be kept comes to nothing.
    pub(super) fn prepare(incoming: Incoming, home: &Path, policy: &Policy) -> Result<Arc<Self>, Refused> {
        let payload = match Payload::parse(&incoming.body) {
            Ok(payload) => payload,
            Err(reason) => return Err(Refused::new(incoming, reason)),
        };
        let conversation = payload.text("session_id").unwrap_or_default();
        if conversation.is_empty() && Deed::is_known(&incoming.event) {
            return Err(Refused::new(incoming, "its input names no session_id".into()));
        }
        let (mut deed, redactions) = Deed::of(&incoming.event, &payload);
        let folder = folder_of(payload.text("cwd"), home);
        let place = Place::of(&folder, home);
        let is_ignored = deed.file().is_some_and(|file| policy.ignores(&place.slug, &folder, file));
        if is_ignored || !policy.of(&place.slug).capture {
            deed = Deed::Seen;
        }
        Ok(Arc::new(Self {
            conversation: super::fit::chars(conversation, CONVERSATION_CHARS),
            transcript: payload.text("transcript_path").map(str::to_owned),
            prompt_id: payload.text("prompt_id").map(str::to_owned),
            place,
            cwd: folder.to_string_lossy().into_owned(),
            event: incoming.event,
            id: incoming.id,
            sent_at_us: incoming.sent_at_us,
            live: incoming.live,
            deed,
            redactions,
            body: incoming.body,
        }))
    }

    /// True for an event that only asks: nothing of it is written.
    pub(super) fn only_asks(&self) -> bool {
        events::find(&self.event).is_some_and(|spec| !spec.keeps)
    }

    /// The event as refused after all.
    pub(super) fn refused(&self, reason: String) -> Refused {
        Refused {
            event: self.event.clone(),
            id: self.id.clone(),
            sent_at_us: self.sent_at_us,
            body: self.body.clone(),
            reason,
        }
    }
}

impl Refused {
    fn new(incoming: Incoming, reason: String) -> Self {
        let Incoming { event, id, sent_at_us, body, .. } = incoming;
        Self { event, id, sent_at_us, body, reason }
    }
}
