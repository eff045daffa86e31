//! `GET /log`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};

use super::{Settings, Stage};
use crate::connection::HeldOpen;
use crate::log::Preamble;

/// What has happened so far, rendered as it is read. The connection is held open until then.
pub(super) fn get(settings: &Settings, stage: Arc<Stage>, open: Option<HeldOpen>) -> Response {
    let Settings { clock, seed, epoch, limits } = *settings;
    let preamble = Preamble { seed, epoch, clock: clock.name(), mailbox: limits.mailbox_events_max };
    let (first, end) = stage.backstage().log().begin(&preamble);
    let others = stream::unfold((stage, open, 0), move |(stage, open, next)| async move {
        // Nobody should have to wait for a long log.
        tokio::task::yield_now().await;
        let (text, after) = stage.backstage().log().piece(next..end);
        (after > next).then_some((text, (stage, open, after)))
    });
    let lines = stream::iter([first]).chain(others).map(Ok::<_, Infallible>);
    let content_type = (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    ([content_type], Body::from_stream(lines)).into_response()
}
