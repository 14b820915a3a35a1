//! Messages between sessions.

use axum::http::{Method, StatusCode};
use merge::{Key, Row};
use migrations::Column;
use migrations::catalogue::COORD_MESSAGES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::local::{ReadTx, WriteTx, new_id};

use super::{Texts, bounds, by_id, named, now_us, page_parameters, route, session_parameter};
use crate::api::problem::Problem;
use crate::api::route::{Call, Content, Parameter, Reply, Route, Scope, Work};
use crate::coord::messages::{self, Inbox, Message};
use crate::redaction::redact;

/// A page of messages.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CoordMessagePage")]
struct Page {
    /// All that fit.
    total: u64,
    skip: i64,
    limit: i64,
    /// The latest first.
    items: Vec<Message>,
}

/// How many messages a session has not read.
#[derive(Serialize, JsonSchema)]
struct UnreadCount {
    session_id: String,
    unread: u64,
}

/// A message to be sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MessageRequest {
    #[schemars(length(min = 1, max = 200), regex(pattern = "\\S"))]
    from_session: String,
    /// `null` or absent: to all.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), regex(pattern = "\\S"))]
    to_session: Option<String>,
    /// What it is about; a message to all then reaches the sessions of that project only.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), regex(pattern = "\\S"))]
    project_key: Option<String>,
    #[schemars(length(min = 1, max = 500), regex(pattern = "\\S"))]
    subject: String,
    body: String,
}

pub(super) fn routes() -> Vec<Route> {
    let message = Content::of::<Message>();
    let project = || {
        let about = "Whose messages to all it has too; that of the session unless said otherwise, none for one that is not known here";
        Parameter::query(Column::string("project_key", 200), about)
    };
    let mut inbox = route(Method::GET, "messages", "messages", Work::Read(inbox), "Messages to a session, and to all")
        .with(session_parameter("Whose").required())
        .with(project())
        .with(Parameter::query(Column::bool("unread"), "Only those that it has not read"));
    inbox.parameters.extend(page_parameters());
    vec![
        inbox.gives(StatusCode::OK, Content::of::<Page>()),
        route(Method::POST, "messages", "message_send", Work::Write(send), "Send a message to a session, or to all")
            .takes(Content::of::<MessageRequest>())
            .gives(StatusCode::CREATED, message),
        route(
            Method::GET,
            "messages/unread-count",
            "messages_unread",
            Work::Read(unread),
            "How many messages a session has not read",
        )
        .with(session_parameter("Whose").required())
        .with(project())
        .gives(StatusCode::OK, Content::of::<UnreadCount>()),
        by_id(
            route(Method::PUT, "messages/{id}/read", "message_read", Work::Write(read), "Mark a message as read"),
            "message",
        )
        .with(session_parameter("Who has read it").required())
        .gives(StatusCode::OK, message),
        by_id(
            route(
                Method::DELETE,
                "messages/{id}",
                "message_delete",
                Work::Write(delete),
                "Delete a message: its sender, or an admin with force=true",
            ),
            "message",
        )
        .with(session_parameter("Its sender"))
        .with(Parameter::query(Column::bool("force"), "Though another sent it; needs the scope of an admin"))
        .raised_by("force", Scope::Admin)
        .gives(StatusCode::NO_CONTENT, Content::None),
    ]
}

/// The session that the call is about.
fn session(call: &Call) -> String {
    named(call, "session_id").unwrap_or_default()
}

/// The project whose messages to all are for the session: the one that the call names, or that of the session itself, so
/// that it reads nothing of another client's. A session that is not known here is in none.
fn project(tx: &ReadTx<'_>, call: &Call) -> Result<String, Problem> {
    match named(call, "project_key") {
        Some(project) => Ok(project),
        None => Ok(messages::project_of(tx, &session(call))?),
    }
}

fn inbox(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (names, project) = ([session(call)], project(tx, call)?);
    let (now_us, (skip, limit)) = (now_us(tx, call)?, bounds(call));
    let inbox = Inbox { names: &names, project: &project, unread: call.flag("unread") };
    let total = messages::count(tx, inbox, now_us)?;
    Ok(Reply::ok(Page { total, skip, limit, items: messages::page(tx, inbox, (skip, limit), now_us)? }))
}

fn unread(tx: &ReadTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let (names, project) = ([session(call)], project(tx, call)?);
    let inbox = Inbox { names: &names, project: &project, unread: true };
    let unread = messages::count(tx, inbox, now_us(tx, call)?)?;
    let [session_id] = names;
    Ok(Reply::ok(UnreadCount { session_id, unread }))
}

fn send(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let request: MessageRequest = call.body()?;
    let mut texts = Texts::of(COORD_MESSAGES);
    let row = Row::new(COORD_MESSAGES)
        .with("id", new_id(tx.now_us()))
        .with("from_session", texts.name("from_session", &request.from_session))
        .with("to_session", request.to_session.map(|text| texts.name("to_session", &text)))
        .with("project_key", request.project_key.map(|text| texts.name("project_key", &text)))
        .with("subject", texts.name("subject", &redact(&request.subject).text))
        .with("body", texts.text("body", &request.body));
    texts.finish()?;
    let key = row.key();
    tx.put(row)?;
    let written = tx.get(COORD_MESSAGES, &key)?.ok_or_else(|| Problem::not_found("message"))?;
    Ok(Reply::of(StatusCode::CREATED, messages::shown(&tx.reading(), &written, &[])?))
}

fn read(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let message = messages::read(tx, call.id(), &session(call))?;
    Ok(Reply::ok(message.ok_or_else(|| Problem::not_found("message to this session"))?))
}

fn delete(tx: &mut WriteTx<'_>, call: &Call) -> Result<Reply, Problem> {
    let key = Key::new(call.id());
    let row = tx.get(COORD_MESSAGES, &key)?.ok_or_else(|| Problem::not_found("message"))?;
    let is_sender = named(call, "session_id").is_some_and(|session| row.text("from_session") == Some(&session));
    if !is_sender && !call.flag("force") {
        let hint = "give its session as session_id; an admin may give force=true";
        return Err(Problem::new(StatusCode::FORBIDDEN, "only its sender may delete a message", hint));
    }
    tx.delete(COORD_MESSAGES, &key)?;
    Ok(Reply::empty())
}
