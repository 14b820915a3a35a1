//! What [`check`](super::check) looks for.

use std::collections::HashMap;

use migrations::{Direction, ladder};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::check::{Finding, MachineSeen, Severity, may};
use super::error::NEEDS_SUPER;
use super::layout::{Layout, Mapping, altered, steps_table};
use super::schema::{OWN_TABLES, entities, known_version, step_id};
use super::sql::name;
use super::steps::checksum;
use super::triggers::{Event, Installed, Trigger};
use super::{CentralError, Versions, cascade, definer};

type Findings = Vec<Finding>;

/// Entries in the outbox from which it looks as if nobody numbers them.
const LONG_OUTBOX: u64 = 100_000;
/// A clock that is off by more is worth a look; the sync corrects it, other programs' times stay wrong.
const FAR_OFF_US: i64 = 60_000_000;
/// What the largest text with its image needs.
const AMPLE_PACKET: u64 = 16 << 20;

const RUN_INIT: &str = "run `claudetools central init` again, with a user that may create tables and triggers";

fn error(problem: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { severity: Severity::Error, problem: problem.into(), remedy: remedy.into() }
}

fn note(problem: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { severity: Severity::Note, problem: problem.into(), remedy: remedy.into() }
}

fn warning(problem: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warning, problem: problem.into(), remedy: remedy.into() }
}

/// The server's settings.
pub(super) async fn of_server(connection: &mut MySqlConnection, findings: &mut Findings) -> Result<(), CentralError> {
    let text = "SELECT @@read_only, @@log_bin, @@binlog_format, @@max_allowed_packet";
    let row = sqlx::query(text).fetch_one(connection).await?;
    let (read_only, log_bin): (i64, i64) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
    let format: String = row.try_get_unchecked(2)?;
    let packet: u64 = row.try_get_unchecked(3)?;
    if read_only != 0 {
        findings.push(error("the server is read-only", "connect to the primary server, or set read_only=0 there"));
    }
    if log_bin != 0 && format == "STATEMENT" {
        let problem = "binlog_format is STATEMENT, under which the server refuses READ COMMITTED transactions";
        findings.push(error(problem, "set binlog_format=MIXED (the default) or ROW"));
    }
    if packet < AMPLE_PACKET {
        let problem = format!("max_allowed_packet is {packet}: larger rows are refused");
        findings.push(warning(problem, "set max_allowed_packet to 16M or more"));
    }
    Ok(())
}

/// The recorded steps and the tables.
pub(super) fn of_schema(layout: &Layout, findings: &mut Findings) {
    let (found, known) = (layout.version, known_version());
    if found == 0 {
        findings.push(error("there is no claudetools schema in this database", RUN_INIT));
        return;
    }
    of_version(layout, findings);
    for step in ladder::MARIADB {
        let recorded = layout.steps.iter().find(|done| done.id == step_id(step));
        let recorded = recorded.and_then(|done| done.checksum.as_deref());
        if recorded.is_some_and(|recorded| recorded != checksum(step)) {
            let problem = format!("step {} was applied in another form than this build has", step_id(step));
            findings.push(warning(problem, "see whether the builds on your machines are official ones"));
        }
    }
    for (table, since) in OWN_TABLES {
        if *since <= found && !layout.database.tables.contains_key(*table) {
            findings.push(error(format!("the table {table} is missing"), "restore it from a backup"));
        }
    }
    if layout.is_adopted {
        of_adopted(layout, findings);
    } else if found == known {
        of_own(layout, findings);
    }
}

/// Another version works, as far as each knows what the other has.
fn of_version(layout: &Layout, findings: &mut Findings) {
    let (found, known) = (layout.version, known_version());
    let versions = Versions::of(layout);
    if !layout.may_write() {
        let problem = format!("the schema has version {found}, this build knows {known} and is too old to write to it");
        findings.push(error(problem, versions.remedy()));
    } else if found > known {
        let problem = format!("the schema has version {found}, this build knows {known}: it leaves the rest alone");
        findings.push(warning(problem, versions.remedy()));
    } else if found < known {
        let lacks = [
            versions.extent.missing_tables().iter().map(|entity| entity.name.to_owned()).collect(),
            versions.extent.missing_columns(),
        ];
        let lacks: Vec<String> = lacks.concat();
        let waits = if lacks.is_empty() { String::new() } else { format!("; it has no {}", lacks.join(", ")) };
        let problem = format!("the schema has version {found}, this build needs {known}{waits}");
        findings.push(warning(problem, versions.remedy()));
    }
}

/// A schema of our own is as its steps made it.
fn of_own(layout: &Layout, findings: &mut Findings) {
    for entity in entities() {
        match layout.database.tables.get(entity.name) {
            None => {
                let remedy = "restore it from a backup; until then its rows wait on the machines";
                findings.push(error(format!("the table {} is missing", entity.name), remedy));
            }
            Some(found) => {
                if let Some(difference) = altered(entity, found) {
                    let problem = format!("the table {} was altered: {difference}", entity.name);
                    findings.push(warning(problem, "undo the change, or report what it is needed for"));
                }
            }
        }
    }
}

/// What an adopted database holds is told table by table; here is what its user must know.
fn of_adopted(layout: &Layout, findings: &mut Findings) {
    for report in layout.reports() {
        let entity = &report.entity;
        if let Some(reason) = &report.reason {
            let table = report.table.as_deref().unwrap_or(entity);
            let problem = format!("the table {table} cannot hold {entity}: {reason}");
            findings.push(note(problem, "these rows stay on each machine; nothing is lost"));
        }
        if !report.required_columns.is_empty() {
            let columns = report.required_columns.join(", ");
            let problem =
                format!("new rows of {entity} are refused: {columns} must be given, which claudetools does not know");
            findings.push(warning(problem, format!("give {columns} a default, or let it be NULL")));
        }
        if !report.missing_columns.is_empty() {
            let problem = format!("{entity} has no place for {}", report.missing_columns.join(", "));
            findings.push(note(problem, "their values stay on each machine"));
        }
    }
    let missing: Vec<&str> =
        layout.reports().iter().filter(|it| it.mapping == Mapping::Missing).map(|it| it.entity.as_str()).collect();
    if !missing.is_empty() {
        let problem = format!("there is no table for {}", missing.join(", "));
        findings.push(note(problem, "`claudetools central init --adopt --create-missing` makes them"));
    }
}

/// The capture triggers.
pub(super) async fn of_triggers(
    connection: &mut MySqlConnection,
    layout: &Layout,
    wanted: &[Trigger],
    installed: &HashMap<String, Installed>,
    findings: &mut Findings,
) -> Result<(), CentralError> {
    for trigger in wanted {
        let what = &trigger.captures;
        match installed.get(&trigger.name) {
            // Said by the key that is its reason.
            None if trigger.timing == "BEFORE" => {}
            None => findings.push(error(
                format!("{what} are not captured: the trigger {} is missing or this user may not see it", trigger.name),
                RUN_INIT,
            )),
            Some(there) if !there.is(trigger) => {
                findings.push(error(
                    format!("{what} may not be captured: the trigger {} was altered", trigger.name),
                    RUN_INIT,
                ));
            }
            Some(_) => {}
        }
    }
    let mut gone: Vec<String> = definer::gone(connection, layout, installed).await?.into_iter().collect();
    gone.sort_unstable();
    for definer in gone {
        let problem = format!("the triggers run as {definer}, who does not exist: every write fails (error 1449)");
        findings.push(error(problem, RUN_INIT));
    }
    if findings.iter().any(|finding| finding.problem.contains("captured")) && needs_super(connection).await? {
        let problem = "log_bin is on without log_bin_trust_function_creators: making triggers needs SUPER";
        findings.push(warning(problem, NEEDS_SUPER));
    }
    Ok(())
}

/// True when the server lets only those with SUPER make triggers.
pub(super) async fn needs_super(connection: &mut MySqlConnection) -> Result<bool, CentralError> {
    let row = sqlx::query("SELECT @@log_bin AND NOT @@log_bin_trust_function_creators").fetch_one(connection).await?;
    Ok(row.try_get_unchecked::<i64, _>(0)? != 0)
}

/// The rights of the user that is logged in, table by table.
pub(super) async fn of_rights(
    connection: &mut MySqlConnection,
    layout: &Layout,
    findings: &mut Findings,
) -> Result<(), CentralError> {
    let own = OWN_TABLES.iter().map(|(table, _)| *table).filter(|table| layout.database.tables.contains_key(*table));
    let held = layout.tables().map(|table| {
        let writes = !matches!(table.entity.sync.direction, Direction::Pull);
        (table.name.as_str(), writes)
    });
    let tables = held.chain(own.map(|table| (table, true))).chain([(steps_table(&layout.database), false)]);
    let mut missing: HashMap<&str, Vec<&str>> = HashMap::new();
    for (table, writes) in tables {
        let Some(column) = layout.database.tables.get(table).and_then(|found| found.columns.first()) else { continue };
        let (quoted, column) = (name(table), name(&column.name));
        let statements = [
            ("SELECT", format!("SELECT * FROM {quoted} WHERE FALSE")),
            ("INSERT", format!("INSERT INTO {quoted} SELECT * FROM {quoted} WHERE FALSE")),
            ("UPDATE", format!("UPDATE {quoted} SET {column} = {column} WHERE FALSE")),
            ("DELETE", format!("DELETE FROM {quoted} WHERE FALSE")),
        ];
        for (right, statement) in statements {
            if (right == "SELECT" || writes) && !may(connection, statement).await? {
                missing.entry(right).or_default().push(table);
            }
        }
    }
    let mut missing: Vec<_> = missing.into_iter().collect();
    missing.sort_unstable();
    for (right, tables) in missing {
        let problem = format!("this user may not {right} in {}", tables.join(", "));
        findings.push(error(problem, "run the GRANT that `claudetools central init` prints, as an administrator"));
    }
    Ok(())
}

/// Foreign keys that change rows of ours by themselves, and no trigger tells.
pub(super) fn of_cascades(layout: &Layout, installed: &HashMap<String, Installed>, findings: &mut Findings) {
    let references = layout.database.references.iter().filter(|it| layout.named(&it.table).is_some());
    for reference in references {
        let told = |event| {
            let trigger = cascade::trigger_name(layout, &reference.parent, event);
            installed.contains_key(&trigger)
        };
        let untold = (cascade::spreads(reference) && !told(Event::Delete))
            || (cascade::follows(reference) && !told(Event::Update));
        if untold {
            let (key, table) = (&reference.name, &reference.table);
            let problem =
                format!("the foreign key {key} of {table} cascades inside the server, which fires no triggers");
            findings.push(error(problem, RUN_INIT));
        }
    }
    for (key, table) in cascade::uncaptured(layout) {
        let problem = format!("the foreign key {key} of {table} cascades further than the triggers can follow");
        findings.push(warning(problem, "make it ON DELETE RESTRICT; `claudetools sync verify` finds what went unseen"));
    }
}

/// The machines, the backlog and the clocks.
pub(super) fn of_traffic(machines: &[MachineSeen], outbox: u64, offset_us: i64, findings: &mut Findings) {
    if outbox > LONG_OUTBOX {
        let remedy = "start the daemon on a machine that can reach central";
        findings.push(warning(format!("{outbox} changes wait to be numbered by a machine"), remedy));
    }
    if offset_us.abs() > FAR_OFF_US {
        let ahead = if offset_us > 0 { "ahead of" } else { "behind" };
        let problem = format!("central's clock is {} s {ahead} this machine's", offset_us.abs() / 1_000_000);
        findings.push(warning(problem, "set both clocks by NTP"));
    }
    let versions: std::collections::BTreeSet<&str> = machines.iter().map(|machine| machine.version.as_str()).collect();
    if versions.len() > 1 {
        let list = versions.into_iter().collect::<Vec<_>>().join(", ");
        findings.push(warning(format!("the machines run several versions: {list}"), "upgrade those that are behind"));
    }
}
