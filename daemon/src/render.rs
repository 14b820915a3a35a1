//! Reports for people: aligned, calm, problems first.

use std::fmt::Write;

use sync::local::SnapshotProgress;
use sync::parse_datetime;

use crate::meaning::MeaningReport;
use crate::report::{EventReport, HooksReport, Problem, ReplicaReport, Severity, StatusReport, SyncReport};
use crate::transcripts::watch::WatchReport;
use crate::vault::report::VaultReport;

const LABEL: usize = 9;

/// `claudetools status`
pub(crate) fn status(report: &StatusReport, now_us: u64) -> String {
    let mut text = problems(&report.problems);
    line(&mut text, "home", &report.home.display().to_string());
    line(&mut text, "daemon", &daemon(report, now_us));
    line(&mut text, "hooks", &hooks(&report.hooks, now_us));
    text += &events(&report.hooks.events, now_us);
    line(&mut text, "spool", &spool(&report.hooks, now_us));
    line(&mut text, "replica", &replica(&report.replica));
    line(&mut text, "sync", &sync(&report.sync, now_us));
    if let Some(report) = &report.replica.meaning {
        line(&mut text, "meaning", &meaning(report));
    }
    if let Some(report) = &report.transcripts {
        line(&mut text, "sessions", &transcripts(report, now_us));
    }
    if let Some(report) = &report.vault {
        line(&mut text, "vault", &vault(report));
    }
    if let Some(last) = &report.replica.last_backup {
        line(&mut text, "backup", &format!("{}, {}", ago(&last.made_at, now_us), last.path.display()));
    }
    text
}

/// What is seen of sessions whose hooks do not fire.
fn transcripts(report: &WatchReport, now_us: u64) -> String {
    let folders = match report.folders {
        1 => "1 folder".to_owned(),
        count => format!("{count} folders"),
    };
    let doing = match report.state.as_str() {
        "off" => return "transcripts are not watched ([capture] watch in config.toml)".to_owned(),
        "waiting" => return "no transcripts of Claude Code yet".to_owned(),
        "polling" => format!(
            "looking through {folders} of transcripts now and then ({})",
            report.polling_because.as_deref().unwrap_or("they cannot be watched")
        ),
        _ => format!("watching {folders} of transcripts"),
    };
    let mut words = vec![doing];
    words.extend((report.waiting > 0).then(|| format!("{} changed and not quiet yet", report.waiting)));
    words.push(match &report.last_captured_at {
        Some(at) => format!("last captured {}", ago(at, now_us)),
        None => "nothing that hooks had missed".to_owned(),
    });
    words.extend(
        (report.older > 0).then(|| format!("{} older not imported (claudetools import --transcripts)", report.older)),
    );
    words.join(", ")
}

/// The list of problems; empty text when there is none.
pub(crate) fn problems(problems: &[Problem]) -> String {
    let mut text = String::new();
    for problem in problems {
        let mark = if problem.severity == Severity::Fail { '✗' } else { '!' };
        let _ = writeln!(text, "{mark} {}", problem.what); // writing to a String cannot fail
        if !problem.remedy.is_empty() {
            let _ = writeln!(text, "  → {}", problem.remedy);
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn line(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "{label:LABEL$} {value}");
}

fn daemon(report: &StatusReport, now_us: u64) -> String {
    let daemon = &report.daemon;
    let mut words = vec![daemon.state.clone()];
    words.extend(daemon.pid.map(|pid| format!("process {pid}")));
    words.extend(daemon.version.as_ref().map(|version| format!("version {version}")));
    words.extend(daemon.started_at.as_ref().map(|at| format!("started {}", ago(at, now_us))));
    words.extend(daemon.socket.as_ref().map(|socket| socket.display().to_string()));
    words.extend(daemon.http.as_ref().map(|http| format!("http://{http}")));
    words.join(", ")
}

fn hooks(hooks: &HooksReport, now_us: u64) -> String {
    match (&hooks.last_event, &hooks.last_fired_at) {
        (Some(event), Some(at)) => format!("last fired {} ({event})", ago(at, now_us)),
        _ => "none has fired yet".to_owned(),
    }
}

fn events(events: &[EventReport], now_us: u64) -> String {
    let mut text = String::new();
    if events.is_empty() {
        return text;
    }
    let _ = writeln!(text, "  {:20} {:>7} {:>7} {:>9} {:>9}  last", "event", "count", "errors", "mean ms", "max ms");
    for event in events {
        let last = event.last_at.as_ref().map_or("never".to_owned(), |at| ago(at, now_us));
        let EventReport { event, count, errors, mean_ms, max_ms, .. } = event;
        let _ = writeln!(text, "  {event:20} {count:>7} {errors:>7} {mean_ms:>9.2} {max_ms:>9.2}  {last}");
    }
    text
}

fn spool(hooks: &HooksReport, now_us: u64) -> String {
    let spool = &hooks.spool;
    if spool.pending + spool.rejected + spool.broken == 0 && spool.outage_since.is_none() {
        return "empty".to_owned();
    }
    let mut words = vec![format!("{} waiting", spool.pending)];
    words.extend((spool.rejected > 0).then(|| format!("{} rejected", spool.rejected)));
    words.extend((spool.broken > 0).then(|| format!("{} broken", spool.broken)));
    words.extend(spool.outage_since.as_ref().map(|since| format!("outage since {}", ago(since, now_us))));
    words.join(", ")
}

/// "1 row", "2 rows".
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn replica(replica: &ReplicaReport) -> String {
    if replica.state != "ok" {
        return format!("{} ({})", replica.state, replica.path.display());
    }
    let ReplicaReport { rows, memories, unindexed, sessions, projects, .. } = replica;
    let size = size(replica.bytes);
    let is_building = replica.index.as_ref().is_some_and(|index| !index.ready);
    let building = if is_building { " (the index is being built: recall is slower meanwhile)" } else { "" };
    let late = if *unindexed > 0 { format!(" ({unindexed} more being indexed)") } else { String::new() };
    format!(
        "{size}, {}: {}{late}{building}, {}, {}",
        counted(*rows, "row", "rows"),
        counted(*memories, "memory", "memories"),
        counted(*sessions, "session", "sessions"),
        counted(*projects, "project", "projects")
    )
}

/// What a sentence model makes of the memories, also for `doctor`.
pub(crate) fn meaning(report: &MeaningReport) -> String {
    let mut words = vec![format!("{}: {} with vectors", report.model, counted(report.memories, "memory", "memories"))];
    words.extend((report.waiting > 0).then(|| format!("{} waiting", report.waiting)));
    words.extend((report.kept_back > 0).then(|| format!("{} not sent, as they held secrets", report.kept_back)));
    words.push(size(report.bytes));
    words.extend(
        (report.late > 0).then(|| format!("{} of {} questions answered by words alone", report.late, report.asked)),
    );
    words.join(", ")
}

fn vault(vault: &VaultReport) -> String {
    let mut words = match &vault.current {
        Some(current) => vec![format!("secrets are sealed with the key {current}")],
        None => vec!["no usable key".to_owned()],
    };
    words.extend((vault.to_reseal > 0).then(|| format!("{} being sealed anew", vault.to_reseal)));
    words.extend((vault.locked > 0).then(|| format!("{} do not open here", vault.locked)));
    words.join(", ")
}

/// The line of the reconciliation, also for `sync status`.
pub(crate) fn sync(sync: &SyncReport, now_us: u64) -> String {
    let Some(central) = &sync.central else {
        return "no central: everything stays on this machine (claudetools setup --central URL)".to_owned();
    };
    let mut words = vec![format!("{} with {central}", sync.state)];
    words.extend(sync.last_success_at.as_ref().map(|at| format!("last round {}", ago(at, now_us))));
    words.push(format!("{} waiting", sync.pending));
    words.extend(sync.snapshot.as_ref().map(|snapshot| {
        let SnapshotProgress { table, rows, total, .. } = snapshot;
        format!("copying all tables: {rows} of about {total} rows, now {table}")
    }));
    words.extend(sync.pulling.as_ref().map(|it| format!("pulling {} of about {} changes", it.done, it.of)));
    words.extend((sync.conflicts > 0).then(|| format!("{} conflicts", sync.conflicts)));
    words.extend((sync.quarantined > 0).then(|| format!("{} in quarantine", sync.quarantined)));
    words.extend((sync.waiting > 0).then(|| format!("{} for tables that central has not", sync.waiting)));
    let notice = sync.versions.as_ref().and_then(|versions| versions.notice.clone());
    words.extend(notice);
    words.extend((sync.parked > 0).then(|| format!("{} parked", sync.parked)));
    words.join(", ")
}

/// `1.4 MiB`
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `12 s ago`, from UTC text; the text itself when it cannot be read.
pub(crate) fn ago(at: &str, now_us: u64) -> String {
    let Some(then) = parse_datetime(at) else { return at.to_owned() };
    let seconds = now_us.saturating_sub(then) / 1_000_000;
    match seconds {
        0 => "just now".to_owned(),
        1..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
