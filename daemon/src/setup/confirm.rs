//! Asking before something is changed.

use std::io::{self, BufRead, IsTerminal};

use crate::cli::{Failure, print};

/// Asks on the terminal; `yes` answers for the user. Without a terminal nobody can answer, which is an error of usage.
pub(crate) fn confirm(yes: bool, plan: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask on").hint("add --yes to go on without asking"));
    }
    print(&format!("{plan}Go on? [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match read {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::new("go on: you did not agree").hint("nothing was changed")),
    }
}
