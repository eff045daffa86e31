//! `POST /reset`: a new world replaces the old world.

use std::sync::Arc;

use axum::extract::State;
use onbeat_wire::{Instant, Timestamp};
use serde::Serialize;

use super::request::ControlRequest;
use super::{Control, Json};
use onbeat_faults::form::Nothing;

#[derive(Serialize)]
pub(super) struct ResetAnswer {
    now_ms: u64,
    now: Timestamp,
    ended: usize,
}

/// Opens a new world. Connections without a stream stay, and count as new connections in the new world.
pub(super) async fn post(State(control): State<Arc<Control>>, request: ControlRequest<Nothing>) -> Json<ResetAnswer> {
    // One reset after another: the answer counts the responses of one world.
    let _alone = control.resetting.lock().await;
    let old = control.renew();
    // The connection of this request stays, since the answer is sent there.
    control.unread.break_off(request.connection.as_ref());
    // A task of its own goes on to the end, even if the client leaves.
    let ended = tokio::spawn(async move { old.monitor.end_all().await }).await;
    let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let world = &control.instance().world;
    Json(ResetAnswer { now_ms: 0, now: world.timestamp(Instant::EPOCH), ended })
}
