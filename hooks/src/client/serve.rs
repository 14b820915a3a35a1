//! One event, from its input to what is printed.

use std::sync::Arc;

use hooks::events;
use hooks::home::Home;

use super::arguments::Invocation;
use super::ask::{Trouble, ask, start_and_ask};
use super::deadline::Deadlines;
use super::output::Output;
use super::{input, journal, keep};

/// Serves the event and returns what is to be printed: JSON, or nothing.
pub(crate) fn serve(invocation: Invocation, deadlines: Deadlines) -> String {
    let Invocation { event: name, home: flag } = invocation;
    let spec = events::find(&name);
    let home = match Home::resolve(flag.as_deref()) {
        Ok(home) => home,
        Err(error) => return Output::not_saved(&name, &format!("failed to {error}")).render(spec).text,
    };
    let mut deadlines = deadlines;
    let output = match input::read(&name, &deadlines).map(Arc::new) {
        Err(reason) => {
            journal::note(&home, &name, &format!("LOST: {reason}"), deadlines.end());
            Output::not_saved(&name, &reason)
        }
        Ok(event) => match ask(&home, &event, &deadlines) {
            Ok(answer) => Output::of_answer(&name, &answer.body),
            Err(Trouble::Nobody) if name == "SessionStart" => {
                deadlines = deadlines.extended();
                match start_and_ask(&home, flag, &event, &deadlines) {
                    Ok(answer) => Output::of_answer(&name, &answer.body)
                        .say_first("the daemon was not running and has been started."),
                    Err(trouble) => keep::keep(&home, &event, &trouble, &deadlines),
                }
            }
            Err(trouble) => keep::keep(&home, &event, &trouble, &deadlines),
        },
    };
    let rendered = output.render(spec);
    for fault in &rendered.faults {
        journal::note(&home, &name, fault, deadlines.end());
    }
    rendered.text
}
