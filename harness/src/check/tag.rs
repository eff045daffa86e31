//! A mark in every message of a check: events of the check differ from events of other users of the server.

use onbeat_wire::recording::{Vary, VaryPlace};

/// The beginning of the tags of all checks.
pub(super) const MARK: &str = "onbeat-";

/// The text that a check puts before each message; empty where there are no other users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tag(String);

impl Tag {
    /// Returns a tag of letters, digits and dashes.
    #[cfg(any(test, feature = "live"))]
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the request with the tag in the first message, if the message has any text.
    pub(super) fn request(&self, request: &str) -> String {
        let (line, rest) = request.split_once(" HTTP/").unwrap_or((request, ""));
        let Some((path, query)) = line.split_once('?') else { return request.into() };
        // Tags the first of several messages, which becomes the first of an array.
        let mut tagged = false;
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key @ ("msg" | "%6Dsg"), value)) if !value.is_empty() && !tagged => {
                tagged = true;
                format!("{key}={}{value}", self.0)
            }
            _ => pair.to_owned(),
        });
        let query: Vec<String> = pairs.collect();
        format!("{path}?{} HTTP/{rest}", query.join("&"))
    }

    /// Returns the expected write of a tagged message.
    pub(super) fn expected(&self, write: &str, vary: &[Vary]) -> String {
        if self.0.is_empty() || vary.iter().any(|vary| vary.place == VaryPlace::Pointer("/msg".into())) {
            return write.into();
        }
        // Looks for a text, or for an array of texts. An empty message has no tag.
        for start in [r#""msg":""#, r#""msg":[""#] {
            if let Some((before, after)) = write.split_once(start)
                && !after.starts_with('"')
            {
                return format!("{before}{start}{}{after}", self.0);
            }
        }
        write.into()
    }

    /// Returns whether the bytes bear the tag of another check.
    pub(super) fn is_foreign(&self, bytes: &[u8]) -> bool {
        !self.0.is_empty() && contains(bytes, format!("\"{MARK}").as_bytes()) && !self.is_in(bytes)
    }

    /// Returns a number below `end` that differs from check to check, and from one attempt of a check to the next.
    #[cfg(any(test, feature = "live"))]
    pub(super) fn number(&self, attempt: u64, end: u64) -> u64 {
        // Hashes by FNV-1a, which spreads even texts that differ in a single digit.
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = self.0.as_bytes().iter().chain(&attempt.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, step);
        (hash >> 16) % end.max(1)
    }

    /// Returns whether the bytes bear the tag.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        !self.0.is_empty() && contains(bytes, self.0.as_bytes())
    }
}

/// Returns whether the bytes contain the part, in time that grows with the bytes alone.
fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use onbeat_wire::recording::VaryRule;

    #[test]
    fn a_request_is_tagged_where_its_message_will_show_it() {
        let tag = Tag::new("t-".into());
        for (line, tagged) in [
            ("GET /sse", "GET /sse"),
            ("GET /broadcast-text?msg=a=b&&x=1", "GET /broadcast-text?msg=t-a=b&&x=1"),
            ("GET /broadcast-text?msg=a&msg=b", "GET /broadcast-text?msg=t-a&msg=b"),
            ("GET /broadcast-text?msg=&msg=", "GET /broadcast-text?msg=&msg="),
            ("GET /broadcast-text?%6Dsg=k", "GET /broadcast-text?%6Dsg=t-k"),
            ("GET /broadcast-text?msg[x]=1&MSG=a", "GET /broadcast-text?msg[x]=1&MSG=a"),
        ] {
            let request = |line: &str| format!("{line} HTTP/1.1\r\n\r\n");
            assert_eq!(tag.request(&request(line)), request(tagged));
        }
    }

    #[test]
    fn a_tag_of_another_run_is_foreign() {
        let (tag, other) = (Tag::new("onbeat-1-".into()), Tag::new("onbeat-2-".into()));
        let data = other.expected(r#"data: {"msg":"a"}"#, &[]);
        assert!(tag.is_foreign(data.as_bytes()) && !other.is_foreign(data.as_bytes()));
        assert!(!tag.is_foreign(br#"data: {"msg":"a"}"#) && !Tag::default().is_foreign(data.as_bytes()));
    }

    #[test]
    fn the_numbers_of_two_runs_differ() {
        let numbers = |pid: u32| {
            let tag = Tag::new(format!("onbeat-20261125212741769-{pid}-"));
            (0..3).map(|turn| tag.number(turn, 1000)).collect::<Vec<_>>()
        };
        let (one, next) = (numbers(9028), numbers(9029));
        assert!(one.iter().zip(&next).all(|(a, b)| a != b), "{one:?} {next:?}");
        assert!(one.iter().all(|number| *number < 1000));
    }

    #[test]
    fn what_is_expected_is_tagged_alike() {
        let tag = Tag::new("t-".into());
        for (write, tagged) in [
            (r#"data: {"msg":"a","ts":"x"}"#, r#"data: {"msg":"t-a","ts":"x"}"#),
            (r#"data: {"msg":["a","b"]}"#, r#"data: {"msg":["t-a","b"]}"#),
            (r#"data: {"msg":["",""]}"#, r#"data: {"msg":["",""]}"#),
            ("event: broadcast\n", "event: broadcast\n"),
        ] {
            assert_eq!(tag.expected(write, &[]), tagged);
        }
        let vary = [Vary { place: VaryPlace::Pointer("/msg".into()), rule: VaryRule::TextAndTimestamp("at ".into()) }];
        assert_eq!(tag.expected(r#"{"msg":"at 1"}"#, &vary), r#"{"msg":"at 1"}"#);
        assert!(tag.is_in(b"data: t-a"));
        assert!(!Tag::default().is_in(b"data: t-a"));
    }
}
