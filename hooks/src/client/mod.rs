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
mod watchdog;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::time::Instant;

use hooks::events;

use self::arguments::Command;
use self::deadline::Deadlines;
use self::output::{Output, print};

/// Runs the command line `args` of a process that was started at `started`.
pub(crate) fn run(args: impl Iterator<Item = OsString>, started: Instant) {
    match arguments::parse(args) {
        Command::Help => print(arguments::help()),
        Command::Version => print(concat!("claudetools-hook ", env!("CARGO_PKG_VERSION"), "\n").to_owned()),
        Command::Misused { event: None, reason } => {
            // Nobody is left to whom a failure could be told.
            let _ = writeln!(io::stderr(), "claudetools-hook: {reason}\n\n{}", arguments::help());
        }
        Command::Misused { event: Some(event), reason } => {
            Output::not_saved(&event, &reason).render(events::find(&event)).print();
        }
        Command::Serve(invocation) => serve::serve(invocation, Deadlines::from_environment(started)),
    }
}
