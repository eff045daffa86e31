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
mod stream_cases;
mod streams;

use std::collections::BTreeMap;

use onbeat_server::random::Seed;

pub use self::folder::{Drift, verify, write};
use crate::world_lab::{Overdue, Setup};

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
    corpus.insert("cases.json".into(), read_back::CASES.into());
    corpus.extend(SCHEMAS.map(|(path, schema)| (path.to_owned(), schema.as_bytes().to_vec())));
    corpus.insert("manifest.json".into(), manifest::file(&corpus));
    Ok(corpus)
}

pub(crate) fn setup() -> Setup {
    Setup::new(Seed(SEED), EPOCH.parse().expect("a valid epoch"))
}
