//! What a request for control is refused with: which field is wrong, and why.

use axum::http::header::{ALLOW, CONNECTION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::json;

/// A request that was refused, and changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Refusal {
    /// The status of the answer, a 4xx.
    #[serde(skip)]
    pub status: StatusCode,
    /// What is wrong: a field of the body, or another part of the request.
    pub field: String,
    /// What was expected, and what came.
    pub reason: String,
    /// The methods that are allowed, if this one isn't.
    #[serde(skip)]
    pub allow: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { status, field: field.into(), reason: reason.into(), allow: None }
    }

    /// A field of the body holds what it can't.
    pub(super) fn field(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, field, reason)
    }

    pub(super) fn method(allowed: &str, method: &Method) -> Self {
        let reason = format!("expected {allowed}, got {method}");
        Self { allow: Some(allowed.to_owned()), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", reason) }
    }

    /// Whether the rest of the request is not read, so that the connection can't be used again.
    pub(super) fn closes(&self) -> bool {
        matches!(self.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT)
            || self.status == StatusCode::TOO_MANY_REQUESTS && self.field == "body"
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a Refusal,
        }
        let mut response = json(self.status, &Body { error: &self });
        if let Some(allow) = self.allow.as_ref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            response.headers_mut().insert(ALLOW, allow);
        }
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
