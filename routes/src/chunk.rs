//! The chunks of a response, made from their templates when they are due.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onbeat_server::random::Random;
use onbeat_server::script::Start;

use crate::event_fields::EventFields;
use crate::model::{Chunk, EventForm};
use crate::request::Request;
use crate::template::{Moment, Template};

/// The values of the placeholders in one response.
pub(crate) struct Values {
    request: Arc<Request>,
    start: Start,
    random: Random,
    /// How many chunks have used `seq`.
    seq: u64,
}

impl Values {
    /// Returns the values of a response to this request, from `start` on, with these random values.
    pub(crate) fn new(request: Arc<Request>, start: Start, random: Random) -> Self {
        Self { request, start, random, seq: 0 }
    }

    /// Returns the text of a template that is due at this time since the request.
    pub(crate) fn text(&mut self, template: &Template, at: Duration) -> String {
        template.render(&mut self.moment(at))
    }

    /// Returns the bytes of a chunk that is due at this time since the request.
    pub(crate) fn chunk(&mut self, chunk: &Chunk, at: Duration) -> Bytes {
        self.seq += u64::from(uses_seq(chunk));
        match chunk {
            Chunk::Event(form) => fields(form, &mut self.moment(at)).encode(),
            Chunk::Text(template) => self.text(template, at).into(),
            Chunk::Bytes(bytes) => bytes.clone(),
        }
    }

    fn moment(&mut self, at: Duration) -> Moment<'_> {
        let Self { request, start, random, seq } = self;
        Moment { request, now: start.timestamp(at), t_ms: (start.at + at).as_millis(), seq: *seq, random }
    }
}

/// Returns whether a chunk has a number among the numbered chunks of the response.
fn uses_seq(chunk: &Chunk) -> bool {
    match chunk {
        Chunk::Event(form) => form.templates().into_iter().flatten().any(Template::uses_seq),
        Chunk::Text(template) => template.uses_seq(),
        Chunk::Bytes(_) => false,
    }
}

/// Returns the fields of an event at this moment.
fn fields(form: &EventForm, moment: &mut Moment<'_>) -> EventFields {
    let [comment, event, id, data] = form.templates().map(|template| template.map(|template| template.render(moment)));
    EventFields { comment, event, id, retry_ms: form.retry_ms, data }
}

/// Returns the bytes of the event that a publish request sends, and the ID; `id` is the ID of an event without one.
pub(crate) fn published(chunk: &Chunk, moment: &mut Moment<'_>, id: Option<String>) -> (Bytes, Option<String>) {
    match chunk {
        Chunk::Event(form) => {
            let fields = fields(form, moment);
            let id = fields.id.or(id);
            let bytes = EventFields { id: id.clone(), ..fields }.encode();
            (bytes, id)
        }
        Chunk::Text(template) => (template.render(moment).into(), None),
        Chunk::Bytes(bytes) => (bytes.clone(), None),
    }
}
