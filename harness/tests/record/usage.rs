//! Wrong usage, servers that can't be recorded, and files that can't be written: exit code 2, and what to do.

use std::io::Write;
use std::net::TcpListener;

use super::support::{answering, chunked, folder, onbeat, read_exact, server};

/// The exit code is 2, nothing is on stdout, and stderr says this.
#[track_caller]
fn assert_fails(arguments: &[&str], said: &str) {
    let output = onbeat(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(said), "{arguments:?}: {stderr}");
}

#[test]
fn wrong_arguments_are_explained() {
    assert_fails(
        &["record", "ws://localhost"],
        "expected a URL like http://localhost:8000/chat: expected http:// or https://, got ws://",
    );
    assert_fails(
        &["record", "localhost", "-H", "no colon"],
        "expected 'Name: value', like 'Accept: text/event-stream'",
    );
    assert_fails(&["record", "localhost", "-H", "a: b\nc: d"], "on one line and without control characters");
    for header in ["Transfer-Encoding: chunked", "content-length: 3", "Connection: close", "Expect: 100-continue"] {
        let name = header.split(':').next().expect("a name");
        let told = format!("failed to take the header {name}: expected another one, since onbeat decides");
        assert_fails(&["record", "localhost", "-H", header], &told);
    }
    assert_fails(&["record", "localhost", "-X", "GET /"], "expected a method like POST");
    assert_fails(&["record", "localhost", "--for", "10"], "expected a time like 250ms");
    assert_fails(&["record", "localhost", "--redact", "a=b"], "--redact: expected the name of a header");
    assert_fails(&["record", "localhost", "-d", "@/nowhere/body"], "failed to read /nowhere/body: ");
    assert_fails(&["record", "https://localhost", "--cacert", "/nowhere/ca"], "failed to read /nowhere/ca: ");
    assert_fails(&["record", "https://localhost", "--cacert", "/dev/null"], "expected certificates in PEM");
}

#[test]
fn a_server_that_is_not_there_or_speaks_another_protocol_is_told() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    assert_fails(&["record", &format!("http://{gone}/")], &format!("failed to connect to http://{gone}: "));
    assert_fails(&["record", "http://nowhere.invalid"], "failed to connect to http://nowhere.invalid (port 80): ");
    let ssh = answering(vec![b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()]);
    assert_fails(&["record", &format!("http://{ssh}/")], "expected a response head, got \"SSH-2.0-OpenSSH_9.6");
    let http2 = answering(vec![b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec()]);
    assert_fails(
        &["record", &format!("http://{http2}/")],
        "the server speaks only HTTP/2 here; record through a proxy",
    );
    let plain = server(|mut socket| {
        read_exact(&mut socket, 5);
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("a reader");
    });
    assert_fails(&["record", &format!("https://{plain}/"), "--for", "5s"], "expected TLS, got other bytes");
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_takes_nothing_is_a_failure() {
    let url = format!("http://{}/", answering(vec![chunked([&b"a"[..]])]));
    assert_fails(&["record", &url, "-o", "/dev/full"], "failed to write /dev/full: No space left on device");
    assert_fails(&["record", &url, "-o", "/nowhere/chat.jsonl"], "create the folder /nowhere first");
}

#[test]
fn an_older_file_stays_as_it_was_if_there_is_no_server() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let file = folder("older").join("chat.jsonl");
    std::fs::write(&file, "older").expect("a file");
    assert_fails(&["record", &format!("http://{gone}/"), "-o", file.to_str().expect("UTF-8")], "failed to connect");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "older");
}
