//! `GET /channels`, `POST /channels/{name}` and `POST /channels/{name}/wait`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use onbeat_faults::form::{Nothing, within};
use onbeat_routes::{ChannelReport, Published};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chunk::{self, CHUNK_BYTES_MAX};
use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Name;
use super::waiting::{CLIENTS_MAX, WAIT_MS_MAX, one, wait_ms_default, wait_until_end};
use super::{Control, Json};

#[derive(Serialize)]
pub(super) struct ChannelsAnswer {
    channels: Vec<ChannelReport>,
}

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Result<Response, Refusal> {
    control.unread.long_json(&ChannelsAnswer { channels: control.controller.channels() })
}

/// Publishes an event, or bytes, now.
pub(super) async fn publish(
    State(control): State<Arc<Control>>,
    Name(name): Name,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value, CHUNK_BYTES_MAX>,
) -> Result<Json<Published>, Refusal> {
    let chunk = chunk::read(form)?;
    Ok(Json(control.controller.publish(&name, chunk).await?))
}

/// The form of a request to wait for subscribers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscribersForm {
    #[serde(default = "one", deserialize_with = "within::<_, _, 1, CLIENTS_MAX>")]
    at_least: usize,
    #[serde(default = "wait_ms_default", deserialize_with = "within::<_, _, 0, WAIT_MS_MAX>")]
    timeout_ms: u64,
}

/// Waits until enough clients are subscribed.
pub(super) async fn wait(
    State(control): State<Arc<Control>>,
    Name(name): Name,
    ControlRequest { form, connection, open: _open }: ControlRequest<SubscribersForm>,
) -> Result<Json<ChannelReport>, Refusal> {
    let SubscribersForm { at_least, timeout_ms } = form;
    let subscribed = control.controller.subscribed(&name, at_least, Duration::from_millis(timeout_ms));
    wait_until_end(subscribed, connection.as_deref()).await.map(Json)
}
