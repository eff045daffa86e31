//! The streams that end: every write, its time, its values, and the end.

use std::time::Duration;

use onbeat_wire::printable::visible;
use onbeat_wire::recording::{Dispatch, Fact};
use onbeat_wire::{Decoder, Event, How, Instant};

use super::members::Members;
use super::values::Values;
use super::view::{Ask, View};
use super::{Judged, World, violation};
use crate::fixtures::EPOCH;
use crate::judge::{ScenarioLine, compare::conforms_exactly};
use crate::player::HttpExchange;
use crate::replay::Stream;
use crate::simulate::history::{Asked, Manner};

const PREFIX: &str = "a stream is a prefix of what the contract says";
const ON_TIME: &str = "every write comes when it is due";
const WHOLE: &str = "a stream is whole for who stays";
const NOTHING_AFTER: &str = "nothing comes after the end of a stream";
const IN_ORDER: &str = "a server that is told to end ends its streams with their last chunk, at once";
const PARSED: &str = "a parser dispatches just the events of the stream, however it was split";

impl World<'_> {
    pub(super) fn streams(&self, view: &View, members: &Members) -> Judged {
        for (request, (ask, response)) in view.asks.iter().zip(&view.responses).enumerate() {
            match ask.asked {
                Asked::Stream(stream) if stream.hears_broadcasts() => {}
                Asked::Stream(_) if ask.manner == Manner::Head => {}
                Asked::Stream(stream) => self.stream(view, request, ask, stream, response, members)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn stream(
        &self,
        view: &View,
        request: usize,
        ask: &Ask,
        stream: Stream,
        response: &HttpExchange,
        members: &Members,
    ) -> Judged {
        let golden = self.golden.stream(stream.name());
        let lines = || golden.into_iter().flat_map(|scene| &scene.lines).map(|(_, line)| line);
        let writes: Vec<&ScenarioLine> = lines().filter(|line| matches!(line.fact, Fact::Write(_))).collect();
        let ordinals = view.ordinals.clone();
        let is_rounded = lines().flat_map(|line| &line.notes.vary).any(|vary| vary.rule.is_rounded());
        let values = |ordinal| Values::new(is_rounded, self.history.seed, ordinal, request);
        let mut values: Vec<Values> = ordinals.map(values).collect();
        let due = |line: &ScenarioLine| {
            let due = ask.at + Duration::from_millis(line.t_ms);
            (due, self.times.comes(due))
        };
        for (at, (came, bytes)) in response.writes.iter().enumerate() {
            let Some(line) = writes.get(at) else {
                return violation(NOTHING_AFTER, Some(view), format!("/{stream} goes on: {}", visible(bytes)));
            };
            if line.written().contains("\"value\":") {
                values.retain_mut(|values| visible(bytes).contains(&values.next()));
            }
            let (due, comes) = due(line);
            if !conforms_exactly(line, bytes, stamp(due)) || values.is_empty() {
                let expected = visible(line.written().as_bytes());
                let detail = format!("/{stream}: expected {expected} with the seed's value, got {}", visible(bytes));
                return violation(PREFIX, Some(view), detail);
            }
            on_time(view, *came, comes, bytes)?;
        }
        let owed = |line: &&&ScenarioLine| self.is_owed(view, members, due(line).1, None);
        let must = if view.is_executed(ask, self.times) { writes.iter().filter(owed).count() } else { 0 };
        // Without chunks nothing tells an end from a cut.
        let is_whole = !response.is_raw() || response.writes.len() == writes.len();
        let ended = matches!(response.end, Some((_, How::Complete))) && is_whole;
        let cut_short = self.times.shut_down.is_some();
        if response.writes.len() < must || must == writes.len() && !ended {
            let came = response.writes.len();
            let detail = format!("/{stream}: {came} writes came, {must} were due; its end: {:?}", response.end);
            return violation(WHOLE, Some(view), detail);
        }
        if ended && response.writes.len() < writes.len() && !cut_short {
            let detail = format!("/{stream} ended after {} of {} writes", response.writes.len(), writes.len());
            return violation(WHOLE, Some(view), detail);
        }
        self.ended_in_order(view, ask, response, members)?;
        let events = lines().take_while({
            let mut left = response.writes.len();
            move |line| {
                let write = matches!(line.fact, Fact::Write(_));
                let goes_on = left > 0 || !write;
                left = left.saturating_sub(usize::from(write));
                goes_on
            }
        });
        let events = events.filter_map(|line| match &line.fact {
            Fact::Event(Dispatch { r#type, .. }) => Some(r#type.clone()),
            _ => None,
        });
        let dispatched = dispatched(view, response).into_iter().map(|event| event.event_type);
        same_events(view, &dispatched.collect::<Vec<_>>(), &events.collect::<Vec<_>>())
    }

    /// A stream that a shutdown meets ends then, with its last chunk.
    pub(super) fn ended_in_order(&self, view: &View, ask: &Ask, response: &HttpExchange, members: &Members) -> Judged {
        let Some((ending, at)) = self.times.shut_down else { return Ok(()) };
        let under_way = ask.batch < ending && ask.at < at;
        let over = response.end.is_some_and(|(end, how)| how == How::Complete && end <= at);
        let stays = view.stays_in(ending) && members.evicted(view.client).is_none() && !view.pauses();
        let owed = under_way && stays && view.left.is_none_or(|left| view.sees(at, self.times) < left.at);
        if !owed || over || matches!(response.end, Some((_, How::Complete))) && !view.is_prompt() {
            return Ok(());
        }
        violation(IN_ORDER, Some(view), format!("{ask} ended so: {:?}", response.end))
    }
}

/// Who is prompt sees a write when it is due, and nobody sees it before.
pub(super) fn on_time(view: &View, came: Instant, due: Instant, bytes: &[u8]) -> Judged {
    if came < due || view.is_prompt() && came != due {
        let (due, came) = (due.as_millis(), came.as_millis());
        return violation(ON_TIME, Some(view), format!("{} was due at {due} ms and came at {came} ms", visible(bytes)));
    }
    Ok(())
}

/// What a conforming parser makes of the stream, in pieces as the network splits them.
pub(super) fn dispatched(view: &View, response: &HttpExchange) -> Vec<Event> {
    let stream: Vec<u8> = response.writes.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    let mut decoder = Decoder::default();
    stream.chunks(view.link.piece_bytes.max(1)).flat_map(|piece| decoder.push(piece)).collect()
}

pub(super) fn same_events<T: PartialEq + std::fmt::Debug>(view: &View, came: &[T], expected: &[T]) -> Judged {
    if came == expected {
        Ok(())
    } else {
        violation(PARSED, Some(view), format!("expected {expected:?}, got {came:?}"))
    }
}

/// The wall-clock time of an instant.
pub(super) fn stamp(at: Instant) -> jiff::Timestamp {
    let epoch: jiff::Timestamp = EPOCH.parse().unwrap_or_default();
    let since = jiff::SignedDuration::try_from(at.since_epoch()).unwrap_or_default();
    epoch.saturating_add(since).unwrap_or_default()
}
