//! The chunks of a response, made from templates when the chunks are due.

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
    /// Returns the values of a response to `request`, from `start` on, with the values of `random`.
    pub(crate) fn new(request: Arc<Request>, start: Start, random: Random) -> Self {
        Self { request, start, random, seq: 0 }
    }

    /// Returns the text of a template for the time `at` since the request.
    pub(crate) fn text(&mut self, template: &Template, at: Duration) -> String {
        self.count(template.uses_seq());
        template.render(&mut self.moment(at))
    }

    /// Returns the bytes of a chunk for the time `at` since the request.
    pub(crate) fn chunk(&mut self, chunk: &Chunk, at: Duration) -> Bytes {
        match chunk {
            Chunk::Event(form) => {
                self.count(form.templates().into_iter().flatten().any(Template::uses_seq));
                fields(form, &mut self.moment(at)).encode()
            }
            Chunk::Text(template) => self.text(template, at).into(),
            Chunk::Bytes(bytes) => bytes.clone(),
        }
    }

    /// Counts a chunk before its rendering: the first chunk with `seq` is number 1, and a chunk without `seq` takes no number.
    fn count(&mut self, uses_seq: bool) {
        self.seq += u64::from(uses_seq);
    }

    fn moment(&mut self, at: Duration) -> Moment<'_> {
        let Self { request, start, random, seq } = self;
        Moment { request, now: start.timestamp(at), t_ms: (start.at + at).as_millis(), seq: *seq, random }
    }
}

/// Returns the fields of an event at a moment.
fn fields(form: &EventForm, moment: &mut Moment<'_>) -> EventFields {
    // Renders in the order of the fields on the wire: random values are drawn in this order.
    let [comment, event, id, data] = form.templates().map(|template| template.map(|template| template.render(moment)));
    EventFields { comment, event, id, retry_ms: form.retry_ms, data }
}

/// Returns the bytes and the ID of the event of a publish request. An event without an ID gets `id`.
pub(crate) fn published(chunk: &Chunk, moment: &mut Moment<'_>, id: Option<String>) -> (Bytes, Option<String>) {
    match chunk {
        Chunk::Event(form) => {
            let fields = fields(form, moment);
            let id = fields.id.or(id);
            let bytes = EventFields { id: id.clone(), ..fields }.encode();
            (bytes, id)
        }
        // Gives raw text no ID, since the fields inside stay unread: a client can't resume behind the text.
        Chunk::Text(template) => (template.render(moment).into(), None),
        Chunk::Bytes(bytes) => (bytes.clone(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StepAction;
    use crate::request::tests::request;
    use crate::steps::steps;
    use crate::testing::{response, start};

    #[test]
    fn an_event_is_encoded_field_by_field() {
        let text = |text: &str| Some(text.to_owned());
        let all =
            EventFields { comment: text("c"), event: text("e"), id: text("1"), retry_ms: Some(5), data: text("d") };
        for (fields, expected) in [
            (all, ": c\nevent: e\nid: 1\nretry: 5\ndata: d\n\n"),
            (EventFields { data: text(""), ..EventFields::default() }, "data:\n\n"),
            (EventFields { data: text("a\nb\r\nc"), ..EventFields::default() }, "data: a\ndata: b\ndata: c\n\n"),
            (EventFields { comment: text(""), ..EventFields::default() }, ":\n\n"),
            (EventFields { comment: text("a\r\nb\n\rc"), ..EventFields::default() }, ": a\n: b\n:\n: c\n\n"),
            (EventFields { comment: text("a\nb"), ..EventFields::default() }, ": a\n: b\n\n"),
            (EventFields { id: text("1\ndata: x"), ..EventFields::default() }, "id: 1\n\n"),
            (EventFields { event: text("e\rdata: x"), ..EventFields::default() }, "event: e\n\n"),
            (EventFields { retry_ms: Some(0), ..EventFields::default() }, "retry: 0\n\n"),
        ] {
            assert_eq!(String::from_utf8_lossy(&fields.encode()), expected, "{fields:?}");
        }
    }

    /// The chunks of the steps of a response, at 500 ms.
    fn chunks(list: &str) -> Vec<String> {
        let response = response(&format!("steps = [{list}]"));
        let request = Arc::new(request("GET", "/a?name=ann", &[], ""));
        let mut values = Values::new(request, start(), start().random());
        let mut made = |step: &crate::model::Step| {
            let StepAction::Send(chunk) = &step.action else { panic!("expected a chunk") };
            String::from_utf8_lossy(&values.chunk(chunk, Duration::from_millis(500))).into_owned()
        };
        steps(&response).iter().map(&mut made).collect()
    }

    #[test]
    fn placeholders_are_filled_in_for_the_time_at_which_a_chunk_is_due() {
        let list = r#"{ send = "{{now}} {{t_ms}} {{query.name}}" }"#;
        assert_eq!(chunks(list), ["2025-12-01T00:00:01.500Z 1500 ann"]);
    }

    #[test]
    fn only_chunks_with_a_number_are_counted_and_each_once() {
        let list = r#"{ send = "{{seq}} {{seq}}" }, { data = "x" }, { id = "{{seq}}", data = "{{seq}}" }, { comment = "{{seq}}" },
            { send_b64 = "Kg==" }, { event = "{{seq}}" }"#;
        let expected = ["1 1", "data: x\n\n", "id: 2\ndata: 2\n\n", ": 3\n\n", "*", "event: 4\n\n"];
        assert_eq!(chunks(list), expected);
    }

    #[test]
    fn a_published_event_gets_an_id_unless_it_has_one() {
        let request = request("POST", "/news", &[], "hi");
        for (list, number, id) in [
            (r#"{ data = "{{body}}" }"#, Some("7"), Some("7")),
            (r#"{ data = "{{body}}" }"#, None, None),
            (r#"{ data = "x", id = "n{{seq}}" }"#, Some("7"), Some("n7")),
            (r#"{ send = "x" }"#, Some("7"), None),
            (r#"{ send_b64 = "Kg==" }"#, Some("7"), None),
        ] {
            let response = response(&format!("steps = [{list}]"));
            let StepAction::Send(chunk) = &steps(&response)[0].action else { panic!("expected a chunk") };
            let mut random = start().random();
            let mut moment = Moment {
                request: &request,
                now: start().timestamp(Duration::ZERO),
                t_ms: 0,
                seq: 7,
                random: &mut random,
            };
            let (_, found) = published(chunk, &mut moment, number.map(str::to_owned));
            assert_eq!(found.as_deref(), id, "{list}");
        }
    }
}
