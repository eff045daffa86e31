//! `onbeat fixtures`.

use std::error::Error;
use std::path::PathBuf;

use super::{Exit, Output};
use crate::fixtures;

#[derive(Debug, clap::Args)]
pub(super) struct FixturesArguments {
    #[command(subcommand)]
    action: CorpusAction,
    /// The folder of the corpus
    #[arg(long, default_value = "fixtures", value_name = "FOLDER", global = true)]
    folder: PathBuf,
}

#[derive(Debug, clap::Subcommand)]
enum CorpusAction {
    /// Write the golden files from the embedded server
    Write,
    /// Fail where the golden files have drifted from the embedded server
    Verify,
}

pub(super) fn run(arguments: &FixturesArguments, out: &mut Output) -> Result<Exit, Box<dyn Error>> {
    let folder = &arguments.folder;
    // Looks at the folder first, so that an unusable path fails before the corpus is made.
    match arguments.action {
        CorpusAction::Write => std::fs::create_dir_all(folder)
            .map_err(|error| format!("failed to create {}: {error}", folder.display()))?,
        CorpusAction::Verify => {
            std::fs::read_dir(folder).map_err(|error| format!("failed to read {}: {error}", folder.display()))?;
        }
    }
    let corpus = fixtures::corpus()?;
    match arguments.action {
        CorpusAction::Write => {
            fixtures::write(&corpus, folder)?;
            Ok(Exit::Holds)
        }
        CorpusAction::Verify => {
            let drifts = fixtures::verify(&corpus, folder);
            for drift in &drifts {
                out.line(drift);
            }
            Ok(if drifts.is_empty() { Exit::Holds } else { Exit::Differs })
        }
    }
}
