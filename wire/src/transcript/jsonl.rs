//! Transcripts as the lines of a recording.

use serde::{Serialize, Serializer};

use super::{Entry, Transcript, What};
use crate::Head;
use crate::printable::to_json;
use crate::recording::{End, Fact, Line, ResponseHead, Write};

impl Transcript {
    /// Returns the transcript as jsonl: an object a line, each line ended.
    ///
    /// # Panics
    ///
    /// Never: an entry has no map with other keys than strings, and memory takes every byte.
    #[must_use]
    pub fn to_jsonl(&self) -> String {
        self.entries.iter().map(|entry| to_json(entry) + "\n").collect()
    }
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        let fact: Fact = match &entry.what {
            What::Head(Head { status, headers, .. }) => {
                ResponseHead { status: *status, headers: headers.clone() }.into()
            }
            What::Write(bytes) => Write { bytes: bytes.clone() }.into(),
            What::End(how) => End { how: *how }.into(),
        };
        Self::new(entry.at.as_millis(), fact)
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Line::from(self).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::transcript;

    #[test]
    fn jsonl_has_one_object_a_line_with_its_keys_in_order() {
        let lines = [
            r#"{"t_ms":0,"kind":"head","status":200,"headers":[["content-type","text/event-stream"]]}"#,
            r#"{"t_ms":0,"kind":"write","text":"data: \"你\"\n\n"}"#,
            r#"{"t_ms":50,"kind":"write","base64":"Yf8ADQo="}"#,
            r#"{"t_ms":20000,"kind":"end","how":"complete"}"#,
        ];
        assert_eq!(transcript().to_jsonl(), lines.map(|line| format!("{line}\n")).concat());
    }
}
