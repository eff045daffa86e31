//! `POST /reset`: a new world replaces the old world.

use std::sync::Arc;

use axum::extract::State;
use onbeat_faults::form::{WrongField, fitting};
use onbeat_server::random::Seed;
use onbeat_wire::{Instant, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::{Control, Json};

/// The form of a reset. Without a scenario and a seed the new world has those with which the server was started.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResetForm {
    #[serde(default)]
    scenario: Option<String>,
    #[serde(default, deserialize_with = "seed")]
    seed: Option<Seed>,
}

/// Reads a seed: a whole number, or the digits of a whole number, since a JSON number is not exact above 2^53.
fn seed<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Seed>, D::Error> {
    fitting(json, "a whole number from 0 to 2^64 - 1, as a number or as a string of digits", |value| {
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        Some(Some(Seed(number?)))
    })
}

#[derive(Serialize)]
pub(super) struct ResetAnswer {
    now_ms: u64,
    now: Timestamp,
    ended: usize,
}

/// Opens a new world. Connections without a stream stay, and count as new connections in the new world.
pub(super) async fn post(
    State(control): State<Arc<Control>>,
    request: ControlRequest<ResetForm>,
) -> Result<Json<ResetAnswer>, Refusal> {
    let ResetForm { scenario, seed } = request.form;
    if let Some(name) = &scenario {
        let known = &control.settings.routes.model.scenarios;
        if !known.contains_key(name) {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            let expected = if names.is_empty() { "no scenario: the server has none".into() } else { names.join(", ") };
            return Err(WrongField::new("scenario", format!("expected {expected}, got {name:?}")).into());
        }
    }
    // One reset after another: the answer counts the responses of one world.
    let _alone = control.resetting.lock().await;
    let old = control.renew(scenario.as_deref(), seed);
    // The connection of this request stays, since the answer is sent there.
    control.unread.break_off(request.connection.as_ref());
    // A task of its own goes on to the end, even if the client leaves.
    let ended = tokio::spawn(async move { old.monitor.end_all().await }).await;
    let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    let world = &control.instance().world;
    Ok(Json(ResetAnswer { now_ms: 0, now: world.timestamp(Instant::EPOCH), ended }))
}
