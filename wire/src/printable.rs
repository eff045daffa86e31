//! Foreign text, made safe to print.
//!
//! Text from a server or a file may steer a terminal, reverse the order of a line, hide, or make XML ill-formed. A character
//! with such an effect becomes an escape like `\u{1b}`. Ordinary text stays unchanged, in any script, with emoji.

#[cfg(feature = "json")]
mod json;

use std::fmt::Write as _;

#[cfg(feature = "json")]
pub use self::json::to_json;

/// The number of characters shown of a short text, such as a header.
pub const LINE_CHARS_MAX: usize = 300;
/// The number of characters shown of a longer text, such as an error or a body.
pub const TEXT_CHARS_MAX: usize = 2000;
/// The beginning of the mark that [`clipped`] puts at the end of a text.
pub const CLIPPED: &str = "… (";
/// The room for the whole mark, in characters.
const MARK_CHARS_MAX: usize = 40;

/// Returns `bytes` on one line: LF as ⏎, CR as ␍, unprintable characters as escapes, and bytes that are not
/// UTF-8 in hexadecimal.
#[must_use]
pub fn visible(bytes: &[u8]) -> String {
    let mut line = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for (char, is_printable) in chars(chunk.valid()) {
            match char {
                '\n' => line.push('⏎'),
                '\r' => line.push('␍'),
                char if is_printable => line.push(char),
                char => line.extend(char.escape_unicode()),
            }
        }
        // Shows bytes outside of UTF-8 one by one, so that different bytes look different.
        for byte in chunk.invalid() {
            line.push_str("\\x");
            line.extend([byte >> 4, byte & 0xf].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
        }
    }
    line
}

/// Returns `text` on one line, as [`visible`] does, and [`clipped`] to `chars_max` characters.
#[must_use]
pub fn printable(text: &str, chars_max: usize) -> String {
    // Makes only the beginning of a long text visible, twice as long as is shown: escapes are many times as long.
    let beginning = start(text, 8 * chars_max);
    clipped_with(visible(beginning.as_bytes()), chars_max, text[beginning.len()..].chars().count())
}

/// Returns `text` with unprintable characters as escapes. Line ends stay.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for (char, is_printable) in chars(text) {
        if is_printable || char == '\n' {
            lines.push(char);
        } else {
            lines.extend(char.escape_unicode());
        }
    }
    lines
}

/// Returns the start of a text: at most `bytes_max` bytes, in whole characters.
#[must_use]
pub fn start(text: &str, bytes_max: usize) -> &str {
    let length = (0..=bytes_max.min(text.len())).rev().find(|length| text.is_char_boundary(*length));
    &text[..length.unwrap_or_default()]
}

/// Returns a text of at most `chars_max` characters: `text` itself, or else the beginning and the number of further
/// characters.
#[must_use]
pub fn clipped(text: String, chars_max: usize) -> String {
    clipped_with(text, chars_max, 0)
}

/// Returns a text, clipped, with so many characters that are left out already.
fn clipped_with(mut text: String, chars_max: usize, left_out: usize) -> String {
    let count = text.chars().count();
    if count <= chars_max && left_out == 0 {
        return text;
    }
    // Counts the mark at the end as well.
    let kept = chars_max.saturating_sub(MARK_CHARS_MAX);
    if let Some((end, _)) = text.char_indices().nth(kept) {
        text.truncate(end);
    }
    let _ = write!(text, "{CLIPPED}{} characters more)", count - kept + left_out);
    text
}

/// Returns each character of `text`, and whether the character is printable in its place.
fn chars(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = '\0';
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        let char = chars.next()?;
        // Looks at both neighbours, since a joiner is fine within an emoji and hidden elsewhere. An escape joins nothing.
        let after = chars.peek().copied().filter(|after| shows_itself(*after));
        let is_printable = shows_itself(char) || joins_emoji(before, char, after);
        before = if is_printable { char } else { '\0' };
        Some((char, is_printable))
    })
}

/// Returns whether a character is visible and has no other effect.
fn shows_itself(char: char) -> bool {
    let acts = matches!(char,
        // Lists controls: C0, DEL and C1, with their line ends.
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}'..='\u{2029}'
        // Direction of text.
        | '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Of no width: joiners, fillers, annotations, variations, tags, and the byte order mark.
        | '\u{ad}' | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        // Noncharacters; the last two of each plane are below.
        | '\u{fdd0}'..='\u{fdef}');
    !acts && u32::from(char) & 0xfffe != 0xfffe
}

/// Returns whether a character of no width joins its printed neighbours to an emoji, as in 👩‍💻, ❤️ and 1️⃣.
fn joins_emoji(before: char, char: char, after: Option<char>) -> bool {
    let is_emoji = |char| matches!(char, '\u{203c}'..='\u{2bff}' | '\u{3030}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}');
    match char {
        // Allows the joiner between two emoji, or behind a variation selector.
        '\u{200d}' => (is_emoji(before) || before == '\u{fe0f}') && after.is_some_and(is_emoji),
        // Allows the selector behind a character with a coloured form.
        '\u{fe0f}' => {
            is_emoji(before)
                || matches!(before, '0'..='9' | '#' | '*') && after == Some('\u{20e3}')
                || matches!(before, '©' | '®')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in [
            "data: {\"message\": \"连接成功\"}",
            "é ﷽ नमस्ते ไทย 한국어 שלום مرحبا",
            "😀 👩‍💻 👍🏽 ❤️ ❤️‍🔥 1️⃣ ©️ 🇩🇪",
            "a\\b\u{fffd}",
        ] {
            assert_eq!(visible(text.as_bytes()), text);
            assert_eq!(printable_lines(text), text);
        }
    }

    #[test]
    fn what_acts_or_hides_becomes_an_escape() {
        for (text, shown) in [
            ("\x1b]52;c;aGk=\x07", "\\u{1b}]52;c;aGk=\\u{7}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("a\u{202e}b\u{2066}c\u{200f}", "a\\u{202e}b\\u{2066}c\\u{200f}"),
            ("a\u{200b}b\u{200d}c\u{feff}d\u{fe0f}", "a\\u{200b}b\\u{200d}c\\u{feff}d\\u{fe0f}"),
            ("\u{fffe}\u{ffff}\u{fdd0}\u{1fffe}\u{10ffff}", "\\u{fffe}\\u{ffff}\\u{fdd0}\\u{1fffe}\\u{10ffff}"),
            ("\u{2028}\u{2029}\u{85}\t", "\\u{2028}\\u{2029}\\u{85}\\u{9}"),
            ("\u{e0041}\u{e007f}", "\\u{e0041}\\u{e007f}"),
            ("\u{2060}\u{200d}😀", "\\u{2060}\\u{200d}😀"),
            ("😀\u{200d}\u{2066}", "😀\\u{200d}\\u{2066}"),
            ("a\u{fe0f}\u{200d}😀", "a\\u{fe0f}\\u{200d}😀"),
        ] {
            assert_eq!(visible(text.as_bytes()), shown);
            assert_eq!(printable_lines(text), shown);
        }
        assert_eq!(visible(b"a\r\nb\xff\xed\xa0\x80"), "a␍⏎b\\xff\\xed\\xa0\\x80");
        assert_eq!(printable_lines("a\r\nb"), "a\\u{d}\nb");
    }

    #[test]
    fn a_long_text_is_clipped_and_says_how_much_is_left_out() {
        let text = "你".repeat(301);
        let shown = printable(&text, 300);
        assert_eq!(shown, format!("{}… (41 characters more)", "你".repeat(260)));
        assert_eq!(printable(&shown, 300), shown);
        assert_eq!(printable(&text[3..], 300), text[3..]);
        let long = "你".repeat(100_000);
        assert_eq!(printable(&long, 300), format!("{}… (99740 characters more)", "你".repeat(260)));
    }

    proptest! {
        #[test]
        fn whatever_is_printed_is_printable_and_xml(bytes: Vec<u8>, text: String) {
            for shown in [visible(&bytes), visible(text.as_bytes()), printable_lines(&text).replace('\n', "")] {
                // XML 1.0, production Char, without its three controls.
                let is_xml = shown.chars().all(|char| matches!(char, ' '..='\u{fffd}' | '\u{10000}'..));
                prop_assert!(is_xml);
                prop_assert_eq!(visible(shown.as_bytes()), shown);
            }
        }

        #[test]
        fn a_clipped_text_is_never_longer(text: String, chars_max in 40..80_usize) {
            prop_assert!(printable(&text, chars_max).chars().count() <= chars_max);
        }
    }
}
