//! The file of a recording, written line by line.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use onbeat_wire::printable;

use super::lines::RecordedLine;

/// The file of a recording, written line by line. The first line makes the file.
#[derive(Debug)]
pub struct RecordingFile {
    path: PathBuf,
    file: Option<File>,
    /// Whether an older file may be replaced.
    replaces: bool,
}

impl RecordingFile {
    /// Returns a file at a path, where an older file is replaced.
    #[must_use]
    pub fn replacing(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, replaces: true }
    }

    /// Returns a file at a path where there is none yet.
    #[cfg(feature = "live")]
    pub(super) fn new_at(path: PathBuf) -> Self {
        Self { path, file: None, replaces: false }
    }

    /// Returns the name of the file.
    #[cfg(feature = "live")]
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
