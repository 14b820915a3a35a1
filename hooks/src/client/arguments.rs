//! The command line. Its first argument names the event, as settings.json has it.

use std::ffi::OsString;
use std::path::PathBuf;

use hooks::events::{EVENTS, is_event_name};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Version,
    Serve(Invocation),
    /// A mistake; with the event that it concerns, when it names one.
    Misused {
        event: Option<String>,
        reason: String,
    },
}

/// One event to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) event: String,
    /// As given by `--home`.
    pub(crate) home: Option<PathBuf>,
}

pub(crate) fn parse(mut args: impl Iterator<Item = OsString>) -> Command {
    let misused = |event, reason: String| Command::Misused { event, reason };
    let Some(first) = args.next() else { return misused(None, "an event is missing".to_owned()) };
    let event = match first.to_str() {
        Some("--help" | "-h") => return Command::Help,
        Some("--version" | "-V") => return Command::Version,
        Some(name) if is_event_name(name) => name.to_owned(),
        _ => return misused(None, format!("{} is not the name of an event", first.display())),
    };
    let mut home = None;
    while let Some(arg) = args.next() {
        if arg != "--home" {
            return misused(Some(event), format!("its hook has an unknown argument, {}", arg.display()));
        }
        match args.next() {
            Some(path) => home = Some(PathBuf::from(path)),
            None => return misused(Some(event), "the path after --home is missing".to_owned()),
        }
    }
    Command::Serve(Invocation { event, home })
}

pub(crate) fn help() -> String {
    let events: Vec<_> = EVENTS.iter().map(|spec| format!("  {:<19} {}", spec.event, spec.purpose)).collect();
    format!(
        "\
Hands an event of Claude Code to the ClaudeTools daemon and prints its answer.
Claude Code starts this; `claudetools setup` installs it.

Usage: claudetools-hook EVENT [--home DIR] < the hook's input

Events:
{}
Any other event is handed over as well, and prints nothing.

Environment:
  CLAUDETOOLS_HOME               the home, when there is no --home
  CLAUDETOOLS_HOOK_DEADLINE_MS   how long this may take (default 200)
  CLAUDETOOLS_START_DEADLINE_MS  how long SessionStart may take when it has to
                                 start the daemon (default 1500)
",
        events.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Command {
        parse(args.iter().map(OsString::from))
    }

    #[test]
    fn an_event_and_its_home() {
        let event = "Stop".to_owned();
        assert_eq!(parsed(&["Stop"]), Command::Serve(Invocation { event: event.clone(), home: None }));
        let home = Some(PathBuf::from("/x y"));
        assert_eq!(parsed(&["Stop", "--home", "/x y"]), Command::Serve(Invocation { event, home }));
        assert_eq!(parsed(&["--version"]), Command::Version);
        assert_eq!(parsed(&["-h"]), Command::Help);
    }

    #[test]
    fn mistakes_keep_the_event_when_there_is_one() {
        for args in [&["Stop", "--hom"][..], &["Stop", "--home"], &["Stop", "extra"]] {
            assert!(matches!(parsed(args), Command::Misused { event: Some(event), .. } if event == "Stop"), "{args:?}");
        }
        for args in [&[][..], &["--bogus"], &["a/b"], &["Stop\n"]] {
            assert!(matches!(parsed(args), Command::Misused { event: None, .. }), "{args:?}");
        }
    }
}
