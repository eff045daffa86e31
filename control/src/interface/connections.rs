//! `GET /connections` and `POST /connections/{id}/close`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use onbeat_wire::recording::ClosedHow;
use serde::{Deserialize, Deserializer, Serialize};

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Id;
use super::{Control, Json};
use crate::connections::{OpenConnection, OtherRequest, Progress};
use onbeat_faults::form::{Nothing, fitting, whole};

#[derive(Serialize)]
pub(super) struct ConnectionsAnswer {
    connections: Vec<ConnectionAnswer>,
}

impl ConnectionsAnswer {
    /// Returns the answer that lists these connections.
    pub(super) fn of(open: &[OpenConnection]) -> Self {
        Self { connections: open.iter().map(connection).collect() }
    }
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

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<ConnectionsAnswer> {
    let open = control.instance().monitor.connections().open();
    Json(ConnectionsAnswer::of(&open))
}

fn connection(open: &OpenConnection) -> ConnectionAnswer {
    let OpenConnection { connection, exchange, .. } = open;
    let Progress { written, is_stalled, is_over, .. } = exchange.progress();
    // From the most lasting state to the most passing.
    let state = match () {
        () if connection.is_half_closed() => "half-closed",
        () if is_over => "idle",
        () if is_stalled => "stalled",
        () if connection.is_blocked() => "blocked",
        () => "streaming",
    };
    ConnectionAnswer {
        id: exchange.connection,
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

/// The form of a request to close a connection.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseForm {
    #[serde(deserialize_with = "how")]
    how: ClosedHow,
    #[serde(default, deserialize_with = "request_ordinal")]
    request: Option<u32>,
}

/// Reads the ordinal of the request whose response is meant.
pub(super) fn request_ordinal<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u32>, D::Error> {
    fitting(json, "a whole number, the ordinal of a request on its connection", |value| {
        whole(value).and_then(|number| u32::try_from(number).ok()).map(Some)
    })
}

fn how<'de, D: Deserializer<'de>>(json: D) -> Result<ClosedHow, D::Error> {
    fitting(json, "\"end\", \"cut\", \"reset\" or \"half\"", |how| serde_json::from_value(how.clone()).ok())
}

impl From<OtherRequest> for Refusal {
    fn from(error: OtherRequest) -> Self {
        Self::new(StatusCode::CONFLICT, "request", error.to_string())
    }
}

pub(super) async fn close(
    State(control): State<Arc<Control>>,
    Id(id): Id,
    ControlRequest { form: CloseForm { how, request }, open: _open, .. }: ControlRequest<CloseForm>,
) -> Result<Json<ClosedAnswer>, Refusal> {
    // The rest is kept until the response has ended, so that no time passes meanwhile.
    let (instance, _rest) = control.instance_at_rest().await;
    if let Some(open) = instance.monitor.connections().find(id) {
        open.check_request(request)?;
    }
    let closed = instance.monitor.close_and_wait(id, how).await;
    closed.then_some(Json(ClosedAnswer { id, how })).ok_or_else(|| {
        let reason = format!("no connection {id} is open: GET /__onbeat/connections lists those that are");
        Refusal::new(StatusCode::NOT_FOUND, "id", reason)
    })
}
