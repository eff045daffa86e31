//! `POST /reset`: a new world takes the old one's place.

use std::sync::Arc;

use onbeat_wire::{Instant, Timestamp};
use serde::Serialize;

use super::Control;
use super::fields::Fields;
use super::refusal::Refusal;
use onbeat_server::connection::Connection;

#[derive(Serialize)]
pub(super) struct ResetAnswer {
    now_ms: u64,
    now: Timestamp,
    ended: usize,
}

/// The connections stay, but for those with a stream: what they carry next, they carry in the new world, as if they were
/// new themselves.
pub(super) async fn post(
    control: &Control,
    carrier: Option<Arc<Connection>>,
    fields: Fields,
) -> Result<ResetAnswer, Refusal> {
    fields.done("nothing")?;
    let _alone = control.resetting.lock().await;
    let old = control.renew();
    control.unread.break_off(carrier.as_ref());
    // In a task of its own it goes on to its end, even if the client leaves.
    let ended = tokio::spawn(async move { old.monitor.end_all().await }).await;
    let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let world = &control.instance().world;
    Ok(ResetAnswer { now_ms: 0, now: world.timestamp(Instant::EPOCH), ended })
}
