//! The files of recordings: one, or all of a folder.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use super::cases::recording_case_ids;
use super::contract::RecordingContract;
use crate::input;
use crate::judge::{Outcome, Report, Verdict};

/// The recordings that a server is held against, each with the file.
#[derive(Clone, Debug)]
pub struct Recordings {
    /// The files.
    pub(crate) paths: Vec<PathBuf>,
    /// The recording of each file.
    pub(crate) contracts: Vec<RecordingContract>,
}

impl Recordings {
    /// Reads the recording in a file, or all recordings (`*.jsonl`) in a folder.
    ///
    /// # Errors
    ///
    /// If a file can't be read or is no recording, or the folder has none. The error has all mistakes, each with the file, the
    /// line and the field.
    pub fn read(path: &Path) -> Result<Self, String> {
        let paths = paths(path)?;
        // Collects the mistakes of all files, to show all at once.
        let (mut contracts, mut wrong) = (Vec::new(), Vec::new());
        for path in &paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match input::read(path).and_then(|text| RecordingContract::read(&name, &text)) {
                Ok(contract) => contracts.push(contract),
                Err(why) => wrong.push(why),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        if !contracts.iter().any(RecordingContract::has_response) {
            let expected = "a line of kind head, got none: there is no response to hold a server against";
            return Err(format!("failed to read {}: expected {expected}", path.display()));
        }
        Ok(Self { paths, contracts })
    }

    /// Returns how many lines of each recording fail.
    pub(crate) fn failing_lines(&self, report: &Report) -> Vec<usize> {
        let failing = self.contracts.iter().map(|contract| {
            let ids = recording_case_ids(std::slice::from_ref(contract));
            let fails = |verdict: &&Verdict| verdict.outcome == Outcome::Fail && ids.contains(&verdict.id);
            report.verdicts.iter().filter(fails).count()
        });
        failing.collect()
    }
}

/// Returns the path of a file, or the paths of the recordings in a folder in their order.
fn paths(path: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |why: &dyn Display| format!("failed to read {}: {why}", path.display());
    if !fs::metadata(path).map_err(|error| failed(&error))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| failed(&error))? {
        let file = entry.map_err(|error| failed(&error))?.path();
        let is_recording = file.extension().is_some_and(|extension| extension == "jsonl") && !file.is_dir();
        paths.extend(is_recording.then_some(file));
    }
    // Sorts the names, since the order of a folder differs between machines.
    paths.sort();
    if paths.is_empty() {
        return Err(failed(&"expected recordings, whose names end in .jsonl, got none"));
    }
    Ok(paths)
}
