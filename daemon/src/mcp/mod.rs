//! The MCP server: memory as tools that the model calls by itself. A thin client of the daemon, like the other commands; what a
//! conversation may see is what the hooks of its project may show it.
//!
//! Architecture invariant: standard output carries the protocol and nothing else. Whatever goes wrong is the answer of a tool,
//! in words that say what to do.

mod answers;
mod desk;
mod tools;

use std::path::PathBuf;

use hooks::home::Home;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, InitializeResult,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};

use desk::Desk;

/// What the model is told of the server, whatever tools it has loaded.
const INSTRUCTIONS: &str = "Long-term memory of this and other projects, on all machines of the user. Use `search` before you \
    ask the user about something that may have come up earlier, and before you work out again what was worked out (ports, \
    commands, causes, conventions, decisions); then `get` what looks right. Search with rare words of the matter. When \
    something is settled, call `decide`; when a lesson cost effort, call `remember`, in one or two sentences, without \
    secrets. `timeline` shows what came around it, `open_ends` what is unfinished, `who_is_here` who else works here. \
    `forget` only when the user wants it.";

/// Serves on standard input and output until the client goes away.
pub(crate) fn serve(home: &Home, folder: PathBuf) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = Server { desk: Desk::new(home.clone(), folder) };
    let served = runtime.block_on(async {
        let running = server.serve(rmcp::transport::stdio()).await.map_err(std::io::Error::other)?;
        running.waiting().await.map_err(std::io::Error::other)
    });
    // A read of standard input may be under way that nothing can end.
    runtime.shutdown_background();
    served.map(drop)
}

struct Server {
    desk: Desk,
}

impl ServerHandler for Server {
    fn get_info(&self) -> InitializeResult {
        let own = Implementation::new("claudetools", env!("CARGO_PKG_VERSION"));
        InitializeResult::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(own)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (desk, arguments) = (self.desk.clone(), request.arguments.unwrap_or_default());
        let Some(call) = desk::find(&request.name) else {
            return Err(ErrorData::invalid_params(format!("there is no tool {}", request.name), None));
        };
        let called = tokio::task::spawn_blocking(move || call(&desk, arguments.into())).await;
        let result = match called.unwrap_or_else(|_| Err("an error in this program ended the call".into())) {
            Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(why) => CallToolResult::error(vec![ContentBlock::text(why)]),
        };
        Ok(CallToolResponse::Complete(result))
    }
}

#[cfg(test)]
mod tests {
    use recall::budget::tokens;

    use super::*;

    /// What it costs every conversation that loads it.
    #[test]
    fn the_tools_and_the_instructions_cost_little() {
        let listed = serde_json::to_string(&ListToolsResult::with_all_items(tools::all())).unwrap();
        assert!(tokens(&listed) <= 1_200, "{} tokens: {listed}", tokens(&listed));
        assert!(tokens(INSTRUCTIONS) <= 150, "{} tokens", tokens(INSTRUCTIONS));
    }

    #[test]
    fn every_tool_that_is_listed_can_be_called_and_the_reverse() {
        let mut listed: Vec<String> = tools::all().iter().map(|tool| tool.name.to_string()).collect();
        let mut called: Vec<String> = desk::CALLS.iter().map(|(name, _)| (*name).to_owned()).collect();
        listed.sort();
        called.sort();
        assert_eq!(listed, called);
    }
}
