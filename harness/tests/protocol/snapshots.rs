//! No snapshot is left over from a trace that is gone or has another name.

use std::fs;
use std::path::Path;

use crate::snapshot::SNAPSHOTS;

#[test]
fn every_snapshot_belongs_to_a_trace() {
    let read = |path: &Path| fs::read_to_string(path).expect("a readable source");
    let folders = ["lab", "protocol", "routes", "server", "worlds"]
        .map(|tests| format!("{}/tests/{tests}", env!("CARGO_MANIFEST_DIR")));
    let sources: String = folders.iter().flat_map(|folder| files(folder)).map(|path| read(&path)).collect();
    let orphans: Vec<_> = files(SNAPSHOTS)
        .into_iter()
        .filter(|path| {
            let name = path.file_stem().and_then(|name| name.to_str()).expect("an ASCII name");
            !sources.contains(&format!("\"{name}\""))
        })
        .collect();
    assert!(orphans.is_empty(), "no trace has these snapshots, delete them: {orphans:?}");
}

fn files(folder: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("a readable folder");
    entries.map(|entry| entry.expect("a readable entry").path()).filter(|path| path.is_file()).collect()
}
