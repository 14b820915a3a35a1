//! `POST /hooks/{event}`: one firing of a hook. 200 means that it is durable, here or set aside; anything else makes the
//! hook keep it on disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hooks::events::{find, is_event_name};
use hooks::spool::Spooled;
use hooks::{parent, wire};
use serde::Deserialize;
use sync::StoreError;

use super::delivery::Delivery;
use crate::api::input::body::read_up_to;
use crate::api::problem::Problem;
use crate::app::App;
use crate::capture::{Reply, Taken};
use crate::intake::IntakeError;
use crate::memory::Handing;
use crate::phase::Core;
use crate::tasks::panic_text;

/// How long an event waits while the replica is being opened. Its hook may give up sooner.
const OPENING_PATIENCE: Duration = Duration::from_secs(2);

pub(super) async fn receive(
    State(app): State<Arc<App>>,
    Path(event): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let begun = Instant::now();
    let body = read_up_to(body, wire::BODY_LIMIT).await?;
    let spooled = identify(&app, event, &headers, body)?;
    note_client(&app, &headers, &spooled.body);
    let core = app.core(OPENING_PATIENCE).await?;
    let worker = Arc::clone(&app);
    // Its own task: a hook that hangs up at its deadline must not cut off what has been begun, nor let the spool pass it.
    let taken = tokio::spawn(async move { take(&worker, &core, spooled, begun).await }).await;
    taken.unwrap_or_else(|error| Err(refused(&app, &IntakeError::Panicked(panic_text(error)))))
}

/// Takes the event in, and makes what is answered of it. An answer that is dropped, as nobody waits for it any more, takes
/// back what it would have told.
async fn take(app: &Arc<App>, core: &Core, spooled: Spooled, begun: Instant) -> Result<Response, Problem> {
    let (event, id, bytes) = (spooled.event.clone(), spooled.id.clone(), spooled.body.len());
    let result = app.intake.live(core, spooled).await;
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    match result {
        Ok(reply) => {
            tracing::debug!(event, id, bytes, micros, taken = ?reply.taken, "event taken");
            match &reply.taken {
                Taken::Rejected(reason) => app.note_error(&event, reason.clone()),
                _ => app.note_saving(Ok(())),
            }
            Ok(answer(app, &event, reply))
        }
        Err(error) => {
            tracing::warn!(event, id, bytes, micros, %error, "an event was not taken; its hook keeps it on disk");
            app.note_error(&event, error.to_string());
            Err(refused(app, &error))
        }
    }
}

fn identify(app: &App, event: String, headers: &HeaderMap, body: Bytes) -> Result<Spooled, Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let wrong = |what: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, what, "");
    let id = text(wire::EVENT_ID).filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let id = id.ok_or_else(|| wrong("the event id must be 32 hexadecimal digits"))?.to_owned();
    if !is_event_name(&event) {
        return Err(wrong("this is no name of an event"));
    }
    let sent_at_us = text(wire::SENT_AT).and_then(|us| us.parse().ok()).unwrap_or_else(|| app.clock.now_us());
    Ok(Spooled { event, id, sent_at_us, body: body.into() })
}

/// Notes which conversation the client holds, of an event that says which client it is of.
fn note_client(app: &App, headers: &HeaderMap, body: &[u8]) {
    #[derive(Deserialize)]
    struct Told {
        session_id: String,
    }
    let client = headers.get(wire::CLIENT).and_then(|value| value.to_str().ok()).filter(|text| parent::is_name(text));
    let Some(client) = client else { return };
    // An event that cannot be read is set aside further on.
    if let Ok(Told { session_id }) = serde_json::from_slice(body) {
        app.clients.heard(client, &session_id);
    }
}

/// What the hook prints. Messages that wait for the user go with the first event that can show them, and wait on when
/// that one does not arrive.
fn answer(app: &Arc<App>, event: &str, mut reply: Reply) -> Response {
    let own = reply.system_message.take();
    if find(event).is_some_and(|spec| spec.shows_message) {
        reply.system_message = app.notices.take_with(own);
    } else if let Some(message) = own {
        app.notices.add(message);
    }
    let json = reply.to_json(event).unwrap_or_default();
    let mut response = (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], json).into_response();
    let Reply { system_message, on_the_way, .. } = reply;
    if system_message.is_some() || !on_the_way.is_empty() {
        let app = Arc::clone(app);
        Delivery::new(move |arrived| {
            if arrived {
                on_the_way.into_iter().for_each(Handing::arrived);
            } else if let Some(message) = system_message {
                app.notices.add(message);
            }
        })
        .go_with(&mut response);
    }
    response
}

fn refused(app: &App, error: &IntakeError) -> Problem {
    let status = match error {
        IntakeError::Store(error) => {
            app.note_saving(Err(error));
            match error {
                StoreError::Full => StatusCode::INSUFFICIENT_STORAGE,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            }
        }
        IntakeError::Spool { .. } => StatusCode::SERVICE_UNAVAILABLE,
        IntakeError::Panicked(reason) => {
            app.tasks.failed("handle-event", reason);
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    Problem::new(status, error.to_string(), "run: claudetools status")
}
