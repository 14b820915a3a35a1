//! What happens to an event that the daemon has not taken: it is kept on disk, and the user is told once.

use std::io;
use std::path::Path;
use std::sync::Arc;

use hooks::events;
use hooks::home::Home;
use hooks::spool::Spooled;
use hooks::{clock, outage, spool};

use super::ask::Trouble;
use super::deadline::{Deadlines, by};
use super::journal;
use super::output::Output;

/// Keeps the event and returns what the user is to be told of it, which may be nothing.
pub(crate) fn keep(home: &Home, event: &Arc<Spooled>, trouble: &Trouble, deadlines: &Deadlines) -> Output {
    let trouble = trouble.to_string();
    let kept = {
        let (home, event, trouble) = (home.clone(), Arc::clone(event), trouble.clone());
        by(deadlines.end(), move || keep_on_disk(&home, &event, &trouble))
    };
    let kept = kept.unwrap_or_else(|| {
        let late = io::Error::new(io::ErrorKind::TimedOut, "the disk did not answer in time");
        Kept { lost: Some(late), told: Told::Unknown }
    });
    if kept.is_to_be_told(&event.event) {
        Output::message(&kept.message(home, &event.event, &trouble))
    } else {
        Output::default()
    }
}

/// Whether the user has been told of this outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// By another hook.
    Already,
    /// It is up to this one.
    ByUs,
    /// Nobody can know: the mark of the outage cannot be made.
    Unknown,
}

struct Kept {
    /// Why the event is not on disk, when it is not.
    lost: Option<io::Error>,
    told: Told,
}

fn keep_on_disk(home: &Home, event: &Spooled, trouble: &str) -> Kept {
    let lost = spool::write(&home.spool(), event).err();
    let told = claim(&home.spool(), &event.event);
    let outcome = lost.as_ref().map_or_else(|| "kept in the spool".to_owned(), |error| format!("LOST: {error}"));
    // The log is the least of what can be wrong with this disk; the message tells what matters.
    let _ = journal::append(home, &event.event, &format!("{trouble}; {outcome}"));
    Kept { lost, told }
}

/// An event whose message nobody sees must not take it upon itself to tell.
fn claim(spool: &Path, event: &str) -> Told {
    if !events::find(event).is_some_and(|spec| spec.shows_message) {
        return Told::Already;
    }
    match outage::claim(spool, clock::now_us()) {
        Ok(true) => Told::ByUs,
        Ok(false) => Told::Already,
        Err(_) => Told::Unknown,
    }
}

impl Kept {
    /// An outage is told once. A loss is told each time, as far as that is not more than once or twice a turn.
    fn is_to_be_told(&self, event: &str) -> bool {
        let begins_a_turn = matches!(event, "SessionStart" | "UserPromptSubmit");
        match self.told {
            Told::ByUs => true,
            Told::Already => self.lost.is_some() && (begins_a_turn || event == "Stop"),
            Told::Unknown => begins_a_turn,
        }
    }

    fn message(&self, home: &Home, event: &str, trouble: &str) -> String {
        let spool = home.spool();
        let spool = spool.display();
        match &self.lost {
            None => format!(
                "{trouble}. What you do is kept in {spool} and will be taken in when it is back; until then nothing is \
                 recalled. To find out more: claudetools doctor"
            ),
            Some(error) => format!(
                "{trouble}, and this {event} was NOT SAVED: it could not be kept in {spool}: {error}. Make room or make \
                 the folder writable, then run: claudetools doctor"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(lost: bool, told: Told) -> Kept {
        Kept { lost: lost.then(|| io::ErrorKind::StorageFull.into()), told }
    }

    #[test]
    fn an_outage_is_told_once_and_a_loss_each_turn() {
        assert!(kept(false, Told::ByUs).is_to_be_told("PostToolUse"));
        assert!(!kept(false, Told::Already).is_to_be_told("UserPromptSubmit"));
        assert!(kept(true, Told::Already).is_to_be_told("UserPromptSubmit"));
        assert!(kept(true, Told::Already).is_to_be_told("Stop"));
        assert!(!kept(true, Told::Already).is_to_be_told("PostToolUse"));
        assert!(kept(true, Told::Unknown).is_to_be_told("SessionStart"));
        assert!(!kept(true, Told::Unknown).is_to_be_told("Stop"));
    }

    #[test]
    fn events_that_show_nothing_leave_the_telling_to_others() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(claim(folder.path(), "PreCompact"), Told::Already);
        assert_eq!(claim(folder.path(), "NoSuchEvent"), Told::Already);
        assert_eq!(claim(folder.path(), "Stop"), Told::ByUs);
        assert_eq!(claim(folder.path(), "Stop"), Told::Already);
    }
}
