//! The exchanges of a client: as the fixture has each, and as each came.

use onbeat_wire::recording::Fact;
use onbeat_wire::{Head, How};

use super::fields;
use super::pieces::{self, Piece};
use super::scene::{Numbered, Scene};
use crate::player::{ClientLog, HttpExchange};

/// A response as in the scene.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) request: Numbered<'a>,
    pub(crate) head: Option<Numbered<'a>>,
    pub(crate) writes: Vec<Numbered<'a>>,
    /// The writes beyond the end of a scene that was cut short: each may come, but need not.
    pub(crate) beyond: Vec<Numbered<'a>>,
    /// The events, each with the dispatching write.
    pub(crate) events: Vec<(Numbered<'a>, Numbered<'a>)>,
    pub(crate) end: Option<Numbered<'a>>,
}

/// Returns the expected responses of a client of a scene, in order.
pub(crate) fn expected<'a>(scene: &'a Scene, client: &str) -> Vec<Expected<'a>> {
    let mut responses: Vec<Expected> = Vec::new();
    let mut at = 0;
    for (number, line) in scene.lines.iter().filter(|(_, line)| line.notes.client == client) {
        let numbered = (*number, line);
        if let Fact::RawRequest(_) = line.fact {
            let (head, writes, beyond, events, end) = (None, Vec::new(), Vec::new(), Vec::new(), None);
            responses.push(Expected { request: numbered, head, writes, beyond, events, end });
        }
        // The answers to requests in a burst come in turn.
        while responses.get(at).is_some_and(|response| response.end.is_some()) {
            at += 1;
        }
        let Some(response) = responses.get_mut(at) else { continue };
        match &line.fact {
            Fact::Head(_) => response.head = Some(numbered),
            Fact::Write(_) => response.writes.push(numbered),
            Fact::End(_) => response.end = Some(numbered),
            Fact::Event(_) => {
                if let Some(write) = response.writes.last() {
                    response.events.push((numbered, *write));
                }
            }
            _ => {}
        }
    }
    if let Some(response) = responses.last_mut() {
        let beyond = scene.rest.iter().filter(|(_, line)| line.notes.client == client);
        let writes = beyond.filter(|(_, line)| matches!(line.fact, Fact::Write(_)));
        response.beyond.extend(writes.map(|(number, line)| (*number, line)));
    }
    responses
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

/// Returns an exchange for each request of a client.
pub(crate) fn got(log: &ClientLog) -> Vec<HttpExchange> {
    log.exchanges().into_iter().filter(|exchange| exchange.is_asked).collect()
}
