//! `/api/coord/…`: locks, states of components, messages, and who is there.

mod components;
mod locks;
mod messages;
mod status;

use axum::http::{Method, StatusCode};
use merge::Value;
use migrations::{Column, Entity};
use sync::StoreError;
use sync::local::ReadTx;

use super::{bounds, page_parameters};
use crate::api::input::{formed, value};
use crate::api::plan::Form;
use crate::api::problem::Problem;
use crate::api::route::{Call, Parameter, Route, Work};
use crate::coord;
use crate::redaction::redact;

const TAG: &str = "coord";

pub(super) fn routes() -> Vec<Route> {
    [status::routes(), locks::routes(), components::routes(), messages::routes()].into_iter().flatten().collect()
}

fn route(method: Method, end: &str, name: &str, work: Work, summary: &str) -> Route {
    Route::new(method, format!("/api/coord/{end}"), format!("coord_{name}"), work).about(TAG, summary)
}

fn by_id(route: Route, noun: &str) -> Route {
    route.with(Parameter::path(Column::uuid("id"), format!("Id of the {noun}"))).fails(StatusCode::NOT_FOUND)
}

fn project_parameter() -> Parameter {
    Parameter::query(Column::string("project_key", 200), "Only those of this project")
}

fn session_parameter(description: &str) -> Parameter {
    Parameter::query(Column::string("session_id", 200), description)
}

/// Now by central's clock.
fn now_us(tx: &ReadTx<'_>, call: &Call) -> Result<u64, StoreError> {
    coord::now_us(tx, call.app.clock.as_ref())
}

/// A parameter in the form that names are kept in; a blank one is nobody's.
fn named(call: &Call, parameter: &str) -> Option<String> {
    call.text(parameter).map(|text| formed(Form::Name, text).unwrap_or_default())
}

/// The texts of a body as their columns take them, or what is wrong with each.
struct Texts {
    entity: &'static Entity,
    wrong: Vec<(String, String)>,
}

impl Texts {
    fn of(entity: &'static Entity) -> Self {
        Self { entity, wrong: Vec::new() }
    }

    /// A name that people compare.
    fn name(&mut self, column: &'static str, text: &str) -> String {
        let formed = formed(Form::Name, text).unwrap_or_default();
        if formed.is_empty() {
            self.wrong.push((column.to_owned(), "must not be empty".to_owned()));
        }
        self.checked(column, formed)
    }

    /// What one session writes for others, without secrets: every machine keeps it. The answer shows what was taken out.
    fn text(&mut self, column: &'static str, text: &str) -> String {
        self.checked(column, redact(text).into_text())
    }

    fn checked(&mut self, column: &'static str, text: String) -> String {
        let checked = self.entity.column(column).map(|of| value::of_url(of, (None, None), &text));
        if let Some(Err(reason)) = checked {
            self.wrong.push((column.to_owned(), reason));
        }
        text
    }

    fn finish(self) -> Result<(), Problem> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Problem::fields(&self.wrong)) }
    }
}

/// NULL, or a text.
fn optional(text: Option<&str>) -> Value {
    text.map(str::to_owned).into()
}
