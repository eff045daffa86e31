//! Cuts the long parts of a line. A mark tells how many bytes were left out.
//!
//! A replay restores the length with other bytes. Of requests, only a refused one has a target or a value so long, and the
//! refusal depends on the length alone. A name so long decides no built-in answer. The head of a response may have such a value.

use std::borrow::Cow;

use onbeat_wire::printable::start;

const MARK: &str = "…[";
const MARK_END: &str = " bytes left out]";
/// The most bytes that a replay adds. A request with a longer head never reaches the log.
const RESTORED_BYTES_MAX: usize = 64 * 1024;

/// A text of a log claims more left-out bytes than a request can have.
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

/// Returns a text of the length that `text` had before the cut: an `x` replaces each byte that was left out.
///
/// # Errors
///
/// If more bytes are left out than a request can have.
pub fn restore(text: &str) -> Result<Cow<'_, str>, TooLong> {
    let marked = text.strip_suffix(MARK_END).and_then(|text| text.rsplit_once(MARK));
    let Some((kept, count)) = marked.filter(|(_, count)| count.bytes().all(|byte| byte.is_ascii_digit())) else {
        return Ok(Cow::Borrowed(text));
    };
    // Bounds the restored bytes: a forged log must not make a replay take any amount of memory.
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
