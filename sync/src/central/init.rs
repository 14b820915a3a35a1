//! Makes central what this build needs.
//!
//! Everything here may be run again, at any time and after any crash: steps that are recorded are left alone, an
//! interrupted one is completed, triggers that are as they should be are not touched. Two runs wait for each other. A
//! table of one of our names that is not ours stops it before anything is changed.

use std::collections::HashSet;
use std::time::Duration;

use serde::Serialize;
use sqlx::Row as _;
use sqlx::mysql::MySqlConnection;

use super::connect::{Central, greet};
use super::enrol::enrol_all;
use super::grants::{NewUser, create_user, grants_sql};
use super::pool::{open, within};
use super::schema::{Applied, applied_steps, difference, entities, known_version, step_id, tables, version_of};
use super::sql::{name, run, run_made};
use super::steps;
use super::triggers::{self, Installed, SQL_MODE, Trigger, installed, is_gone};
use super::{CentralError, CentralUrl};

/// What [`init`] is to do beside the schema.
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// Makes a least-privilege user for the machines.
    pub create_user: Option<NewUser>,
}

/// What [`init`] did.
#[derive(Clone, Debug, Serialize)]
pub struct InitReport {
    /// The database's name.
    pub database: String,
    /// True when the database itself was made.
    pub database_created: bool,
    /// Steps that were applied now.
    pub steps_applied: Vec<String>,
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

/// For all of it: entering a few million rows into the feed takes minutes.
const ALL_WITHIN: Duration = Duration::from_hours(1);
/// Waiting for DDL locks blocks other programs' statements on that table, so it is given up soon.
const SESSION: &str = "SET SESSION max_statement_time = 0, lock_wait_timeout = 10, innodb_lock_wait_timeout = 30, \
                       idle_transaction_timeout = 0";

/// Makes or upgrades the schema at central and installs the capture triggers; may be run again at any time.
pub async fn init(url: &CentralUrl, options: InitOptions) -> Result<InitReport, CentralError> {
    within(ALL_WITHIN, Box::pin(carry_out(url, &options))).await
}

async fn carry_out(url: &CentralUrl, options: &InitOptions) -> Result<InitReport, CentralError> {
    let mut connection = open(&url.options(false)?).await?;
    greet(&mut connection).await?;
    run(&mut connection, SESSION).await?;
    take_turn(&mut connection, url.database()).await?;
    let database_created = use_database(&mut connection, url.database()).await?;
    let steps_applied = climb(&mut connection).await?;
    let triggers_installed = install_triggers(&mut connection).await?;
    let rows_enrolled = enrol(url, &mut connection).await?;
    let user_created = match &options.create_user {
        Some(user) => Some(create_user(&mut connection, url.database(), user).await?),
        None => None,
    };
    Ok(InitReport {
        database: url.database().to_owned(),
        database_created,
        steps_applied,
        schema_version: known_version(),
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
async fn use_database(connection: &mut MySqlConnection, database: &str) -> Result<bool, CentralError> {
    let quoted = name(database);
    let chosen = run_made(connection, format!("USE {quoted}")).await.map_err(CentralError::from);
    let created = match chosen {
        Ok(()) => false,
        Err(CentralError::NotInitialised(_)) => {
            let create = format!("CREATE DATABASE {quoted} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci");
            run_made(connection, create).await?;
            run_made(connection, format!("USE {quoted}")).await?;
            true
        }
        Err(error) => return Err(error),
    };
    Ok(created)
}

/// Applies the steps that are missing; their names.
async fn climb(connection: &mut MySqlConnection) -> Result<Vec<String>, CentralError> {
    let applied = recorded(connection).await?;
    let (found, known) = (version_of(&applied), known_version());
    if found > known {
        return Err(CentralError::Newer { found, known });
    }
    let mut done = Vec::new();
    for step in steps::outstanding(&applied) {
        steps::apply(connection, step).await?;
        done.push(step_id(step));
    }
    Ok(done)
}

/// The recorded steps; when there are none, whatever tables are there must be ours, from an interrupted run.
async fn recorded(connection: &mut MySqlConnection) -> Result<Vec<Applied>, CentralError> {
    let tables = tables(connection).await?;
    let mine = |name: &str| tables.get(name).map(|found| (name.to_owned(), found));
    let applied = match (tables.get("schema_migrations"), migrations::entity("schema_migrations")) {
        (Some(found), Some(entity)) if difference(entity, found).is_none() => applied_steps(connection).await?,
        _ => Vec::new(),
    };
    if !applied.is_empty() {
        return Ok(applied);
    }
    for (entity, (table, found)) in entities().filter_map(|entity| Some((entity, mine(entity.name)?))) {
        if let Some(difference) = difference(entity, found) {
            return Err(CentralError::Foreign { table, difference });
        }
    }
    Ok(applied)
}

/// Makes the triggers that are missing, and replaces those that differ or have lost their definer; how many.
async fn install_triggers(connection: &mut MySqlConnection) -> Result<usize, CentralError> {
    let wanting = wanting_triggers(connection).await?;
    if !wanting.is_empty() {
        run_made(connection, format!("SET sql_mode = '{SQL_MODE}'")).await?;
    }
    for trigger in &wanting {
        run_made(connection, trigger.create()).await?;
    }
    Ok(wanting.len())
}

/// The triggers that are not as they should be.
pub(super) async fn wanting_triggers(connection: &mut MySqlConnection) -> Result<Vec<Trigger>, CentralError> {
    let there = installed(connection).await?;
    let mut gone: HashSet<&str> = HashSet::new();
    for definer in there.values().map(|it| it.definer.as_str()).collect::<HashSet<_>>() {
        if is_gone(connection, definer).await? {
            gone.insert(definer);
        }
    }
    let works = |it: &Installed, trigger: &Trigger| it.is(trigger) && !gone.contains(it.definer.as_str());
    Ok(triggers::all().filter(|trigger| !there.get(&trigger.name()).is_some_and(|it| works(it, trigger))).collect())
}

/// Enters rows from before the triggers into the feed, once what the triggers caught is numbered.
async fn enrol(url: &CentralUrl, connection: &mut MySqlConnection) -> Result<u64, CentralError> {
    let central = Central::connect(url).await?;
    central.sequence().await?;
    let enrolled = enrol_all(connection).await?;
    if enrolled > 0 {
        central.sequence().await?;
    }
    Ok(enrolled)
}
