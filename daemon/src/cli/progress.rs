//! How far a round has come, for whoever waits for it at a terminal.

use std::io::IsTerminal as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use hooks::home::Home;
use indicatif::{ProgressBar, ProgressStyle};
use sync::local;

/// Between two looks into the replica.
const LOOK: Duration = Duration::from_millis(250);

/// Does something that takes its time, and shows how far it has come on standard error if that is a terminal.
pub(super) fn shown<T>(home: &Home, job: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return job();
    }
    std::thread::scope(|scope| {
        let (done, ended) = channel::<()>();
        scope.spawn(move || {
            let bar = ProgressBar::no_length();
            let mut most = 0;
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                look(home, &bar, &mut most);
            }
            bar.finish_and_clear();
        });
        let outcome = job();
        drop(done);
        outcome
    })
}

/// Shows what the replica says: the rows of a copy of all tables, or those that central has not got yet.
fn look(home: &Home, bar: &ProgressBar, most: &mut u64) {
    let seen = local::inspect(&home.replica(), |tx| Ok((local::snapshot_progress(tx)?, local::counts(tx)?.pending)));
    // What cannot be read for a moment is read the next time; the job itself says what is wrong.
    let Ok((snapshot, pending)) = seen else { return };
    match snapshot {
        Some(snapshot) => {
            bar.set_style(style("{bar:30} {pos} of about {len} rows, {msg}"));
            bar.set_length(snapshot.total);
            bar.set_position(snapshot.rows);
            bar.set_message(snapshot.table);
        }
        None if pending > 0 => {
            *most = pending.max(*most);
            bar.set_style(style("{bar:30} {pos} of {len} rows sent"));
            bar.set_length(*most);
            bar.set_position(*most - pending);
        }
        None => {
            bar.set_style(style("{spinner} comparing"));
            bar.tick();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are those above; a mistake in one shows the default bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
