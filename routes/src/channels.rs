//! The channels of a world: logs of events, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use onbeat_server::channel::Channel;
use parking_lot::Mutex;
use serde::Serialize;

use crate::model::{ChannelForm, Publish};
use crate::nearest_name::nearest;
use crate::request::Request;

/// The channels of a world. A channel outside of the file is made on the first use, without a history.
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
    /// How many events were published.
    published: Mutex<u64>,
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
#[non_exhaustive]
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
        // Holds the lock from the look to the insertion, so that two subscribers get the same channel.
        let mut by_name = self.by_name.lock();
        if let Some(channel) = by_name.get(name) {
            return Arc::clone(channel);
        }
        let channel = Arc::new(NamedChannel::new(self.mailbox_events_max, ChannelForm::default()));
        by_name.insert(name.to_owned(), Arc::clone(&channel));
        channel
    }

    /// Returns the channel with this name, or an error with the nearest name.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<NamedChannel>, NoSuchChannel> {
        // Never makes a channel: a publisher with a wrong name gets an error, not a channel without subscribers.
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
        Self { form, log, published: Mutex::new(0) }
    }

    /// Returns the log of the events.
    pub(crate) fn log(&self) -> Arc<Channel> {
        Arc::clone(&self.log)
    }

    /// Returns the rules for the request that publishes.
    pub(crate) fn publish(&self) -> Option<&Publish> {
        self.form.publish.as_ref()
    }

    /// Counts an event, and publishes the event under the same lock: events come in the order of their numbers. `publish` gets
    /// the number, from 1, and the ID for an event without an ID, if the channel has a history: a client could not resume behind
    /// an event without an ID.
    pub(crate) fn publish_next<T>(&self, publish: impl FnOnce(u64, Option<String>) -> T) -> T {
        let mut published = self.published.lock();
        *published += 1;
        publish(*published, (self.form.history > 0).then(|| published.to_string()))
    }

    pub(crate) fn report(&self, name: &str) -> ChannelReport {
        ChannelReport {
            name: name.to_owned(),
            subscribers: self.log.subscribers(),
            events: *self.published.lock(),
            kept: self.log.kept(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use onbeat_server::channel::Event;
    use onbeat_server::connection::Connection;
    use onbeat_wire::Instant;

    use super::*;
    use crate::request::tests::request;
    use crate::testing::model;

    fn channels() -> Channels {
        let model = model(
            r#"[channel.news]
            history = 2
            publish = { path = "/news/*" }
            [channel.alerts]
            publish = { method = "PUT", path = "/alerts" }
            [channel.quiet]"#,
        );
        Channels::new(100, &model.channels)
    }

    #[test]
    fn a_request_publishes_by_its_method_and_its_path() {
        let channels = channels();
        for (method, target, expected) in [
            ("POST", "/news/a?b=c", Some(2)),
            ("POST", "/news", None),
            ("PUT", "/news/a", None),
            ("PUT", "/alerts", Some(0)),
            ("POST", "/alerts", None),
        ] {
            let channel = channels.published_by(&request(method, target, &[], ""));
            assert_eq!(channel.map(|channel| channel.form.history), expected, "{method} {target}");
        }
        for (path, can) in [("/news/a", true), ("/alerts", true), ("/quiet", false)] {
            assert_eq!(channels.publish_at(path), can, "{path}");
        }
    }

    #[test]
    fn events_are_counted_and_numbered_where_they_are_kept() {
        let channels = channels();
        let count = |name: &str| channels.named(name).publish_next(|number, id| (number, id));
        assert_eq!((count("news"), count("news")), ((1, Some("1".into())), (2, Some("2".into()))));
        assert_eq!((count("quiet"), count("new")), ((1, None), (1, None)));
        let reports: Vec<_> = channels.reports().into_iter().map(|report| (report.name, report.events)).collect();
        let expected = [("alerts", 0), ("new", 1), ("news", 2), ("quiet", 1)];
        assert_eq!(reports, expected.map(|(name, events)| (name.to_owned(), events)));
    }

    #[test]
    fn events_of_several_publishers_come_in_the_order_of_their_numbers() {
        let channel = channels().named("news");
        let come = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        channel.publish_next(|number, _| come.lock().push(number));
                    }
                });
            }
        });
        assert!(come.into_inner().into_iter().eq(1..=4000));
    }

    #[test]
    fn a_client_that_takes_no_event_is_evicted_from_any_channel() {
        let channels = Channels::new(2, &model("[channel.news]").channels);
        for name in ["news", "made-later"] {
            let log = channels.named(name).log();
            let _subscription = log.subscribe(Arc::new(Connection::unnumbered()));
            let publish = || log.publish(Instant::EPOCH, Event::from([Bytes::from_static(b"data: 1\n\n")]), |_| ());
            assert_eq!([publish().removed, publish().removed, publish().removed], [0, 0, 1], "{name}");
        }
    }

    #[test]
    fn a_channel_that_is_not_there_is_told_with_the_nearest_name() {
        let channels = channels();
        for (name, said) in [
            ("nws", "expected a channel, such as news, got nws"),
            ("chat", "expected one of the channels alerts, news, quiet, got chat"),
        ] {
            assert_eq!(channels.find(name).expect_err(name).to_string(), said);
        }
        let none = Channels::new(1, &BTreeMap::new());
        let said = none.find("a").expect_err("no channel").to_string();
        assert_eq!(said, "expected a channel that a route subscribes to: there is none, got a");
        assert!(channels.find("news").is_ok_and(|found| Arc::ptr_eq(&found, &channels.named("news"))));
    }
}
