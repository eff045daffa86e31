//! `GET /clock` and `POST /clock/advance`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use onbeat_wire::{Instant, Timestamp};
use serde::Serialize;

use super::fields::Fields;
use super::refusal::Refusal;
use super::{Control, Instance};
use onbeat_server::clock::{Advance, Advanced, Kind, ManualClock, Waiter};

/// How far time may pass at once: a week. It bounds what one request can ask for.
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

pub(super) fn get(kind: Kind, instance: &Instance) -> ClockAnswer {
    let (now, world) = (instance.world.clock().now(), &instance.world);
    let speed = match kind {
        Kind::Real => Some(1),
        Kind::Scaled(speed) => Some(speed.get()),
        Kind::Manual => None,
    };
    ClockAnswer {
        now_ms: now.as_millis(),
        now: world.timestamp(now),
        epoch: world.timestamp(Instant::EPOCH),
        kind: kind.name(),
        speed,
        timers: instance.manual.as_deref().map(timers),
    }
}

fn timers(clock: &ManualClock) -> Timers {
    let (count, timers) = clock.timers();
    let next_ms = timers.first().map(|timer| timer.at.as_millis());
    let pending =
        timers.into_iter().map(|timer| TimerAnswer { who: timer.waiter.into(), due_ms: timer.at.as_millis() });
    Timers { count, next_ms, pending: pending.collect() }
}

pub(super) async fn advance(control: &Control, mut fields: Fields) -> Result<AdvancedAnswer, Refusal> {
    let advance = parse(&mut fields)?;
    fields.done("ms or to")?;
    let instance = control.instance();
    let clock = instance.manual.as_ref().ok_or_else(|| {
        let reason = "passes by itself and can't be advanced: start the server with --clock manual";
        Refusal::new(StatusCode::CONFLICT, "clock", reason)
    })?;
    // In a task of its own it goes on to its end, even if whoever asked for it leaves.
    let clock = Arc::clone(clock);
    let advanced = tokio::spawn(async move { clock.advance(advance).await }).await;
    let advanced = advanced.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    if !control.is_current(&instance) {
        let reason = "was reset while it was advanced";
        return Err(Refusal::new(StatusCode::CONFLICT, "clock", reason));
    }
    let Advanced { from, to, due, due_count, writes, held_up } = advanced.map_err(|error| {
        Refusal::field("ms", format!("{error}; it is {} ms: reset the server", clock_now(&instance)))
    })?;
    let due = due.into_iter().map(|due| DueAnswer {
        who: due.waiter.into(),
        due_ms: due.at.as_millis(),
        writes: due.writes,
        held_up: due.held_up,
    });
    Ok(AdvancedAnswer {
        now_ms: to.as_millis(),
        now: instance.world.timestamp(to),
        advanced_ms: to.as_millis() - from.as_millis(),
        due: due.collect(),
        due_count,
        writes,
        held_up,
    })
}

fn clock_now(instance: &Instance) -> u64 {
    instance.world.clock().now().as_millis()
}

fn parse(fields: &mut Fields) -> Result<Advance, Refusal> {
    match (fields.has("ms"), fields.has("to")) {
        (true, false) => Ok(Advance::By(Duration::from_millis(fields.needed_integer("ms", 0, ADVANCE_MS_MAX)?))),
        (false, true) => fields.needed_text("to", "\"next\"", |to| (to == "next").then_some(Advance::ToNext)),
        (true, true) => Err(fields.wrong("to", "expected either ms or to, got both")),
        (false, false) => Err(fields.wrong("ms", "expected {\"ms\":30000} or {\"to\":\"next\"}, got neither")),
    }
}
