//! What a client expected and what it got, response by response.

use bytes::Bytes;
use onbeat_wire::{Head, How, Instant, What};

use super::fields;
use super::pieces::{self, Piece};
use super::scene::{Kind, Numbered, Scene};
use crate::account::{Account, Note};

/// A response as the scene has it.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) request: Numbered<'a>,
    pub(crate) head: Option<Numbered<'a>>,
    pub(crate) writes: Vec<Numbered<'a>>,
    /// What would have followed, if the scene was cut short: it may come, but need not.
    pub(crate) beyond: Vec<Numbered<'a>>,
    /// Each with the write that dispatches it.
    pub(crate) events: Vec<(Numbered<'a>, Numbered<'a>)>,
    pub(crate) end: Option<Numbered<'a>>,
}

/// The responses that a client of a scene expects, in order.
pub(crate) fn expected<'a>(scene: &'a Scene, client: &str) -> Vec<Expected<'a>> {
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

/// A response as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    /// When the request was sent.
    pub(crate) sent: Instant,
    pub(crate) head: Option<(Instant, Head)>,
    pub(crate) chunks: Vec<(Instant, Bytes)>,
    pub(crate) end: Option<(Instant, How)>,
    /// Why no more was read.
    pub(crate) broken: Option<String>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.as_ref().and_then(|(_, head)| head.header(name))
    }

    /// The whole body.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.chunks.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
    }

    /// The body, cut as a stream is, if it is one; what has a length is none, but for what says so itself.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        let streams = self.head.as_ref().is_none_or(|(_, head)| is_stream(head));
        if streams { pieces::of_stream(&self.chunks) } else { pieces::whole(&self.chunks) }
    }

    /// Why there is no more of it, in words.
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

/// Whether a body has lines. A proxy may give an event stream a length.
pub(crate) fn is_stream(head: &Head) -> bool {
    head.header("content-length").is_none() || fields::is_event_stream(head)
}

/// The responses that a client got, one for each request that it sent.
pub(crate) fn got(account: &Account) -> Vec<Got> {
    let mut responses: Vec<Got> = Vec::new();
    let (mut at, mut closed) = (0, false);
    for (when, note) in &account.notes {
        match note {
            Note::Sent(_) => {
                let (head, chunks, end) = (None, Vec::new(), None);
                let broken = closed.then(|| "the server had closed the connection".to_owned());
                responses.push(Got { sent: *when, head, chunks, end, broken });
            }
            Note::Saw(what) => {
                while responses.get(at).is_some_and(|response| response.end.is_some()) {
                    at += 1;
                }
                let Some(response) = responses.get_mut(at) else { continue };
                match what {
                    What::Head(head) if head.status >= 200 => response.head = Some((*when, head.clone())),
                    What::Head(_) => {}
                    What::Write(bytes) => response.chunks.push((*when, bytes.clone())),
                    What::End(how) => response.end = Some((*when, *how)),
                }
            }
            Note::Broken(why) => {
                if let Some(response) = responses.iter_mut().find(|response| response.end.is_none()) {
                    response.broken = Some(why.clone());
                }
            }
            Note::ServerClosed => {
                closed = true;
                for response in responses.iter_mut().filter(|response| response.head.is_none()) {
                    response.broken = Some("the server closed the connection without an answer".into());
                }
            }
            Note::HalfClosed | Note::Closed | Note::Reset => {}
        }
    }
    responses
}
