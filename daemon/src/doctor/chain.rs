//! The way from Claude Code to the daemon: programs, settings, service, and whether events have come through.

use std::collections::BTreeMap;
use std::path::Path;

use hooks::install::{self, Inspection};

use super::{FIX, Finding, Patient};
use crate::client;
use crate::render::counted;
use crate::report::{Area, EventReport, StatusReport, offline};
use crate::setup::record::Record;
use crate::setup::{hook_program, is_executable, service as service_of};

pub(super) fn programs(_: &Patient<'_>) -> Vec<Finding> {
    let Ok(hook) = hook_program() else {
        return vec![Finding::fail("programs", "this program cannot tell where it is", "call it by its full path")];
    };
    let shown = hook.display();
    vec![if is_executable(&hook) {
        Finding::ok("programs", format!("{shown} is there"))
    } else {
        Finding::fail(
            "programs",
            format!("{shown} is missing or cannot be run"),
            "install claudetools-hook beside claudetools",
        )
    }]
}

/// Our hooks in every settings file that setup has put them into. Where setup has not been, nothing is ever installed:
/// which Claude Code gets hooks is for its user to say.
pub(super) fn settings(patient: &Patient<'_>) -> Vec<Finding> {
    let Ok(hook) = hook_program() else { return Vec::new() };
    let recorded = Record::read(patient.home).map(|record| record.settings).unwrap_or_default();
    if recorded.is_empty() {
        return vec![Finding::fail("hooks", "setup has put hooks into no settings.json yet", "run: claudetools setup")];
    }
    recorded.into_iter().map(|file| hooks_in(patient, &file, &hook)).collect()
}

fn hooks_in(patient: &Patient<'_>, file: &Path, hook: &Path) -> Finding {
    let found = install::inspect(file, hook);
    let shown = file.display();
    if let Some(problem) = &found.problem {
        return Finding::fail("hooks", format!("cannot {problem}"), "correct that file");
    }
    if found.disabled {
        let what = format!("{shown} switches all hooks off (disableAllHooks)");
        return Finding::fail("hooks", what, "remove disableAllHooks from that file");
    }
    let Some(what) = lack(patient, &found) else {
        return Finding::ok("hooks", format!("{} events in {shown}", found.present.len()));
    };
    if !patient.fix || !is_executable(hook) {
        return Finding::fail("hooks", format!("{shown}: {what}"), FIX);
    }
    match install::install(file, hook, Some(patient.home.root())) {
        Ok(_) => Finding::fixed("hooks", format!("{shown}: {what}; put right")),
        Err(error) => Finding::fail("hooks", format!("cannot {error}"), "correct that file"),
    }
}

/// What is not as setup makes it.
fn lack(patient: &Patient<'_>, found: &Inspection) -> Option<String> {
    let mut words = Vec::new();
    if !found.missing.is_empty() {
        words.push(format!("no hook for {}", found.missing.join(", ")));
    }
    words.extend(found.stale.first().map(|stale| format!("{} runs {}", stale.event, stale.program)));
    if !found.duplicates.is_empty() {
        words.push(format!("more than one hook for {}", found.duplicates.join(", ")));
    }
    let elsewhere = found.homes.iter().flatten().find(|home| home.as_path() != patient.home.root());
    words.extend(elsewhere.map(|home| format!("its hooks use the home {}", home.display())));
    (!words.is_empty()).then(|| words.join("; "))
}

pub(super) fn service(patient: &Patient<'_>) -> Vec<Finding> {
    let Ok(mut service) = service_of(patient.home) else { return Vec::new() };
    if let Some(name) = Record::read(patient.home).ok().and_then(|record| record.service) {
        service.name = name;
    }
    vec![match service.registered() {
        Some(path) => Finding::ok("service", path.display().to_string()),
        None => Finding::ok("service", "none is registered: hooks start the daemon when it is needed"),
    }]
}

/// The events that have come through, and those that have not.
pub(super) fn events(patient: &Patient<'_>) -> Vec<Finding> {
    let report: StatusReport =
        client::get(patient.home, "/api/status", client::SHORT).unwrap_or_else(|_| offline::gather(patient.home));
    let hooks = &report.hooks;
    let mut found = vec![match (&hooks.last_event, &hooks.last_fired_at) {
        (Some(event), Some(at)) => Finding::ok("events", format!("the last one was {event}, at {at}")),
        _ => Finding::warn("events", "no hook has fired yet", "start a Claude Code session, and say something"),
    }];
    if let Some(error) = &hooks.last_error {
        let what = format!("{} was not taken at {}: {}", error.event, error.at, error.reason);
        found.push(Finding::warn("events", what, "if it happens again, see logs/daemon.log"));
    }
    found.push(redactions(&hooks.events, &hooks.redactions));
    let spool = &hooks.spool;
    if spool.pending + spool.rejected + spool.broken == 0 {
        found.push(Finding::ok("spool", "empty"));
    }
    found.extend(
        report
            .problems
            .into_iter()
            .filter(|problem| problem.area == Area::Spool)
            .map(|problem| Finding::warn("spool", problem.what, problem.remedy)),
    );
    found
}

/// Secrets that were taken out before anything was saved, by kind, and by where they stood. Kinds were not counted always.
fn redactions(events: &[EventReport], kinds: &BTreeMap<String, u64>) -> Finding {
    let some = events.iter().filter(|event| event.redactions > 0);
    let each: Vec<String> = some.map(|event| format!("{} {}", event.event, event.redactions)).collect();
    let all: u64 = events.iter().map(|event| event.redactions).sum();
    Finding::ok(
        "redaction",
        if all == 0 {
            "no secret has had to be redacted".to_owned()
        } else {
            let mut kinds: Vec<_> = kinds.iter().collect();
            kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(**count), kind.as_str()));
            let kinds: Vec<String> = kinds.into_iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            let of_kinds =
                if kinds.is_empty() { "of kinds that were not counted".to_owned() } else { kinds.join(", ") };
            let all = counted(all, "secret", "secrets");
            format!("{all} redacted before anything was saved: {of_kinds} (in {})", each.join(", "))
        },
    )
}

#[cfg(test)]
mod tests {
    use hooks::home::Home;

    use super::super::Level;
    use super::*;

    #[test]
    fn redactions_are_told_by_kind_and_by_place() {
        let event = |event: &str, redactions| EventReport {
            event: event.to_owned(),
            count: 9,
            errors: 0,
            redactions,
            last_at: None,
            mean_ms: 1.0,
            max_ms: 1.0,
        };
        let events = [event("Stop", 0), event("UserPromptSubmit", 3)];
        assert_eq!(redactions(&events[..1], &BTreeMap::new()).what, "no secret has had to be redacted");
        let kinds = BTreeMap::from([("assignment".to_owned(), 1), ("vault".to_owned(), 2)]);
        let told = "3 secrets redacted before anything was saved: vault 2, assignment 1 (in UserPromptSubmit 3)";
        assert_eq!(redactions(&events, &kinds).what, told);
        assert!(redactions(&events, &BTreeMap::new()).what.contains("not counted"));
    }

    #[test]
    fn nothing_is_installed_where_setup_has_not_been() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let found = settings(&Patient { home: &home, fix: true });
        assert_eq!((found[0].level, found[0].remedy.as_str()), (Level::Fail, "run: claudetools setup"));
        assert!(!found[0].fixed);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn hooks_that_are_lost_come_back_where_setup_had_put_them() {
        let folder = tempfile::tempdir().unwrap();
        let (home, file) = (Home::at(folder.path()), folder.path().join("settings.json"));
        let hook = folder.path().join("claudetools-hook");
        std::fs::write(&file, "{\"model\": \"x\"}\n").unwrap();
        let look = |fix| hooks_in(&Patient { home: &home, fix }, &file, &hook);
        assert!(!look(true).fixed, "a hook program that is missing is not installed");
        std::fs::write(&hook, "").unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        assert_eq!(look(false).level, Level::Fail);
        assert!(look(true).fixed);
        assert_eq!(look(false).level, Level::Ok);
        assert!(std::fs::read_to_string(&file).unwrap().contains("\"model\": \"x\""));
    }
}
