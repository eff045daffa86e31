//! `GET /clock` and `POST /clock/advance`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use onbeat_clock::Advance;
use onbeat_faults::form::{Nothing, WrongField, fitting, within};
use serde::{Deserialize, Deserializer};

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::{Control, Json};
use crate::controller::{ADVANCE_MS_MAX, AdvanceReport, ClockReport};

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<ClockReport> {
    Json(control.controller.clock())
}

/// The form of a request to advance the clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceForm {
    #[serde(default, deserialize_with = "within::<_, _, 0, ADVANCE_MS_MAX>")]
    ms: Option<u64>,
    #[serde(default, deserialize_with = "next")]
    to: Option<()>,
}

fn next<'de, D: Deserializer<'de>>(json: D) -> Result<Option<()>, D::Error> {
    fitting(json, "\"next\"", |to| (to == "next").then_some(Some(())))
}

pub(super) async fn advance(
    State(control): State<Arc<Control>>,
    ControlRequest { form: AdvanceForm { ms, to }, open: _open, .. }: ControlRequest<AdvanceForm>,
) -> Result<Json<AdvanceReport>, Refusal> {
    let advance = match (ms, to) {
        (Some(ms), None) => Advance::By(Duration::from_millis(ms)),
        (None, Some(())) => Advance::ToNext,
        (Some(_), Some(())) => return Err(WrongField::new("to", "expected either ms or to, got both").into()),
        (None, None) => {
            let reason = "expected {\"ms\":30000} or {\"to\":\"next\"}, got neither";
            return Err(WrongField::new("ms", reason).into());
        }
    };
    Ok(Json(control.controller.advance(advance).await?))
}
