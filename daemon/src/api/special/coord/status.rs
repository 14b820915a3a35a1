//! `GET /api/coord/status`: everything at a glance.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use migrations::Column;
use migrations::catalogue::SESSIONS;
use schemars::JsonSchema;
use serde::Serialize;
use sync::local::ReadTx;

use super::components::{self, Said};
use super::{named, now_us, project_parameter, route};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Work};
use crate::coord::{self, Lock, Present, messages};

const CLIENT: &str = "client";

/// What is going on, by project.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CoordStatus")]
struct Status {
    projects: Vec<InProject>,
    /// Sessions that have unread messages, those to all aside.
    unread: Vec<Unread>,
    /// The client's session id of the conversation that the client named by `client` holds now, when that is known.
    own_session: Option<String>,
}

/// What is going on in one project.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "CoordProject")]
struct InProject {
    project_key: String,
    /// Sessions that go on, on all machines, the latest first.
    sessions: Vec<Present>,
    /// Locks that somebody has, the oldest first.
    locks: Vec<Lock>,
    components: Vec<Said>,
}

/// Unread messages of one session.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CoordUnread")]
struct Unread {
    session_id: String,
    unread: u64,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "status", "status", Work::Read(status), "Sessions, locks, components and unread messages")
            .with(project_parameter())
            .with(Parameter::query(
                Column::string(CLIENT, 48),
                "The process of the client that asks, as its hooks name it",
            ))
            .gives(StatusCode::OK, Content::of::<Status>()),
    ]
}

fn status(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (now_us, project) = (now_us(tx, call)?, named(call, "project_key"));
    let mut projects = Projects { wanted: project.as_deref(), found: BTreeMap::new() };
    for session in coord::present(tx, project.as_deref(), now_us)? {
        let key = session.project_key.clone().unwrap_or_default();
        projects.of(key, |project| project.sessions.push(session));
    }
    for lock in coord::live(tx, now_us)? {
        projects.of(lock.project_key.clone(), |project| project.locks.push(lock));
    }
    for component in components::of(tx, project.as_deref())? {
        projects.of(component.project_key.clone(), |project| project.components.push(component));
    }
    let unread = messages::unread_by_session(tx)?.into_iter().map(|(session_id, unread)| Unread { session_id, unread });
    let (projects, unread) = (projects.found.into_values().collect(), unread.collect());
    Ok(Reply::ok(Status { projects, unread, own_session: own_session(tx, call)? }))
}

/// Only a session that the caller sees.
fn own_session(tx: &ReadTx<'_>, call: &Call) -> Result<Option<String>, Problem> {
    let Some(session) = call.text(CLIENT).and_then(|client| call.app.clients.conversation_of(client)) else {
        return Ok(None);
    };
    let found = tx.find(SESSIONS, "claude_session_id", &session.as_str().into())?;
    Ok(found.map(|_| session))
}

/// Projects by their keys, or the one that is wanted.
struct Projects<'a> {
    wanted: Option<&'a str>,
    found: BTreeMap<String, InProject>,
}

impl Projects<'_> {
    fn of(&mut self, key: String, add: impl FnOnce(&mut InProject)) {
        if self.wanted.is_none_or(|wanted| wanted == key) {
            let entry = self.found.entry(key.clone());
            add(entry.or_insert_with(|| InProject { project_key: key, ..InProject::default() }));
        }
    }
}
