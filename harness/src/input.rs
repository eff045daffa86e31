//! The input of commands and checks: text in UTF-8, from a file or from stdin.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The greatest length of a log, a trace or a list.
const BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Reads the text in a file, or on stdin for `-`, without a byte order mark.
///
/// # Errors
///
/// If the file can't be read, or is no text in UTF-8. The error names the file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let bytes = if path == Path::new("-") { bytes(io::stdin().lock()) } else { File::open(path).and_then(bytes) };
    let text = bytes.map_err(|error| error.to_string()).and_then(text);
    text.map_err(|why| format!("failed to read {}: {why}", name(path)))
}

/// Returns the name of a file in an error.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "stdin".to_owned() } else { path.display().to_string() }
}

fn bytes(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Reads a byte more than allowed, to notice a longer input without its size.
    let read = input.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if read as u64 > BYTES_MAX {
        let why = format!("it is longer than {} MiB, and so is no file of onbeat's", BYTES_MAX >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    // Looks for UTF-16 first: the error about a wrong byte would be no help to a user of PowerShell.
    if is_utf_16(&bytes) {
        return Err("expected UTF-8, got UTF-16, as PowerShell's > writes it: let curl write the file itself \
                    (curl -o FILE URL), or convert it (iconv -f UTF-16 -t UTF-8 FILE)"
            .into());
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let lines: Vec<&[u8]> = valid.split(|byte| *byte == b'\n').collect();
        let (line, column) = (lines.len(), lines.last().map_or(0, |last| last.len()) + 1);
        format!("line {line}: expected UTF-8, got a byte at column {column} that is none")
    })?;
    // Removes a byte order mark, which would be part of the first line.
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Returns whether the bytes are UTF-16: by the byte order mark, or by a NUL beside a first character in ASCII.
fn is_utf_16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] | [1..=0x7f, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_left_out() {
        assert_eq!(text("\u{feff}你\r\n".into()), Ok("你\r\n".into()));
        assert_eq!(text("a\u{feff}".into()), Ok("a\u{feff}".into()));
    }

    #[test]
    fn utf_16_is_refused_in_plain_words() {
        let units = || "{\"t_ms\":0}".encode_utf16();
        let (little, big) = (units().flat_map(u16::to_le_bytes), units().flat_map(u16::to_be_bytes));
        let (little, big): (Vec<u8>, Vec<u8>) = (little.collect(), big.collect());
        for bytes in [[&[0xff, 0xfe], &little[..]].concat(), [&[0xfe, 0xff], &big[..]].concat(), little, big] {
            let error = text(bytes).expect_err("UTF-16");
            assert!(error.starts_with("expected UTF-8, got UTF-16") && error.contains("iconv"), "{error}");
        }
    }

    #[test]
    fn what_is_no_utf_8_is_refused_with_its_place() {
        let error = text(b"a\nbc\xff".to_vec()).expect_err("0xFF is none");
        assert_eq!(error, "line 2: expected UTF-8, got a byte at column 3 that is none");
    }
}
