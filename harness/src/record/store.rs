//! The folder of a proxy's recordings: a file for each exchange, written line by line.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use onbeat_wire::printable;

use super::lines::RecordedLine;

/// The largest number of characters of a path in the name of a file.
const PATH_CHARS_MAX: usize = 80;

/// A folder of recordings.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    /// The ordinal of the next recording, from 1.
    next: AtomicU64,
}

/// The file of a recording, written line by line. The first line makes the file.
#[derive(Debug)]
pub struct RecordingFile {
    path: PathBuf,
    file: Option<File>,
    /// Whether an older file may be replaced.
    replaces: bool,
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
        Ok(Self { folder: folder.to_owned(), next: AtomicU64::new(last + 1) })
    }

    /// Returns the file for the next exchange.
    pub(super) fn file(&self, method: &str, target: &str) -> RecordingFile {
        let ordinal = self.next.fetch_add(1, Ordering::Relaxed);
        RecordingFile { path: self.folder.join(name(ordinal, method, target)), file: None, replaces: false }
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

impl RecordingFile {
    /// Returns a file at a path, where an older file is replaced.
    #[must_use]
    pub fn replacing(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, replaces: true }
    }

    /// Returns the name of the file.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Writes a line at once.
    ///
    /// # Errors
    ///
    /// If the file can't be made or written; the error names the file.
    pub fn write(&mut self, line: &RecordedLine) -> Result<(), String> {
        let Self { path, file, replaces } = self;
        let failed = |error: io::Error| format!("failed to write {}: {error}", path.display());
        let file = if let Some(file) = file {
            file
        } else {
            // Never replaces another recording of a proxy, even if a second proxy writes to the folder.
            let opened = if *replaces { File::create(&*path) } else { File::create_new(&*path) };
            file.insert(opened.map_err(failed)?)
        };
        file.write_all((printable::to_json(line) + "\n").as_bytes()).map_err(failed)
    }
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
