//! `POST /connections/{id}/write` and `POST /connections/wait`: a test decides the writes of a live response.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use onbeat_faults::form::{self, fitting, within};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::chunk::{self, CHUNK_BYTES_MAX};
use super::connections::{ConnectionsAnswer, request_ordinal};
use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Id;
use super::waiting::{CLIENTS_MAX, WAIT_MS_MAX, one, wait_ms_default, wait_until_end};
use super::{Control, Json};
use crate::connections::{ExpectedRequest, METHOD, PATH};
use crate::controller::WriteReport;

/// The address of a response in the form: all other keys are the chunk.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressForm {
    #[serde(default, deserialize_with = "request_ordinal")]
    request: Option<u32>,
}

pub(super) async fn write(
    State(control): State<Arc<Control>>,
    Id(id): Id,
    ControlRequest { mut form, open: _open, .. }: ControlRequest<Value, CHUNK_BYTES_MAX>,
) -> Result<Json<WriteReport>, Refusal> {
    // Takes the key `request` out of the form; all other keys belong to the chunk.
    let address = form.as_object_mut().into_iter().filter_map(|form| form.remove_entry("request")).collect();
    let AddressForm { request } = form::read(Value::Object(address))?;
    let chunk = chunk::read(form)?;
    Ok(Json(control.controller.write(id, request, chunk).await?))
}

/// The form of a request to wait for clients.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitForm {
    #[serde(deserialize_with = "path")]
    path: String,
    #[serde(default, deserialize_with = "method")]
    method: Option<String>,
    #[serde(default = "one", deserialize_with = "within::<_, _, 1, CLIENTS_MAX>")]
    at_least: usize,
    #[serde(default = "wait_ms_default", deserialize_with = "within::<_, _, 0, WAIT_MS_MAX>")]
    timeout_ms: u64,
}

fn path<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    fitting(json, PATH, |value| value.as_str().map(str::to_owned))
}

fn method<'de, D: Deserializer<'de>>(json: D) -> Result<Option<String>, D::Error> {
    fitting(json, METHOD, |value| value.as_str().map(|method| Some(method.to_owned())))
}

/// Waits until enough clients wait for a response.
pub(super) async fn wait(
    State(control): State<Arc<Control>>,
    ControlRequest { form, connection, open: _open }: ControlRequest<WaitForm>,
) -> Result<Response, Refusal> {
    let WaitForm { path, method, at_least, timeout_ms } = form;
    let expected = ExpectedRequest::read(method.as_deref(), &path)?;
    let connected = control.controller.connected(&expected, at_least, Duration::from_millis(timeout_ms));
    let connections = wait_until_end(connected, connection.as_deref()).await?;
    control.unread.long_json(&ConnectionsAnswer { connections })
}
