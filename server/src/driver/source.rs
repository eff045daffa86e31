//! The sources of a driver: a script with subscriptions, or the body of another application.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use http_body::{Body as HttpBody, SizeHint};
use onbeat_wire::{How, Instant};

use super::alarm::Alarm;
use crate::channel::Subscription;
use crate::heartbeats::HeartbeatSchedule;
use crate::script::{Action, Cue, ResponseHead, Script, Subscribing};
use onbeat_clock::Clock;

/// The next due action, with the due time.
pub type DueAction = Poll<Result<(Instant, Action), axum::Error>>;

/// A source of the actions of a response.
pub trait Source: Send + Unpin + 'static {
    /// Waits for the next action. On a connection that is to end in good order (`is_ending`), a complete end replaces the
    /// actions that are not due yet.
    fn poll_action(&mut self, is_ending: bool, cx: &mut Context<'_>) -> DueAction;

    /// Returns whether the next action is a complete end, and due.
    fn is_end_stream(&self) -> bool;

    /// Returns whether nothing is left but a complete end that is due.
    fn is_only_end_left(&self) -> bool {
        self.is_end_stream()
    }

    /// Returns how many bytes are left, as far as the number is known.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }

    /// Notes a write of another source at this time.
    fn note_write(&mut self, _at: Instant) {}

    /// Hands the turn on: all due writes have been handed over.
    fn hand_turn_on(&mut self) {}
}

/// The beginning of a script.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A head.
    Head(ResponseHead),
    /// No head: the endpoint makes the head.
    Body,
    /// A cut or a reset in place of a response.
    End(How),
}

/// A script, merged by time with its heartbeats and with the events of subscriptions. The order of the writes never depends
/// on the speed of the client: of one instant a write of the script goes before a heartbeat, and a heartbeat before an event,
/// however late the body is polled.
pub struct ScriptSource<S> {
    started: Instant,
    script: S,
    next: Option<Cue>,
    heartbeats: HeartbeatSchedule,
    subscriptions: Vec<Subscription>,
    alarm: Alarm,
    /// The end is due with the last action.
    is_over: bool,
}

impl<S: Script> ScriptSource<S> {
    pub(super) fn new(started: Instant, mut script: S, subscription: Option<Subscription>, alarm: Alarm) -> Self {
        let (next, heartbeats) = (script.next(), HeartbeatSchedule::default());
        let subscriptions = subscription.into_iter().collect();
        Self { started, script, next, heartbeats, subscriptions, alarm, is_over: false }
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn alarm(&mut self) -> &mut Alarm {
        &mut self.alarm
    }

    /// Takes the first action of the script when due, if the first action is a head or an end without a head.
    pub(super) fn poll_opening(&mut self, cx: &mut Context<'_>) -> Poll<Opening> {
        let Some(Cue { at, action: Action::Head(_) | Action::End(How::Cut | How::Reset) }) = &self.next else {
            return Poll::Ready(Opening::Body);
        };
        let due = self.started + *at;
        // Skips the wait for a head due at once, which needs no sleeper in the clock.
        if self.alarm.now() < due {
            ready!(self.alarm.poll(due, cx));
        }
        // Takes the turn of a wait that is over: the head, and an end behind it, go out before time passes.
        self.alarm.cancel();
        match std::mem::replace(&mut self.next, self.script.next()) {
            Some(Cue { action: Action::Head(head), .. }) => Poll::Ready(Opening::Head(*head)),
            Some(Cue { action: Action::End(how), .. }) => Poll::Ready(Opening::End(how)),
            _ => Poll::Ready(Opening::Body),
        }
    }

    /// Returns when the script goes on, or a heartbeat comes.
    fn next_due(&self) -> Option<Instant> {
        let script = self.next.as_ref().map(|cue| cue.at);
        let at = script.into_iter().chain(self.heartbeats.next_at()).min()?;
        Some(self.started + at)
    }

    /// Returns whether a heartbeat goes before the next cue of the script.
    fn is_heartbeat_next(&self) -> bool {
        let script = self.next.as_ref().map(|cue| cue.at);
        self.heartbeats.next_at().is_some_and(|at| script.is_none_or(|script| at < script))
    }

    /// Takes the next heartbeat, if the heartbeat goes before the next cue of the script.
    fn take_heartbeat(&mut self) -> Option<Cue> {
        let (at, bytes) = if self.is_heartbeat_next() { self.heartbeats.take() } else { None }?;
        Some(Cue { at, action: Action::Write(bytes) })
    }

    /// Returns whether a complete end is next, and due at this time.
    fn is_end_next(&self, now: Instant) -> bool {
        let ends = |next: &Cue| next.action == Action::End(How::Complete) && self.started + next.at <= now;
        self.subscriptions.is_empty() && !self.is_heartbeat_next() && self.next.as_ref().is_some_and(ends)
    }

    /// Takes the next action that is due.
    fn due(&mut self) -> Option<(Instant, Action)> {
        loop {
            // Goes on with an event that has begun: its writes stay together.
            if let Some((at, write)) = self.subscriptions.iter_mut().find_map(next_write) {
                self.note_write(at);
                return Some((at, write));
            }
            let scripted = self.next_due();
            // Compares the time of the oldest event with the script: the time decides, however late the poll.
            if let Some(subscription) = next_event(&mut self.subscriptions, scripted) {
                subscription.take();
                continue;
            }
            let scripted = scripted.filter(|scripted| *scripted <= self.alarm.now())?;
            // Takes the turn with the first action of the instant, since no other action may follow.
            self.alarm.cancel();
            let heartbeat = self.take_heartbeat();
            let action = heartbeat.or_else(|| std::mem::replace(&mut self.next, self.script.next()))?.action;
            match action {
                // Leaves out an empty heartbeat; no other write is empty.
                Action::Write(bytes) if bytes.is_empty() => continue,
                Action::Write(_) => {
                    self.alarm.count_write();
                    self.note_write(scripted);
                }
                Action::Subscribe(subscribing) => {
                    let Subscribing { channel, beginning } = &*subscribing;
                    // Dates the history by the due time, however late the poll. A late poll misses events that no history keeps.
                    let connection = Arc::clone(self.alarm.connection());
                    self.subscriptions.push(channel.subscribe_from(beginning, connection, scripted));
                    continue;
                }
                Action::Heartbeats(heartbeats) => {
                    self.heartbeats.begin(scripted - self.started, heartbeats);
                    continue;
                }
                // Keeps the response open, but plays no later cue.
                Action::End(How::Closed) => {
                    self.next = None;
                    continue;
                }
                Action::Head(_) | Action::Flush | Action::End(_) => {}
            }
            // Looks a cue ahead, so that the last write and the end can go out together.
            self.is_over = self.is_end_next(scripted);
            return Some((scripted, action));
        }
    }
}

/// Returns the subscription with the oldest event, if the event goes before an action of the script at this time.
fn next_event(subscriptions: &mut [Subscription], scripted: Option<Instant>) -> Option<&mut Subscription> {
    let with_events = subscriptions.iter_mut().filter_map(|subscription| Some((subscription.oldest()?, subscription)));
    // Takes, of events of the same instant, the history first, and then the event of the earlier subscription.
    let (happened, subscription) =
        with_events.min_by_key(|(happened, subscription)| (*happened, !subscription.is_missed()))?;
    // Puts the history before the script, and other events behind an action of the same instant.
    let goes_first = subscription.is_missed() || scripted.is_none_or(|scripted| happened < scripted);
    goes_first.then_some(subscription)
}

impl<S: Script> Source for ScriptSource<S> {
    fn poll_action(&mut self, is_ending: bool, cx: &mut Context<'_>) -> DueAction {
        loop {
            if let Some(due) = self.due() {
                return Poll::Ready(Ok(due));
            }
            // Ends only when nothing is due any more.
            if is_ending {
                return Poll::Ready(Ok((self.alarm.now(), Action::End(How::Complete))));
            }
            let Some(next) = self.next_due() else { return Poll::Pending };
            ready!(self.alarm.poll(next, cx));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn is_only_end_left(&self) -> bool {
        self.is_over || self.is_end_next(self.alarm.now())
    }

    fn note_write(&mut self, at: Instant) {
        if self.heartbeats.note_write(at - self.started) {
            // Ends the wait for the old time; the next poll waits for the new time.
            self.alarm.cancel();
        }
    }

    fn hand_turn_on(&mut self) {
        self.alarm.hand_turn_on();
    }
}

/// Returns the next write of the event that was taken last, and when the event happened.
fn next_write(subscription: &mut Subscription) -> Option<(Instant, Action)> {
    let write = subscription.go_on()?;
    Some((subscription.at(), Action::Write(write)))
}

/// The body of another application: each frame is due on arrival.
pub struct BodySource {
    pub(super) body: Body,
    pub(super) clock: Arc<dyn Clock>,
}

impl Source for BodySource {
    fn poll_action(&mut self, _: bool, cx: &mut Context<'_>) -> DueAction {
        loop {
            let action = match ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()? {
                None => Action::End(How::Complete),
                Some(frame) => match frame.into_data() {
                    Ok(bytes) => Action::Write(bytes),
                    // Leaves out trailers, which are no part of a recording.
                    Err(_) => continue,
                },
            };
            return Poll::Ready(Ok((self.clock.now(), action)));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
