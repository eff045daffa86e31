//! Hints: the likeliest cause of many findings at once.

use std::time::Duration;

use onbeat_wire::How;
use onbeat_wire::printable::to_json;
use onbeat_wire::recording::{Vary, VaryPlace, VaryRule};

use super::align::{Aligned, vary};
use super::compare::{Comparison, ProxyChange};
use super::contract::ContractExchange;
use super::facts::{ResponseFacts, SeenResponse};
use super::narrowest_rules::UnitDifference;
use super::times::TimedLine;
use super::unit::Unit;
use crate::judge::{Hint, Loosening, NO_BUFFERING, NO_FLUSH, bursts, fields, float_ms};

/// A stream with fewer bursts, or a shorter one, says little about buffers.
const BURSTS_MIN: usize = 3;
const SPAN_MS_MIN: u64 = 300;
/// A stream is held back if the lines come in so many times fewer bursts than recorded.
const FEWER_BURSTS: usize = 3;
/// Values that differ in so many lines differ most likely each time; more values are no pattern.
const LINES_MIN: usize = 2;
const VALUES_MAX: usize = 5;
/// A busy machine makes so many waits of a recording longer; more are the server's.
const SHORT_WAITS_MAX: usize = 2;

/// Returns the likeliest cause of what was found in one exchange, if there is such a cause. In a lab nothing stands between
/// the application and the check.
pub(super) fn hint(
    exchange: &ContractExchange,
    seen: &SeenResponse,
    comparison: &Comparison,
    in_lab: bool,
) -> Option<Hint> {
    if comparison.evidence.is_clean() {
        return None;
    }
    let response = &exchange.response;
    if seen.facts.head.is_none() {
        // Takes no closed connection for silence: a buffer holds a response back, and closes nothing.
        let is_open = seen.facts.end.is_none_or(|end| end.how == How::Closed);
        let silent = !in_lab && is_open && seen.trouble.is_none() && !response.writes.is_empty();
        return silent.then(|| Hint { text: silent_text(), explains_all: false });
    }
    let (wanted, got) = (response.head.as_ref()?, seen.facts.head.as_ref()?);
    let refused = |status| matches!(status, 401 | 403 | 407);
    // Explains a refusal only if the recorded request was accepted, with a secret left out of the recording.
    if refused(got.head.status) && !refused(wanted.head.status) && !exchange.request.masked.is_empty() {
        let text = masked(got.head.status, &exchange.request.masked, in_lab);
        return Some(Hint { text, explains_all: false });
    }
    // Ends here in a lab, where neither a URL nor a proxy can be the cause.
    if in_lab {
        return varying(response, comparison).map(|text| Hint { text, explains_all: false });
    }
    if got.head.status == 404 && wanted.head.status != 404 {
        let target = &exchange.request.target;
        let text = format!(
            "The server knows no {target}. The path of the URL comes before the target of the recording: give the URL at \
             which {target} is found, most likely without a path."
        );
        return Some(Hint { text, explains_all: false });
    }
    let (was, is) = (fields::coding(&wanted.head), fields::coding(&got.head));
    if was != is {
        let told =
            |coding: Option<String>| coding.map_or_else(|| "without a coding".into(), |coding| format!("as {coding}"));
        let text = format!(
            "The body comes {}, and in the recording {}, for the same 'Accept-Encoding', unless --header gives another one. If \
             the server may choose, accept what comes with `--accept`, or record anew with 'Accept-Encoding: identity'.",
            told(is),
            told(was)
        );
        return Some(Hint { text, explains_all: false });
    }
    if comparison.evidence.doubts_order_alone() {
        return Some(Hint { text: OTHER_ORDER.into(), explains_all: false });
    }
    // Looks for a proxy only where all bytes are right.
    if comparison.has_other_findings {
        return varying(response, comparison).map(|text| Hint { text, explains_all: false });
    }
    if let Some((first_ms, last_ms)) = held_back(&comparison.came) {
        return Some(Hint { text: buffered(&comparison.came, first_ms, last_ms), explains_all: true });
    }
    let in_time = comparison.came.iter().all(|line| !is_late(line));
    let of_proxy = match comparison.proxy_change {
        ProxyChange::None => None,
        ProxyChange::Chunks => Some(ONLY_CHUNKS),
        ProxyChange::MoreThanChunks => Some(OF_PROXY),
    };
    if let Some(text) = of_proxy.filter(|_| in_time) {
        return Some(Hint { text: text.into(), explains_all: false });
    }
    let is_short_wait = (1..=SHORT_WAITS_MAX).contains(&comparison.early_lines.len());
    let only_short_waits =
        is_short_wait && !comparison.has_other_time_findings && comparison.proxy_change == ProxyChange::None;
    only_short_waits.then(|| Hint { text: SHORT_WAIT.into(), explains_all: false })
}

/// Returns a proposal to loosen values that differ in several lines, if nothing else is wrong with the lines.
fn varying(response: &ResponseFacts, comparison: &Comparison) -> Option<String> {
    let (mut count, mut shifted, mut proposed): (usize, usize, Vec<Vary>) = (0, 0, Vec::new());
    for step in &comparison.steps {
        let Aligned::Wrong(e, g) = *step else { continue };
        let (expected, seen) = (&comparison.expected_units[e], &comparison.seen_units[g]);
        let UnitDifference { vary: mut varying, is_another_text } = UnitDifference::between(expected, seen);
        if is_another_text || !expected.has_frame_of(seen) {
            return None;
        }
        // Leaves out what a rule of the recording allows already.
        let rules = vary(&response.writes, expected);
        let allows = |rule: &Loosening, place: &VaryPlace| {
            rule.place == *place && seen.values(place).iter().all(|value| rule.breach_in_place(value).is_none())
        };
        varying.retain(|vary| !rules.iter().any(|rule| allows(rule, &vary.place)));
        // Takes keys that come and go, values of other types, and values that break a rule, for mistakes.
        let has_rule = |vary: &Vary| rules.iter().any(|rule| rule.place == vary.place);
        if varying.is_empty() || varying.iter().any(|vary| vary.rule == VaryRule::Any || has_rule(vary)) {
            return None;
        }
        count += 1;
        // Recognises a write that is lost or doubled, behind which each value is that of a neighbour.
        let neighbours = [e.checked_sub(1), Some(e + 1)].into_iter().flatten();
        let mut neighbours = neighbours.filter_map(|at| comparison.expected_units.get(at));
        let is_shifted =
            |other: &Unit| varying.iter().all(|vary| other.values(&vary.place) == seen.values(&vary.place));
        shifted += usize::from(neighbours.any(is_shifted));
        for vary in varying.into_iter().filter(|vary| vary.place != VaryPlace::Pointer(String::new())) {
            match proposed.iter_mut().find(|known| known.place == vary.place) {
                Some(known) if known.rule != vary.rule => {
                    // Takes a number in one line and a text in the other for a mistake: no rule but `any` fits both.
                    let is_number = |rule: &VaryRule| matches!(rule, VaryRule::Number(_));
                    if is_number(&known.rule) != is_number(&vary.rule) && matches!(vary.place, VaryPlace::Pointer(_)) {
                        return None;
                    }
                    // Takes the wider of two rules, which fits both lines.
                    known.rule = VaryRule::String;
                }
                Some(_) => {}
                None => proposed.push(vary),
            }
        }
    }
    if count < LINES_MIN || 2 * shifted >= count || proposed.is_empty() || proposed.len() > VALUES_MAX {
        return None;
    }
    Some(format!(
        "The same values differ in {count} lines. If they differ each time, say so once, at the end of the first line of the \
         recording: \"vary\":{}",
        to_json(&proposed)
    ))
}

const SHORT_WAIT: &str = "All is right but for a wait that is shorter than in the recording. If the server is not meant to wait for so long, a busy \
                          machine made the wait longer while the recording was made: record again on a machine with nothing else \
                          to do, or accept what comes with `--accept`.";
const OTHER_ORDER: &str = "All is right but for the order of writes that were recorded within 25 ms of each other, and that came in the other order \
                           each time. If two timers of the server meet here, record until each of them has fired three times, or let \
                           the rarer write be optional (`\"may\":true`). If not, the server sends the writes in another order.";
const ONLY_CHUNKS: &str = "All bytes are right, and only divided into other chunks. A proxy between the check and the server does this: check with \
                           `--behind-proxy`. If there is no proxy, the server joins or splits its writes.";
const OF_PROXY: &str = "All bytes are right. A proxy between the check and the server changes what differs: it takes `x-accel-buffering` out, \
                        makes a cut of a reset, and divides a body into other chunks. Check with `--behind-proxy`. If there is no \
                        proxy, the server itself does this.";

fn silent_text() -> String {
    format!(
        "Nothing came at all. If there is a proxy between the check and the server, it may hold the response back until its \
         buffer is full: switch the buffering off {NO_BUFFERING}, or check the server itself."
    )
}

fn buffered(lines: &[TimedLine], first_ms: u64, last_ms: u64) -> String {
    let span = if bursts(lines.iter().skip(1).map(came_after)) == 1 {
        format!("All writes came together at {:.1} s", float_ms(last_ms) / 1000.0)
    } else {
        format!("The writes came in a few bursts up to {:.1} s", float_ms(last_ms) / 1000.0)
    };
    let due_ms = lines.last().map_or(0, |line| line.due.last_ms);
    format!(
        "{span}, though they were due from {:.1} s to {:.1} s. Their bytes are right. Something between the server \
         and the check buffers: have a proxy pass on each write at once {NO_BUFFERING}, or check the server itself. {NO_FLUSH}",
        float_ms(first_ms) / 1000.0,
        float_ms(due_ms) / 1000.0
    )
}

/// Returns when the first write was due and when the last came, if the writes come in far fewer bursts than recorded, and
/// none of them early.
fn held_back(lines: &[TimedLine]) -> Option<(u64, u64)> {
    // Leaves out the head, which may come before a buffer holds the body back.
    let lines = lines.get(1..)?;
    let (first, last) = (lines.first()?, lines.last()?);
    let due = bursts(lines.iter().map(|line| Duration::from_millis(line.due.last_ms)));
    let came = bursts(lines.iter().map(came_after));
    let spans = last.due.last_ms.saturating_sub(first.due.last_ms) >= SPAN_MS_MIN;
    let is_early = lines.iter().any(|line| line.came.last_ms + SPAN_MS_MIN / 2 < line.due.last_ms);
    (spans && due >= BURSTS_MIN && came * FEWER_BURSTS <= due && !is_early)
        .then_some((first.due.last_ms, last.came.last_ms))
}

/// Returns how long after the request a line came.
fn came_after(line: &TimedLine) -> Duration {
    Duration::from_millis(line.came.last_ms)
}

fn is_late(line: &TimedLine) -> bool {
    line.came.last_ms > line.due.last_ms + SPAN_MS_MIN
}

fn masked(status: u16, names: &[String], in_lab: bool) -> String {
    let (parameters, headers): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| name.starts_with('?'));
    let server = if in_lab { "application" } else { "server" };
    let mut text = format!("The {server} answers {status}, and the recording has no secrets.");
    if let Some(first) = headers.first() {
        let names = headers.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let how = if in_lab { format!(".header({first:?}, …)") } else { format!("--header '{first}: …'") };
        text += &format!(" Send what the recorder left out ({names}): {how}.");
    }
    if !parameters.is_empty() {
        let names = parameters.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        text += &format!(" In the query {names} was left out: edit the line of the request.");
    }
    text
}
