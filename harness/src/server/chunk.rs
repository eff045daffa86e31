//! A chunk that a test sends: text or bytes, unchanged, or an event by its fields.

use std::time::Duration;

use bytes::Bytes;
use onbeat_control::SentChunk;
use onbeat_routes::EventFields as Fields;
use onbeat_wire::whole_ms;

/// One chunk of a body: text or bytes, unchanged, or an event, which ends with a blank line.
///
/// Half an event, or half a character, is a chunk as well:
///
/// ```
/// # use onbeat::server::Chunk;
/// let half_a_character = Chunk::from(&b"data: \xf0\x9f"[..]);
/// let whole_event = Chunk::from("data: hello\n\n");
/// ```
#[derive(Clone, Debug)]
pub struct Chunk(pub(super) SentChunk);

impl From<Bytes> for Chunk {
    fn from(bytes: Bytes) -> Self {
        Self(SentChunk::Raw(bytes))
    }
}

impl From<&[u8]> for Chunk {
    fn from(bytes: &[u8]) -> Self {
        Bytes::copy_from_slice(bytes).into()
    }
}

impl<const LENGTH: usize> From<&[u8; LENGTH]> for Chunk {
    fn from(bytes: &[u8; LENGTH]) -> Self {
        bytes[..].into()
    }
}

impl From<Vec<u8>> for Chunk {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&str> for Chunk {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Chunk {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<EventFields> for Chunk {
    fn from(EventFields(fields): EventFields) -> Self {
        Self(SentChunk::Event(fields))
    }
}

/// An event by its fields, at least one (WHATWG HTML, 9.2.5).
///
/// ```
/// # use onbeat::Server;
/// # use onbeat::server::EventFields;
/// # let server = Server::builder()
/// #     .routes("[[route]]\npath = \"/news\"\nsteps = [{ subscribe = \"news\" }]\n[channel.news]").start().wait()?;
/// let goal = EventFields::new().event("goal").id("7").data(r#"{"score":"1:0"}"#);
/// let published = server.publish("news", goal).wait()?;
/// assert_eq!(published.id.as_deref(), Some("7"));
/// # Ok::<(), onbeat::server::ServerError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct EventFields(Fields);

impl EventFields {
    /// Returns an event without fields yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the type of the event: a single line.
    #[must_use]
    pub fn event(self, event_type: impl Into<String>) -> Self {
        Self(Fields { event: Some(event_type.into()), ..self.0 })
    }

    /// Sets the ID: a single line, without NUL.
    #[must_use]
    pub fn id(self, id: impl Into<String>) -> Self {
        Self(Fields { id: Some(id.into()), ..self.0 })
    }

    /// Sets the data: a field for each line.
    #[must_use]
    pub fn data(self, data: impl Into<String>) -> Self {
        Self(Fields { data: Some(data.into()), ..self.0 })
    }

    /// Sets the reconnection time, in whole milliseconds.
    #[must_use]
    pub fn retry(self, time: Duration) -> Self {
        Self(Fields { retry_ms: Some(whole_ms(time)), ..self.0 })
    }

    /// Sets a comment before the fields: a single line.
    #[must_use]
    pub fn comment(self, comment: impl Into<String>) -> Self {
        Self(Fields { comment: Some(comment.into()), ..self.0 })
    }
}
