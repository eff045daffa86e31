//! `GET /connections` and `POST /connections/{id}/close`.

use axum::http::StatusCode;
use onbeat_wire::recording::ClosedHow;
use serde::Serialize;

use super::fields::Fields;
use super::refusal::Refusal;
use super::{Control, Stage};
use crate::backstage::{Occupant, Progress};

#[derive(Serialize)]
pub(super) struct ConnectionsAnswer {
    connections: Vec<ConnectionAnswer>,
}

#[derive(Serialize)]
struct ConnectionAnswer {
    id: u64,
    request: u32,
    method: String,
    path: String,
    since_ms: u64,
    writes: u64,
    bytes: u64,
    last_event_id: Option<String>,
    state: &'static str,
}

#[derive(Serialize)]
pub(super) struct ClosedAnswer {
    id: u64,
    how: ClosedHow,
}

pub(super) fn get(stage: &Stage) -> ConnectionsAnswer {
    let occupants = stage.backstage().occupants();
    ConnectionsAnswer { connections: occupants.iter().map(connection).collect() }
}

fn connection(occupant: &Occupant) -> ConnectionAnswer {
    let Occupant { id, connection, exchange } = occupant;
    let Progress { written, is_stalled, is_over } = exchange.progress();
    let state = match () {
        () if connection.is_half_closed() => "half-closed",
        () if is_over => "idle",
        () if is_stalled => "stalled",
        () if connection.party().is_blocked() => "blocked",
        () => "streaming",
    };
    ConnectionAnswer {
        id: *id,
        request: exchange.request,
        method: exchange.method.to_string(),
        path: exchange.path.clone(),
        since_ms: exchange.since.as_millis(),
        writes: written.writes,
        bytes: written.bytes,
        last_event_id: exchange.last_event_id.clone(),
        state,
    }
}

pub(super) async fn close(control: &Control, id: u64, mut fields: Fields) -> Result<ClosedAnswer, Refusal> {
    let how =
        fields.needed_text("how", "\"end\", \"reset\" or \"half\"", |how| serde_json::from_value(how.into()).ok())?;
    fields.done("how")?;
    let (stage, _rest) = control.stage_at_rest().await;
    let backstage = stage.backstage();
    let now = stage.world.clock().now();
    let closed = backstage.close_and_wait(now, id, how).await;
    closed.then_some(ClosedAnswer { id, how }).ok_or_else(|| {
        let reason = format!("no connection {id} is open: GET /__onbeat/connections lists those that are");
        Refusal::new(StatusCode::NOT_FOUND, "id", reason)
    })
}
