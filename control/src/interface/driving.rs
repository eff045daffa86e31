//! `POST /connections/{id}/write` and `POST /connections/wait`: a test decides what a live response sends, and when.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use onbeat_faults::form::{self, fitting, within};
use onbeat_server::context::{clipped, plain_path};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::chunk::{self, CHUNK_BYTES_MAX};
use super::connections::{ConnectionsAnswer, request_ordinal};
use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Id;
use super::waiting::{CLIENTS_MAX, WAIT_MS_MAX, one, wait_for, wait_ms_default};
use super::{Control, Instance, Json};
use crate::connections::{ExpectedRequest, OpenConnection};
use crate::monitor::{PushError, Pushed};

/// How many responses under way a refusal lists.
const LISTED_MAX: usize = 10;

#[derive(Serialize)]
pub(super) struct WrittenAnswer {
    id: u64,
    request: u32,
    bytes: usize,
    written: bool,
}

/// The part of the form that addresses a response: the rest is the chunk.
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
) -> Result<Json<WrittenAnswer>, Refusal> {
    let address = form.as_object_mut().into_iter().filter_map(|form| form.remove_entry("request")).collect();
    let AddressForm { request } = form::read(Value::Object(address))?;
    let bytes = chunk::read(form)?.bytes();
    let length = bytes.len();
    // The rest is kept until the bytes have been sent, so that no time passes meanwhile.
    let (instance, rest) = control.instance_at_rest().await;
    let pushed = instance.monitor.push_and_wait(id, request, bytes, rest.is_some()).await?;
    let Pushed { request, is_written } = pushed;
    Ok(Json(WrittenAnswer { id, request, bytes: length, written: is_written }))
}

impl From<PushError> for Refusal {
    fn from(error: PushError) -> Self {
        let (status, field) = match error {
            PushError::OtherRequest(error) => return error.into(),
            PushError::NotOpen(_) => (StatusCode::NOT_FOUND, "id"),
            PushError::Closing(_) | PushError::Over { .. } | PushError::LengthTold(_) => {
                (StatusCode::CONFLICT, "connection")
            }
            PushError::TooManyWaiting(_) => (StatusCode::TOO_MANY_REQUESTS, "connection"),
        };
        Self::new(status, field, error.to_string())
    }
}

/// The form of a request to wait for clients.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaitForm {
    #[serde(deserialize_with = "path")]
    path: String,
    #[serde(default, deserialize_with = "method")]
    method: Option<Method>,
    #[serde(default = "one", deserialize_with = "within::<_, _, 1, CLIENTS_MAX>")]
    at_least: usize,
    #[serde(default = "wait_ms_default", deserialize_with = "within::<_, _, 0, WAIT_MS_MAX>")]
    timeout_ms: u64,
}

fn path<'de, D: Deserializer<'de>>(json: D) -> Result<String, D::Error> {
    fitting(json, "a path that begins with /, without a query", |value| {
        let path = value.as_str().filter(|path| path.starts_with('/') && !path.contains(['?', '#']))?;
        Some(path.to_owned())
    })
}

fn method<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Method>, D::Error> {
    fitting(json, "a method, such as \"POST\"", |value| value.as_str()?.parse().ok().map(Some))
}

/// Waits until enough clients wait for a response.
pub(super) async fn wait(
    State(control): State<Arc<Control>>,
    ControlRequest { form, connection, open: _open }: ControlRequest<WaitForm>,
) -> Result<Json<ConnectionsAnswer>, Refusal> {
    let WaitForm { path, method, at_least, timeout_ms } = form;
    let expected = ExpectedRequest { method, path: clipped(plain_path(&path)) };
    let instance = control.instance();
    let too_late = || {
        let like = instance.monitor.connections().count_like(&expected);
        let asked = expected.method.as_ref().map_or_else(String::new, |method| format!("{method} "));
        let now = under_way(&instance.monitor.connections().under_way());
        let expected = format!("expected {at_least} under way to {asked}{path} within {timeout_ms} ms");
        ("path", format!("{expected}, got {like}; {now}"))
    };
    let enough = enough(&control, &instance, &expected, at_least);
    let like = wait_for(enough, connection.as_deref(), timeout_ms, too_late).await?;
    Ok(Json(ConnectionsAnswer::of(&like)))
}

/// Waits until so many responses are under way to requests like the expected one; returns `None` after a reset.
async fn enough(
    control: &Control,
    instance: &Arc<Instance>,
    expected: &ExpectedRequest,
    at_least: usize,
) -> Option<Vec<OpenConnection>> {
    loop {
        // Registered before the looks, so that no request in between is missed.
        let next = instance.monitor.connections().next_begun();
        if !control.is_current(instance) {
            return None;
        }
        // Counted first: each request of a large crowd wakes the wait.
        if instance.monitor.connections().count_like(expected) >= at_least {
            let like = instance.monitor.connections().like(expected);
            // Some may have left between the two looks.
            if like.len() >= at_least {
                return Some(like);
            }
        }
        next.await;
    }
}

/// Returns the responses under way in words.
fn under_way(open: &[OpenConnection]) -> String {
    if open.is_empty() {
        return "no response is under way".to_owned();
    }
    let mut text = String::from("under way:");
    for (number, OpenConnection { exchange, .. }) in open.iter().take(LISTED_MAX).enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(text, "{comma} {} {} on connection {}", exchange.method, exchange.path, exchange.connection);
    }
    if open.len() > LISTED_MAX {
        let _ = write!(text, ", and {} more", open.len() - LISTED_MAX);
    }
    text
}
