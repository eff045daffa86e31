//! `POST /reset`: a new world replaces the old world.

use std::sync::Arc;

use axum::extract::State;
use onbeat_faults::form::fitting;
use onbeat_server::random::Seed;
use serde::{Deserialize, Deserializer};

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::{Control, Json};
use crate::controller::ResetReport;

/// The form of a reset. Without a scenario or a seed the new world has the scenario or the seed of the start.
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

pub(super) async fn post(
    State(control): State<Arc<Control>>,
    request: ControlRequest<ResetForm>,
) -> Result<Json<ResetReport>, Refusal> {
    let ResetForm { scenario, seed } = request.form;
    // Breaks off unread answers of the old world, but not the connection of the reset itself.
    let break_off = || control.unread.break_off(request.connection.as_ref());
    Ok(Json(control.controller.reset(scenario.as_deref(), seed, break_off).await?))
}
