//! The folder of a proxy's recordings: a file for each exchange.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use onbeat_clock::Clock;
use onbeat_wire::Instant;
use parking_lot::Mutex;

use crate::record::recording_file::RecordingFile;

/// The largest number of characters of a path in the name of a file.
const PATH_CHARS_MAX: usize = 80;

/// A folder of recordings.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// The ordinal of the next recording, from 1.
    next: Mutex<u64>,
}

impl Store {
    /// Opens a folder, which is made if it is missing. The ordinals go on behind those of older recordings.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("failed to write to the folder {}: {error}", folder.display());
        fs::create_dir_all(folder).map_err(failed)?;
        // Finds the highest ordinal before a dash; other files do not count.
        let mut last = 0;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let ordinal =
                name.to_str().and_then(|name| name.split_once('-')).and_then(|(ordinal, _)| ordinal.parse().ok());
            last = last.max(ordinal.unwrap_or(0));
        }
        // Finds out before the first client whether files can be made at all.
        let probe = folder.join(".onbeat-record");
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), next: Mutex::new(last + 1) })
    }

    /// Begins the next exchange: returns the time and the ordinal, which are taken together, so that the order of the files is that
    /// of `at_ms`.
    pub(super) fn begin(&self, clock: &dyn Clock) -> (Instant, u64) {
        let mut next = self.next.lock();
        let begun = (clock.now(), *next);
        *next += 1;
        begun
    }

    /// Returns the file for an exchange.
    pub(super) fn file(&self, ordinal: u64, method: &str, target: &str) -> RecordingFile {
        RecordingFile::new_at(self.folder.join(name(ordinal, method, target)))
    }
}

/// Returns the name of a file: ordinal, method, and the path without the query, all in characters that are safe anywhere.
fn name(ordinal: u64, method: &str, target: &str) -> String {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let safe = |char: char| if char.is_ascii_alphanumeric() || matches!(char, '.' | '_') { char } else { '-' };
    let path: String = path.trim_matches('/').chars().map(safe).take(PATH_CHARS_MAX).collect();
    let method: String = method.chars().map(safe).take(PATH_CHARS_MAX).collect();
    format!("{ordinal:04}-{method}-{path}").trim_end_matches('-').to_owned() + ".jsonl"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_ordinal_the_method_and_the_path_in_safe_characters() {
        for (target, expected) in [
            ("/v1/chat/completions?key=abc", "0007-POST-v1-chat-completions.jsonl"),
            ("/", "0007-POST.jsonl"),
            ("*", "0007-POST.jsonl"),
            ("/../../etc/passwd", "0007-POST-..-..-etc-passwd.jsonl"),
            ("/a%2Fb\\c:d\"<你>", "0007-POST-a-2Fb-c-d.jsonl"),
        ] {
            assert_eq!(name(7, "POST", target), expected);
        }
        assert_eq!(
            name(12_345, "GET", &"/a".repeat(1000)).len(),
            "12345-GET-".len() + PATH_CHARS_MAX - 1 + ".jsonl".len()
        );
    }
}
