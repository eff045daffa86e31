//! Starts the program, and servers for it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

pub(crate) fn onbeat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onbeat")).args(arguments).output().expect("onbeat runs")
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Returns the path of a file of this test run, which is not there yet.
pub(crate) fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may be there from a run before.
    let _ = std::fs::remove_file(&path);
    path
}

/// Starts a server that answers every request with these bytes and closes the connection; returns the URL.
pub(crate) fn answering<A: AsRef<[u8]> + Sync + ?Sized>(answer: &'static A) -> String {
    answering_in_turn(&[answer])
}

/// Starts a server that answers each request with the next answer, and every further one with the last; returns the URL.
pub(crate) fn answering_in_turn<A: AsRef<[u8]> + Sync + ?Sized>(answers: &[&'static A]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (answers, answered) = (answers.to_vec(), Arc::new(AtomicUsize::new(0)));
    // It ends with the test's process.
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, answers, answered) =
                (socket.expect("a connection"), answers.clone(), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                // A client that only tries the connection sends nothing, and needs no answer.
                if matches!(socket.read(&mut request), Ok(1..)) {
                    let turn = answered.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
                    let _ = socket.write_all(answers[turn].as_ref());
                }
            });
        }
    });
    url
}

/// Returns the verdicts of a report in jsonl, by id.
pub(crate) fn verdicts(output: &Output) -> Vec<(String, String)> {
    let lines = text(&output.stdout).lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let word = |verdict: &Value, key: &str| verdict[key].as_str().expect("a word").to_owned();
    lines.map(|verdict| (word(&verdict, "id"), word(&verdict, "verdict"))).collect()
}

pub(crate) fn last_line(output: &Output) -> &str {
    text(&output.stdout).lines().last().expect("a summary")
}
