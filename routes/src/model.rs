//! The model of a team's own routes: plain data, read from TOML or JSON.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, Method, StatusCode};
use bytes::Bytes;
use onbeat_faults::Fault;
use onbeat_wire::How;
use serde_json::Value;

use crate::event_fields::EventFields;
use crate::play::Played;
use crate::request::RequestPart;
use crate::template::Template;

/// The routes, channels and scenarios of a file.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The routes in order: the first match answers.
    pub routes: Vec<Route>,
    /// The channels, by their names.
    pub channels: BTreeMap<String, ChannelForm>,
    /// The routes of each scenario, which come before all others.
    pub scenarios: BTreeMap<String, Vec<Route>>,
}

/// A route: the requests that match, and the responses to one after another.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method; nothing for any method.
    pub method: Option<Method>,
    /// The path of the route.
    pub path: PathPattern,
    /// The conditions of `match`, all of which must hold.
    pub conditions: Vec<Condition>,
    /// The responses, at least one: the first request gets the first. The last response repeats.
    pub responses: Vec<Response>,
    /// The route in the form of JSON, as the control interface lists routes.
    pub form: Arc<Value>,
}

/// The path of a route: exact, or with `*` for any characters within a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(pub String);

/// A condition on a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The part of the request.
    pub part: RequestPart,
    /// The expected value. A string may have `*` for any characters, and then matches any text that fits.
    pub expected: Value,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The time before the head.
    pub wait: Duration,
    /// The status; nothing for 200, or for the status of a recording.
    pub status: Option<StatusCode>,
    /// Header fields, which replace those of the same name.
    pub headers: Vec<(HeaderName, Template)>,
    /// The content.
    pub content: Content,
    /// The heartbeats beside the content, from the start of the body on.
    pub heartbeat: Option<Heartbeat>,
    /// Whether the response resumes behind the event that the `Last-Event-ID` of the request names.
    pub resumes: bool,
    /// The alterations of the response.
    pub faults: Vec<Arc<Fault>>,
}

/// The content of a response.
#[derive(Clone, Debug)]
pub enum Content {
    /// One step after another.
    Steps(Vec<Step>),
    /// A recording, or a raw body.
    Play(Arc<Played>),
    /// A body of known length, at once.
    Body(Template),
}

/// A step of a response. All times count from the end of the step before.
#[derive(Clone, Debug)]
pub struct Step {
    /// The time before the step.
    pub wait: Duration,
    /// How often the step is done, at least once.
    pub times: u64,
    /// The time from one time to the next.
    pub every: Duration,
    /// The work of the step.
    pub action: StepAction,
}

/// The work of a step.
#[derive(Clone, Debug)]
pub enum StepAction {
    /// Nothing: the step only waits.
    Wait,
    /// Sends a chunk.
    Send(Chunk),
    /// Subscribes to channels, and stays open for their events.
    Subscribe(Subscribe),
    /// Stays open: the client or the test ends the response.
    Open,
    /// Ends the response.
    End(How),
}

/// A chunk of a body, made when the chunk is due.
#[derive(Clone, Debug)]
pub enum Chunk {
    /// An event, by its fields.
    Event(EventForm),
    /// Text, as it is.
    Text(Template),
    /// Bytes, as they are.
    Bytes(Bytes),
}

/// The fields of an event, at least one. A chunk of comments alone dispatches no event.
#[derive(Clone, Debug, Default)]
pub struct EventForm {
    /// A comment before the fields.
    pub comment: Option<Template>,
    /// The type.
    pub event: Option<Template>,
    /// The ID.
    pub id: Option<Template>,
    /// The reconnection time in milliseconds.
    pub retry_ms: Option<u64>,
    /// The data; a field for each line.
    pub data: Option<Template>,
}

impl EventForm {
    /// Returns the texts of the fields.
    pub(crate) fn templates(&self) -> [Option<&Template>; 4] {
        [&self.comment, &self.event, &self.id, &self.data].map(Option::as_ref)
    }
}

impl Chunk {
    /// Returns the chunk as bytes, made once for all clients, if the chunk has no placeholders.
    pub(crate) fn made_once(self) -> Self {
        let text = |template: &Option<Template>| template.as_ref().and_then(Template::constant);
        match &self {
            // Encodes an event now if every field is constant; a single placeholder leaves the event for the due time.
            Self::Event(form)
                if form.templates().into_iter().flatten().all(|template| template.constant().is_some()) =>
            {
                let EventForm { comment, event, id, retry_ms, data } = form;
                let (comment, event, id, data) = (text(comment), text(event), text(id), text(data));
                Self::Bytes(EventFields { comment, event, id, retry_ms: *retry_ms, data }.encode())
            }
            Self::Text(template) => template.constant().map_or(self.clone(), |text| Self::Bytes(text.into())),
            Self::Event(_) | Self::Bytes(_) => self,
        }
    }
}

/// A subscription to channels.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// The names of the channels, at least one.
    pub channels: Vec<String>,
    /// The kept events that the client gets first.
    pub history: HistoryUse,
    /// The heartbeats from the subscription on.
    pub heartbeat: Option<Heartbeat>,
}

/// The kept events that a new subscriber gets first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryUse {
    /// `missed`: those behind the `Last-Event-ID` of the request; all, if no kept event has the ID; none without an ID.
    #[default]
    Missed,
    /// `all`: those behind the `Last-Event-ID`, and without an ID all.
    All,
    /// `none`.
    None,
}

/// A chunk, sent again and again.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The period, at least 1 ms. The first comes after one period.
    pub every: Duration,
    /// Whether each write begins the period again, so that a heartbeat comes after silence alone.
    pub after_silence: bool,
    /// How many times; without an end if there is no number.
    pub times: Option<u64>,
    /// The chunk.
    pub chunk: Chunk,
}

/// A channel.
#[derive(Clone, Debug, Default)]
pub struct ChannelForm {
    /// How many events are kept for clients that come later.
    pub history: usize,
    /// The request that publishes.
    pub publish: Option<Publish>,
}

/// The request that publishes to a channel.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: PathPattern,
    /// The event; the body of the request is the data, if nothing else is said.
    pub event: Chunk,
    /// The status of the answer.
    pub status: StatusCode,
}
