//! `/api/bulk-import/…`: folders of transcripts and contexts, on the code of `claudetools import`.

use std::path::PathBuf;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use merge::{Key, Row};
use migrations::catalogue::{PROJECTS, SESSIONS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::input::Id;
use crate::api::problem::{Problem, missing_parent};
use crate::api::route::{Call, Content, Reply, Route, Scope, Work};
use crate::capture::Place;
use crate::import::{self, ImportError, ImportReport, ImportStatus, Order, RootError};
use crate::tasks::panic_text;

/// What is to be imported.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportFolder {
    /// An absolute path on the daemon's machine: a folder, whose `.jsonl` and `.json` files are read, or one such file.
    #[schemars(regex(pattern = r"^(/|[A-Za-z]:[/\\])"))]
    pub(crate) folder_path: PathBuf,
    /// Only say what would be new.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// It is a folder of Claude Code's own transcripts, or one of them: each is read on from where it was read last.
    #[serde(default)]
    pub(crate) transcripts: bool,
    /// The project of all of it; without it, each conversation's folder and each context tell.
    #[serde(default)]
    pub(crate) project_id: Option<Id>,
    /// The session of contexts that name none.
    #[serde(default)]
    pub(crate) session_id: Option<Id>,
}

pub(super) fn routes() -> Vec<Route> {
    let route = |method, end: &str, name, work| Route::new(method, format!("/api/bulk-import/{end}"), name, work);
    vec![
        route(Method::POST, "import-folder", "import_folder", Work::Task(|call| Box::pin(folder(call))))
            .about("bulk-import", "Import transcripts and contexts from a folder; answers when it is done")
            // Any file of the daemon's user can be named, which is more than writing rows.
            .scope(Scope::Admin)
            .takes(Content::of::<ImportFolder>())
            .fails(StatusCode::NOT_FOUND)
            .gives(StatusCode::OK, Content::of::<ImportReport>()),
        route(Method::GET, "import-status", "import_status", Work::Now(status))
            .about("bulk-import", "How far the import is, and what became of the last one")
            .gives(StatusCode::OK, Content::of::<ImportStatus>()),
    ]
}

#[expect(clippy::unnecessary_wraps, reason = "the form that a route's function has")]
fn status(call: &Call) -> Result<Reply, Problem> {
    Ok(Reply::ok(call.app.imports.now()))
}

async fn folder(call: Call) -> Result<Reply, Problem> {
    let request: ImportFolder = call.body()?;
    let order = order(&call, request).await?;
    if !call.app.imports.claim() {
        let hint = "wait for its end: GET /api/bulk-import/import-status";
        return Err(Problem::new(StatusCode::CONFLICT, "another import is running", hint).coded("ALREADY_RUNNING"));
    }
    let (core, board) = (Arc::clone(&call.core), Arc::clone(&call.app.imports));
    // It goes on when its caller has gone away.
    let running = tokio::spawn(async move {
        let shown = Arc::clone(&board);
        let run = tokio::task::spawn_blocking(move || import::run(&core.capture, &order, &shown)).await;
        let told = match &run {
            Ok(outcome) => outcome.as_ref().cloned().map_err(ToString::to_string),
            Err(_) => Err("go on: an error in this program ended it; see the log".to_owned()),
        };
        board.end(told);
        run
    });
    let outcome = running.await.and_then(|run| run);
    let outcome = outcome.map_err(|error| {
        tracing::error!(error = panic_text(error), "an import did not end well");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the import did not end well", "see the daemon's log")
    })?;
    Ok(Reply::ok(outcome.map_err(problem)?))
}

/// What the request means on this replica.
async fn order(call: &Call, request: ImportFolder) -> Result<Order, Problem> {
    let ImportFolder { folder_path: path, dry_run, transcripts, project_id, session_id } = request;
    let (project, session) = (project_id.map(|Id(id)| Key::new(id)), session_id.map(|Id(id)| Key::new(id)));
    let known = call.core.store.read_async(move |tx| {
        let project = project.map(|key| tx.get(PROJECTS, &key)).transpose()?;
        let session = session.map(|key| tx.get(SESSIONS, &key)).transpose()?;
        Ok((project, session))
    });
    let (project, session) = known.await?;
    // Neither was asked for, or what was asked for is there.
    let found = |row: Option<Option<Row>>, column, parent| match row {
        Some(None) => Err(missing_parent(column, parent)),
        row => Ok(row.flatten()),
    };
    let place = found(project, "project_id", "projects")?.and_then(|row| row.text("slug").map(Place::named_by));
    let session = found(session, "session_id", "sessions")?.map(|row| row.key().to_string());
    Ok(Order { path, dry_run, transcripts, place, session })
}

fn problem(error: ImportError) -> Problem {
    match error {
        ImportError::Root(error @ RootError::Relative(_)) => Problem::field("folder_path", error.to_string()),
        ImportError::Root(error) => {
            let status = match error {
                RootError::Io { .. } | RootError::Other(_) => StatusCode::NOT_FOUND,
                _ => StatusCode::FORBIDDEN,
            };
            Problem::new(status, format!("failed to {error}"), "name a folder of transcripts or contexts, or one file")
        }
        ImportError::Store(error) => error.into(),
        ImportError::Stopping => {
            let hint = "ask again when it runs: what was imported is kept, and is not imported twice";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping", hint)
        }
    }
}
