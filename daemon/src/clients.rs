//! Which conversation each running client holds, as its hooks tell. Clearing begins another one in the same client, of which
//! the servers that it has started are not told.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Clients that are remembered, those heard of last: one that is not goes by what it was started with.
const MOST: usize = 256;

/// Clients by the names of their processes (`hooks::parent`), each with the client's session id.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<VecDeque<(String, String)>>);

impl Clients {
    /// A client has begun a conversation, or goes on with it.
    pub(crate) fn heard(&self, client: &str, conversation: &str) {
        let mut known = self.known();
        known.retain(|(name, _)| name != client);
        known.push_back((client.to_owned(), conversation.to_owned()));
        if known.len() > MOST {
            known.pop_front();
        }
    }

    /// The conversation that a client holds; None when it was not heard of since the daemon started.
    pub(crate) fn conversation_of(&self, client: &str) -> Option<String> {
        self.known().iter().find(|(name, _)| name == client).map(|(_, conversation)| conversation.clone())
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_conversation_of_each_client_is_known_and_so_many_clients() {
        let clients = Clients::default();
        clients.heard("7-100", "first");
        clients.heard("7-200", "another's");
        clients.heard("7-100", "second");
        assert_eq!(clients.conversation_of("7-100").as_deref(), Some("second"));
        assert_eq!(clients.conversation_of("7-200").as_deref(), Some("another's"));
        for number in 1..MOST {
            clients.heard(&number.to_string(), "more");
        }
        assert_eq!(clients.conversation_of("7-100").as_deref(), Some("second"));
        assert_eq!(clients.conversation_of("7-200"), None);
    }
}
