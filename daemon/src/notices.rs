//! What the user is to be told with the next answer that shows a message, each once.

use std::sync::{Mutex, PoisonError};

/// Messages that wait for a hook that can show them.
#[derive(Default)]
pub(crate) struct Notices(Mutex<Vec<String>>);

impl Notices {
    /// Tells the user of this with the next answer; a message that waits already is not doubled.
    pub(crate) fn add(&self, message: String) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.contains(&message) {
            waiting.push(message);
        }
    }

    /// Everything that waits, as one message after the hook's own.
    pub(crate) fn take_with(&self, own: Option<String>) -> Option<String> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let all: Vec<String> = own.into_iter().chain(waiting).collect();
        (!all.is_empty()).then(|| all.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_told_once() {
        let notices = Notices::default();
        assert_eq!(notices.take_with(None), None);
        notices.add("a".into());
        notices.add("a".into());
        notices.add("b".into());
        assert_eq!(notices.take_with(Some("own".into())).as_deref(), Some("own\na\nb"));
        assert_eq!(notices.take_with(Some("own".into())).as_deref(), Some("own"));
    }
}
