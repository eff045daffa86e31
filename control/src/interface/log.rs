//! `GET /log`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use onbeat_wire::recording::LogStart;

use super::request::ControlRequest;
use super::{Control, Settings};
use crate::log::VERSION;
use onbeat_faults::form::Nothing;

/// Answers with the log so far, read at the pace of the client. A reset breaks the connection off: half a log must not look
/// like a whole log. The connection is held open until the end.
pub(super) async fn get(
    State(control): State<Arc<Control>>,
    ControlRequest { open, .. }: ControlRequest<Nothing>,
) -> Response {
    let Settings { clock, epoch, limits, .. } = &control.settings;
    let instance = control.instance();
    let start = LogStart {
        version: VERSION,
        seed: instance.world.seed().to_string(),
        epoch: epoch.to_string(),
        clock: clock.name().to_owned(),
        mailbox: limits.mailbox_events_max,
        routes: control.settings.routes.name.clone(),
        scenario: instance.scenario.clone(),
        dropped: 0,
    };
    let pieces = stream::iter(instance.monitor.log().read(start)).then(move |piece| {
        let _open = &open;
        async {
            // Other tasks go on between two pieces of a long log.
            tokio::task::yield_now().await;
            piece
        }
    });
    let content_type = (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    ([content_type], Body::from_stream(pieces)).into_response()
}
