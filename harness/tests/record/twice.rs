//! `--twice`: what differs between two answers is proposed as what may vary.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use super::support::{chunked, folder, lines, onbeat, read_head, server, writes};

#[test]
fn values_that_differ_are_proposed_and_the_first_answer_is_recorded() {
    let count = AtomicU32::new(0);
    let addr = server(move |mut socket| {
        read_head(&mut socket);
        let number = count.fetch_add(1, Ordering::Relaxed);
        // Tells a time in whole seconds, as OpenAI does.
        #[expect(clippy::disallowed_methods, reason = "a server tells the machine's time")]
        let created = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_secs();
        let first = format!(
            "data: {{\"n\":{number},\"at\":\"2025-12-01T00:00:0{number}Z\",\"model\":\"m\",\"created\":{created}}}\n\n"
        );
        socket.write_all(&chunked([first.as_bytes(), b"data: [DONE]\n\n"])).expect("a reader");
    });
    let url = format!("http://{addr}/chat");
    let file = folder("twice").join("chat.jsonl");
    let name = file.to_str().expect("UTF-8");
    let proposal = r#"{"line":4,"vary":[{"pointer":"/at","as":"timestamp"},{"pointer":"/created","as":"number"},{"pointer":"/n","as":"number"}]}"#;
    let output = onbeat(&["record", &url, "--twice", "-o", name]);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!((output.status.code(), said.lines().nth(1)), (Some(0), Some(proposal)), "{said}");
    let recorded = lines(&std::fs::read_to_string(&file).expect("a file"));
    assert!(String::from_utf8_lossy(writes(&recorded)[0]).contains("\"n\":0"));

    let output = onbeat(&["record", &url, "--twice"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), format!("onbeat: {proposal}"));
    assert_eq!(writes(&lines(std::str::from_utf8(&output.stdout).expect("UTF-8"))).len(), 2);
}

#[test]
fn a_reader_that_has_left_gets_no_second_recording() {
    // Sends chunks as long as the reader is there.
    let addr = server(|mut socket| {
        read_head(&mut socket);
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let _ = socket.write_all(head).and_then(|()| (0..).try_for_each(|_| socket.write_all(b"1\r\na\r\n")));
    });
    let mut record = Command::new(env!("CARGO_BIN_EXE_onbeat"));
    let record = record.args(["record", &format!("http://{addr}/"), "--twice"]).stdout(Stdio::piped()).spawn();
    let mut record = record.expect("onbeat runs");
    let mut line = String::new();
    BufReader::new(record.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("{\"kind\":\"recording\""), "{line}");
    assert_eq!(record.wait().expect("it ends").code(), Some(0));
}
