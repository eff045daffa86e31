//! Tests channels: mailboxes, evictions, and the history.

use std::task::Wake;

use super::*;

fn event(text: &'static str) -> Event {
    Event::from([Bytes::from_static(text.as_bytes())])
}

fn subscribe(channel: &Arc<Channel>) -> Subscription {
    channel.subscribe(Arc::new(Connection::new(0)))
}

fn read(mailbox: &mut Subscription) -> Vec<Bytes> {
    std::iter::from_fn(|| {
        if mailbox.oldest().is_some() {
            mailbox.take();
        }
        mailbox.go_on()
    })
    .collect()
}

fn publish(channel: &Channel, text: &'static str) -> (usize, usize, usize) {
    let Delivery { sent, removed, clients, .. } = channel.publish(Instant::EPOCH, event(text), |_| {});
    (sent, removed, clients)
}

#[test]
fn a_member_gets_the_events_from_its_joining_on() {
    let channel = Arc::new(Channel::new(8));
    assert_eq!(publish(&channel, "nobody hears"), (0, 0, 0));
    let mut early = subscribe(&channel);
    assert_eq!(publish(&channel, "one"), (1, 0, 1));
    let mut late = subscribe(&channel);
    assert_eq!(publish(&channel, "two"), (2, 0, 2));
    assert_eq!(read(&mut early), ["one", "two"]);
    assert_eq!(read(&mut late), ["two"]);
    assert!(read(&mut late).is_empty());
}

#[test]
fn a_member_that_leaves_is_counted_no_more() {
    let channel = Arc::new(Channel::new(8));
    let stays = subscribe(&channel);
    drop(subscribe(&channel));
    assert_eq!(publish(&channel, "one"), (1, 0, 1));
    drop(stays);
    assert_eq!(channel.subscribers(), 0);
}

#[test]
fn all_who_wait_for_the_next_member_are_woken_by_it() {
    let channel = Arc::new(Channel::new(8));
    let mut waits = [(); 2].map(|()| tokio_test::task::spawn(channel.next_subscribed()));
    assert!(waits.iter_mut().all(|wait| wait.poll().is_pending()));
    let _member = subscribe(&channel);
    assert!(waits.iter_mut().all(|wait| wait.is_woken() && wait.poll().is_ready()));
    // Waits from its call on, though it is polled only later.
    let mut late = tokio_test::task::spawn(channel.next_subscribed());
    let _other = subscribe(&channel);
    assert!(late.poll().is_ready());
}

#[test]
fn a_full_mailbox_evicts_its_member_with_the_event_that_does_not_fit() {
    let channel = Arc::new(Channel::new(2));
    let (mut reader, stuck) = (subscribe(&channel), subscribe(&channel));
    assert_eq!(publish(&channel, "one"), (2, 0, 2));
    assert_eq!(publish(&channel, "two"), (2, 0, 2));
    assert_eq!(read(&mut reader), ["one", "two"]);
    assert_eq!(stuck.subscriber.connection.ending(), None);
    assert_eq!(publish(&channel, "three"), (1, 1, 1));
    assert_eq!(stuck.subscriber.connection.ending(), Some(Ending::BreakOff(BrokenOff::Evicted)));
    assert_eq!(reader.subscriber.connection.ending(), None);
    assert_eq!(read(&mut reader), ["three"]);
}

#[test]
fn a_mailbox_is_filling_when_an_eighth_of_it_is_full() {
    let channel = Arc::new(Channel::new(16));
    let mut mailbox = subscribe(&channel);
    let filling = || channel.publish(Instant::EPOCH, event("x"), |_| {}).filling;
    assert_eq!([filling(), filling(), filling()], [false, false, true]);
    read(&mut mailbox);
    assert!(!channel.publish(Instant::EPOCH, event("x"), |_| {}).filling);
}

#[test]
fn the_writes_of_an_event_come_in_order() {
    let channel = Arc::new(Channel::new(2));
    let mut mailbox = subscribe(&channel);
    channel.publish(Instant::EPOCH, Event::from([Bytes::from_static(b"event"), Bytes::from_static(b"data")]), |_| {});
    mailbox.take();
    assert_eq!(mailbox.go_on().as_deref(), Some(&b"event"[..]));
    assert_eq!(mailbox.go_on().as_deref(), Some(&b"data"[..]));
    assert_eq!(mailbox.go_on(), None);
}

fn publish_numbered(channel: &Channel, ids: std::ops::Range<u32>) {
    for id in ids {
        let bytes = Bytes::from(format!("{id}"));
        channel.publish(Instant::EPOCH, Event::from([bytes]).with_id(Some(id.to_string())), |_| {});
    }
}

/// Returns the events of the history that a subscriber gets, who then gets the next event as well.
fn missed(channel: &Arc<Channel>, beginning: &Beginning) -> Vec<Bytes> {
    let at = Instant::EPOCH + std::time::Duration::from_secs(5);
    let mut mailbox = channel.subscribe_from(beginning, Arc::new(Connection::new(0)), at);
    assert!(mailbox.oldest().is_none_or(|oldest| oldest == at));
    let missed = read(&mut mailbox);
    assert!(!mailbox.is_missed());
    publish_numbered(channel, 77..78);
    assert_eq!(read(&mut mailbox), ["77"]);
    missed
}

#[test]
fn a_later_subscriber_gets_the_history_from_the_named_event_on() {
    let behind = |id: &str| Beginning::Behind(id.to_owned());
    for (beginning, expected) in [
        (Beginning::Next, &[][..]),
        (Beginning::Oldest, &["6", "7", "8"]),
        (behind("6"), &["7", "8"]),
        (behind("8"), &[]),
        (behind("5"), &["6", "7", "8"]),
        (behind("4"), &["6", "7", "8"]),
        (behind("unknown"), &["6", "7", "8"]),
    ] {
        let channel = Arc::new(Channel::with_history(8, 3));
        publish_numbered(&channel, 1..9);
        assert_eq!(channel.kept(), 3);
        assert_eq!(missed(&channel, &beginning), expected, "{beginning:?}");
    }
    let new = Arc::new(Channel::with_history(8, 3));
    assert_eq!(missed(&new, &Beginning::Oldest), [""; 0]);
}

#[test]
fn of_several_events_with_one_id_the_newest_is_taken_for_the_last_that_a_client_has() {
    let channel = Arc::new(Channel::with_history(8, 4));
    for (id, text) in [("x", "a"), ("y", "b"), ("x", "c"), ("z", "d")] {
        let event = Event::from([Bytes::from_static(text.as_bytes())]).with_id(Some(id.to_owned()));
        channel.publish(Instant::EPOCH, event, |_| {});
    }
    assert_eq!(missed(&channel, &Beginning::Behind("x".to_owned())), ["d"]);
}

#[test]
fn a_subscriber_with_a_history_to_take_has_a_whole_mailbox_beside() {
    let channel = Arc::new(Channel::with_history(2, 100));
    publish_numbered(&channel, 0..100);
    for reads in [false, true] {
        let mut late = channel.subscribe_from(&Beginning::Oldest, Arc::new(Connection::new(0)), Instant::EPOCH);
        if reads {
            assert_eq!(read(&mut late).len(), 100);
        }
        let publish = || publish(&channel, "more");
        assert_eq!([publish(), publish(), publish()], [(1, 0, 1), (1, 0, 1), (0, 1, 0)], "{reads}");
    }
}

#[test]
fn an_event_is_freed_when_the_last_member_has_passed_it() {
    let channel = Arc::new(Channel::new(8));
    let (mut quick, slow) = (subscribe(&channel), subscribe(&channel));
    let bytes = Bytes::from(vec![b'x'; 10]);
    channel.publish(Instant::EPOCH, Event::from([bytes.clone()]), |_| {});
    publish(&channel, "two");
    read(&mut quick);
    assert!(!bytes.is_unique());
    drop(slow);
    assert!(bytes.is_unique());
}

#[test]
fn a_long_log_is_freed_without_deep_recursion() {
    let channel = Arc::new(Channel::new(u64::MAX));
    let mailbox = subscribe(&channel);
    for _ in 0..1_000_000 {
        publish(&channel, "x");
    }
    drop(mailbox);
}
#[test]
fn all_who_are_evicted_at_once_are_counted() {
    let channel = Arc::new(Channel::new(1));
    let (mut reader, _stuck) = (subscribe(&channel), [subscribe(&channel), subscribe(&channel), subscribe(&channel)]);
    assert_eq!(publish(&channel, "one"), (4, 0, 4));
    read(&mut reader);
    assert_eq!(publish(&channel, "two"), (1, 3, 1));
}

#[test]
fn a_member_that_joins_late_has_a_mailbox_as_large_as_the_others() {
    let channel = Arc::new(Channel::new(2));
    for _ in 0..5 {
        publish(&channel, "before");
    }
    let _late = subscribe(&channel);
    assert_eq!(
        [publish(&channel, "one"), publish(&channel, "two"), publish(&channel, "three")],
        [(1, 0, 1), (1, 0, 1), (0, 1, 0)]
    );
}

/// Looks into a mailbox, as another thread may, while the connection is being woken.
struct MailboxProbe {
    mailbox: Subscription,
    prepared: Arc<AtomicU64>,
    found: AtomicU64,
}

impl Wake for MailboxProbe {
    fn wake(self: Arc<Self>) {
        let is_prepared = self.prepared.swap(0, Ordering::Relaxed) == 1;
        self.found.fetch_add(u64::from(is_prepared && self.mailbox.oldest().is_some()), Ordering::Relaxed);
    }
}

#[test]
fn an_event_is_there_and_all_is_prepared_when_its_members_are_woken() {
    let channel = Arc::new(Channel::new(8));
    let prepared = Arc::new(AtomicU64::new(0));
    let subscribers: Vec<_> = (0..3).map(|_| subscribe(&channel)).collect();
    let probes = subscribers.into_iter().map(|mailbox| {
        let connection = Arc::clone(&mailbox.subscriber.connection);
        let probe = Arc::new(MailboxProbe { mailbox, prepared: Arc::clone(&prepared), found: AtomicU64::new(0) });
        connection.task().register(&Arc::clone(&probe).into());
        probe
    });
    let probes: Vec<_> = probes.collect();
    channel.publish(Instant::EPOCH, event("one"), |_| prepared.store(1, Ordering::Relaxed));
    assert!(probes.iter().all(|probe| probe.found.load(Ordering::Relaxed) == 1));
}
