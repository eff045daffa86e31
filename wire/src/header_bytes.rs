//! Headers of HTTP as text, without a loss: most are UTF-8, and all may have other bytes (RFC 9110, 5.5).
//!
//! A byte that is no UTF-8 becomes a character of the private use area: U+F780 for 0x80, up to U+F7FF for 0xFF.

/// The character of the byte 0x00, if it had one.
const FIRST: u32 = 0xf700;

/// Returns bytes as text, from which [`header_bytes`] makes the same bytes.
#[must_use]
pub fn header_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            // Writes a character that stands for a byte as its own bytes, so that the way back is clear.
            match byte_of(char) {
                Some(_) => text.extend(char.encode_utf8(&mut [0; 4]).bytes().map(char_of)),
                None => text.push(char),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(char_of));
    }
    text
}

/// Returns the bytes of a text that [`header_text`] made.
#[must_use]
pub fn header_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for char in text.chars() {
        match byte_of(char) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(char.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

/// Returns the character for a byte above 0x7F.
fn char_of(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Returns the byte that a character stands for.
fn byte_of(char: char) -> Option<u8> {
    u32::from(char).checked_sub(FIRST).and_then(|byte| u8::try_from(byte).ok()).filter(|byte| !byte.is_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_text_and_other_bytes_become_characters() {
        for (bytes, text) in [
            (&b"caf\xc3\xa9"[..], "café"),
            (b"caf\xe9", "caf\u{f7e9}"),
            (b"\x80\xff", "\u{f780}\u{f7ff}"),
            ("\u{f7e9}\u{f700}".as_bytes(), "\u{f7ef}\u{f79f}\u{f7a9}\u{f700}"),
        ] {
            assert_eq!(header_text(bytes), text);
            assert_eq!(header_bytes(text), bytes);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>, chars in "[\u{f6f0}-\u{f810}a]{0,8}") {
            let bytes = [&bytes[..], chars.as_bytes()].concat();
            let text = header_text(&bytes);
            prop_assert_eq!(header_bytes(&text), &bytes[..]);
            if std::str::from_utf8(&bytes).is_ok_and(|text| text.chars().all(|char| byte_of(char).is_none())) {
                prop_assert_eq!(text.as_bytes(), &bytes[..]);
            }
        }
    }
}
