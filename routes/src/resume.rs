//! Resumes a script behind an event: what a client has seen is left out.

use std::time::Duration;

use onbeat_server::script::{Action, Cue};
use onbeat_wire::Decoder;

/// A script of any kind.
pub(crate) type AnyScript = Box<dyn Iterator<Item = Cue> + Send>;

/// Returns the part of a finite script behind the first event with this ID: the first cue that is left is due when the first
/// write would have been. Returns the whole script without an ID, or if no event has the ID.
pub(crate) fn resumed(make: impl Fn() -> AnyScript, last_event_id: Option<&str>) -> AnyScript {
    let Some(id) = last_event_id else { return make() };
    let (mut script, mut seen, mut first_at) = (make(), Seen::default(), None);
    while let Some(cue) = script.next() {
        let Action::Write(bytes) = &cue.action else {
            if seen.ends_with_cr {
                return behind(Some(cue), script, first_at.unwrap_or_default());
            }
            continue;
        };
        let first_at = *first_at.get_or_insert(cue.at);
        if let Some(end) = seen.end_of_event(bytes, id) {
            let rest = bytes.slice(end..);
            let rest = (!rest.is_empty()).then_some(Cue { action: Action::Write(rest), ..cue });
            return behind(rest.or_else(|| script.next()), script, first_at);
        }
    }
    make()
}

/// Returns a cue and the rest of a script, from `first_at` on.
fn behind(next: Option<Cue>, script: AnyScript, first_at: Duration) -> AnyScript {
    let gone = next.as_ref().map_or(Duration::ZERO, |cue| cue.at.saturating_sub(first_at));
    let left = next.into_iter().chain(script);
    Box::new(left.map(move |cue| Cue { at: cue.at.saturating_sub(gone), ..cue }))
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
        let before = self.decoder.clone();
        if !self.decoder.push(bytes).iter().any(|event| event.last_event_id == id) {
            return None;
        }
        // Read once more, byte by byte: the place is needed.
        let mut decoder = before;
        let has_ended = |byte: &u8| decoder.push(&[*byte]).iter().any(|event| event.last_event_id == id);
        let end = bytes.iter().position(has_ended)? + 1;
        if bytes[end - 1] == b'\r' && end == bytes.len() {
            self.ends_with_cr = true;
            return None;
        }
        Some(end + usize::from(bytes[end - 1] == b'\r' && bytes[end] == b'\n'))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use onbeat_wire::How;
    use proptest::prelude::*;

    use super::*;

    fn script(writes: &[String]) -> AnyScript {
        let at = |number: usize| Duration::from_millis(100 + 50 * number as u64);
        let cues: Vec<_> = writes
            .iter()
            .enumerate()
            .map(|(number, write)| Cue { at: at(number), action: Action::Write(Bytes::from(write.clone())) })
            .collect();
        let end = Cue { at: at(writes.len()), action: Action::End(How::Complete) };
        Box::new(cues.into_iter().chain([end]))
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

    proptest! {
        #[test]
        fn a_client_that_resumes_has_seen_each_event_once(
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r", "\r\n"]), 4),
            cuts in prop::collection::btree_set(0_usize..60, 0..5),
            seen in 0_usize..4,
        ) {
            let events: Vec<_> = (0..4).map(|id| format!("id: {id}{0}data: {id}{0}{0}", ends[id])).collect();
            let body = events.concat();
            // The same body in other writes.
            let mut writes = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().filter(|cut| (1..body.len()).contains(cut)).chain([body.len()]) {
                writes.push(body[from..cut].to_owned());
                from = cut;
            }
            let left = resumed(|| script(&writes), Some(&seen.to_string()));
            let left: Vec<u8> = left.filter_map(|cue| match cue.action {
                Action::Write(bytes) => Some(bytes.to_vec()),
                _ => None,
            }).flatten().collect();
            prop_assert_eq!(String::from_utf8(left).expect("UTF-8"), events[seen + 1..].concat());
        }
    }
}
