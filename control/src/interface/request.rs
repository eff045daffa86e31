//! A request for control, read to the end: the form in the body, and the connection of the request.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::Method;
use onbeat_server::connection::{Connection, HeldOpen};
use onbeat_server::context::RequestContext;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use super::{Control, body};
use onbeat_faults::form;

/// A request for control with the form `T` in a body of at most `BYTES_MAX` bytes.
pub(super) struct ControlRequest<T, const BYTES_MAX: usize = { body::BYTES_MAX }> {
    pub(super) form: T,
    pub(super) connection: Option<Arc<Connection>>,
    /// Keeps the connection open for a half-closed client: every answer comes within a bounded time.
    pub(super) open: Option<HeldOpen>,
}

impl<T: DeserializeOwned, const BYTES_MAX: usize> FromRequest<Arc<Control>> for ControlRequest<T, BYTES_MAX> {
    type Rejection = Refusal;

    async fn from_request(request: Request, control: &Arc<Control>) -> Result<Self, Refusal> {
        let connection = RequestContext::connection_of(&request);
        // Holds the connection open before the first wait, in which the server may notice a FIN.
        let open = connection.as_ref().map(Connection::hold_open);
        let has_form = matches!(*request.method(), Method::POST | Method::PUT);
        let body = if has_form { body::read(request, BYTES_MAX, &control.bodies).await? } else { None };
        // Lets requests to the world that arrived before go first, in every run.
        if let Some(connection) = &connection {
            connection.settle_last().await;
        }
        // Parses only now: the values of a body of brackets take much more memory than the body.
        let form = form::parse(body.as_ref().map_or(&[], body::Body::bytes)).and_then(form::read)?;
        Ok(Self { form, connection, open })
    }
}
