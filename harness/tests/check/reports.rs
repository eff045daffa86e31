//! The files that a check reads and writes.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{file, last_line, onbeat, text, verdicts};

/// A server that must not be asked for anything: its URL, and how many connections there have been.
fn untouched() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    // It ends with the test's process.
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, connections)
}

#[test]
fn what_cannot_be_read_or_written_is_told_before_the_first_connection() {
    let (url, connections) = untouched();
    let folder = file("reports");
    // It may be there from a run before.
    let _ = std::fs::create_dir(&folder);
    let (old, list, typo) = (folder.join("old.xml"), folder.join("list.txt"), folder.join("typo.txt"));
    std::fs::write(&old, "<old/>").expect("a writable file");
    std::fs::write(&list, "requests.options\n").expect("a writable file");
    std::fs::write(&typo, "# one\nstream-txt.done\n").expect("a writable file");
    let path = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    let (missing, below) = (path(folder.join("missing").join("x")), path(old.join("x")));
    let [folder, list, typo, new] = [folder.clone(), list, typo, folder.join("new.xml")].map(path);
    let old = path(old);
    for (option, file, told) in [
        ("--junit", &missing, "; create the folder "),
        ("--html", &missing, "failed to write "),
        ("--write-expect-failures", &missing, "failed to write "),
        ("--junit", &folder, "failed to write "),
        ("--html", &below, "failed to write "),
        ("--expect-failures", &missing, "failed to read "),
        ("--expect-failures", &folder, "failed to read "),
        ("--expect-failures", &typo, "line 2: \"stream-txt.done\" is no case; the nearest is stream-text.done"),
    ] {
        let output = onbeat(&["check", &url, option, file]);
        assert_eq!(output.status.code(), Some(2), "{option} {file}");
        assert!(text(&output.stderr).contains(told), "{option} {file}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
    }
    let twice = onbeat(&["check", &url, "--junit", &new, "--html", &new]);
    assert!(twice.status.code() == Some(2) && text(&twice.stderr).contains("twice"), "{}", text(&twice.stderr));
    let itself = onbeat(&["check", &url, "--junit", &list, "--expect-failures", &list]);
    assert!(itself.status.code() == Some(2) && text(&itself.stderr).contains("another path"));
    let spelt_otherwise = format!("{folder}/./list.txt");
    let itself = onbeat(&["check", &url, "--junit", &spelt_otherwise, "--expect-failures", &list]);
    assert!(itself.status.code() == Some(2) && text(&itself.stderr).contains("another path"));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    // A wrong file leaves a right one as it was, and a server that is not there leaves all.
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    assert_eq!(onbeat(&["check", &format!("http://{free}"), "--junit", &old, "--html", &new]).status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&old).expect("it is there"), "<old/>");
    assert!(!Path::new(&new).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_no_results() {
    let output = onbeat(&["check", "--only", "stream-text.*", "--junit", "/dev/full"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(last_line(&output).starts_with("conforms: "), "{}", last_line(&output));
    assert!(text(&output.stderr).contains("failed to write /dev/full: "), "{}", text(&output.stderr));
}

#[test]
fn reports_are_written_for_ci_and_for_a_browser() {
    let (junit, html) = (file("report.xml"), file("report.html"));
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let output = onbeat(&["check", "--junit", &path(&junit), "--html", &path(&html)]);
    assert_eq!(output.status.code(), Some(0));
    let report = quick_junit::Report::deserialize_from_str(&std::fs::read_to_string(&junit).expect("written"));
    let report = report.expect("JUnit");
    let cases: usize = report.test_suites.iter().map(|suite| suite.test_cases.len()).sum();
    assert_eq!(cases, verdicts(&onbeat(&["check", "--format", "jsonl"])).len());
    assert!(report.timestamp.is_some() && report.time.is_some_and(|time| time > Duration::ZERO));
    assert!(report.test_suites.iter().all(|suite| suite.timestamp.is_some() && suite.time.is_some()));
    let cases = || report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    assert!(cases().all(|case| case.time.is_some()));
    let lasts = |name: &str| report.test_suites.iter().find(|suite| suite.name.as_str() == name).and_then(|it| it.time);
    assert!(lasts("sse") > lasts("stream-text") && lasts("stream-text") > Some(Duration::ZERO), "{:?}", lasts("sse"));
    let html = std::fs::read_to_string(&html).expect("written");
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.contains("<svg") && html.contains("stream-json"),
        "{html:.200}"
    );
    let unwritable = onbeat(&["check", "--junit", "/nowhere/report.xml"]);
    assert_eq!(unwritable.status.code(), Some(2));
    assert!(text(&unwritable.stderr).contains("failed to write /nowhere/report.xml: "), "{}", text(&unwritable.stderr));
}
