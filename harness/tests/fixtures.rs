//! The golden fixtures are what the embedded server gives, and hang together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use onbeat::fixtures::{corpus, verify, write};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// A fresh copy of the corpus, for a test to spoil.
fn copy(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may be there from a run before.
    let _ = fs::remove_dir_all(&folder);
    write(&corpus().expect("in time"), &folder).expect("a writable folder");
    folder
}

/// What `verify` says of a copy that was spoiled like this.
fn drifts(name: &str, spoil: impl Fn(&Path)) -> Vec<String> {
    let folder = copy(name);
    spoil(&folder);
    let drifts = verify(&corpus().expect("in time"), &folder);
    drifts.iter().map(|drift| drift.to_string().replace(&folder.display().to_string(), "fixtures")).collect()
}

#[test]
fn the_committed_fixtures_have_not_drifted() {
    let drifts = verify(&corpus().expect("in time"), &committed());
    assert!(drifts.is_empty(), "{drifts:#?}");
}

#[test]
fn the_corpus_is_the_same_each_time() {
    assert_eq!(corpus(), corpus());
}

#[test]
fn drift_is_told_with_its_first_differing_byte() {
    let spoiled = drifts("spoiled", |folder| {
        let path = folder.join("streams/sse.jsonl");
        let text = fs::read_to_string(&path).expect("readable");
        fs::write(&path, text.replacen("heartbeat:", "heartbeats:", 1)).expect("writable");
    });
    assert_eq!(spoiled.len(), 1);
    assert!(spoiled[0].starts_with("fixtures/streams/sse.jsonl differs from byte "), "{}", spoiled[0]);
    assert!(spoiled[0].contains(r#"(line 5): expected ":\\n\\n\"#), "{}", spoiled[0]);
    let missing = drifts("missing", |folder| fs::remove_file(folder.join("cases.json")).expect("removable"));
    assert!(missing[0].starts_with("failed to read fixtures/cases.json: "), "{missing:?}");
    for name in ["streams/old.jsonl", "old.json", "more/old.json"] {
        let unknown = drifts("unknown", |folder| {
            fs::create_dir_all(folder.join("more")).expect("a writable folder");
            fs::write(folder.join(name), "{}").expect("writable");
        });
        assert_eq!(unknown, [format!("fixtures/{name} is not part of the corpus: delete it, or write it anew")]);
    }
    let shorter = drifts("shorter", |folder| fs::write(folder.join("streams/sse.jsonl"), "").expect("writable"));
    assert!(shorter[0].contains("differs from byte 0 on (line 1)"), "{shorter:?}");
}

#[test]
fn a_released_version_never_changes() {
    let corpus = corpus().expect("in time");
    let manifest: Value = serde_json::from_slice(&corpus["manifest.json"]).expect("JSON");
    let version = manifest["corpus_version"].as_str().expect("a version");
    if version.ends_with("-draft") {
        return;
    }
    let sum: String = Sha256::digest(&corpus["manifest.json"]).iter().map(|byte| format!("{byte:02x}")).collect();
    let released = include_str!("released.txt").lines().find_map(|line| line.strip_prefix(version));
    let released = released.unwrap_or_else(|| panic!("add {version} to released.txt, with the sum {sum}")).trim();
    assert_eq!(released, sum, "{version} is released: give what has changed another CORPUS_VERSION");
}

#[test]
fn every_case_is_named_by_a_fixture_and_every_name_is_a_case() {
    let corpus = corpus().expect("in time");
    let (mut named, mut known) = (BTreeSet::new(), BTreeSet::new());
    for (path, bytes) in &corpus {
        let text = std::str::from_utf8(bytes).expect("UTF-8");
        let values: Vec<Value> = match path.as_str() {
            "manifest.json" => continue,
            "cases.json" => {
                let cases: Vec<Value> = serde_json::from_str(text).expect("JSON");
                known.extend(cases.iter().map(|case| case["id"].as_str().expect("an id").to_owned()));
                continue;
            }
            _ if path.starts_with("requests/") => serde_json::from_str(text).expect("JSON"),
            _ if path.starts_with("schema/") => continue,
            _ => text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(),
        };
        let several = values.iter().flat_map(|value| value["cases"].as_array().cloned().unwrap_or_default());
        let one = values.iter().map(|value| value["case"].clone());
        named.extend(several.chain(one).filter_map(|case| case.as_str().map(str::to_owned)));
    }
    assert_eq!(named, known);
}
