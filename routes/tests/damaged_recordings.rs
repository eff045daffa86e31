//! Recordings that were damaged in any way: a message with a line, or a model, and never a panic.

use bytes::Bytes;
use onbeat_routes::{PlayError, PlayOptions, Played};
use proptest::prelude::*;

/// A recording with every line.
const RECORDING: &str = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/chat","framing":"chunked"}
{"t_ms":0,"kind":"request","text":"POST /chat HTTP/1.1\r\nHost: onbeat\r\n\r\n","body":{"text":"{\"stream\":true}"}}
{"t_ms":412,"kind":"head","status":200,"headers":[["content-type","text/event-stream"],["x-id","7"]]}
{"t_ms":455,"kind":"write","text":"id: 1\ndata: hello\n\n","first_ms":450}
{"t_ms":460,"kind":"write","base64":"8J+Y","may":true}
{"t_ms":9000,"kind":"end","how":"cut"}
"#;

/// Texts that do harm anywhere.
const SNIPPETS: [&str; 22] = [
    "99999999999999999999",
    "-1",
    "1e999",
    "1.5",
    "nan",
    "2025-01-01T00:00:00Z",
    "true",
    "null",
    "\"",
    "'''",
    "\"\"\"",
    "{{",
    "{{random 1e308 -1e308 99}}",
    "{{pick \"",
    "\\",
    "\u{0}",
    "\u{feff}",
    "\u{2028}",
    "\r",
    "\n",
    "[[a]]\n",
    "a.b.c=1\n",
];

/// A change of a text. Places are fractions of the length.
#[derive(Clone, Debug)]
enum Mutation {
    Truncate(f64),
    Cut(f64, usize),
    Overwrite(f64, u8),
    Insert(f64, usize),
    Nest(f64, usize),
    SwapLines(f64, f64),
    RepeatLine(f64),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = || 0.0..1.0;
    prop_oneof![
        place().prop_map(Mutation::Truncate),
        (place(), 1_usize..40).prop_map(|(at, length)| Mutation::Cut(at, length)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Mutation::Overwrite(at, byte)),
        (place(), 0..SNIPPETS.len()).prop_map(|(at, snippet)| Mutation::Insert(at, snippet)),
        (place(), 1_usize..3000).prop_map(|(at, depth)| Mutation::Nest(at, depth)),
        (place(), place()).prop_map(|(one, other)| Mutation::SwapLines(one, other)),
        place().prop_map(Mutation::RepeatLine),
    ]
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place")]
fn place(fraction: f64, length: usize) -> usize {
    (fraction * length as f64) as usize
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        match *self {
            _ if length == 0 => {}
            Self::Truncate(at) => bytes.truncate(place(at, length)),
            Self::Cut(at, count) => {
                let from = place(at, length);
                bytes.drain(from..(from + count).min(length));
            }
            Self::Overwrite(at, byte) => bytes[place(at, length)] = byte,
            Self::Insert(at, snippet) => {
                let at = place(at, length);
                bytes.splice(at..at, SNIPPETS[snippet].bytes());
            }
            Self::Nest(at, depth) => {
                let at = place(at, length);
                bytes.splice(at..at, "[".repeat(depth).bytes().chain("]".repeat(depth).bytes()));
            }
            Self::SwapLines(one, other) => {
                let (one, other) = (place(one, lines.len()), place(other, lines.len()));
                lines.swap(one, other);
                *bytes = lines.concat();
            }
            Self::RepeatLine(at) => {
                let at = place(at, lines.len());
                lines.insert(at, lines[at].clone());
                *bytes = lines.concat();
            }
        }
    }
}

fn mutated(good: &str, mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = good.as_bytes().to_vec();
    for mutation in mutations {
        mutation.apply(&mut bytes);
    }
    bytes
}

fn read(bytes: impl Into<Bytes>) -> Result<Played, PlayError> {
    Played::read("a.jsonl", &bytes.into(), &PlayOptions::default())
}

proptest! {
    #[test]
    fn a_damaged_recording_is_read_or_refused_with_a_line(mutations in prop::collection::vec(mutation(), 1..6)) {
        match read(mutated(RECORDING, &mutations)) {
            Ok(played) => prop_assert!(played.script().count() > 0),
            Err(PlayError::Line(wrong) | PlayError::NoRecording(wrong)) => prop_assert!(wrong.to_string().starts_with("line "), "{wrong}"),
            Err(PlayError::File(why)) => prop_assert!(why.starts_with("expected "), "{why}"),
        }
    }
}

#[test]
fn the_undamaged_recording_is_read_with_a_byte_order_mark_as_well() {
    for start in ["", "\u{feff}"] {
        assert_eq!(read(format!("{start}{RECORDING}")).expect("a recording").script().count(), 4);
    }
}

#[test]
fn what_is_deep_or_long_is_refused_or_read() {
    for line in ["[".repeat(100_000), format!("{{\"t_ms\":{}", "[".repeat(100_000)), "x".repeat(4 << 20)] {
        let wrong = read(line).expect_err("no recording");
        assert!(wrong.to_string().starts_with("line 1") && wrong.to_string().len() < 300, "{wrong}");
    }
    let write = format!("{{\"t_ms\":500,\"kind\":\"write\",\"text\":\"{}\"}}\n", "x".repeat(4 << 20));
    let long = RECORDING.replacen("{\"t_ms\":9000", &format!("{write}{{\"t_ms\":9000"), 1);
    assert!(read(long).is_ok());
}
