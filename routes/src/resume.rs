//! Resumes a script behind an event: leaves out the part that the client has seen.

use std::collections::VecDeque;
use std::time::Duration;

use onbeat_server::script::{Action, Cue};
use onbeat_wire::Decoder;

/// A script of any kind: some cues, and then the rest. Each write takes a single dynamic call.
pub(crate) struct AnyScript {
    first: VecDeque<Cue>,
    rest: Box<dyn Iterator<Item = Cue> + Send>,
}

impl AnyScript {
    pub(crate) fn new(script: impl Iterator<Item = Cue> + Send + 'static) -> Self {
        Self { first: VecDeque::new(), rest: Box::new(script) }
    }

    /// Returns the script with these cues before all others.
    pub(crate) fn behind(self, cues: impl IntoIterator<Item = Cue>) -> Self {
        let Self { first, rest } = self;
        Self { first: cues.into_iter().chain(first).collect(), rest }
    }
}

impl Iterator for AnyScript {
    type Item = Cue;

    fn next(&mut self) -> Option<Cue> {
        self.first.pop_front().or_else(|| self.rest.next())
    }
}

/// The most cues searched for an event: an event behind these counts as unknown.
const CUES_MAX: usize = 1_000_000;

/// Returns the part of a script behind the first event with this ID: the first cue left is due when the first write would
/// have been due. Returns the whole script without an ID, or if no event has the ID.
pub(crate) fn resumed(make: impl Fn() -> AnyScript, last_event_id: Option<&str>) -> AnyScript {
    let Some(id) = last_event_id.filter(|id| !id.is_empty()) else { return make() };
    let (mut script, mut seen, mut first_at, mut subscriptions) = (make(), Seen::default(), None, Vec::new());
    for _ in 0..CUES_MAX {
        let Some(cue) = script.next() else {
            // Ends the search at the end of the script as well: the client has seen every write.
            if seen.ends_with_cr {
                return behind(subscriptions, None, script, first_at.unwrap_or_default());
            }
            break;
        };
        match &cue.action {
            Action::Write(bytes) => {
                // Keeps the time of the very first write: the rest of the script moves there.
                let first_at = *first_at.get_or_insert(cue.at);
                if let Some(end) = seen.end_of_event(bytes, id) {
                    // Splits a write that holds the named event and more: the client has not seen the rest.
                    let rest = bytes.slice(end..);
                    let rest = (!rest.is_empty()).then_some(Cue { action: Action::Write(rest), ..cue });
                    let next = rest.or_else(|| script.next());
                    return behind(subscriptions, next, script, first_at);
                }
            }
            // Ends the search at the next action of another kind: a LF that belongs to the CR could only be in a write.
            _ if seen.ends_with_cr => return behind(subscriptions, Some(cue), script, first_at.unwrap_or_default()),
            // Keeps subscriptions and heartbeats on the way: the client needs both from the beginning.
            Action::Subscribe(_) | Action::Heartbeats(_) => subscriptions.push(cue),
            Action::Head(_) | Action::Flush | Action::End(_) => {}
        }
    }
    // Plays the whole script to a client with an unknown ID, rather than nothing.
    make()
}

/// Returns subscriptions, a cue and the rest of a script, from `first_at` on.
fn behind(subscriptions: Vec<Cue>, next: Option<Cue>, script: AnyScript, first_at: Duration) -> AnyScript {
    // Moves all later cues by the same time, so that the pauses between them stay.
    let gone = next.as_ref().map_or(Duration::ZERO, |cue| cue.at.saturating_sub(first_at));
    let early = subscriptions.into_iter().map(move |cue| Cue { at: cue.at.min(first_at), ..cue });
    let left = next.into_iter().chain(script);
    AnyScript::new(left.map(move |cue| Cue { at: cue.at.saturating_sub(gone), ..cue })).behind(early)
}

/// The stream so far.
#[derive(Default)]
struct Seen {
    decoder: Decoder,
    /// The event has ended with CR, to which a LF may belong.
    ends_with_cr: bool,
}

impl Seen {
    /// Returns where in a write the event with this ID ends, if the event ends there.
    fn end_of_event(&mut self, bytes: &[u8], id: &str) -> Option<usize> {
        if self.ends_with_cr {
            return Some(usize::from(bytes.starts_with(b"\n")));
        }
        // Reads byte by byte to find the place. An ID counts from the blank line on, also without data.
        let has_ended = |byte: &u8| {
            self.decoder.push(&[*byte]);
            self.decoder.last_event_id() == id
        };
        let end = bytes.iter().position(has_ended)? + 1;
        // Waits for the next write, which may begin with the LF of this line end.
        if bytes[end - 1] == b'\r' && end == bytes.len() {
            self.ends_with_cr = true;
            return None;
        }
        Some(end + usize::from(bytes[end - 1] == b'\r' && bytes[end] == b'\n'))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use onbeat_server::channel::{Beginning, Channel};
    use onbeat_server::script::Subscribing;
    use onbeat_wire::How;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cues;

    fn script(writes: &[String]) -> AnyScript {
        let at = |number: usize| Duration::from_millis(100 + 50 * number as u64);
        let cues: Vec<_> = writes
            .iter()
            .enumerate()
            .map(|(number, write)| Cue { at: at(number), action: Action::Write(Bytes::from(write.clone())) })
            .collect();
        let end = Cue { at: at(writes.len()), action: Action::End(How::Complete) };
        AnyScript::new(cues.into_iter().chain([end]))
    }

    fn resumed_from(writes: &[&str], id: Option<&str>) -> Vec<String> {
        let writes: Vec<_> = writes.iter().map(ToString::to_string).collect();
        let shown = resumed(|| script(&writes), id).map(|cue| match cue.action {
            Action::Write(bytes) => format!("{} {}", cue.at.as_millis(), String::from_utf8_lossy(&bytes)),
            _ => format!("{} .", cue.at.as_millis()),
        });
        shown.collect()
    }

    #[test]
    fn a_script_resumes_behind_the_event_with_the_id() {
        let writes = ["retry: 1\n\n", "id: 1\ndata: a\n\n", "id: 2\nda", "ta: b\n\nid: 3\ndata: c\n\n"];
        let whole =
            ["100 retry: 1\n\n", "150 id: 1\ndata: a\n\n", "200 id: 2\nda", "250 ta: b\n\nid: 3\ndata: c\n\n", "300 ."];
        assert_eq!(resumed_from(&writes, None), whole);
        assert_eq!(resumed_from(&writes, Some("9")), whole);
        assert_eq!(resumed_from(&writes, Some("1")), ["100 id: 2\nda", "150 ta: b\n\nid: 3\ndata: c\n\n", "200 ."]);
        assert_eq!(resumed_from(&writes, Some("2")), ["100 id: 3\ndata: c\n\n", "150 ."]);
        assert_eq!(resumed_from(&writes, Some("3")), ["100 ."]);
        let crlf = ["id: 1\r\ndata: a\r\n\r", "\nid: 2\r\ndata: b\r\n\r\n"];
        assert_eq!(resumed_from(&crlf, Some("1")), ["100 id: 2\r\ndata: b\r\n\r\n", "150 ."]);
        assert_eq!(resumed_from(&["id: 1\rdata: a\r\r", "x"], Some("1")), ["100 x", "150 ."]);
    }

    #[test]
    fn an_id_counts_without_data_and_a_subscription_stays() {
        let writes = ["id: 1\n\n", ": beat\n\n", "data: a\n\n", "id: 2\ndata: b\n\n"];
        assert_eq!(
            resumed_from(&writes, Some("1")),
            ["100 : beat\n\n", "150 data: a\n\n", "200 id: 2\ndata: b\n\n", "250 ."]
        );
        assert_eq!(resumed_from(&writes, Some("")), resumed_from(&writes, None));
        let subscribing = || Subscribing { channel: Arc::new(Channel::new(1)), beginning: Beginning::Next };
        let subscribed = || -> AnyScript {
            let subscription =
                Cue { at: Duration::from_millis(120), action: Action::Subscribe(Box::new(subscribing())) };
            let mut cues: Vec<_> = script(&writes.map(str::to_owned)).collect();
            cues.insert(1, subscription);
            AnyScript::new(cues.into_iter())
        };
        let left: Vec<_> = resumed(subscribed, Some("2")).collect();
        assert!(matches!(left[..], [Cue { action: Action::Subscribe(_), .. }, Cue { action: Action::End(_), .. }]));
        assert!(left.iter().all(|cue| cue.at == Duration::from_millis(100)));
    }

    #[test]
    fn a_client_that_has_seen_every_write_of_an_open_response_gets_none_again() {
        for text in [r"id: 1\ndata: a\n\n", r"id: 1\rdata: a\r\r"] {
            let keys = format!("after = \"last-event-id\"\nsteps = [{{ send = \"{text}\" }}, {{ open = true }}]");
            assert_eq!(cues(&keys, &[("last-event-id", "1")]), ["0 200"], "{text}");
            assert_eq!(cues(&keys, &[("last-event-id", "2")]).len(), 2, "{text}");
        }
    }

    #[test]
    fn an_id_that_never_comes_is_not_looked_for_without_end() {
        let endless = || -> AnyScript {
            AnyScript::new(std::iter::repeat(Cue {
                at: Duration::ZERO,
                action: Action::Write(Bytes::from_static(b"\n")),
            }))
        };
        assert_eq!(resumed(endless, Some("1")).take(3).count(), 3);
    }

    /// A block of a stream, and the ID that counts from its end on.
    fn block() -> impl Strategy<Value = (String, Option<u8>)> {
        (prop::sample::select(vec!["\n", "\r", "\r\n"]), prop::option::of(0..6_u8), 0..3_u8).prop_map(
            |(end, id, lines)| {
                let id_line = id.map(|id| format!("id: {id}{end}")).unwrap_or_default();
                let data = ["", ": comment", "data: x"][usize::from(lines)];
                let data = if data.is_empty() && id.is_some() { String::new() } else { format!("{data}{end}") };
                // A blank line alone is a block without an effect.
                (format!("{id_line}{data}{end}"), id)
            },
        )
    }

    proptest! {
        #[test]
        fn the_rest_behind_any_event_keeps_its_writes_and_moves_to_the_first_time(
            blocks in prop::collection::vec(block(), 1..8),
            cuts in prop::collection::btree_set(1_usize..120, 0..12),
            id in 0..6_u8,
        ) {
            let body: String = blocks.iter().map(|(text, _)| text.as_str()).collect();
            let cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < body.len()).chain([body.len()]).collect();
            let starts = [0].into_iter().chain(cuts.iter().copied());
            let writes: Vec<_> = starts.zip(&cuts).map(|(from, to)| body[from..*to].to_owned()).collect();
            // The model knows the places of the blocks.
            let behind = blocks.iter().position(|(_, of_block)| *of_block == Some(id)).map_or(0, |number| {
                blocks[..=number].iter().map(|(text, _)| text.len()).sum()
            });
            // A LF behind a CR belongs to the line before.
            let behind = behind + usize::from(behind > 0 && body[..behind].ends_with('\r') && body[behind..].starts_with('\n'));
            let mut expected = Vec::new();
            let mut end = 0;
            for write in &writes {
                let start = end;
                end += write.len();
                if end > behind {
                    let at = 100 + 50 * expected.len();
                    expected.push(format!("{at} {}", &body[start.max(behind)..end]));
                }
            }
            expected.push(format!("{} .", 100 + 50 * expected.len()));
            let writes: Vec<_> = writes.iter().map(String::as_str).collect();
            prop_assert_eq!(resumed_from(&writes, Some(&id.to_string())), expected);
        }
    }
}
