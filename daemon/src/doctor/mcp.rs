//! The MCP server: is it in Claude Code's configuration, and does it answer as it stands there.

use std::path::Path;

use hooks::install::{self, ServerCommand};

use super::{FIX, Finding, Patient};
use crate::setup::mcp_proof;
use crate::setup::record::Record;

/// In every configuration that setup has put it into.
pub(super) fn server(patient: &Patient<'_>) -> Vec<Finding> {
    let recorded = Record::read(patient.home).map(|record| record.servers).unwrap_or_default();
    if recorded.is_empty() {
        return vec![Finding::warn(
            "mcp",
            "setup has put the MCP server into no .claude.json yet",
            "run: claudetools setup",
        )];
    }
    recorded.iter().map(|config| server_in(patient, config)).collect()
}

fn server_in(patient: &Patient<'_>, config: &Path) -> Finding {
    let shown = config.display();
    let lack = match install::inspect_server(config) {
        Err(error) => return Finding::fail("mcp", format!("cannot {error}"), "correct that file"),
        Ok(Some(found)) => match lack(patient, &found) {
            None => return works(config, &found),
            Some(lack) => lack,
        },
        Ok(None) => "it has no server of ours".to_owned(),
    };
    if !patient.fix {
        return Finding::fail("mcp", format!("{shown}: {lack}"), FIX);
    }
    let program = std::env::current_exe();
    let put = program.map_err(|error| error.to_string()).and_then(|program| {
        install::install_server(config, &program, patient.home.root()).map_err(|error| error.to_string())
    });
    match put {
        Ok(_) => Finding::fixed("mcp", format!("{shown}: {lack}; put right")),
        Err(error) => Finding::fail("mcp", format!("cannot {error}"), "correct that file"),
    }
}

/// What is not as setup makes it.
fn lack(patient: &Patient<'_>, found: &ServerCommand) -> Option<String> {
    if !crate::setup::is_executable(Path::new(&found.program)) {
        return Some(format!("its server starts {}, which cannot be run", found.program));
    }
    match found.home() {
        Some(home) if home == patient.home.root() => None,
        Some(home) => Some(format!("its server uses the home {}", home.display())),
        None => Some("its server names no home".to_owned()),
    }
}

fn works(config: &Path, found: &ServerCommand) -> Finding {
    match mcp_proof::tools(found) {
        Ok(tools) => Finding::ok("mcp", format!("{} tools, as {} starts it", tools.len(), config.display())),
        Err(why) => {
            let what = format!("{} as {} starts it: {why}", found.program, config.display());
            Finding::fail("mcp", what, format!("try it: {} {}", found.program, found.arguments.join(" ")))
        }
    }
}
