//! Bytes of files as text in UTF-8.

/// Returns bytes as text, without a byte order mark.
///
/// # Errors
///
/// If the bytes are no UTF-8: the line, and what came instead.
pub fn text_of(bytes: &[u8]) -> Result<&str, (usize, String)> {
    // Names another encoding before decoding: the place of a wrong byte would be no help.
    if let Some(encoding) = other_encoding(bytes) {
        let told = format!(
            "expected UTF-8, got {encoding}, as PowerShell's > writes it: convert the file (iconv -f {encoding} -t UTF-8 FILE), \
             or let the program write the file itself (curl -o FILE URL)"
        );
        return Err((1, told));
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

/// Returns UTF-16 or UTF-32, if the bytes are one: by the byte order mark, or by the NULs beside a first character in ASCII.
fn other_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [1..=0x7f, 0, 0, 0, ..] | [0, 0, 0, 1..=0x7f, ..] => {
            Some("UTF-32")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..] => Some("UTF-16"),
        _ => None,
    }
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
        ] {
            assert_eq!(
                text_of(bytes),
                expected.map_err(|(line, why): (usize, &str)| (line, why.to_owned())),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn another_encoding_is_named() {
        for (bytes, encoding) in [
            (&b"\xff\xfea\0"[..], "UTF-16"),
            (b"a\0b\0", "UTF-16"),
            (b"\0a\0b", "UTF-16"),
            (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
            (b"\0\0\xfe\xff\0\0\0a", "UTF-32"),
            (b"a\0\0\0", "UTF-32"),
            (b"\0\0\0a", "UTF-32"),
        ] {
            let (line, told) = text_of(bytes).expect_err(encoding);
            assert_eq!(line, 1);
            assert!(
                told.contains(&format!("got {encoding}")) && told.contains(&format!("iconv -f {encoding} ")),
                "{told}"
            );
        }
    }
}
