//! `GET /connections` and `POST /connections/{id}/close`.

use axum::http::StatusCode;
use onbeat_wire::recording::ClosedHow;
use serde::Serialize;

use super::fields::Fields;
use super::refusal::Refusal;
use super::{Control, Instance};
use crate::connections::{OpenConnection, Progress};

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

pub(super) fn get(instance: &Instance) -> ConnectionsAnswer {
    let open = instance.monitor.connections().open();
    ConnectionsAnswer { connections: open.iter().map(connection).collect() }
}

fn connection(open: &OpenConnection) -> ConnectionAnswer {
    let OpenConnection { connection, exchange } = open;
    let Progress { written, is_stalled, is_over } = exchange.progress();
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

pub(super) async fn close(control: &Control, id: u64, mut fields: Fields) -> Result<ClosedAnswer, Refusal> {
    let how =
        fields.needed_text("how", "\"end\", \"reset\" or \"half\"", |how| serde_json::from_value(how.into()).ok())?;
    fields.done("how")?;
    let (instance, _rest) = control.instance_at_rest().await;
    let closed = instance.monitor.close_and_wait(id, how).await;
    closed.then_some(ClosedAnswer { id, how }).ok_or_else(|| {
        let reason = format!("no connection {id} is open: GET /__onbeat/connections lists those that are");
        Refusal::new(StatusCode::NOT_FOUND, "id", reason)
    })
}
