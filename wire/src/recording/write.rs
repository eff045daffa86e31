//! Writes lines as JSON, the keys in order.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{Body, Exchange, Fact, Line, Notes, Push, Write};

/// The keys of a line, in order.
#[derive(Serialize)]
struct Keys<'a, C, N> {
    #[serde(skip_serializing_if = "Option::is_none")]
    t_ms: Option<u64>,
    kind: &'static str,
    #[serde(flatten)]
    exchange: Exchange,
    #[serde(flatten)]
    content: &'a C,
    #[serde(flatten)]
    notes: &'a N,
}

impl<N: Notes> Serialize for Line<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.fact {
            Fact::Recording(content) => self.with(content, serializer),
            Fact::Log(content) => self.with(content, serializer),
            Fact::Request(content) => self.with(content, serializer),
            Fact::RawRequest(content) => self.with(content, serializer),
            Fact::Head(content) => self.with(content, serializer),
            Fact::Write(content) => self.with(content, serializer),
            Fact::Event(content) => self.with(content, serializer),
            Fact::End(content) => self.with(content, serializer),
            Fact::Leave(content) => self.with(content, serializer),
            Fact::Dropped(content) => self.with(content, serializer),
            Fact::Push(content) => self.with(content, serializer),
            Fact::Close(content) => self.with(content, serializer),
            Fact::Route(content) => self.with(content, serializer),
            Fact::RoutesDeleted(content) => self.with(content, serializer),
            Fact::Publish(content) => self.with(content, serializer),
            Fact::Fault(content) => self.with(content, serializer),
            Fact::FaultsDeleted(content) => self.with(content, serializer),
        }
    }
}

impl<N: Notes> Line<N> {
    fn with<S: Serializer>(&self, content: &impl Serialize, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { t_ms, exchange, fact, notes } = self;
        // Leaves the time out of the first line, which tells of all lines.
        let t_ms = (!matches!(fact, Fact::Recording(_))).then_some(*t_ms);
        Keys { t_ms, kind: fact.kind(), exchange: *exchange, content, notes }.serialize(serializer)
    }
}

impl Serialize for Write {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = serializer.serialize_struct("Write", 1)?;
        put_bytes::<S>(&mut keys, &self.bytes)?;
        keys.end()
    }
}

impl Serialize for Push {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = serializer.serialize_struct("Push", 1)?;
        put_bytes::<S>(&mut keys, &self.bytes)?;
        keys.end()
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Announces one key, or two for a body that was cut.
        let mut keys = serializer.serialize_struct("Body", 1 + usize::from(self.is_cut))?;
        put_bytes::<S>(&mut keys, &self.bytes)?;
        if self.is_cut {
            keys.serialize_field("cut", &true)?;
        }
        keys.end()
    }
}

/// Writes bytes as `text` where the bytes are UTF-8, else as `base64`.
fn put_bytes<S: Serializer>(keys: &mut S::SerializeStruct, bytes: &[u8]) -> Result<(), S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => keys.serialize_field("text", text),
        Err(_) => keys.serialize_field("base64", &BASE64_STANDARD.encode(bytes)),
    }
}
