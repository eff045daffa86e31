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
use crate::connections::{OpenConnection, Progress};
use onbeat_faults::form::{Nothing, fitting};

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

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<ConnectionsAnswer> {
    let open = control.instance().monitor.connections().open();
    Json(ConnectionsAnswer { connections: open.iter().map(connection).collect() })
}

fn connection(open: &OpenConnection) -> ConnectionAnswer {
    let OpenConnection { connection, exchange } = open;
    let Progress { written, is_stalled, is_over } = exchange.progress();
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
}

fn how<'de, D: Deserializer<'de>>(json: D) -> Result<ClosedHow, D::Error> {
    fitting(json, "\"end\", \"reset\" or \"half\"", |how| serde_json::from_value(how.clone()).ok())
}

pub(super) async fn close(
    State(control): State<Arc<Control>>,
    Id(id): Id,
    ControlRequest { form: CloseForm { how }, open: _open, .. }: ControlRequest<CloseForm>,
) -> Result<Json<ClosedAnswer>, Refusal> {
    // The rest is kept until the response has ended, so that no time passes meanwhile.
    let (instance, _rest) = control.instance_at_rest().await;
    let closed = instance.monitor.close_and_wait(id, how).await;
    closed.then_some(Json(ClosedAnswer { id, how })).ok_or_else(|| {
        let reason = format!("no connection {id} is open: GET /__onbeat/connections lists those that are");
        Refusal::new(StatusCode::NOT_FOUND, "id", reason)
    })
}
