//! `--twice`: what differs between two answers is proposed as what may vary.

use std::io::Write;
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
