//! The channels of a world: logs of events, by name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use onbeat_server::channel::Channel;
use parking_lot::Mutex;
use serde::Serialize;

use crate::model::{ChannelForm, Publish};
use crate::nearest::nearest;
use crate::request::Request;

/// The channels of a world. A channel that no file declares is made on the first use, without a history.
#[derive(Debug)]
pub(crate) struct Channels {
    mailbox_events_max: u64,
    by_name: Mutex<BTreeMap<String, Arc<NamedChannel>>>,
}

/// A channel, and the rules for publishing there.
#[derive(Debug)]
pub(crate) struct NamedChannel {
    form: ChannelForm,
    log: Arc<Channel>,
    published: AtomicU64,
}

/// There is no channel with this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {name}")]
pub struct NoSuchChannel {
    expected: String,
    name: String,
}

/// A channel, as the control interface lists channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelReport {
    /// The name.
    pub name: String,
    /// How many clients are subscribed.
    pub subscribers: usize,
    /// How many events were published.
    pub events: u64,
    /// How many events are kept for later subscribers.
    pub kept: usize,
}

impl Channels {
    pub(crate) fn new(mailbox_events_max: u64, forms: &BTreeMap<String, ChannelForm>) -> Self {
        let channel = |form: &ChannelForm| Arc::new(NamedChannel::new(mailbox_events_max, form.clone()));
        let by_name = forms.iter().map(|(name, form)| (name.clone(), channel(form))).collect();
        Self { mailbox_events_max, by_name: Mutex::new(by_name) }
    }

    /// Returns the channel with this name, perhaps a new channel.
    pub(crate) fn named(&self, name: &str) -> Arc<NamedChannel> {
        let mut by_name = self.by_name.lock();
        if let Some(channel) = by_name.get(name) {
            return Arc::clone(channel);
        }
        let channel = Arc::new(NamedChannel::new(self.mailbox_events_max, ChannelForm::default()));
        by_name.insert(name.to_owned(), Arc::clone(&channel));
        channel
    }

    /// Returns the channel with this name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<NamedChannel>, NoSuchChannel> {
        let by_name = self.by_name.lock();
        by_name.get(name).map(Arc::clone).ok_or_else(|| {
            let names: Vec<_> = by_name.keys().map(String::as_str).collect();
            let expected = match nearest(name, names.iter().copied()) {
                Some(nearest) => format!("a channel, such as {nearest}"),
                None if names.is_empty() => "a channel that a route subscribes to: there is none".into(),
                None => format!("one of the channels {}", names.join(", ")),
            };
            NoSuchChannel { expected, name: name.to_owned() }
        })
    }

    /// Returns the channel to which a request publishes.
    pub(crate) fn published_by(&self, request: &Request) -> Option<Arc<NamedChannel>> {
        let by_name = self.by_name.lock();
        let publishes = |publish: &Publish| publish.method == *request.method() && publish.path.fits(request.path());
        by_name.values().find(|channel| channel.form.publish.as_ref().is_some_and(publishes)).map(Arc::clone)
    }

    /// Returns whether requests to this path can publish.
    pub(crate) fn publish_at(&self, path: &str) -> bool {
        let by_name = self.by_name.lock();
        by_name.values().filter_map(|channel| channel.form.publish.as_ref()).any(|publish| publish.path.fits(path))
    }

    /// Returns all channels, by name.
    pub(crate) fn reports(&self) -> Vec<ChannelReport> {
        let by_name = self.by_name.lock();
        by_name.iter().map(|(name, channel)| channel.report(name)).collect()
    }
}

impl NamedChannel {
    fn new(mailbox_events_max: u64, form: ChannelForm) -> Self {
        let log = Arc::new(Channel::with_history(mailbox_events_max, form.history));
        Self { form, log, published: AtomicU64::new(0) }
    }

    /// Returns the log of the events.
    pub(crate) fn log(&self) -> Arc<Channel> {
        Arc::clone(&self.log)
    }

    /// Returns the rules for the request that publishes.
    pub(crate) fn publish(&self) -> Option<&Publish> {
        self.form.publish.as_ref()
    }

    /// Counts an event. Returns the number of the event, from 1, and the ID if the event has no other: a client could not
    /// resume behind an event without an ID.
    pub(crate) fn count(&self) -> (u64, Option<String>) {
        let number = self.published.fetch_add(1, Ordering::Relaxed) + 1;
        (number, (self.form.history > 0).then(|| number.to_string()))
    }

    pub(crate) fn report(&self, name: &str) -> ChannelReport {
        ChannelReport {
            name: name.to_owned(),
            subscribers: self.log.subscribers(),
            events: self.published.load(Ordering::Relaxed),
            kept: self.log.kept(),
        }
    }
}
