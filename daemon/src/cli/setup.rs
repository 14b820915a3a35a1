//! `setup`: makes this machine remember, and proves that it does.

use std::path::PathBuf;

use clap::Args;
use hooks::home::Home;
use serde::Serialize;

use super::{Failure, Outcome, central, output};
use crate::setup::confirm::confirm;
use crate::setup::first_user::{self, Wish};
use crate::setup::mcp_proof;
use crate::setup::probe::{self, Proof};
use crate::setup::steps::{Done, Plan};
use crate::setup::{client_config_path, hook_program, settings_path};

/// Set up this machine: home, replica, hooks of Claude Code, service; then prove it with a save and a recall
#[derive(Args)]
pub(super) struct Arguments {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Share memory with other machines through this MariaDB: mysql://user:password@host:3306/database
    #[arg(long, value_name = "URL")]
    central: Option<String>,
    /// The folder of Claude Code's settings.json [default: $CLAUDE_CONFIG_DIR, else ~/.claude]
    #[arg(long, value_name = "DIR")]
    claude_config: Option<PathBuf>,
    /// Register no service: hooks start the daemon when it is needed
    #[arg(long)]
    no_service: bool,
    #[command(flatten)]
    admin: Admin,
    /// Print JSON at the end instead of progress
    #[arg(long)]
    json: bool,
}

/// The first user.
#[derive(Args)]
struct Admin {
    /// With a central on which nobody may log in yet: make this administrator
    #[arg(long = "admin-email", value_name = "EMAIL")]
    email: Option<String>,
    /// The administrator's full name [default: the e-mail address]
    #[arg(long = "admin-name", value_name = "NAME", requires = "email")]
    name: Option<String>,
    /// Read the administrator's password from stdin; without it, from the variable CLAUDETOOLS_USER_PASSWORD, or it is asked for
    #[arg(long = "admin-password-stdin", requires = "email")]
    password_on_stdin: bool,
}

/// `setup --json`
#[derive(Serialize)]
struct SetupReport {
    /// What each step did.
    steps: Vec<Done>,
    /// The round trip through the installed hook.
    proof: Proof,
    /// False when everything was so before.
    changed: bool,
}

pub(super) fn run(arguments: &Arguments, home: Home) -> Result<Outcome, Failure> {
    let plan = prepare(arguments, home)?;
    confirm(arguments.yes, &describe(&plan))?;
    if let Some(url) = &plan.central {
        reach(url)?;
    }
    let wish = Wish {
        email: arguments.admin.email.clone(),
        full_name: arguments.admin.name.clone(),
        password_on_stdin: arguments.admin.password_on_stdin,
        is_quiet: arguments.yes || arguments.json,
    };
    let steps = carry_out(&plan, &wish, arguments.json)?;
    let mut proof = probe::prove(&plan.home, &plan.settings, &plan.hook)?;
    proof.tools = mcp_proof::prove(&plan.client_config)?;
    let changed = steps.iter().any(|done| done.changed);
    if arguments.json {
        output::json(&SetupReport { steps, proof, changed });
    } else {
        output::print(&proof.story());
        output::line(if changed {
            "ClaudeTools is set up."
        } else {
            "Everything was set up already; nothing was changed."
        });
    }
    Ok(Outcome::Done)
}

fn prepare(arguments: &Arguments, home: Home) -> Result<Plan, Failure> {
    let settings = settings_path(arguments.claude_config.as_deref())
        .ok_or_else(|| Failure::new("find Claude Code's settings").hint("name their folder: --claude-config DIR"))?;
    let plan = Plan {
        home,
        settings,
        client_config: client_config_path(arguments.claude_config.as_deref()).ok_or_else(|| {
            Failure::new("find Claude Code's configuration").hint("name its folder: --claude-config DIR")
        })?,
        hook: hook_program().map_err(|error| Failure::new(format!("find this program: {error}")))?,
        central: arguments.central.as_deref().map(central::parse).transpose()?,
        with_service: !arguments.no_service,
    };
    plan.check()?;
    if arguments.admin.email.is_some() && !plan.has_central() {
        return Err(Failure::usage("users are kept at central, and none is configured").hint("name one: --central URL"));
    }
    Ok(plan)
}

fn describe(plan: &Plan) -> String {
    let central =
        plan.central.as_ref().map_or("none, everything stays on this machine".to_owned(), ToString::to_string);
    format!(
        "This makes {}, puts hooks into {} and an MCP server into {}\n(keeping what is there) and starts the daemon{}. Central: {central}.\n",
        plan.home.root().display(),
        plan.settings.display(),
        plan.client_config.display(),
        if plan.with_service { " at each login" } else { "" },
    )
}

/// Central must be there and ready before anything is changed.
fn reach(url: &sync::central::CentralUrl) -> Result<(), Failure> {
    let report = central::look(url)?;
    let broken = report.findings.iter().find(|finding| finding.severity == sync::central::Severity::Error);
    broken.map_or(Ok(()), |finding| {
        Err(Failure::new(format!("use central at {url}: {}", finding.problem)).hint(&finding.remedy))
    })
}

fn carry_out(plan: &Plan, wish: &Wish, quiet: bool) -> Result<Vec<Done>, Failure> {
    let mut steps = Vec::new();
    let mut note = |step: Result<Done, Failure>| -> Result<bool, Failure> {
        let done = step.inspect_err(|failure| {
            if !quiet {
                output::line(format!("✗ {}", failure.message()));
            }
        })?;
        if !quiet {
            output::line(line(&done));
        }
        steps.push(done.clone());
        Ok(done.changed)
    };
    note(plan.make_home())?;
    let stale = plan.set_central().map(&mut note).transpose()?.unwrap_or(false);
    note(plan.install_hooks())?;
    note(plan.install_server())?;
    note(plan.register_service())?;
    note(plan.start_daemon(stale))?;
    if plan.has_central() {
        note(first_user::make(&plan.home, wish))?;
    }
    Ok(steps)
}

/// A step in a line of progress.
pub(super) fn line(done: &Done) -> String {
    let as_it_was = if done.changed { "" } else { " (as it was)" };
    format!("✓ {:8} {}{as_it_was}", done.step, done.what)
}
