//! `GET /clock` and `POST /clock/advance`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use onbeat_clock::{Advance, Advanced, Kind, ManualClock, Waiter};
use onbeat_wire::{Instant, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::{Control, Json};
use onbeat_faults::form::{Nothing, WrongField, fitting, within};

/// The most time that may pass at once: a week. The bound limits the work of one request.
const ADVANCE_MS_MAX: u64 = 7 * 86_400_000;

#[derive(Serialize)]
pub(super) struct ClockAnswer {
    now_ms: u64,
    now: Timestamp,
    epoch: Timestamp,
    kind: &'static str,
    speed: Option<u32>,
    timers: Option<Timers>,
}

#[derive(Serialize)]
struct Timers {
    count: usize,
    next_ms: Option<u64>,
    pending: Vec<TimerAnswer>,
}

#[derive(Serialize)]
struct TimerAnswer {
    #[serde(flatten)]
    who: WhoAnswer,
    due_ms: u64,
}

#[derive(Serialize)]
struct WhoAnswer {
    connection: u64,
    request: u32,
    path: String,
}

#[derive(Serialize)]
pub(super) struct AdvancedAnswer {
    now_ms: u64,
    now: Timestamp,
    advanced_ms: u64,
    due: Vec<DueAnswer>,
    due_count: u64,
    writes: u64,
    held_up: usize,
}

#[derive(Serialize)]
struct DueAnswer {
    #[serde(flatten)]
    who: WhoAnswer,
    due_ms: u64,
    writes: u32,
    held_up: bool,
}

impl From<Waiter> for WhoAnswer {
    fn from(Waiter { connection, request, path, .. }: Waiter) -> Self {
        Self { connection, request, path: path.into_owned() }
    }
}

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<ClockAnswer> {
    let (kind, instance) = (control.settings.clock, control.instance());
    let (now, world) = (instance.world.clock().now(), &instance.world);
    let speed = match kind {
        Kind::Real => Some(1),
        Kind::Scaled(speed) => Some(speed.get()),
        Kind::Manual => None,
    };
    Json(ClockAnswer {
        now_ms: now.as_millis(),
        now: world.timestamp(now),
        epoch: world.timestamp(Instant::EPOCH),
        kind: kind.name(),
        speed,
        timers: instance.manual.as_deref().map(timers),
    })
}

fn timers(clock: &ManualClock) -> Timers {
    let (count, timers) = clock.timers();
    let next_ms = timers.first().map(|timer| timer.at.as_millis());
    let pending =
        timers.into_iter().map(|timer| TimerAnswer { who: timer.waiter.into(), due_ms: timer.at.as_millis() });
    Timers { count, next_ms, pending: pending.collect() }
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
) -> Result<Json<AdvancedAnswer>, Refusal> {
    let advance = match (ms, to) {
        (Some(ms), None) => Advance::By(Duration::from_millis(ms)),
        (None, Some(())) => Advance::ToNext,
        (Some(_), Some(())) => return Err(WrongField::new("to", "expected either ms or to, got both").into()),
        (None, None) => {
            let reason = "expected {\"ms\":30000} or {\"to\":\"next\"}, got neither";
            return Err(WrongField::new("ms", reason).into());
        }
    };
    // Kept for the whole advance, in which a reset may open another world.
    let instance = control.instance();
    let clock = instance.manual.as_ref().ok_or_else(|| {
        let reason = "passes by itself and can't be advanced: start the server with --clock manual";
        Refusal::new(StatusCode::CONFLICT, "clock", reason)
    })?;
    // A task of its own goes on to the end, even if the client leaves.
    let clock = Arc::clone(clock);
    let advanced = tokio::spawn(async move { clock.advance(advance).await }).await;
    let advanced = advanced.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    if !control.is_current(&instance) {
        let reason = "was reset while it was advanced";
        return Err(Refusal::new(StatusCode::CONFLICT, "clock", reason));
    }
    let Advanced { from, to, due, due_count, writes, held_up } = advanced.map_err(|error| {
        let now = instance.world.clock().now().as_millis();
        WrongField::new("ms", format!("{error}; it is {now} ms: reset the server"))
    })?;
    let due = due.into_iter().map(|due| DueAnswer {
        who: due.waiter.into(),
        due_ms: due.at.as_millis(),
        writes: due.writes,
        held_up: due.held_up,
    });
    Ok(Json(AdvancedAnswer {
        now_ms: to.as_millis(),
        now: instance.world.timestamp(to),
        advanced_ms: to.as_millis() - from.as_millis(),
        due: due.collect(),
        due_count,
        writes,
        held_up,
    }))
}
