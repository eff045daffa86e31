//! Responses: each as expected by a scenario, and each as seen by a client.

use onbeat_wire::recording::Fact;
use onbeat_wire::{Head, How};

use super::{NumberedLine, Piece, Scenario, fields, pieces};
use crate::player::{ClientLog, HttpExchange};

/// A response as expected by a scenario.
#[derive(Debug)]
pub(super) struct ExpectedResponse<'a> {
    pub(super) request: NumberedLine<'a>,
    pub(super) head: Option<NumberedLine<'a>>,
    pub(super) writes: Vec<NumberedLine<'a>>,
    /// The writes beyond the end of a scenario that was cut short: each may come, but need not.
    pub(super) beyond: Vec<NumberedLine<'a>>,
    /// The events, each with the dispatching write.
    pub(super) events: Vec<(NumberedLine<'a>, NumberedLine<'a>)>,
    pub(super) end: Option<NumberedLine<'a>>,
}

impl Scenario {
    /// Returns the expected responses of a client, in order.
    pub(super) fn responses_of(&self, client: &str) -> Vec<ExpectedResponse<'_>> {
        let mut responses: Vec<ExpectedResponse> = Vec::new();
        let mut at = 0;
        for (number, line) in self.lines.iter().filter(|(_, line)| line.notes.client == client) {
            let numbered = (*number, line);
            if let Fact::RawRequest(_) = line.fact {
                let (head, writes, beyond, events, end) = (None, Vec::new(), Vec::new(), Vec::new(), None);
                responses.push(ExpectedResponse { request: numbered, head, writes, beyond, events, end });
            }
            // Moves on only behind an end: the answers to requests in a burst come in the order of the requests.
            while responses.get(at).is_some_and(|response| response.end.is_some()) {
                at += 1;
            }
            let Some(response) = responses.get_mut(at) else { continue };
            match &line.fact {
                Fact::Head(_) => response.head = Some(numbered),
                Fact::Write(_) => response.writes.push(numbered),
                Fact::End(_) => response.end = Some(numbered),
                // Adds an event to the write before, which dispatches the event.
                Fact::Event(_) => response.events.extend(response.writes.last().map(|write| (numbered, *write))),
                _ => {}
            }
        }
        // Adds the lines beyond a cut to the last response, which alone can go on.
        if let Some(response) = responses.last_mut() {
            let is_write =
                |line: &super::ScenarioLine| matches!(line.fact, Fact::Write(_)) && line.notes.client == client;
            let beyond = self.rest.iter().filter(|(_, line)| is_write(line));
            response.beyond.extend(beyond.map(|(number, line)| (*number, line)));
        }
        responses
    }

    /// Returns the expected writes of the first response of a stream.
    pub(crate) fn first_writes(&self) -> Vec<NumberedLine<'_>> {
        self.responses_of("").into_iter().next().map(|response| response.writes).unwrap_or_default()
    }
}

impl ClientLog {
    /// Returns an exchange for each request of the client.
    pub(crate) fn answers(&self) -> Vec<HttpExchange> {
        self.exchanges().into_iter().filter(|exchange| exchange.is_asked).collect()
    }
}

impl HttpExchange {
    /// Returns the pieces of an event stream; any other body with a length is a single piece.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let streams = self.head.as_ref().is_none_or(|(_, head)| is_stream(head));
        if streams { pieces::of_stream(&self.writes) } else { pieces::whole(&self.writes) }
    }

    /// Returns in words why no more came.
    pub(crate) fn why_no_more(&self) -> String {
        match (&self.broken, &self.end) {
            (Some(why), _) => why.clone(),
            (None, Some((_, How::Complete))) => "the response ended".into(),
            (None, Some((_, How::Cut))) => "the server closed the connection in the middle".into(),
            (None, Some((_, How::Reset))) => "the connection was reset".into(),
            (None, Some((_, How::Closed)) | None) => "nothing more came".into(),
        }
    }
}

/// Returns whether a body has lines. A body with a length has none, but a proxy may give an event stream a length.
pub(crate) fn is_stream(head: &Head) -> bool {
    head.header("content-length").is_none() || fields::is_event_stream(head)
}
