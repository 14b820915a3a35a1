//! `central init`, `central check`, `central migrate`: the database that machines share their memory through.

use clap::{Args, Subcommand};
use hooks::home::Home;
use sync::SystemClock;
use sync::central::{self, CentralError, CentralUrl, CheckReport, InitOptions, InitReport, NewUser, Severity};

use super::{Failure, Outcome, output};
use crate::config::Config;
use crate::render;

/// Prepare or check the central MariaDB database
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: CentralCommand,
}

#[derive(Subcommand)]
enum CentralCommand {
    /// Make the schema and its triggers at central; may be run again at any time
    Init {
        /// mysql://admin:password@host:3306/database, of a user that may create tables and triggers
        url: String,
        /// Also make a least-privilege user for the machines: NAME or NAME@HOST; its password is read from the
        /// variable CLAUDETOOLS_USER_PASSWORD
        #[arg(long, value_name = "NAME[@HOST]")]
        create_user: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look whether central can be reached and is as it must be
    Check {
        /// The database [default: [central] url of config.toml]
        url: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Bring the schema at central up to this version
    Migrate {
        /// The database, of a user that may alter tables [default: [central] url of config.toml]
        url: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

const PASSWORD_VARIABLE: &str = "CLAUDETOOLS_USER_PASSWORD";

pub(super) fn run(arguments: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    match &arguments.command {
        CentralCommand::Init { url, create_user, json } => init(&parse(url)?, new_user(create_user.as_deref())?, *json),
        CentralCommand::Migrate { url, json } => init(&chosen(url.as_deref(), home)?, None, *json),
        CentralCommand::Check { url, json } => check(&chosen(url.as_deref(), home)?, *json),
    }
}

fn init(url: &CentralUrl, create_user: Option<NewUser>, json: bool) -> Result<Outcome, Failure> {
    let options = InitOptions { create_user };
    let report = block_on(central::init(url, options))?.map_err(|error| failure("prepare central", url, &error))?;
    if json {
        output::json(&report);
    } else {
        output::print(&story(&report, url));
    }
    Ok(Outcome::Done)
}

fn story(report: &InitReport, url: &CentralUrl) -> String {
    let mut lines = vec![format!("✓ {url}: schema version {}", report.schema_version)];
    lines.extend(report.database_created.then(|| format!("  made the database {}", report.database)));
    lines.extend(report.steps_applied.iter().map(|step| format!("  applied {step}")));
    lines.push(format!("  {} triggers installed", report.triggers_installed));
    lines.extend(
        (report.rows_enrolled > 0).then(|| format!("  {} rows from before are shared now", report.rows_enrolled)),
    );
    lines.extend(report.user_created.as_ref().map(|user| format!("  made the user {user}")));
    if report.user_created.is_none() && !report.grants.is_empty() {
        lines.push("  for a least-privilege user, an administrator runs:".to_owned());
        lines.extend(report.grants.iter().map(|grant| format!("    {grant}")));
    }
    lines.push("  on each machine: claudetools setup --central URL".to_owned());
    lines.join("\n") + "\n"
}

fn check(url: &CentralUrl, json: bool) -> Result<Outcome, Failure> {
    let report = look(url)?;
    if json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(match report.findings.is_empty() {
        true => Outcome::Done,
        false if report.is_working() => Outcome::NeedsUser,
        false => Outcome::Failed,
    })
}

/// Looks at central; an error names host and user, never the password.
pub(super) fn look(url: &CentralUrl) -> Result<CheckReport, Failure> {
    block_on(central::check(url))?.map_err(|error| failure("check central", url, &error))
}

fn print(report: &CheckReport) {
    output::line(format!("{}: {}, schema version {}", report.central, report.server, report.schema_version));
    output::line(format!(
        "clock {} ms ahead of ours, {} changes not numbered yet",
        report.clock_offset_us / 1000,
        report.outbox
    ));
    for machine in &report.machines {
        let seen = render::ago(&sync::datetime_text(machine.last_seen_us), sync::Clock::now_us(&SystemClock));
        output::line(format!("  {} (version {}): last seen {seen}", machine.hostname, machine.version));
    }
    for finding in &report.findings {
        let mark = if finding.severity == Severity::Error { '✗' } else { '!' };
        output::line(format!("{mark} {}\n  → {}", finding.problem, finding.remedy));
    }
    if report.findings.is_empty() {
        output::line("✓ all is well");
    }
}

/// Why central did not do as asked: the URL is shown without its password.
pub(super) fn failure(doing: &str, url: &CentralUrl, error: &CentralError) -> Failure {
    let hint =
        error.hint().unwrap_or("check that the server runs and that host, port and firewall let this machine in");
    Failure::new(format!("{doing} at {url}: {error}")).hint(hint)
}

/// Reads a URL of the command line.
pub(super) fn parse(url: &str) -> Result<CentralUrl, Failure> {
    url.parse().map_err(|error| Failure::usage(error).hint("a special character of the password is written as %XX"))
}

fn chosen(url: Option<&str>, home: &Home) -> Result<CentralUrl, Failure> {
    if let Some(url) = url {
        return parse(url);
    }
    let path = home.config();
    let configured = Config::load(&path).and_then(|config| config.central_url(&path));
    let configured = configured.map_err(|error| Failure::new(&error).hint(error.hint()))?;
    configured.ok_or_else(|| {
        Failure::usage("no central is configured here")
            .hint("name it: claudetools central check mysql://user:password@host/database")
    })
}

fn new_user(asked: Option<&str>) -> Result<Option<NewUser>, Failure> {
    let Some(asked) = asked else { return Ok(None) };
    let (name, host) = asked.split_once('@').unwrap_or((asked, "%"));
    let password = std::env::var(PASSWORD_VARIABLE).ok().filter(|password| !password.is_empty()).ok_or_else(|| {
        Failure::usage(format!("the new user needs a password in the variable {PASSWORD_VARIABLE}"))
            .hint("so that it stands in no process list and no shell history")
    })?;
    Ok(Some(NewUser { name: name.to_owned(), host: host.to_owned(), password }))
}

/// Runs a conversation with central to its end.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| Failure::new(format!("start a thread: {error}")))?.block_on(work))
}
