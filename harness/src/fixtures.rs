//! The golden fixtures: the contract as data, for readers in any language.
//!
//! Everything that is generated comes from the embedded server in paused time, so that it can be written again, byte for
//! byte: [`corpus`] is the whole of it in memory, and [`write()`] and [`verify`] hold it against a folder.

mod annotator;
mod end_to_end;
pub(crate) mod format;
pub(crate) mod golden;
mod manifest;
mod requests;
mod scenes;
mod stream_cases;
mod streams;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use onbeat_server::random::Seed;

use crate::lab::{Overdue, Setup};

/// The seed of the corpus.
const SEED: u64 = 42;
/// The wall-clock time at which each of its worlds begins.
pub(crate) const EPOCH: &str = "2025-12-01T00:00:00Z";

/// The schemas are written by hand, as the cases are. Both are part of the corpus, so that a change of either is one of the
/// corpus.
const SCHEMAS: [(&str, &str); 5] = [
    ("schema/cases.schema.json", include_str!("../../fixtures/schema/cases.schema.json")),
    ("schema/manifest.schema.json", include_str!("../../fixtures/schema/manifest.schema.json")),
    ("schema/requests.schema.json", include_str!("../../fixtures/schema/requests.schema.json")),
    ("schema/scene.schema.json", include_str!("../../fixtures/schema/scene.schema.json")),
    ("schema/stream.schema.json", include_str!("../../fixtures/schema/stream.schema.json")),
];

/// The files of the corpus by their path within `fixtures/`, parts joined by `/`.
pub type Corpus = BTreeMap<String, Vec<u8>>;

/// The whole corpus, but for its `README.md` and its licence.
///
/// # Errors
///
/// If a stream or a scene does not end in time.
///
/// # Panics
///
/// If the embedded server breaks the form of its own contract.
pub fn corpus() -> Result<Corpus, Overdue> {
    let setup = setup();
    let mut corpus = Corpus::new();
    corpus.extend(streams::files(&setup)?);
    corpus.extend(scenes::files(&setup)?);
    corpus.extend(requests::files(&setup)?);
    corpus.insert("cases.json".into(), golden::CASES.into());
    corpus.extend(SCHEMAS.map(|(path, schema)| (path.to_owned(), schema.as_bytes().to_vec())));
    corpus.insert("manifest.json".into(), manifest::file(&corpus));
    Ok(corpus)
}

pub(crate) fn setup() -> Setup {
    Setup::new(Seed(SEED), EPOCH.parse().expect("a valid epoch"))
}

/// Why a folder of fixtures is not the corpus.
#[derive(Debug, thiserror::Error)]
pub enum Drift {
    /// A file can't be read.
    #[error("failed to read {}: {source}", path.display())]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file has other bytes.
    #[error("{} differs from byte {at} on (line {line}): expected {expected:?}, got {got:?}", path.display())]
    Different {
        /// Which file.
        path: PathBuf,
        /// The first differing byte, from 0.
        at: usize,
        /// Its line, from 1.
        line: usize,
        /// What the embedded server gives, from there on.
        expected: String,
        /// What the file has, from there on.
        got: String,
    },
    /// A file belongs to nothing.
    #[error("{} is not part of the corpus: delete it, or write it anew", path.display())]
    Unknown {
        /// Which file.
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

/// Every way in which `folder` has drifted from the corpus; none if it has not.
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

/// What lies beside the corpus, written by hand.
const BESIDE: [&str; 2] = ["README.md", "LICENSE"];

/// Files in the folder that the corpus does not have.
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
