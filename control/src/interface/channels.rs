//! `GET /channels`, `POST /channels/{name}` and `POST /channels/{name}/wait`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use onbeat_faults::form::{Nothing, within};
use onbeat_routes::{ChannelReport, NoSuchChannel, Published};
use onbeat_wire::recording::{Body, Exchange, Publish};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chunk::{self, CHUNK_BYTES_MAX, SentChunk};
use super::refusal::Refusal;
use super::request::ControlRequest;
use super::router::Name;
use super::waiting::{CLIENTS_MAX, WAIT_MS_MAX, one, wait_for, wait_ms_default};
use super::{Control, Instance, Json};

#[derive(Serialize)]
pub(super) struct ChannelsAnswer {
    channels: Vec<ChannelReport>,
}

pub(super) async fn get(State(control): State<Arc<Control>>, _: ControlRequest<Nothing>) -> Json<ChannelsAnswer> {
    Json(ChannelsAnswer { channels: control.instance().routes.channels() })
}

/// Publishes an event, or bytes, now.
pub(super) async fn publish(
    State(control): State<Arc<Control>>,
    Name(name): Name,
    ControlRequest { form, open: _open, .. }: ControlRequest<Value, CHUNK_BYTES_MAX>,
) -> Result<Json<Published>, Refusal> {
    let chunk = chunk::read(form)?;
    let (instance, _rest) = control.instance_at_rest().await;
    let published = match chunk {
        SentChunk::Event(fields) => instance.routes.publish(&name, fields),
        SentChunk::Raw(bytes) => instance.routes.publish_bytes(&name, bytes, None),
    }?;
    let chunk = Body { bytes: published.bytes.clone(), is_cut: false };
    instance.monitor.note(Exchange::default(), Publish { channel: name, id: published.id.clone(), chunk });
    if published.filling {
        // A burst of events must not run ahead of the readers.
        tokio::task::yield_now().await;
    }
    Ok(Json(published))
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
    let instance = control.instance();
    instance.routes.channel(&name)?;
    let too_late = || {
        let got = instance.routes.channel(&name).map_or(0, |channel| channel.subscribers);
        ("channel", format!("expected {at_least} subscribed to {name} within {timeout_ms} ms, got {got}"))
    };
    let enough = enough(&control, &instance, &name, at_least);
    wait_for(enough, connection.as_deref(), timeout_ms, too_late).await.map(Json)
}

/// Waits until so many clients are subscribed to a channel, which is there; returns `None` after a reset.
async fn enough(control: &Control, instance: &Arc<Instance>, name: &str, at_least: usize) -> Option<ChannelReport> {
    loop {
        // Registered before the looks, so that no subscription in between is missed.
        let next = instance.monitor.connections().next_begun();
        let subscribed = instance.routes.next_subscribed(name).ok()?;
        if !control.is_current(instance) {
            return None;
        }
        let channel = instance.routes.channel(name).ok()?;
        if channel.subscribers >= at_least {
            return Some(channel);
        }
        tokio::select! {
            biased;
            () = subscribed => {}
            // A reset wakes all that wait for requests.
            () = next => {}
        }
    }
}

impl From<NoSuchChannel> for Refusal {
    fn from(error: NoSuchChannel) -> Self {
        Self::new(StatusCode::NOT_FOUND, "channel", error.to_string())
    }
}
