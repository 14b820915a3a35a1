//! Makes central what this build needs.
//!
//! Everything here may be run again, at any time and after any crash: steps that are recorded are left alone, an
//! interrupted one is completed, triggers that are as they should be are not touched. Two runs wait for each other. A
//! table of one of our names that is not ours stops it before anything is changed, unless the database is to be
//! adopted ([`adopt`](super::adopt)). Steps only go up: a build never makes less of a schema than it found.

use std::time::Duration;

use serde::Serialize;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::adopt::{self, Adoption};
use super::connect::{Central, greet};
use super::enrol::enrol_table;
use super::findings;
use super::grants::{NewUser, create_user, grants_sql};
use super::layout::{Layout, altered};
use super::pool::{open, within};
use super::schema::{entities, known_version, step_id};
use super::sql::{name, run, run_made};
use super::steps::{self, Ground};
use super::triggers::{self, Installed, SQL_MODE, Trigger, installed};
use super::{CentralError, CentralUrl, definer};

/// What [`init`] is to do beside the schema.
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// Makes a least-privilege user for the machines.
    pub create_user: Option<NewUser>,
    /// Joins a database whose tables are another program's.
    pub adopt: Option<Adoption>,
    /// Only goes on with a schema that is there.
    pub only_upgrade: bool,
}

/// What [`init`] did.
#[derive(Clone, Debug, Serialize)]
pub struct InitReport {
    /// The database's name.
    pub database: String,
    /// True when the database itself was made.
    pub database_created: bool,
    /// True when its tables are another program's.
    pub is_adopted: bool,
    /// Steps that were applied now.
    pub steps_applied: Vec<String>,
    /// Statements of those steps that were not run, since they are about tables of another program.
    pub left_out: Vec<String>,
    /// Tables that were made in an adopted database.
    pub tables_created: Vec<String>,
    /// Tables that could not be made there, each with the reason.
    pub tables_refused: Vec<String>,
    /// Schema version afterwards.
    pub schema_version: u32,
    /// Triggers that were made or replaced now.
    pub triggers_installed: usize,
    /// Rows from before the triggers that were entered into the feed now.
    pub rows_enrolled: u64,
    /// The user that was made, as `'name'@'host'`.
    pub user_created: Option<String>,
    /// What an administrator runs to make a user that has no more rights than the machines need.
    pub grants: Vec<String>,
}

/// How far [`init_with`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitProgress {
    /// What is being done.
    pub doing: String,
    /// Pieces that are done.
    pub done: usize,
    /// Of so many.
    pub of: usize,
}

/// For all of it: entering a few million rows into the feed takes minutes.
const ALL_WITHIN: Duration = Duration::from_hours(1);
/// Waiting for DDL locks blocks other programs' statements on that table, so it is given up soon.
const SESSION: &str = "SET SESSION max_statement_time = 0, lock_wait_timeout = 10, innodb_lock_wait_timeout = 30, \
                       idle_transaction_timeout = 0";

/// Makes or upgrades the schema at central and installs the capture triggers; may be run again at any time.
pub async fn init(url: &CentralUrl, options: InitOptions) -> Result<InitReport, CentralError> {
    init_with(url, options, &|_| ()).await
}

/// [`init`], telling how far it is.
pub async fn init_with(
    url: &CentralUrl,
    options: InitOptions,
    tell: &(dyn Fn(InitProgress) + Sync),
) -> Result<InitReport, CentralError> {
    within(ALL_WITHIN, Box::pin(carry_out(url, &options, tell))).await
}

type Tell<'t> = &'t (dyn Fn(InitProgress) + Sync);

async fn carry_out(url: &CentralUrl, options: &InitOptions, tell: Tell<'_>) -> Result<InitReport, CentralError> {
    let mut connection = open(&url.options(false)?).await?;
    greet(&mut connection).await?;
    run(&mut connection, SESSION).await?;
    take_turn(&mut connection, url.database()).await?;
    let may_create = options.adopt.is_none() && !options.only_upgrade;
    let database_created = use_database(&mut connection, url.database(), may_create).await?;
    require_triggers(&mut connection, options).await?;
    let climbed = climb(&mut connection, options, tell).await?;
    let layout = Layout::read(&mut connection).await?;
    let triggers_installed = install_triggers(&mut connection, &layout, tell).await?;
    let rows_enrolled = enrol(url, &mut connection, &layout, tell).await?;
    let user_created = match &options.create_user {
        Some(user) => Some(create_user(&mut connection, url.database(), user).await?),
        None => None,
    };
    Ok(InitReport {
        database: url.database().to_owned(),
        database_created,
        is_adopted: layout.is_adopted,
        steps_applied: climbed.applied,
        left_out: climbed.left_out,
        tables_created: climbed.tables_created,
        tables_refused: climbed.tables_refused,
        schema_version: layout.version,
        triggers_installed,
        rows_enrolled,
        user_created,
        grants: grants_sql(url.database(), "claudetools"),
    })
}

/// One at a time; the lock ends with the connection. A lock's name has 64 characters at most.
async fn take_turn(connection: &mut MySqlConnection, database: &str) -> Result<(), CentralError> {
    let text = "SELECT GET_LOCK(LEFT(CONCAT('claudetools/', ?), 64), 60)";
    let row = sqlx::query(text).bind(database).fetch_one(connection).await?;
    match row.try_get_unchecked::<Option<i64>, _>(0)? {
        Some(1) => Ok(()),
        _ => Err(CentralError::LockWait),
    }
}

/// Makes the database when it is missing; true when it was made.
async fn use_database(
    connection: &mut MySqlConnection,
    database: &str,
    may_create: bool,
) -> Result<bool, CentralError> {
    let quoted = name(database);
    let chosen = run_made(connection, format!("USE {quoted}")).await.map_err(CentralError::from);
    let created = match chosen {
        Ok(()) => false,
        Err(CentralError::NotInitialised(_)) if may_create => {
            let create = format!("CREATE DATABASE {quoted} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci");
            run_made(connection, create).await?;
            run_made(connection, format!("USE {quoted}")).await?;
            true
        }
        Err(error) => return Err(error),
    };
    Ok(created)
}

/// Before anything is changed: whether this user may make triggers, where there are steps to take. While the binary log
/// is on that needs SUPER, or a setting; who has only all rights on the database is refused (1419) after the tables are
/// made, and a schema without triggers would miss every change of other programs.
async fn require_triggers(connection: &mut MySqlConnection, options: &InitOptions) -> Result<(), CentralError> {
    let layout = Layout::read(connection).await?;
    if layout.database.tables.contains_key("ct_sync_attempt") {
        // Of a run that was killed in the middle of this.
        run(connection, "DROP TABLE ct_sync_attempt").await?;
    }
    if !findings::needs_super(connection).await? {
        return Ok(());
    }
    let is_theirs = layout.version == 0 && options.adopt.is_none() && require_ours(&layout).is_err();
    if is_theirs || layout.version > known_version() || steps::outstanding(&layout.steps).next().is_none() {
        return Ok(());
    }
    run(connection, "CREATE TABLE ct_sync_attempt (id INT PRIMARY KEY)").await?;
    let attempt =
        "CREATE OR REPLACE TRIGGER ct_sync_attempt BEFORE INSERT ON ct_sync_attempt FOR EACH ROW SET @ct_probe_0 = 1";
    let made = run(connection, attempt).await;
    run(connection, "DROP TABLE ct_sync_attempt").await?;
    Ok(made?)
}

/// What was done to tables.
#[derive(Default)]
struct Climbed {
    applied: Vec<String>,
    left_out: Vec<String>,
    tables_created: Vec<String>,
    tables_refused: Vec<String>,
}

/// Applies the steps that are missing.
async fn climb(
    connection: &mut MySqlConnection,
    options: &InitOptions,
    tell: Tell<'_>,
) -> Result<Climbed, CentralError> {
    let mut climbed = Climbed::default();
    let layout = Layout::read(connection).await?;
    let (found, known) = (layout.version, known_version());
    if found > known {
        return Err(CentralError::Downgrade { found, known });
    }
    if found == 0 && options.only_upgrade {
        return Err(CentralError::NotInitialised("its schema".into()));
    }
    let ground = match (&options.adopt, layout.is_adopted) {
        (Some(_), false) if found > 0 => return Err(CentralError::OurOwn),
        (None, false) => {
            require_ours(&layout)?;
            Ground::Own
        }
        (Some(_), _) | (None, true) => Ground::Adopted,
    };
    if ground == Ground::Adopted {
        run(connection, adopt::RECORD).await?;
    }
    let outstanding: Vec<_> = steps::outstanding(&layout.steps).collect();
    for (done, step) in outstanding.iter().enumerate() {
        tell(InitProgress { doing: format!("step {}", step_id(step)), done, of: outstanding.len() });
        let left_out = steps::apply(connection, step, ground).await?;
        // The tables of the first step are what was adopted in their place. A later one is its owner's to decide on where
        // the table is as ours are; of another program's, it says nothing.
        if step.version > 1 {
            let is_as_ours = |statement: &&&str| {
                let entity = steps::table_of(statement).and_then(migrations::entity);
                let found = entity.and_then(|entity| Some((entity, layout.database.tables.get(entity.name)?)));
                found.is_some_and(|(entity, found)| altered(entity, found).is_none())
            };
            climbed.left_out.extend(left_out.iter().filter(is_as_ours).map(|statement| (*statement).to_owned()));
        }
        climbed.applied.push(step_id(step));
    }
    if let Some(adoption) = &options.adopt {
        adopt::record_names(connection, adoption).await?;
        if adoption.create_missing {
            let layout = Layout::read(connection).await?;
            (climbed.tables_created, climbed.tables_refused) = adopt::create_missing(connection, &layout).await?;
        }
    }
    Ok(climbed)
}

/// When no step is recorded, whatever tables are there must be ours, from an interrupted run.
fn require_ours(layout: &Layout) -> Result<(), CentralError> {
    if layout.version > 0 {
        return Ok(());
    }
    for entity in entities() {
        let Some(found) = layout.database.tables.get(entity.name) else { continue };
        if let Some(difference) = altered(entity, found) {
            return Err(CentralError::Foreign { table: entity.name.to_owned(), difference });
        }
    }
    Ok(())
}

/// Makes the triggers that are missing, and replaces those that differ or have lost their definer; how many.
async fn install_triggers(
    connection: &mut MySqlConnection,
    layout: &Layout,
    tell: Tell<'_>,
) -> Result<usize, CentralError> {
    let (wanting, stale) = wanting_triggers(connection, layout).await?;
    if !wanting.is_empty() {
        run_made(connection, format!("SET sql_mode = '{SQL_MODE}'")).await?;
    }
    for (done, trigger) in wanting.iter().enumerate() {
        tell(InitProgress { doing: format!("trigger {}", trigger.name), done, of: wanting.len() });
        run_made(connection, trigger.create()).await?;
    }
    for trigger in stale {
        run_made(connection, format!("DROP TRIGGER IF EXISTS {}", name(&trigger))).await?;
    }
    Ok(wanting.len())
}

/// The triggers that are not as they should be, and the names of those of ours that should not be: for a cascade that is
/// no more, or a table that is now held elsewhere.
pub(super) async fn wanting_triggers(
    connection: &mut MySqlConnection,
    layout: &Layout,
) -> Result<(Vec<Trigger>, Vec<String>), CentralError> {
    let there = installed(connection).await?;
    let gone = definer::gone(connection, layout, &there).await?;
    let works = |it: &Installed, trigger: &Trigger| it.is(trigger) && !gone.contains(&it.definer);
    let wanted = triggers::wanted(layout);
    let is_wanted = |name: &String| wanted.iter().any(|trigger| trigger.name == *name);
    let stale = there.iter().filter(|(name, it)| it.is_ours(name) && !is_wanted(name));
    let stale = stale.map(|(name, _)| name.clone()).collect();
    let is_wanting = |trigger: &Trigger| !there.get(&trigger.name).is_some_and(|it| works(it, trigger));
    Ok((wanted.iter().filter(|trigger| is_wanting(trigger)).cloned().collect(), stale))
}

/// Enters rows from before the triggers into the feed, once what the triggers caught is numbered.
async fn enrol(
    url: &CentralUrl,
    connection: &mut MySqlConnection,
    layout: &Layout,
    tell: Tell<'_>,
) -> Result<u64, CentralError> {
    let central = Central::connect(url).await?;
    central.sequence().await?;
    let mut enrolled = 0;
    let of = layout.tables().count();
    for (done, table) in layout.tables().enumerate() {
        tell(InitProgress { doing: format!("rows of {}", table.name), done, of });
        enrolled += enrol_table(connection, table).await?;
    }
    if enrolled > 0 {
        central.sequence().await?;
    }
    Ok(enrolled)
}
