//! One event, from its input to what is printed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Instant;

use hooks::events::{self, HookSpec};
use hooks::home::Home;
use hooks::spool::Spooled;
use hooks::wire::Answer;

use super::arguments::Invocation;
use super::ask::{Trouble, ask, start_and_ask};
use super::deadline::Deadlines;
use super::output::Output;
use super::watchdog::watched;
use super::{input, journal, keep};

/// Serves the event and prints what is to be printed: JSON, or nothing.
pub(crate) fn serve(invocation: Invocation, deadlines: Deadlines) {
    let Invocation { event: name, home: flag } = invocation;
    let spec = events::find(&name);
    match Home::resolve(flag.as_deref()) {
        Ok(home) => Run { name, home, flag, spec, deadlines }.serve(),
        Err(error) => Output::not_saved(&name, &format!("failed to {error}")).render(spec).print(),
    }
}

/// What is known before the input is read.
#[derive(Clone)]
struct Run {
    name: String,
    home: Home,
    /// As given by `--home`.
    flag: Option<PathBuf>,
    spec: Option<&'static HookSpec>,
    deadlines: Deadlines,
}

impl Run {
    fn serve(self) {
        let (hand_over, handed_over) = mpsc::channel();
        let late = self.clone();
        let asked = watched(
            self.deadlines.asking_end(),
            || {
                let event = Arc::new(input::read(&self.name)?);
                // From here on the event can be kept, whatever becomes of the answer.
                let _ = hand_over.send(Arc::clone(&event));
                Ok::<_, String>((ask(&self.home, &event, &self.deadlines), event))
            },
            move || late.give_up(&handed_over),
        );
        match asked {
            Ok((Ok(answer), _)) => self.finish(self.output_of(&answer)),
            Ok((Err(Trouble::Nobody), event)) if self.name == "SessionStart" => self.start_daemon(&event),
            Ok((Err(trouble), event)) => self.finish(self.keep(&event, &trouble)),
            Err(reason) => self.finish_unsaved(&reason),
        }
    }

    /// The time for an answer is over: keeps the event, which may still be on its way.
    fn give_up(self, handed_over: &Receiver<Arc<Spooled>>) {
        let left = self.deadlines.end().saturating_duration_since(Instant::now());
        match handed_over.recv_timeout(left) {
            Ok(event) => {
                let trouble = Trouble::Silent(self.deadlines.asking());
                self.finish(self.keep(&event, &trouble));
            }
            Err(RecvTimeoutError::Timeout) => {
                let total = self.deadlines.total().as_millis();
                self.finish_unsaved(&format!("its input did not end within {total} ms"));
            }
            Err(RecvTimeoutError::Disconnected) => self.finish_unsaved("the hook itself failed"),
        }
    }

    fn start_daemon(mut self, event: &Arc<Spooled>) {
        self.deadlines = self.deadlines.extended();
        let output = match start_and_ask(&self.home, self.flag.clone(), event, &self.deadlines) {
            Ok(answer) => self.output_of(&answer).say_first("the daemon was not running and has been started."),
            Err(trouble) => self.keep(event, &trouble),
        };
        self.finish(output);
    }

    /// Keeps an event that the daemon has not taken; one that only asks goes unanswered, which the log is told.
    fn keep(&self, event: &Arc<Spooled>, trouble: &Trouble) -> Output {
        if self.spec.is_none_or(|spec| spec.keeps) {
            return keep::keep(&self.home, event, trouble, &self.deadlines);
        }
        journal::note(&self.home, &self.name, &format!("not answered: {trouble}"), self.deadlines.end());
        Output::default()
    }

    fn output_of(&self, answer: &Answer) -> Output {
        Output::of_answer(&self.name, &answer.body)
    }

    fn finish_unsaved(&self, reason: &str) {
        journal::note(&self.home, &self.name, &format!("LOST: {reason}"), self.deadlines.end());
        self.finish(Output::not_saved(&self.name, reason));
    }

    fn finish(&self, output: Output) {
        let rendered = output.render(self.spec);
        for fault in &rendered.faults {
            journal::note(&self.home, &self.name, fault, self.deadlines.end());
        }
        rendered.print();
    }
}
