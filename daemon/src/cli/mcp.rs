//! `mcp`: memory as tools for Claude Code, on standard input and output.

use clap::Args;
use hooks::home::Home;

use super::{Failure, Outcome};
use crate::mcp;

/// Serve memory as MCP tools on standard input and output; Claude Code starts this itself
#[derive(Args)]
pub(super) struct Arguments {}

pub(super) fn run(_: &Arguments, home: &Home) -> Result<Outcome, Failure> {
    let folder = std::env::current_dir().map_err(|error| Failure::new(format!("find the current folder: {error}")))?;
    mcp::serve(home, folder).map_err(|error| {
        Failure::new(format!("serve: {error}"))
            .hint("this is for MCP clients; to try memory by hand: claudetools recall TEXT")
    })?;
    Ok(Outcome::Done)
}
