//! From a state to what needs somebody: the one place that decides what is worth a user's attention.

use sync::StoreError;

use super::{Area, ComparedReport, IdentityReport, LocksReport, Problem, Severity, StatusReport, VersionReport};
use crate::app::App;
use crate::config::ConfigError;
use crate::phase::{Phase, Trouble};

fn fail(area: Area, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem { area, severity: Severity::Fail, what: what.into(), remedy: remedy.into() }
}

fn warn(area: Area, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
    Problem { severity: Severity::Warn, ..fail(area, what, remedy) }
}

/// What is wrong with a daemon that answers.
pub(super) fn of_live(app: &App, phase: &Phase, report: &StatusReport) -> Vec<Problem> {
    let mut found = Vec::new();
    if let Phase::Degraded(Trouble { reason, hint }) = phase {
        found.push(fail(Area::Replica, format!("nothing can be saved or found: {reason}"), hint.as_str()));
    }
    if let Some(Trouble { reason, hint }) = app.saving_trouble() {
        found.push(fail(Area::Replica, format!("events cannot be saved: {reason}"), hint));
    }
    found.extend(app.startup.iter().map(|trouble| fail(Area::Daemon, trouble.reason.as_str(), trouble.hint.as_str())));
    if let Some(reason) = app.log.problem() {
        found.push(warn(
            Area::Daemon,
            format!("the log cannot be written: {reason}"),
            "free space, or make logs/ writable",
        ));
    }
    for task in report.daemon.tasks.iter().filter(|task| task.failures > 0) {
        let said = task.last_error.as_deref().unwrap_or("no message");
        let what = format!("the task {} has failed {} time(s), lastly: {said}", task.name, task.failures);
        found.push(warn(Area::Daemon, what, "see logs/daemon.log, and report it"));
    }
    let trouble = report.replica.index.as_ref().and_then(|index| index.trouble.as_ref());
    found.extend(trouble.map(|trouble| {
        let what = format!("recall is slower, as its index cannot be kept: {trouble}");
        warn(Area::Replica, what, "it is made anew by itself; when that fails again and again, see logs/daemon.log")
    }));
    let trouble = report.replica.meaning.as_ref().and_then(|meaning| meaning.trouble.as_ref());
    found.extend(trouble.map(|trouble| {
        warn(Area::Replica, format!("recall goes by words alone: {}", trouble.reason), trouble.hint.as_str())
    }));
    found.extend(report.transcripts.iter().flat_map(|watch| &watch.troubles).map(|trouble| {
        let what = format!("a session without hooks is not saved: {}", trouble.reason);
        warn(Area::Daemon, what, trouble.hint.as_str())
    }));
    found.extend(of_spool(report));
    found.extend(of_sync(report));
    found.extend(of_locks(report.locks));
    found.extend(of_vault(report));
    sorted(found)
}

/// What is wrong when no daemon answers.
pub(super) fn of_offline(
    report: &StatusReport,
    config: Option<&ConfigError>,
    unreadable: Option<&StoreError>,
) -> Vec<Problem> {
    let pid = report.daemon.pid.map_or(String::new(), |pid| format!(" (process {pid})"));
    let mut found = vec![match report.daemon.state.as_str() {
        "silent" => fail(
            Area::Daemon,
            format!("the daemon{pid} runs but does not answer; hooks keep their events on disk"),
            "wait a moment; if it stays so, end that process and run: claudetools doctor --fix",
        ),
        _ if report.replica.state == "missing" => {
            fail(Area::Daemon, "ClaudeTools is not set up in this home", "run: claudetools setup")
        }
        _ => fail(
            Area::Daemon,
            "the daemon is not running",
            "the next Claude Code session starts it, or run: claudetools daemon --detach",
        ),
    }];
    found.extend(config.map(|error| fail(Area::Daemon, error.to_string(), error.hint())));
    if let Some(error) = unreadable.filter(|_| report.replica.state != "missing") {
        let Trouble { reason, hint } = Trouble::of_store(error);
        found.push(fail(Area::Replica, format!("the replica cannot be read: {reason}"), hint));
    }
    found.extend(of_spool(report));
    found.extend(of_sync(report));
    found.extend(of_vault(report));
    sorted(found)
}

fn of_vault(report: &StatusReport) -> Option<Problem> {
    let vault = report.vault.as_ref()?;
    let (what, remedy) = vault.problem.clone().zip(vault.remedy.clone())?;
    Some(if vault.current.is_none() { fail(Area::Vault, what, remedy) } else { warn(Area::Vault, what, remedy) })
}

fn of_spool(report: &StatusReport) -> Vec<Problem> {
    let spool = &report.hooks.spool;
    let mut found = Vec::new();
    if spool.pending > 0 {
        found.push(warn(
            Area::Spool,
            format!("{} event(s) wait on disk for the daemon", spool.pending),
            "they are taken in by themselves once it answers",
        ));
    }
    if spool.rejected > 0 {
        found.push(warn(
            Area::Spool,
            format!("{} event(s) could not be understood and are kept aside", spool.rejected),
            "look at the .reason files in spool/rejected/; delete them when you do not need them",
        ));
    }
    if spool.broken > 0 {
        found.push(warn(
            Area::Spool,
            format!("{} event(s) were cut off while a hook wrote them", spool.broken),
            "look at the .broken files in spool/; delete them when you do not need them",
        ));
    }
    found
}

fn of_sync(report: &StatusReport) -> Vec<Problem> {
    let sync = &report.sync;
    let mut found = Vec::new();
    let why = || sync.last_error.clone().unwrap_or_default();
    let hint = || sync.hint.clone().unwrap_or_default();
    match sync.state.as_str() {
        "refused" => {
            found.push(fail(Area::Sync, format!("memory is not shared with your other machines: {}", why()), hint()));
        }
        "paused" => found.push(warn(
            Area::Sync,
            format!("the exchange with central was paused by hand, {} row(s) wait", sync.pending),
            "resume it: claudetools sync resume",
        )),
        "offline" => found.push(warn(
            Area::Sync,
            format!("central is out of reach, {} row(s) wait: {}", sync.pending, why()),
            if hint().is_empty() {
                "nothing to do: it goes on by itself when central is back".to_owned()
            } else {
                hint()
            },
        )),
        _ => {}
    }
    found.extend(sync.versions.as_ref().and_then(of_versions));
    if sync.quarantined > 0 {
        found.push(warn(
            Area::Sync,
            format!("{} row(s) were refused by one side", sync.quarantined),
            "look at: claudetools sync quarantine",
        ));
    }
    if let Some(IdentityReport { reason, since }) = &sync.another_machine {
        let what = format!("this is another machine to central since {since}: {reason}; nothing is lost");
        found.push(warn(Area::Sync, what, "nothing to do; it is shown until you have run: claudetools sync status"));
    }
    found.extend(of_comparison(&sync.compared));
    if sync.conflicts > 0 {
        let what = format!("{} conflict(s) were decided and want a look", sync.conflicts);
        let remedy = "look at: claudetools sync conflicts   (restore what is right, acknowledge the rest)";
        found.push(warn(Area::Sync, what, remedy));
    }
    found
}

fn of_locks(locks: LocksReport) -> Vec<Problem> {
    let mut found = Vec::new();
    if locks.provisional > 0 {
        let what = format!("{} lock(s) are provisional: another machine may get them", locks.provisional);
        found.push(warn(Area::Sync, what, "central is asked as soon as it answers; look at: claudetools locks"));
    }
    if locks.lost > 0 {
        let what = format!("{} lock(s) of this machine's sessions were lost to others", locks.lost);
        found.push(warn(Area::Sync, what, "each session is told with its next prompt; look at: claudetools locks"));
    }
    found
}

/// What a comparison with central has found, and what it cannot see.
pub(crate) fn of_comparison(compared: &ComparedReport) -> Vec<Problem> {
    let mut found = Vec::new();
    if !compared.uncaptured.is_empty() {
        let because = compared.uncaptured_because.as_deref().unwrap_or_default();
        let what = format!("changes of {} by other programs go unseen: {because}", compared.uncaptured.join(", "));
        found.push(fail(Area::Sync, what, compared.uncaptured_remedy.as_deref().unwrap_or_default()));
    }
    for left in &compared.left {
        let table = &left.table;
        let kinds = left.rows.iter().map(|(kind, rows)| format!("{rows} {}", kind_in_words(kind)));
        let what = format!("{table} differs from central: {}", kinds.collect::<Vec<_>>().join(", "));
        let remedy =
            format!("look: claudetools sync verify --table {table}; heal: claudetools sync repair --table {table}");
        found.push(warn(Area::Sync, what, remedy));
    }
    if let Some(trouble) = &compared.trouble {
        let what = format!("the replica could not be compared with central: {trouble}");
        found.push(warn(Area::Sync, what, "it is tried again by itself; if it stays: claudetools central check"));
    }
    found
}

/// Rows of a kind of difference, for people.
pub(crate) fn kind_in_words(kind: &str) -> &str {
    match kind {
        "differs" => "with other values",
        "missing_here" => "missing here",
        "deleted_there" => "deleted there and still here",
        "vanished" => "vanished at central without a trace",
        "never_uploaded" => "that central never heard of",
        "orphaned" => "that refer to nothing",
        other => other,
    }
}

/// Another version at central. What an adopted database has no place for is no problem, and is shown without one.
fn of_versions(versions: &VersionReport) -> Option<Problem> {
    let notice = versions.notice.clone()?;
    if !versions.may_write {
        return Some(fail(Area::Sync, notice, versions.remedy.clone()));
    }
    let is_expected = versions.adopted && versions.central_version == versions.known_version;
    (!is_expected).then(|| warn(Area::Sync, notice, versions.remedy.clone()))
}

fn sorted(mut found: Vec<Problem>) -> Vec<Problem> {
    found.sort_by_key(|problem| problem.severity);
    found
}
