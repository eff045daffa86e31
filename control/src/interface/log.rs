//! `GET /log`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use onbeat_faults::form::Nothing;

use super::Control;
use super::request::ControlRequest;

/// Answers with the log so far, read at the pace of the client. A reset breaks the connection off: half a log must not look
/// like a whole log. The connection is held open until the end.
pub(super) async fn get(
    State(control): State<Arc<Control>>,
    ControlRequest { open, .. }: ControlRequest<Nothing>,
) -> Response {
    let pieces = stream::iter(control.controller.log()).then(move |piece| {
        let _open = &open;
        async {
            // Lets other tasks go on between two pieces of a long log.
            tokio::task::yield_now().await;
            piece
        }
    });
    let content_type = (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    ([content_type], Body::from_stream(pieces)).into_response()
}
