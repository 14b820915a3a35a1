//! An error as a caller of the API sees it: `{"detail", "error_code", "status_code", "details"}`.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sync::StoreError;

use crate::phase::Trouble;
use crate::vault::SecretError;
use crate::vault::exchange::ExchangeError;

/// Seconds after which central may be asked again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("30");

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// Boxed, with the header: most answers are no errors, and carry the size of one.
    details: Box<Value>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl ApiError {
    /// The detail is a sentence; the code is `UPPER_SNAKE`.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError { status, code, detail: detail.into(), details: Box::new(json!({})), header: None }
    }

    /// What its reader can do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> ApiError {
        self.details["hint"] = Value::String(hint.into());
        self
    }

    /// More of it, for programs.
    pub(crate) fn detail(mut self, name: &str, value: impl Into<Value>) -> ApiError {
        self.details[name] = value.into();
        self
    }

    /// A header that belongs to the status.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> ApiError {
        self.header = Some(Box::new((name, value)));
        self
    }

    /// Not to be had by that name.
    pub(crate) fn not_found(what: &str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("there is no such {what}"))
    }

    /// A value of the request that does not do.
    pub(crate) fn invalid(field: &str, why: impl Into<String>) -> ApiError {
        let why = why.into();
        let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR", format!("{field} {why}"));
        error.detail("fields", json!({ field: why }))
    }

    /// Central is needed, and away.
    pub(crate) fn central_unavailable(why: impl Into<String>, hint: impl Into<String>) -> ApiError {
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "CENTRAL_UNAVAILABLE", why);
        error.hint(hint).header(header::RETRY_AFTER, RETRY_AFTER)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({
            "detail": self.detail,
            "error_code": self.code,
            "status_code": self.status.as_u16(),
            "details": self.details,
        });
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(self.header.map(|header| *header));
        response.extensions_mut().insert(ErrorCode(self.code));
        response
    }
}

/// The code of an answer, for the audit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorCode(pub(crate) &'static str);

impl From<Trouble> for ApiError {
    fn from(trouble: Trouble) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "DATABASE_BUSY", trouble.reason).hint(trouble.hint)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match &error {
            StoreError::Invalid { .. } => {
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR", error.to_string())
            }
            _ => Trouble::of_store(&error).into(),
        }
    }
}

impl From<SecretError> for ApiError {
    fn from(error: SecretError) -> ApiError {
        let hint = error.hint().to_owned();
        ApiError::new(StatusCode::CONFLICT, "VAULT_LOCKED", error.to_string()).hint(hint)
    }
}

impl From<ExchangeError> for ApiError {
    fn from(error: ExchangeError) -> ApiError {
        let (detail, hint) = (error.to_string(), error.hint().to_owned());
        match error {
            ExchangeError::Link(_) => ApiError::central_unavailable(detail, hint),
            ExchangeError::Store(error) => error.into(),
            ExchangeError::Secret(error) => error.into(),
            ExchangeError::Passphrase => ApiError::new(StatusCode::FORBIDDEN, "WRONG_PASSPHRASE", detail).hint(hint),
            ExchangeError::Short => ApiError::invalid("passphrase", "must have 12 characters at least").hint(hint),
            ExchangeError::Here(_) | ExchangeError::Exists | ExchangeError::None | ExchangeError::Raced => {
                ApiError::new(StatusCode::CONFLICT, "VAULT_CONFLICT", detail).hint(hint)
            }
        }
    }
}
