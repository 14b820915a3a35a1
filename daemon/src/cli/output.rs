//! What a command gives back, and how it is printed: results on stdout, `error: …` and `hint: …` on stderr.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0.
    Done,
    /// Exit code 3: done, but something needs the user, who has been told what.
    NeedsUser,
    /// Exit code 1: the command has printed what failed as its result.
    Failed,
}

/// Why a command failed, and what its user can do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// Exit code 1. The message is printed after `error: failed to `.
    pub(crate) fn new(message: impl Display) -> Failure {
        Failure { message: format!("failed to {message}"), hint: None, code: 1 }
    }

    /// Exit code 2: the command was not called as it can be. The message is a sentence of its own.
    pub(crate) fn usage(message: impl Display) -> Failure {
        Failure { message: message.to_string(), hint: None, code: 2 }
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Display) -> Failure {
        let hint = hint.to_string();
        self.hint = (!hint.is_empty()).then_some(hint);
        self
    }

    /// The whole message.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

/// The exit code of a result; a failure is printed first.
pub(super) fn finish(result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::NeedsUser) => ExitCode::from(3),
        Ok(Outcome::Failed) => ExitCode::FAILURE,
        Err(failure) => {
            let hint = failure.hint.map_or(String::new(), |hint| format!("hint: {hint}\n"));
            let text = format!("error: {}\n{hint}", failure.message);
            let _ = io::stderr().write_all(text.as_bytes()); // there is no other place to say it
            ExitCode::from(failure.code)
        }
    }
}

/// Prints to stdout, at once: a question ends no line. A reader that has gone away (`| head`) is no error.
pub(crate) fn print(text: &str) {
    let mut stdout = io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Says on stderr what did not go as it should, where the command goes on all the same.
pub(crate) fn warn(text: impl Display) {
    let _ = io::stderr().write_all(format!("warning: {text}\n").as_bytes()); // there is no other place to say it
}

/// Prints a line to stdout.
pub(crate) fn line(text: impl Display) {
    print(&format!("{text}\n"));
}

/// Prints a result as indented JSON.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => line(format!("{{\"error\": \"the result is no JSON: {error}\"}}")),
    }
}
