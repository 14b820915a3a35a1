//! One run of the hook, from its arguments to its output.

mod arguments;
mod ask;
mod daemon_start;
mod deadline;
mod input;
mod journal;
mod keep;
mod output;
mod serve;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use hooks::events;

use self::arguments::Command;
use self::deadline::{Deadlines, by};
use self::output::Output;

/// Output up to here fits any pipe at once, so that writing it cannot block.
const FITS_A_PIPE: usize = 4096;
/// For the longer output that a run has made just before its deadline.
const GRACE: Duration = Duration::from_millis(100);

/// Runs the command line `args` of a process that was started at `started`.
pub(crate) fn run(args: impl Iterator<Item = OsString>, started: Instant) {
    match arguments::parse(args) {
        Command::Help => print(arguments::help()),
        Command::Version => print(concat!("claudetools-hook ", env!("CARGO_PKG_VERSION"), "\n").to_owned()),
        Command::Misused { event: None, reason } => {
            // Nobody is left to whom a failure could be told, here and in `print`.
            let _ = writeln!(io::stderr(), "claudetools-hook: {reason}\n\n{}", arguments::help());
        }
        Command::Misused { event: Some(event), reason } => {
            print(Output::not_saved(&event, &reason).render(events::find(&event)).text);
        }
        Command::Serve(invocation) => print(serve::serve(invocation, Deadlines::from_environment(started))),
    }
}

/// Prints to a stdout that may be closed, or that nobody reads.
fn print(text: String) {
    let length = text.len();
    let write = move || {
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    };
    if length <= FITS_A_PIPE {
        write();
    } else {
        by(Instant::now() + GRACE, write);
    }
}
