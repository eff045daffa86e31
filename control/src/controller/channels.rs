//! The channels: listed, published to, and waited for.

use std::sync::Arc;
use std::time::Duration;

use onbeat_routes::{ChannelReport, Published};
use onbeat_wire::recording::{Body, Exchange, Publish};

use super::waiting::wait_for;
use super::{Controller, Instance, OperationError, SentChunk};

/// How many other channels a refusal lists.
const LISTED_MAX: usize = 10;

impl Controller {
    /// Returns all channels, by name.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelReport> {
        self.instance().routes.channels()
    }

    /// Publishes an event, or bytes, to the subscribers of a channel, now.
    ///
    /// # Errors
    ///
    /// If the chunk is wrong, or there is no such channel.
    pub async fn publish(&self, name: &str, chunk: SentChunk) -> Result<Published, OperationError> {
        chunk.check()?;
        // Keeps the rest until the line is in the log, so that event and line have the same time.
        let (instance, _rest) = self.instance_at_rest().await;
        let published = match chunk {
            SentChunk::Event(fields) => instance.routes.publish(name, fields),
            SentChunk::Raw(bytes) => instance.routes.publish_bytes(name, bytes, None),
        }?;
        let chunk = Body { bytes: published.bytes.clone(), is_cut: false };
        let fact = Publish { channel: name.to_owned(), id: published.id.clone(), chunk };
        instance.monitor.note(Exchange::default(), fact);
        if published.filling {
            // Lets the subscribers read first: a burst of events must not run ahead of the readers.
            tokio::task::yield_now().await;
        }
        Ok(published)
    }

    /// Waits until at least `at_least` clients are subscribed to a channel.
    ///
    /// # Errors
    ///
    /// If there is no such channel, after `time_max` of the machine's time, or if the server is reset.
    pub async fn subscribed(
        &self,
        name: &str,
        at_least: usize,
        time_max: Duration,
    ) -> Result<ChannelReport, OperationError> {
        let instance = self.instance();
        // Refuses an unknown name at once: no wait would help.
        instance.routes.channel(name)?;
        let awaited = format!("{at_least} subscribed to {name}");
        let too_late = || OperationError::NotSubscribed {
            awaited: awaited.clone(),
            timeout_ms: time_max.as_millis(),
            got: instance.routes.channel(name).map_or(0, |channel| channel.subscribers),
            others: subscribed_to_others(&instance.routes.channels(), name),
        };
        wait_for(self.enough_subscribed(&instance, name, at_least), &awaited, time_max, too_late).await
    }

    /// Waits until at least `at_least` clients are subscribed to a known channel; returns `None` after a reset.
    async fn enough_subscribed(&self, instance: &Arc<Instance>, name: &str, at_least: usize) -> Option<ChannelReport> {
        loop {
            // Registers before the looks, so that no subscription in between is missed.
            let next = instance.monitor.connections().next_begun();
            let subscribed = instance.routes.next_subscribed(name).ok()?;
            if !self.is_current(instance) {
                return None;
            }
            let channel = instance.routes.channel(name).ok()?;
            if channel.subscribers >= at_least {
                return Some(channel);
            }
            tokio::select! {
                biased;
                () = subscribed => {}
                // Wakes up for a reset, which wakes the tasks waiting for requests.
                () = next => {}
            }
        }
    }
}

/// Returns the subscribers of the channels but `name`, in words: a route at run time makes a channel with any name.
fn subscribed_to_others(channels: &[ChannelReport], name: &str) -> String {
    let others = channels.iter().filter(|channel| channel.name != name && channel.subscribers > 0);
    let others: Vec<_> =
        others.map(|channel| format!("{} to {}", channel.subscribers, channel.name)).take(LISTED_MAX).collect();
    if others.is_empty() { String::new() } else { format!("; subscribed to other channels: {}", others.join(", ")) }
}
