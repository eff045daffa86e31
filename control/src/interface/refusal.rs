//! The refusal of a request for control: names the wrong field, and the reason.

use axum::http::header::{ALLOW, CONNECTION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use onbeat_faults::form::WrongField;
use onbeat_wire::printable::printable_lines;
use serde_json::json;

use super::Json;
use crate::controller::OperationError;
use crate::monitor::PushError;

/// The answer to a refused request, which has changed no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Refusal {
    /// The status of the answer, a 4xx.
    pub status: StatusCode,
    /// The wrong part of the request: a field of the body, or another part.
    pub field: String,
    /// The expected value, and the given value.
    pub reason: String,
    /// The allowed methods, for a refused method.
    pub allow: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { status, field: field.into(), reason: reason.into(), allow: None }
    }

    pub(super) fn method(allowed: &str, method: &Method) -> Self {
        let reason = format!("expected {allowed}, got {method}");
        Self { allow: Some(allowed.to_owned()), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", reason) }
    }

    /// Returns whether the rest of the request is not read, so that the connection must be closed.
    pub(super) fn closes(&self) -> bool {
        matches!(self.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT)
            || self.status == StatusCode::TOO_MANY_REQUESTS && self.field == "body"
    }
}

impl From<WrongField> for Refusal {
    fn from(WrongField { field, reason }: WrongField) -> Self {
        Self::new(StatusCode::BAD_REQUEST, field, reason)
    }
}

impl From<OperationError> for Refusal {
    fn from(error: OperationError) -> Self {
        use OperationError as E;
        // Lists status, field, and advice in the words of the interface.
        let (status, field, advice) = match &error {
            E::Wrong(wrong) => return wrong.clone().into(),
            E::Routes(_) => (StatusCode::BAD_REQUEST, "route", ""),
            E::NoScenario(_) => (StatusCode::BAD_REQUEST, "scenario", ""),
            E::WrongTime(_) => (StatusCode::BAD_REQUEST, "ms", ""),
            E::EndOfTime { .. } => (StatusCode::BAD_REQUEST, "ms", ": reset the server"),
            E::NoRoute(_) => (StatusCode::NOT_FOUND, "id", ": GET /__onbeat/routes lists those that there are"),
            E::NoFault(_) => (StatusCode::NOT_FOUND, "id", ": GET /__onbeat/faults lists those that there are"),
            E::NoConnection(_) | E::Push(PushError::NotOpen(_)) => {
                (StatusCode::NOT_FOUND, "id", ": GET /__onbeat/connections lists those that are")
            }
            E::NoChannel(_) => (StatusCode::NOT_FOUND, "channel", ""),
            E::TooManyRoutes(_) => (StatusCode::CONFLICT, "routes", ": delete some"),
            E::TooManyFaults(_) => (StatusCode::CONFLICT, "faults", ": delete some"),
            E::OtherRequest(_) | E::Push(PushError::OtherRequest(_)) => (StatusCode::CONFLICT, "request", ""),
            E::Push(PushError::TooManyWaiting(_)) => (StatusCode::TOO_MANY_REQUESTS, "connection", ""),
            E::Push(_) => (StatusCode::CONFLICT, "connection", ""),
            E::NotManual => (StatusCode::CONFLICT, "clock", ": start the server with --clock manual"),
            E::ResetInAdvance => (StatusCode::CONFLICT, "clock", ""),
            E::ResetInWait(_) => (StatusCode::CONFLICT, "clients", ": is an await missing before that call?"),
            E::NotConnected { .. } => (StatusCode::CONFLICT, "path", ""),
            E::NotSubscribed { .. } => (StatusCode::CONFLICT, "channel", ""),
        };
        Self::new(status, field, format!("{error}{advice}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // Makes the request's own text printable, which clients show in their errors.
        let [field, reason] = [&self.field, &self.reason].map(|text| printable_lines(text));
        let error = json!({ "error": { "field": field, "reason": reason } });
        let mut response = (self.status, Json(error)).into_response();
        // Names the methods of the path, as a 405 must (RFC 9110, 15.5.6).
        if let Some(allow) = self.allow.as_ref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            response.headers_mut().insert(ALLOW, allow);
        }
        // Names the scheme of the token, as a 401 must (RFC 9110, 15.5.2).
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
        }
        if self.closes() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }
}
