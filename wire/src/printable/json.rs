//! JSON with printable strings.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::chars;

/// Returns `value` as one line of JSON, without a line end. Unprintable characters become JSON escapes: a reader
/// gets the same characters back.
///
/// # Panics
///
/// If `value` cannot be JSON at all, such as a map whose keys are not strings.
#[must_use]
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    let mut bytes = Vec::with_capacity(128);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Printable)).expect("plain data, written to memory");
    String::from_utf8(bytes).expect("serde_json writes UTF-8")
}

/// Writes compact JSON with printable strings.
struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // Writes printable ASCII, by far the most frequent text, without a look at each character.
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        for (char, is_printable) in chars(fragment) {
            if is_printable {
                write!(writer, "{char}")?;
            } else {
                // Writes a character beyond U+FFFF as two escapes of UTF-16 units, as JSON demands.
                char.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["data: {\"message\": \"连接成功\"}", "שלום 한국어", "👩‍💻 ❤️ 1️⃣", "a\\b\u{fffd}"]
        {
            assert_eq!(to_json(&text), serde_json::to_string(text).expect("JSON"));
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let text = "\u{9b}\u{202e}\x1b\"\\\u{10ffff}\u{feff}你";
        let json = to_json(text);
        assert_eq!(json, r#""\u009b\u202e\u001b\"\\\udbff\udfff\ufeff你""#);
        assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
    }
}
