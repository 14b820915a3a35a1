//! `claudetools-hook EVENT`: what Claude Code starts at each event. It hands the hook's input to the daemon, prints the
//! answer, and exits 0.
//!
//! Architecture invariant: nothing that happens here may block, slow or break the user's session. Whatever
//! can hang (input, daemon, disk, output) is given up at the deadline, by leaving; every failure ends in exit 0, with the
//! event on disk or with a message that says that it is not.

mod client;

use std::time::Instant;
use std::{env, panic, process};

fn main() {
    let started = Instant::now();
    // A panic has been reported on stderr, and an exit status would be shown to the user as an error of the session.
    let _ = panic::catch_unwind(|| client::run(env::args_os().skip(1), started));
    process::exit(0);
}
