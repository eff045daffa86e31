//! Parts of a line that are too long: cut, with a mark that says how many bytes were left out.
//!
//! A replay puts as many other bytes in their place. Only a request that is refused has such a part, and the refusal depends
//! on the length alone.

use std::borrow::Cow;

use onbeat_wire::printable::start;

const MARK: &str = "…[";
const MARK_END: &str = " bytes left out]";
/// How many bytes a replay adds at most. A request whose head is longer never reaches the log.
const RESTORED_BYTES_MAX: usize = 64 * 1024;

/// A text of a log claims to have been longer than any request can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most {RESTORED_BYTES_MAX} bytes left out, got {0}")]
pub struct TooLong(String);

/// Cuts `text` to at most `bytes_max` bytes and the mark.
pub(super) fn cut(text: Cow<'_, str>, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return text;
    }
    let kept = start(&text, bytes_max);
    Cow::Owned(format!("{kept}{MARK}{}{MARK_END}", text.len() - kept.len()))
}

/// Returns a text of the length that `text` had before it was cut: an `x` in place of each byte that was left out.
///
/// # Errors
///
/// If more is left out than a request can have.
pub fn restore(text: &str) -> Result<Cow<'_, str>, TooLong> {
    let marked = text.strip_suffix(MARK_END).and_then(|text| text.rsplit_once(MARK));
    let Some((kept, count)) = marked.filter(|(_, count)| count.bytes().all(|byte| byte.is_ascii_digit())) else {
        return Ok(Cow::Borrowed(text));
    };
    let count = count.parse().ok().filter(|count| *count <= RESTORED_BYTES_MAX);
    let count = count.ok_or_else(|| TooLong(text[kept.len() + MARK.len()..].chars().take(30).collect()))?;
    Ok(Cow::Owned(kept.to_owned() + &"x".repeat(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_cut_is_restored_to_its_length() {
        for (text, bytes_max, shown) in [
            ("", 4, ""),
            ("GET", 3, "GET"),
            ("POST", 3, "POS…[1 bytes left out]"),
            ("aé", 2, "a…[2 bytes left out]"),
            ("…[x bytes left out]", 99, "…[x bytes left out]"),
        ] {
            let logged = cut(text.into(), bytes_max);
            assert_eq!(logged, shown);
            assert_eq!(restore(&logged).map(|text| text.len()), Ok(text.len()), "{text}");
        }
    }

    #[test]
    fn a_length_that_no_request_has_is_refused() {
        for count in ["65537", "99999999999999999999", "184467440737095516160000000000000000000000"] {
            let error = restore(&format!("a…[{count} bytes left out]")).expect_err(count).to_string();
            assert!(error.starts_with("at most 65536 bytes left out, got ") && error.len() < 100, "{error}");
        }
    }
}
