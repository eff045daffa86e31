//! The channels of a server: published to, and waited for.

use onbeat_routes::ChannelReport;

use super::connections::at_least_one;
use super::{Chunk, Reply, Server};

/// An event that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The ID of the event, if it has one. A channel with a history numbers events without an ID.
    pub id: Option<String>,
    /// How many clients get the event.
    pub clients: usize,
}

impl Server {
    /// Sends an event, or bytes, to the subscribers of a channel, now.
    ///
    /// ```
    /// # use onbeat::Server;
    /// let server = Server::start().wait()?;
    /// server.route(r#"{"path": "/news", "steps": [{"subscribe": "news"}]}"#).wait()?;
    /// let published = server.publish("news", "data: hello\n\n").wait()?;
    /// assert_eq!(published.clients, 0);
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such channel, or a field of the event is wrong.
    pub fn publish(&self, channel: impl Into<String>, chunk: impl Into<Chunk>) -> Reply<Published> {
        let (channel, Chunk(chunk)) = (channel.into(), chunk.into());
        self.server.ask(async move |server| {
            let published = server.controller.publish(&channel, chunk).await?;
            Ok(Published { id: published.id, clients: published.clients })
        })
    }

    /// Returns the channels, by name.
    ///
    /// ```
    /// # use onbeat::Server;
    /// let server = Server::builder().routes("[channel.news]\nhistory = 100").start().wait()?;
    /// assert_eq!(server.channels().wait()?[0].name, "news");
    /// # Ok::<(), onbeat::server::ServerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the server has ended.
    pub fn channels(&self) -> Reply<Vec<ChannelReport>> {
        self.server.ask(async |server| Ok(server.controller.channels()))
    }

    /// Waits until a channel has so many subscribers; not at all, if the channel has.
    ///
    /// ```
    /// # use std::io::Write;
    /// # let server = onbeat::Server::start().wait()?;
    /// # server.route(r#"{"path": "/news", "steps": [{"subscribe": "news"}]}"#).wait()?;
    /// # let mut client = std::net::TcpStream::connect(server.addr())?;
    /// # client.write_all(b"GET /news HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    /// server.subscribed("news", 1).wait()?;
    /// assert_eq!(server.publish("news", "data: hello\n\n").wait()?.clients, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such channel, or after ten seconds of the machine's time, or what
    /// [`ServerBuilder::patience`](super::ServerBuilder::patience) says.
    pub fn subscribed(&self, channel: impl Into<String>, count: usize) -> Reply<ChannelReport> {
        let channel = channel.into();
        self.server.ask(async move |server| {
            at_least_one(count)?;
            Ok(server.controller.subscribed(&channel, count, server.patience).await?)
        })
    }
}
