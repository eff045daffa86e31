//! Bytes of files as text in UTF-8.

/// The message about UTF-16.
const UTF_16: &str = "expected UTF-8, got UTF-16, as PowerShell's > writes it: convert the file (iconv -f UTF-16 -t UTF-8 FILE), \
                      or let the program write the file itself (curl -o FILE URL)";

/// Returns bytes as text, without a byte order mark.
///
/// # Errors
///
/// If the bytes are no UTF-8: the line, and what came instead.
pub fn text_of(bytes: &[u8]) -> Result<&str, (usize, String)> {
    // Names UTF-16 before decoding: the place of a wrong byte would be no help.
    if is_utf_16(bytes) {
        return Err((1, UTF_16.into()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        // Counts lines and bytes up to the first wrong byte.
        let lines: Vec<&[u8]> = valid.split(|byte| *byte == b'\n').collect();
        let column = lines.last().map_or(0, |last| last.len()) + 1;
        (lines.len(), format!("expected UTF-8, got a byte at column {column} that is none"))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Returns whether the bytes are UTF-16: by the byte order mark, or by a NUL beside a first character in ASCII.
fn is_utf_16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf_8_without_a_byte_order_mark() {
        for (bytes, expected) in [
            (&b""[..], Ok("")),
            (b"\xef\xbb\xbfa\xef\xbb\xbf", Ok("a\u{feff}")),
            (b"a\nb\xe9\n", Err((2, "expected UTF-8, got a byte at column 2 that is none"))),
            (b"a\n\xe9", Err((2, "expected UTF-8, got a byte at column 1 that is none"))),
            (b"\xff\xfea\0", Err((1, UTF_16))),
            (b"a\0b\0", Err((1, UTF_16))),
            (b"\0a\0b", Err((1, UTF_16))),
        ] {
            assert_eq!(
                text_of(bytes),
                expected.map_err(|(line, why): (usize, &str)| (line, why.to_owned())),
                "{bytes:?}"
            );
        }
    }
}
