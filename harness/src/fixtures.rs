//! The golden fixtures: the contract as data, for readers in any language.
//!
//! The embedded server in paused time generates the corpus, each time the same to the byte: [`corpus`] returns all files,
//! [`write()`] writes the files to a folder, and [`verify`] compares a folder with them.

mod annotator;
mod end_to_end;
mod fan_out;
mod folder;
pub(crate) mod format;
mod manifest;
pub(crate) mod read_back;
mod requests;
mod scenarios;
pub(crate) mod stream_cases;
mod streams;

use std::collections::BTreeMap;

use onbeat_server::random::Seed;

pub use self::folder::{Drift, verify, write};
use crate::world_lab::{Overdue, Setup};

/// The seed of the corpus.
const SEED: u64 = 42;
/// The wall-clock time at the beginning of each world.
pub(crate) const EPOCH: &str = "2025-12-01T00:00:00Z";

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
    // Adds cases and schemas, which are written by hand and part of the corpus.
    corpus.insert(read_back::CASES.into(), read_back::cases().into());
    corpus.extend(onbeat_fixtures::folder("schema").map(|schema| (schema.path.to_owned(), schema.text.into())));
    // Makes the manifest last, with the sums of all other files.
    corpus.insert("manifest.json".into(), manifest::file(&corpus));
    Ok(corpus)
}

pub(crate) fn setup() -> Setup {
    Setup::new(Seed(SEED), EPOCH.parse().expect("a valid epoch"))
}
