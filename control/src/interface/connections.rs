//! `GET /connections` and `POST /connections/{id}/close`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use onbeat_faults::form::{Nothing, fitting, whole};
use onbeat_wire::recording::ClosedHow;
use serde::{Deserialize, Deserializer, Serialize};

use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Id;
use super::{Control, Json};
use crate::controller::{CloseReport, ConnectionReport};

#[derive(Serialize)]
pub(super) struct ConnectionsAnswer {
    pub(super) connections: Vec<ConnectionReport>,
}

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Result<Response, Refusal> {
    control.unread.long_json(&ConnectionsAnswer { connections: control.controller.connections() })
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

pub(super) async fn close(
    State(control): State<Arc<Control>>,
    Id(id): Id,
    ControlRequest { form: CloseForm { how, request }, open: _open, .. }: ControlRequest<CloseForm>,
) -> Result<Json<CloseReport>, Refusal> {
    Ok(Json(control.controller.close(id, request, how).await?))
}
