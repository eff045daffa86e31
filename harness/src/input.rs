//! The input of commands and checks: text in UTF-8, from a file or from stdin.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use onbeat_wire::text_of;

/// The greatest length of a log, a trace or a list.
const BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Reads the text in a file, or on stdin for `-`, without a byte order mark.
///
/// # Errors
///
/// If the file can't be read, or is no text in UTF-8. The error names the file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let bytes = if path == Path::new("-") { bytes(io::stdin().lock()) } else { File::open(path).and_then(bytes) };
    let wrong = |(line, what)| format!("line {line}: {what}");
    let text =
        bytes.map_err(|error| error.to_string()).and_then(|bytes| text_of(&bytes).map(str::to_owned).map_err(wrong));
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
