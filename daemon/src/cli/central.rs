//! `central init`, `check`, `migrate`, `release`: the database that machines share their memory through.

use clap::{Args, Subcommand};
use hooks::home::Home;
use indicatif::{ProgressBar, ProgressStyle};
use sync::SystemClock;
use sync::central::{
    self, Adoption, CentralError, CentralUrl, CheckReport, GivenName, InitOptions, InitProgress, InitReport, NewUser,
    Severity,
};

use super::{Failure, Outcome, adopt, output};
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
        /// Join a database whose tables are another program's: shows what that means, and changes nothing without --yes
        #[arg(long)]
        adopt: bool,
        /// With --adopt: a table or column that has another name there; may be given several times
        #[arg(long, value_name = "TABLE[.COLUMN]=NAME", requires = "adopt")]
        map: Vec<String>,
        /// With --adopt: also make the tables that are missing there
        #[arg(long, requires = "adopt")]
        create_missing: bool,
        /// With --adopt: only show what it means
        #[arg(long, requires = "adopt", conflicts_with = "yes")]
        dry_run: bool,
        /// With --adopt: do it
        #[arg(long, requires = "adopt")]
        yes: bool,
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
    /// Take out what init brought into an adopted database: its triggers
    Release {
        /// The database, of a user that may drop triggers
        url: String,
        /// Also drop the tables of the prefix ct_sync_, and with them what the machines know of each other
        #[arg(long)]
        purge: bool,
        /// Do it
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Bring the schema at central up to this version; may be run again after an interruption
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
        CentralCommand::Init { url, create_user, adopt: false, json, .. } => {
            let options = InitOptions { create_user: new_user(create_user.as_deref())?, ..InitOptions::default() };
            init(&parse(url)?, options, *json)
        }
        CentralCommand::Init { url, create_user, map, create_missing, dry_run, yes, json, .. } => {
            let adoption = Adoption { names: given(map)?, create_missing: *create_missing };
            let url = parse(url)?;
            if !*yes {
                return survey(&url, &adoption, *dry_run, *json);
            }
            let create_user = new_user(create_user.as_deref())?;
            init(&url, InitOptions { create_user, adopt: Some(adoption), ..InitOptions::default() }, *json)
        }
        CentralCommand::Migrate { url, json } => {
            let options = InitOptions { only_upgrade: true, ..InitOptions::default() };
            init(&chosen(url.as_deref(), home)?, options, *json)
        }
        CentralCommand::Release { url, purge, yes, json } => release(&parse(url)?, *purge, *yes, *json),
        CentralCommand::Check { url, json } => check(&chosen(url.as_deref(), home)?, *json),
    }
}

fn init(url: &CentralUrl, options: InitOptions, json: bool) -> Result<Outcome, Failure> {
    let bar = progress_bar();
    let tell = |progress: InitProgress| {
        bar.set_length(progress.of as u64);
        bar.set_position(progress.done as u64);
        bar.set_message(progress.doing);
    };
    let report = block_on(central::init_with(url, options, &tell));
    bar.finish_and_clear();
    let report = report?.map_err(|error| failure("prepare central", url, &error))?;
    if json {
        output::json(&report);
    } else {
        output::print(&story(&report, url));
    }
    Ok(if report.left_out.is_empty() && report.tables_refused.is_empty() { Outcome::Done } else { Outcome::NeedsUser })
}

/// On standard error, and only on a terminal.
fn progress_bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

/// Shows what adopting means, and changes nothing.
fn survey(url: &CentralUrl, adoption: &Adoption, dry_run: bool, json: bool) -> Result<Outcome, Failure> {
    let found = block_on(central::survey(url, adoption))?;
    let survey = found.map_err(|error| failure("look at the database", url, &error))?;
    if json {
        output::json(&survey);
    } else {
        adopt::print(&survey);
        if !survey.is_useful() {
            output::line("nothing of it can be used: there is nothing to adopt");
        } else if !dry_run {
            output::line("nothing was changed; to go on, run it again with --yes");
        }
    }
    Ok(match (survey.is_useful(), dry_run) {
        (false, _) => Outcome::Failed,
        (true, true) => Outcome::Done,
        (true, false) => Outcome::NeedsUser,
    })
}

fn release(url: &CentralUrl, purge: bool, yes: bool, json: bool) -> Result<Outcome, Failure> {
    if !yes {
        let what = if purge { "the triggers and tables" } else { "the triggers" };
        return Err(Failure::usage(format!(
            "this takes {what} of claudetools out of {url}: no machine syncs there any more"
        ))
        .hint("run it again with --yes"));
    }
    let dropped = block_on(central::release(url, purge))?.map_err(|error| failure("release central", url, &error))?;
    if json {
        output::json(&dropped);
    } else {
        output::line(format!(
            "✓ {url}: took out {} triggers and tables; the other tables are as they were",
            dropped.len()
        ));
    }
    Ok(Outcome::Done)
}

fn given(map: &[String]) -> Result<Vec<GivenName>, Failure> {
    map.iter().map(|text| text.parse().map_err(Failure::usage)).collect()
}

fn story(report: &InitReport, url: &CentralUrl) -> String {
    let mut lines = vec![format!("✓ {url}: schema version {}", report.schema_version)];
    lines.extend(report.database_created.then(|| format!("  made the database {}", report.database)));
    lines.extend(report.steps_applied.iter().map(|step| format!("  applied {step}")));
    lines.extend(report.left_out.iter().map(|statement| {
        let first = statement.lines().find(|line| !line.starts_with("--")).unwrap_or_default();
        format!("  left to you, as the table is another program's: {first} …")
    }));
    lines.extend(report.tables_created.iter().map(|table| format!("  made the table {table}")));
    lines.extend(report.tables_refused.iter().map(|table| format!("  could not make the table {table}")));
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
    Ok(match report.is_well() {
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
    if report.is_adopted {
        let held = |table: &&sync::central::TableReport| table.reason.is_none() && table.table.is_some();
        let partly = report.tables.iter().filter(held).count();
        output::line(format!("adopted: {partly} tables are held in part or under another name (--json lists them)"));
    }
    for finding in &report.findings {
        let mark = match finding.severity {
            Severity::Error => '✗',
            Severity::Warning => '!',
            Severity::Note => '·',
        };
        output::line(format!("{mark} {}\n  → {}", finding.problem, finding.remedy));
    }
    if report.is_well() {
        output::line("✓ all is well");
    }
}

/// Why central did not do as asked: the URL is shown without its password.
pub(super) fn failure(doing: &str, url: &CentralUrl, error: &CentralError) -> Failure {
    let out_of_reach = || match url.socket() {
        Some(socket) => format!("check that the server runs and that {} is its socket", socket.display()),
        None => "check that the server runs and that host, port and firewall let this machine in".to_owned(),
    };
    let hint = error.hint().map_or_else(out_of_reach, str::to_owned);
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
