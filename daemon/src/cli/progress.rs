//! How far a round or a backup has come, for whoever waits for it at a terminal.

use std::io::IsTerminal as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use hooks::home::Home;
use indicatif::{ProgressBar, ProgressStyle};

use super::status;
use crate::backup::{self, Doing};
use crate::report::SyncReport;

/// Between two looks at the status.
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

/// What there is to show: the rows of a copy of all tables, changes of central, or rows that central has not got yet.
fn look(home: &Home, bar: &ProgressBar, most: &mut u64) {
    // What cannot be read for a moment is read the next time; the job itself says what is wrong.
    let SyncReport { snapshot, pulling, pending, .. } = status::gather(home).sync;
    let (doing, done, of) = match (snapshot, pulling) {
        (Some(snapshot), _) => (format!("copying {}", snapshot.table), snapshot.rows, snapshot.total),
        (None, Some(pulling)) => ("pulling".to_owned(), pulling.done, pulling.of),
        (None, None) if pending > 0 => {
            *most = pending.max(*most);
            ("pushing".to_owned(), *most - pending, *most)
        }
        (None, None) => {
            bar.set_style(style("{spinner} comparing"));
            bar.tick();
            return;
        }
    };
    if bar.message() != doing {
        // Another kind of work has a pace of its own.
        bar.reset();
        bar.set_message(doing);
    }
    bar.set_style(style("{msg:.bold} {bar:30} {pos} of about {len} rows, {per_sec}"));
    bar.set_length(of);
    bar.set_position(done);
}

fn style(template: &str) -> ProgressStyle {
    // The templates are those above; a mistake in one shows the default bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A backup or a restore, with a bar on standard error if that is a terminal.
pub(super) fn of_backup<T>(job: impl FnOnce(backup::Progress<'_>) -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return job(&mut |_, _, _| {});
    }
    let bar = ProgressBar::no_length();
    let mut last = None;
    let outcome = job(&mut |doing, done, of| {
        if last.replace(doing) != Some(doing) {
            bar.reset();
            bar.set_message(super::backup::word(doing));
            bar.set_style(style(match doing {
                Doing::Copying => "{msg:.bold} {bar:30} {percent} %",
                _ => "{msg:.bold} {bar:30} {binary_bytes} of {binary_total_bytes}",
            }));
        }
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    outcome
}
