//! A request for control, read to its end: the form in the body, and the connection that carries the request.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::Method;
use onbeat_server::connection::{Connection, HeldOpen};
use onbeat_server::context::RequestContext;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use super::{Control, body};
use onbeat_faults::form;

/// A request for control with the form `T` in the body, which has at most so many bytes.
pub(super) struct ControlRequest<T, const BYTES_MAX: usize = { body::BYTES_MAX }> {
    pub(super) form: T,
    pub(super) connection: Option<Arc<Connection>>,
    /// Keeps the connection open: every answer comes within a bounded time, also for a client that sends no more.
    pub(super) open: Option<HeldOpen>,
}

impl<T: DeserializeOwned, const BYTES_MAX: usize> FromRequest<Arc<Control>> for ControlRequest<T, BYTES_MAX> {
    type Rejection = Refusal;

    async fn from_request(request: Request, control: &Arc<Control>) -> Result<Self, Refusal> {
        let connection = RequestContext::connection_of(&request);
        // Held open before the first wait, in which the server may notice the end of the client.
        let open = connection.as_ref().map(Connection::hold_open);
        let has_form = matches!(*request.method(), Method::POST | Method::PUT);
        let body = if has_form { body::read(request, BYTES_MAX, &control.bodies).await? } else { None };
        // Requests to the world that arrived with this request go first, in every run.
        if let Some(connection) = &connection {
            connection.settle_last().await;
        }
        // Parsed only now: the values of a body of brackets take much more memory than the body.
        let form = form::parse(body.as_ref().map_or(&[], body::Body::bytes)).and_then(form::read)?;
        Ok(Self { form, connection, open })
    }
}
