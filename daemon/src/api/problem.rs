//! The one form in which the API says that something was not done.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Details};
use sync::StoreError;
use sync::engine::SyncError;

use crate::api::input::shown;
use crate::audit::credential::AuditError;
use crate::phase::Trouble;
use crate::vault::SecretError;
use crate::vault::exchange::ExchangeError;

/// After how many seconds it is worth trying again, when something is away for the moment.
const RETRY_AFTER_S: u16 = 30;

/// An error as a caller sees it.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    code: &'static str,
    detail: String,
    details: Map<String, Details>,
    /// Seconds after which it is worth trying again.
    retry_after_s: Option<u16>,
}

/// The code of an answer, for the audit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorCode(pub(crate) &'static str);

/// The body of every error.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Envelope {
    /// What is wrong, in a sentence.
    pub(crate) detail: String,
    /// The same for programs.
    #[schemars(regex(pattern = "^[A-Z][A-Z_]*$"))]
    pub(crate) error_code: String,
    /// The status of the answer.
    #[schemars(range(min = 400, max = 599))]
    pub(crate) status_code: u16,
    /// More for programs: `fields` (what is wrong with each field), `hint` (what to do), `existing_id`, …
    pub(crate) details: Map<String, Details>,
}

impl Problem {
    /// The error is a sentence without "error:"; the hint may be empty.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>, hint: impl Into<String>) -> Problem {
        let retry_after_s = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_S);
        let code = code_of(status);
        let problem = Problem { status, code, detail: detail.into(), details: Map::new(), retry_after_s };
        let hint: String = hint.into();
        if hint.is_empty() { problem } else { problem.with("hint", hint) }
    }

    /// Under another code than the status's usual one.
    pub(crate) fn coded(mut self, code: &'static str) -> Problem {
        self.code = code;
        self
    }

    /// With one more detail for programs.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Details>) -> Problem {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// With the fields of a structure as details for programs.
    pub(crate) fn with_all(mut self, details: &impl Serialize) -> Problem {
        if let Ok(Details::Object(fields)) = serde_json::to_value(details) {
            self.details.extend(fields);
        }
        self
    }

    /// The row that is in the way.
    pub(crate) fn existing_id(&self) -> Option<&str> {
        self.details.get("existing_id").and_then(Details::as_str)
    }

    /// Without saying which row is in the way.
    pub(crate) fn without_existing_id(mut self) -> Problem {
        self.details.remove("existing_id");
        self
    }

    /// It is worth trying again after so many seconds.
    pub(crate) fn retry_after(mut self, seconds: u16) -> Problem {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Nobody is known by what was shown.
    pub(crate) fn unauthenticated(why: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, why, "")
    }

    /// Central is needed, and away.
    pub(crate) fn central_unavailable(why: impl Into<String>, hint: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, why, hint).coded("CENTRAL_UNAVAILABLE")
    }

    /// There is no such row.
    pub(crate) fn not_found(what: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, format!("there is no {what} of this id"), "")
    }

    /// Fields that cannot be taken as they are. What is wrong is said without the values, and of the names only what is no
    /// secret.
    pub(crate) fn fields(wrong: &[(String, String)]) -> Problem {
        let detail = match wrong {
            [(name, reason)] => format!("{} {reason}", shown(name)),
            _ => format!("{} fields cannot be taken as they are", wrong.len()),
        };
        let fields: Map<String, Details> = wrong.iter().map(|(name, why)| (shown(name), why.as_str().into())).collect();
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail, "").with("fields", fields)
    }

    /// Fields that can be taken each, and do not fit each other.
    pub(crate) fn at_odds(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, detail, "").coded("CONSTRAINT_VIOLATED")
    }

    /// One field that cannot be taken as it is.
    pub(crate) fn field(name: &str, reason: impl Into<String>) -> Problem {
        Problem::fields(&[(name.to_owned(), reason.into())])
    }
}

/// What a status is called, unless a problem has a name of its own.
fn code_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::FORBIDDEN => "FORBIDDEN",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::METHOD_NOT_ALLOWED => "METHOD_NOT_ALLOWED",
        StatusCode::CONFLICT => "CONFLICT",
        StatusCode::PRECONDITION_FAILED => "PRECONDITION_FAILED",
        StatusCode::PAYLOAD_TOO_LARGE => "TOO_LARGE",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "UNSUPPORTED_MEDIA_TYPE",
        StatusCode::MISDIRECTED_REQUEST => "WRONG_HOST",
        StatusCode::UNPROCESSABLE_ENTITY => "VALIDATION_ERROR",
        StatusCode::TOO_MANY_REQUESTS => "RATE_LIMITED",
        StatusCode::INSUFFICIENT_STORAGE => "DISK_FULL",
        StatusCode::SERVICE_UNAVAILABLE => "DATABASE_BUSY",
        _ => "INTERNAL_ERROR",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Envelope {
            detail: self.detail,
            error_code: self.code.to_owned(),
            status_code: self.status.as_u16(),
            details: self.details,
        };
        let mut response = (self.status, Json(body)).into_response();
        response.extensions_mut().insert(ErrorCode(self.code));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, trouble.reason, trouble.hint)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match &error {
            StoreError::Invalid { table, column, reason } => invalid(table, column, reason),
            StoreError::MissingParent { column, parent, .. } => missing_parent(column, parent),
            StoreError::HasChildren { child, .. } => {
                let hint = format!("delete or move those rows of {child} first");
                Problem::new(StatusCode::CONFLICT, error.to_string(), hint).coded("DELETE_RESTRICTED")
            }
            StoreError::Declined { reason, remedy } => {
                Problem::new(StatusCode::CONFLICT, reason.clone(), remedy.clone()).coded("DECLINED")
            }
            _ => {
                let Trouble { reason, hint } = Trouble::of_store(&error);
                let status = match error {
                    StoreError::Full => StatusCode::INSUFFICIENT_STORAGE,
                    StoreError::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                Problem::new(status, reason, hint)
            }
        }
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Problem {
        let hint = error.hint().to_owned();
        Problem::new(StatusCode::CONFLICT, error.to_string(), hint).coded("VAULT_LOCKED")
    }
}

impl From<ExchangeError> for Problem {
    fn from(error: ExchangeError) -> Problem {
        let (detail, hint) = (error.to_string(), error.hint().to_owned());
        match error {
            ExchangeError::Link(_) => Problem::central_unavailable(detail, hint),
            ExchangeError::Store(error) => error.into(),
            ExchangeError::Secret(error) => error.into(),
            ExchangeError::Passphrase => Problem::new(StatusCode::FORBIDDEN, detail, hint).coded("WRONG_PASSPHRASE"),
            ExchangeError::Short => Problem::field("passphrase", "must have 12 characters at least").with("hint", hint),
            ExchangeError::Here(_) | ExchangeError::Exists | ExchangeError::None | ExchangeError::Raced => {
                Problem::new(StatusCode::CONFLICT, detail, hint).coded("VAULT_CONFLICT")
            }
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Problem {
        match error {
            AuditError::Store(error) => error.into(),
            AuditError::Secret(error) => error.into(),
        }
    }
}

/// A reference to a row that is not here: the body is well formed, the world does not fit it.
pub(crate) fn missing_parent(column: &str, parent: &str) -> Problem {
    let reason = format!("refers to a row of {parent} that does not exist");
    let fields: Map<String, Details> = [(column.to_owned(), reason.as_str().into())].into_iter().collect();
    Problem::new(StatusCode::CONFLICT, format!("{column} {reason}"), "").coded("MISSING_PARENT").with("fields", fields)
}

/// What a table refuses: a value of one column, or a condition over several, which is a conflict between them.
fn invalid(table: &str, column: &str, reason: &str) -> Problem {
    let check = migrations::entity(table).and_then(|entity| entity.checks.iter().find(|check| check.name == column));
    match check {
        Some(check) => {
            let detail = format!("the values do not fit each other: {}", check.sql);
            Problem::new(StatusCode::CONFLICT, detail, "").coded("CONSTRAINT_VIOLATED").with("constraint", check.name)
        }
        None => Problem::field(column, reason),
    }
}

impl From<SyncError> for Problem {
    fn from(error: SyncError) -> Problem {
        let (status, code) = match &error {
            SyncError::Store(StoreError::Declined { .. } | StoreError::HasChildren { .. }) => {
                (StatusCode::CONFLICT, "DECLINED")
            }
            SyncError::Comparing => (StatusCode::CONFLICT, "ALREADY_RUNNING"),
            SyncError::Paused => (StatusCode::CONFLICT, "PAUSED"),
            SyncError::Unconfigured | SyncError::Central(_) | SyncError::Stopped => {
                (StatusCode::SERVICE_UNAVAILABLE, "CENTRAL_UNAVAILABLE")
            }
            _ => (StatusCode::SERVICE_UNAVAILABLE, "DATABASE_BUSY"),
        };
        let hint =
            error.hint().unwrap_or_else(|| "nothing is lost: it goes on by itself when central is back".to_owned());
        Problem::new(status, error.to_string(), hint).coded(code)
    }
}
