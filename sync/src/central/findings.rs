//! What [`check`](super::check) looks for.

use std::collections::HashMap;

use migrations::{Direction, Entity, ladder};
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::CentralError;
use super::check::{Finding, MachineSeen, Severity, may};
use super::schema::{Applied, OWN_TABLES, Tables, difference, entities, known_version, step_id, version_of};
use super::sql::name;
use super::steps::checksum;
use super::triggers::{self, Installed, is_gone};

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
pub(super) fn of_schema(applied: &[Applied], tables: &Tables, findings: &mut Findings) {
    let (found, known) = (version_of(applied), known_version());
    if found == 0 {
        findings.push(error("there is no claudetools schema in this database", RUN_INIT));
        return;
    }
    if found > known {
        let problem = format!("the schema has version {found}, this build knows {known}");
        findings.push(error(problem, "upgrade claudetools on this machine"));
    } else if found < known {
        let problem = format!("the schema has version {found}, this build needs {known}");
        findings.push(error(problem, "run `claudetools central migrate`"));
    }
    for step in ladder::MARIADB {
        let recorded = applied.iter().find(|done| done.id == step_id(step)).and_then(|done| done.checksum.as_deref());
        if recorded.is_some_and(|recorded| recorded != checksum(step)) {
            let problem = format!("step {} was applied in another form than this build has", step_id(step));
            findings.push(warning(problem, "see whether the builds on your machines are official ones"));
        }
    }
    for table in entities().map(|entity| entity.name).chain(OWN_TABLES.iter().copied()) {
        if !tables.contains_key(table) {
            findings.push(error(format!("the table {table} is missing"), "restore it from a backup"));
        }
    }
    for entity in entities() {
        if let Some(difference) = tables.get(entity.name).and_then(|found| difference(entity, found)) {
            let problem = format!("the table {} was altered: {difference}", entity.name);
            findings.push(warning(problem, "undo the change, or report what it is needed for"));
        }
    }
}

/// The capture triggers.
pub(super) async fn of_triggers(
    connection: &mut MySqlConnection,
    installed: &HashMap<String, Installed>,
    findings: &mut Findings,
) -> Result<(), CentralError> {
    for trigger in triggers::all() {
        let what = format!("changes of {} by {}", trigger.entity.name, trigger.event.keyword());
        match installed.get(&trigger.name()) {
            None => findings.push(error(
                format!(
                    "{what} are not captured: the trigger {} is missing or this user may not see it",
                    trigger.name()
                ),
                RUN_INIT,
            )),
            Some(there) if !there.is(&trigger) => {
                findings.push(error(
                    format!("{what} may not be captured: the trigger {} was altered", trigger.name()),
                    RUN_INIT,
                ));
            }
            Some(_) => {}
        }
    }
    let mut definers: Vec<&str> =
        triggers::all().filter_map(|trigger| installed.get(&trigger.name())).map(|it| it.definer.as_str()).collect();
    definers.sort_unstable();
    definers.dedup();
    for definer in definers {
        if is_gone(connection, definer).await? {
            let problem = format!("the triggers run as {definer}, who does not exist: every write fails (error 1449)");
            findings.push(error(problem, RUN_INIT));
        }
    }
    if findings.iter().any(|finding| finding.problem.contains("captured")) && needs_super(connection).await? {
        let problem = "log_bin is on without log_bin_trust_function_creators: making triggers needs SUPER";
        findings.push(warning(problem, "let an administrator run `claudetools central init` once"));
    }
    Ok(())
}

async fn needs_super(connection: &mut MySqlConnection) -> Result<bool, CentralError> {
    let row = sqlx::query("SELECT @@log_bin AND NOT @@log_bin_trust_function_creators").fetch_one(connection).await?;
    Ok(row.try_get_unchecked::<i64, _>(0)? != 0)
}

/// The rights of the user that is logged in, table by table.
pub(super) async fn of_rights(
    connection: &mut MySqlConnection,
    present: impl Iterator<Item = &'static Entity>,
    has_bookkeeping: bool,
    findings: &mut Findings,
) -> Result<(), CentralError> {
    let own = OWN_TABLES.iter().filter(|_| has_bookkeeping).map(|table| (*table, true));
    let tables: Vec<(&str, bool)> = present
        .filter(|entity| entity.is_replicated() || entity.name == "schema_migrations")
        .map(|entity| (entity.name, entity.is_replicated() && !matches!(entity.sync.direction, Direction::Pull)))
        .chain(own)
        .collect();
    let mut missing: HashMap<&str, Vec<&str>> = HashMap::new();
    for (table, writes) in tables {
        let quoted = name(table);
        let statements = [
            ("SELECT", format!("SELECT * FROM {quoted} WHERE FALSE")),
            ("INSERT", format!("INSERT INTO {quoted} SELECT * FROM {quoted} WHERE FALSE")),
            ("UPDATE", format!("UPDATE {quoted} SET {0} = {0} WHERE FALSE", name(first_column(table)))),
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

fn first_column(table: &str) -> &'static str {
    match migrations::entity(table) {
        Some(entity) => entity.columns[0].name,
        None if table == "ct_sync_rows" => "tbl",
        None if table == "ct_sync_machines" || table == "ct_sync_receipts" => "replica_id",
        None => "id",
    }
}

/// Foreign keys that change children by themselves: the triggers do not see that.
pub(super) async fn of_cascades(connection: &mut MySqlConnection, findings: &mut Findings) -> Result<(), CentralError> {
    let text = "SELECT constraint_name, table_name FROM information_schema.referential_constraints \
                WHERE constraint_schema = DATABASE() AND (delete_rule IN ('CASCADE', 'SET NULL') \
                OR update_rule IN ('CASCADE', 'SET NULL')) ORDER BY constraint_name";
    for row in sqlx::query(text).fetch_all(connection).await? {
        let (key, table): (String, String) = (row.try_get_unchecked(0)?, row.try_get_unchecked(1)?);
        if migrations::entity(&table).is_some_and(Entity::is_replicated) {
            let problem =
                format!("the foreign key {key} of {table} cascades inside the server, which fires no triggers");
            findings.push(error(problem, "make it ON DELETE RESTRICT ON UPDATE RESTRICT"));
        }
    }
    Ok(())
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
