//! The check: any server, held against the golden fixtures.
//!
//! ```text
//!   fixtures ──► play, exchange ──► client logs ──► seen ──► judge ──► verdicts ──► report
//!                 on a target                  who else       knows no contract
//!                                              was there
//! ```
//!
//! The target is the embedded server in virtual time, where every time is exact, or a server over TCP, where a write is
//! never early, late only beyond a tolerance, and a period is judged by its median. The judge knows no difference.

mod application;
mod embedded;
mod exchange;
mod headers;
mod heartbeats;
mod hint;
#[cfg(test)]
mod hostile;
mod lines_seen;
mod live;
#[cfg(test)]
mod made_up;
mod noise;
mod play;
mod pulse;
mod scope;
mod seen;
mod tag;
mod target;

pub use embedded::check_embedded;
pub use headers::{ExtraHeaders, WrongHeader};
pub use live::{Progress, Remote, Unreachable, check_live};
pub use scope::Scope;

use crate::fixtures::golden::Golden;

/// Returns the ids of all cases, in their order.
#[must_use]
pub fn case_ids() -> Vec<String> {
    Golden::read().cases.into_iter().map(|case| case.id).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use crate::replay::Stream;

    /// Returns all files below a folder.
    fn files(folder: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn the_judge_knows_neither_the_contract_nor_the_check() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files: Vec<PathBuf> = files(&source.join("judge")).into_iter().chain([source.join("judge.rs")]).collect();
        assert!(files.len() > 20, "{files:?}");
        let streams = Stream::all().map(Stream::path);
        let names = Stream::all().filter(|stream| stream.ends()).map(Stream::name);
        let foreign = ["heartbeat", "broadcast", "crate::check", "golden"].into_iter().chain(streams).chain(names);
        let foreign: Vec<&str> = foreign.collect();
        for path in files {
            let text = fs::read_to_string(&path).expect("a file").to_lowercase();
            let said: Vec<&&str> = foreign.iter().filter(|word| text.contains(**word)).collect();
            assert!(said.is_empty(), "{} says {said:?}", path.display());
        }
    }
}
