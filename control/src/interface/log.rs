//! `GET /log`.

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use onbeat_wire::recording::LogStart;

use super::{Instance, Settings};
use crate::log::VERSION;
use onbeat_server::connection::HeldOpen;

/// What has happened so far, read as the client takes it. A reset ends the answer, and breaks its connection off: half a log
/// must not look like a whole one. The connection is held open until then.
pub(super) fn get(settings: &Settings, instance: &Instance, open: Option<HeldOpen>) -> Response {
    let Settings { clock, seed, epoch, limits, .. } = settings;
    let start = LogStart {
        version: VERSION,
        seed: seed.to_string(),
        epoch: epoch.to_string(),
        clock: clock.name().to_owned(),
        mailbox: limits.mailbox_events_max,
        dropped: 0,
    };
    let pieces = stream::iter(instance.monitor.log().read(start)).then(move |piece| {
        let _open = &open;
        async {
            // Nobody should have to wait for a long log.
            tokio::task::yield_now().await;
            piece
        }
    });
    let content_type = (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    ([content_type], Body::from_stream(pieces)).into_response()
}
