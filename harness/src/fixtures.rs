//! The golden fixtures: the contract as data, for readers in any language.
//!
//! The embedded server in paused time generates the corpus, each time the same to the byte: [`corpus`] returns all files,
//! [`write()`] writes the files to a folder, and [`verify`] compares a folder with them.

mod annotator;
mod end_to_end;
mod fan_out;
pub(crate) mod format;
pub(crate) mod golden;
mod manifest;
mod requests;
mod stream_cases;
mod streams;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use onbeat_server::random::Seed;

use crate::lab::{Overdue, Setup};

/// The seed of the corpus.
const SEED: u64 = 42;
/// The wall-clock time at the beginning of each world.
pub(crate) const EPOCH: &str = "2025-12-01T00:00:00Z";

/// The schemas. Schemas and cases are written by hand, and are part of the corpus.
const SCHEMAS: [(&str, &str); 5] = [
    ("schema/cases.schema.json", include_str!("../../fixtures/schema/cases.schema.json")),
    ("schema/manifest.schema.json", include_str!("../../fixtures/schema/manifest.schema.json")),
    ("schema/requests.schema.json", include_str!("../../fixtures/schema/requests.schema.json")),
    ("schema/scene.schema.json", include_str!("../../fixtures/schema/scene.schema.json")),
    ("schema/stream.schema.json", include_str!("../../fixtures/schema/stream.schema.json")),
];

/// The files of the corpus, by the path within `fixtures/` with `/` as the separator.
pub type Corpus = BTreeMap<String, Vec<u8>>;

/// Returns the whole corpus, but for `README.md` and the licence.
///
/// # Errors
///
/// If a stream, or a scenario of several clients, does not end in time.
///
/// # Panics
///
/// If the embedded server breaks the form of the contract.
pub fn corpus() -> Result<Corpus, Overdue> {
    let setup = setup();
    let mut corpus = Corpus::new();
    corpus.extend(streams::files(&setup)?);
    corpus.extend(fan_out::files(&setup)?);
    corpus.extend(requests::files(&setup)?);
    corpus.insert("cases.json".into(), golden::CASES.into());
    corpus.extend(SCHEMAS.map(|(path, schema)| (path.to_owned(), schema.as_bytes().to_vec())));
    corpus.insert("manifest.json".into(), manifest::file(&corpus));
    Ok(corpus)
}

pub(crate) fn setup() -> Setup {
    Setup::new(Seed(SEED), EPOCH.parse().expect("a valid epoch"))
}

/// A difference between a folder and the corpus.
#[derive(Debug, thiserror::Error)]
pub enum Drift {
    /// A file can't be read.
    #[error("failed to read {}: {source}", path.display())]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file has other bytes.
    #[error("{} differs from byte {at} on (line {line}): expected {expected:?}, got {got:?}", path.display())]
    Different {
        /// The path of the file.
        path: PathBuf,
        /// The first differing byte, from 0.
        at: usize,
        /// The line of that byte, from 1.
        line: usize,
        /// The expected text from that byte on.
        expected: String,
        /// The text of the file from that byte on.
        got: String,
    },
    /// A file is not part of the corpus.
    #[error("{} is not part of the corpus: delete it, or write it anew", path.display())]
    Unknown {
        /// The path of the file.
        path: PathBuf,
    },
}

/// Writes the corpus into `folder`.
///
/// # Errors
///
/// If a file can't be written; the error names it.
pub fn write(corpus: &Corpus, folder: &Path) -> io::Result<()> {
    for (name, bytes) in corpus {
        let path = folder.join(name);
        let written = fs::create_dir_all(path.parent().unwrap_or(folder)).and_then(|()| fs::write(&path, bytes));
        written
            .map_err(|error| io::Error::new(error.kind(), format!("failed to write {}: {error}", path.display())))?;
    }
    Ok(())
}

/// Returns all differences between `folder` and the corpus.
#[must_use]
pub fn verify(corpus: &Corpus, folder: &Path) -> Vec<Drift> {
    let kept = corpus.iter().filter_map(|(name, expected)| {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(got) => difference(path, expected, &got),
            Err(source) => Some(Drift::Unreadable { path, source }),
        }
    });
    kept.chain(unknown(corpus, folder)).collect()
}

fn difference(path: PathBuf, expected: &[u8], got: &[u8]) -> Option<Drift> {
    if expected == got {
        return None;
    }
    let same = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    let from = |bytes: &[u8]| String::from_utf8_lossy(&bytes[same..bytes.len().min(same + 40)]).into_owned();
    let line = expected[..same].split(|byte| *byte == b'\n').count();
    Some(Drift::Different { path, at: same, line, expected: from(expected), got: from(got) })
}

/// The names of further files in the folder, written by hand.
const BESIDE: [&str; 2] = ["README.md", "LICENSE"];

/// Returns the files in the folder that are not part of the corpus.
fn unknown(corpus: &Corpus, folder: &Path) -> Vec<Drift> {
    let mut unknown = Vec::new();
    let mut folders = vec![(String::new(), folder.to_owned())];
    while let Some((within, folder)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (name, path) = (format!("{within}{}", entry.file_name().display()), entry.path());
            if path.is_dir() {
                folders.push((format!("{name}/"), path));
            } else if !corpus.contains_key(&name) && !BESIDE.contains(&name.as_str()) {
                unknown.push(Drift::Unknown { path });
            }
        }
    }
    unknown
}
