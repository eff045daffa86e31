//! What a client expected and what came, exchange by exchange.

use onbeat_wire::{Head, How};

use super::fields;
use super::pieces::{self, Piece};
use crate::fixtures::format::{Kind, Line};
use crate::fixtures::golden::Scene;
use crate::player::{ClientLog, HttpExchange};

/// A line of a fixture, with its number.
pub(super) type Numbered<'a> = (usize, &'a Line);

/// A response as the fixture has it.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) request: Numbered<'a>,
    pub(super) head: Option<Numbered<'a>>,
    pub(super) writes: Vec<Numbered<'a>>,
    /// What would have followed, if the scene was cut short: it may come, but need not.
    pub(super) beyond: Vec<Numbered<'a>>,
    /// Each with the write that dispatches it.
    pub(super) events: Vec<(Numbered<'a>, Numbered<'a>)>,
    pub(super) end: Option<Numbered<'a>>,
}

/// The responses that a client of a scene expects, in order.
pub(super) fn expected<'a>(scene: &'a Scene, client: &str) -> Vec<Expected<'a>> {
    let mut responses: Vec<Expected> = Vec::new();
    let mut at = 0;
    for (number, line) in scene.lines.iter().filter(|(_, line)| line.client == client) {
        let numbered = (*number, line);
        if let Kind::Request { .. } = line.kind {
            let (head, writes, beyond, events, end) = (None, Vec::new(), Vec::new(), Vec::new(), None);
            responses.push(Expected { request: numbered, head, writes, beyond, events, end });
        }
        // The answers to requests that were sent at once come one after another.
        while responses.get(at).is_some_and(|response| response.end.is_some()) {
            at += 1;
        }
        let Some(response) = responses.get_mut(at) else { continue };
        match &line.kind {
            Kind::Head { .. } => response.head = Some(numbered),
            Kind::Write { .. } => response.writes.push(numbered),
            Kind::End { .. } => response.end = Some(numbered),
            Kind::Event { .. } => {
                if let Some(write) = response.writes.last() {
                    response.events.push((numbered, *write));
                }
            }
            Kind::Request { .. } | Kind::Leave { .. } | Kind::Dropped => {}
        }
    }
    if let Some(response) = responses.last_mut() {
        let beyond = scene.rest.iter().filter(|(_, line)| line.client == client);
        let writes = beyond.filter(|(_, line)| matches!(line.kind, Kind::Write { .. }));
        response.beyond.extend(writes.map(|(number, line)| (*number, line)));
    }
    responses
}

impl HttpExchange {
    /// The body, cut as a stream is, if it is one; what has a length is none, but for what says so itself.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let streams = self.head.as_ref().is_none_or(|(_, head)| is_stream(head));
        if streams { pieces::of_stream(&self.writes) } else { pieces::whole(&self.writes) }
    }

    /// Why there is no more of it, in words.
    pub(super) fn why_no_more(&self) -> String {
        match (&self.broken, &self.end) {
            (Some(why), _) => why.clone(),
            (None, Some((_, How::Complete))) => "the response ended".into(),
            (None, Some((_, How::Cut))) => "the server closed the connection in the middle".into(),
            (None, Some((_, How::Reset))) => "the connection was reset".into(),
            (None, Some((_, How::Closed)) | None) => "nothing more came".into(),
        }
    }
}

/// Whether a body has lines. A proxy may give an event stream a length.
pub(super) fn is_stream(head: &Head) -> bool {
    head.header("content-length").is_none() || fields::is_event_stream(head)
}

/// Returns the exchanges of a client, one for each request that the client sent.
pub(super) fn got(log: &ClientLog) -> Vec<HttpExchange> {
    log.exchanges().into_iter().filter(|exchange| exchange.is_asked).collect()
}
