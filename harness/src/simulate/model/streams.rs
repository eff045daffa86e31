//! The streams that end: every write with its time and values, and the end.

use std::time::Duration;

use onbeat_wire::printable::visible;
use onbeat_wire::recording::{Dispatch, Fact, VaryRule};
use onbeat_wire::{Decoder, How, Instant};

use super::values::Values;
use super::{HttpExchange, Judged, SentRequest, Stream, View, World, holds, violation};
use crate::fixtures::EPOCH;
use crate::judge::{ScenarioLine, compare::conforms_exactly};

const PREFIX: &str = "a stream is a prefix of what the contract says";
const ON_TIME: &str = "every write comes when it is due";
const WHOLE: &str = "a stream is whole for who stays";
const NOTHING_AFTER: &str = "nothing comes after the end of a stream";
const IN_ORDER: &str = "a server that is told to end ends its streams with their last chunk, at once";
const PARSED: &str = "a parser dispatches just the events of the stream, however it was split";

impl World<'_> {
    /// Judges the response to the request with this number.
    pub(super) fn stream(&self, view: &View, number: usize, stream: Stream, response: &HttpExchange) -> Judged {
        let request = &view.requests[number];
        let golden = self.golden.stream(stream.name());
        let lines = || golden.into_iter().flat_map(|scene| &scene.lines).map(|(_, line)| line);
        let writes: Vec<&ScenarioLine> = lines().filter(|line| matches!(line.fact, Fact::Write(_))).collect();
        let is_rounded = lines().flat_map(|line| &line.notes.vary).any(|vary| is_rounded(&vary.rule));
        let values = |ordinal| Values::new(is_rounded, self.history.seed, ordinal, number);
        let mut values: Vec<Values> = view.ordinals.clone().map(values).collect();
        let due = |line: &ScenarioLine| request.at + Duration::from_millis(line.t_ms);
        // Compares each write with the next write of the golden file. Values rule out impossible ordinals of the connection.
        for (at, (came, bytes)) in response.writes.iter().enumerate() {
            let Some(line) = writes.get(at) else {
                return violation(NOTHING_AFTER, Some(view), format!("/{stream} goes on: {}", visible(bytes)));
            };
            if line.written().contains("\"value\":") {
                values.retain_mut(|values| visible(bytes).contains(&values.next()));
            }
            let is_right = conforms_exactly(line, bytes, stamp(due(line))) && !values.is_empty();
            holds(is_right, PREFIX, Some(view), || {
                let expected = visible(line.written().as_bytes());
                format!("/{stream}: expected {expected} with the seed's value, got {}", visible(bytes))
            })?;
            on_time(view, *came, self.times.comes(due(line)), bytes)?;
        }
        // Demands all writes, and the end, for a client that stays. Without chunks no end differs from a cut.
        let owed = |line: &&&ScenarioLine| self.is_owed(view, self.times.comes(due(line)), None);
        let must = if view.is_executed(request, self.times) { writes.iter().filter(owed).count() } else { 0 };
        let (came, all) = (response.writes.len(), writes.len());
        let is_ended = matches!(response.end, Some((_, How::Complete))) && (!response.is_raw() || came == all);
        holds(came >= must && (is_ended || must < all), WHOLE, Some(view), || {
            format!("/{stream}: {came} writes came, {must} were due; its end: {:?}", response.end)
        })?;
        holds(!is_ended || came == all || self.times.shut_down.is_some(), WHOLE, Some(view), || {
            format!("/{stream} ended after {came} of {all} writes")
        })?;
        self.ended_in_order(view, request, response)?;
        // Expects the events of the golden file behind the writes, up to the last write that came.
        let mut left = came;
        let mut events = Vec::new();
        for line in lines() {
            match &line.fact {
                Fact::Write(_) if left == 0 => break,
                Fact::Write(_) => left -= 1,
                Fact::Event(Dispatch { r#type, .. }) => events.push(r#type.clone()),
                _ => {}
            }
        }
        parsed(view, response, &events)
    }

    /// Judges whether a shutdown ended the stream at once, by the last chunk.
    pub(super) fn ended_in_order(&self, view: &View, request: &SentRequest, response: &HttpExchange) -> Judged {
        let Some((ending, at)) = self.times.shut_down else { return Ok(()) };
        let under_way = request.batch < ending && request.at < at;
        let is_complete = matches!(response.end, Some((_, How::Complete)));
        let is_over = is_complete && (!view.is_prompt() || response.end.is_some_and(|(end, _)| end <= at));
        let stays = view.stays_in(ending) && self.subscribers.evicted(view.client).is_none() && !view.pauses();
        let owed = under_way && stays && view.left.is_none_or(|left| view.sees(at, self.times) < left.at);
        holds(!owed || is_over, IN_ORDER, Some(view), || format!("{request} ended so: {:?}", response.end))
    }
}

/// Judges the time of a write: a prompt client sees the write when it is due, and no client sees it before.
pub(super) fn on_time(view: &View, came: Instant, due: Instant, bytes: &[u8]) -> Judged {
    holds(came == due || came > due && !view.is_prompt(), ON_TIME, Some(view), || {
        let (due, came) = (due.as_millis(), came.as_millis());
        format!("{} was due at {due} ms and came at {came} ms", visible(bytes))
    })
}

/// Judges the types of the events that a conforming parser dispatches, given the pieces of the network.
pub(super) fn parsed(view: &View, response: &HttpExchange, expected: &[String]) -> Judged {
    let mut decoder = Decoder::default();
    let body = response.body();
    let events = body.chunks(view.link.piece_bytes.max(1)).flat_map(|piece| decoder.push(piece));
    let came: Vec<String> = events.map(|event| event.event_type).collect();
    holds(came == expected, PARSED, Some(view), || format!("expected {expected:?}, got {came:?}"))
}

/// Returns whether a value that may vary is a number with at most one decimal.
fn is_rounded(rule: &VaryRule) -> bool {
    matches!(rule, VaryRule::Number(bounds) if bounds.decimals_max == Some(1))
}

/// Returns the wall-clock time of an instant.
pub(super) fn stamp(at: Instant) -> jiff::Timestamp {
    let epoch: jiff::Timestamp = EPOCH.parse().unwrap_or_default();
    let since = jiff::SignedDuration::try_from(at.since_epoch()).unwrap_or_default();
    epoch.saturating_add(since).unwrap_or_default()
}
