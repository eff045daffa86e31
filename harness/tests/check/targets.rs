//! What is no server of the contract, and what sends anything at all.

use std::net::TcpListener;
use std::process::Command;

use crate::support::{answering, onbeat, text};

#[test]
fn what_is_no_such_server_is_told_at_once() {
    for (answer, told) in [
        ("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "expected 200, got 500"),
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", "got 302 (a redirect to /login)"),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
            "expected text/event-stream, got text/html",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
            "got one encoded as gzip",
        ),
        ("SSH-2.0-OpenSSH_9.6\r\n", "expected a response head, got \"SSH-2.0-OpenSSH_9.6"),
        ("", "the server closed the connection without an answer"),
    ] {
        let output = onbeat(&["check", &answering(answer)]);
        assert_eq!(output.status.code(), Some(1), "{answer:?}");
        assert!(text(&output.stderr).contains(told), "{answer:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_server_without_streams_can_be_asked_for_the_rest() {
    let url = answering("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let output = onbeat(&["check", &url, "--only", "requests.malformed"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// The head of an event stream in chunks.
const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Bytes that a server may send, and that break clients.
#[test]
fn no_stream_makes_the_check_panic_or_hang() {
    let chunks = |chunks: &[&[u8]]| {
        let chunks = chunks.iter().map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        [STREAM.as_bytes(), &chunks.collect::<Vec<_>>().concat(), b"0\r\n\r\n"].concat()
    };
    let long = |text: &str, bytes: usize| text.repeat(bytes / text.len()).into_bytes();
    let (mark, many) = ("\u{feff}".as_bytes(), 1 << 18);
    let answers = [
        ("a mark alone", chunks(&[mark])),
        ("a mark in two chunks", chunks(&[&mark[..1], &mark[1..], b"data: a\n\n"])),
        ("two marks", chunks(&[mark, mark, b"data: a\n\n"])),
        ("LF", chunks(&[b"data: a\n\n", &long("\n", many)])),
        ("CR", chunks(&[b"data: a\n\n", &long("\r", many)])),
        ("comments", chunks(&[b"data: a\n\n", &long(":\n", many)])),
        ("a line", chunks(&[b"data: a\n\n", &long("a", 3 * many), b"\n\n"])),
        ("an id", chunks(&[b"data: a\n\nid: ", &long("7", many), &long("\n", many)])),
        ("no UTF-8", chunks(&[b"\xff", &long("data: a\n\n", many)])),
    ];
    let check = |(name, answer): (&str, Vec<u8>)| {
        let url = answering(Box::leak(answer.into_boxed_slice()));
        let output = onbeat(&["check", &url, "--quick", "--only", "dynamic-counter.*"]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{name}: {}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with("onbeat check: "), "{name}");
    };
    // Most of a check is waiting, so all wait side by side.
    std::thread::scope(|scope| {
        for answer in answers {
            scope.spawn(|| check(answer));
        }
    });
}

#[test]
fn a_lack_of_sockets_is_no_fault_of_the_server() {
    let script = format!("ulimit -n 64; exec {} check 127.0.0.1:9", env!("CARGO_BIN_EXE_onbeat"));
    let output = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("at least 128 open files, got 64: raise it (ulimit -n 128)"), "{output:?}");
}

#[test]
fn a_url_that_leads_nowhere_is_an_error() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    for (url, told) in [
        (format!("http://{free}"), "is the server running?"),
        ("http://nowhere.invalid".into(), "failed to connect to http://nowhere.invalid"),
        ("http://nowhere.invalid".into(), "(port 80)"),
        (free.to_string(), "is the server running?"),
        ("https://127.0.0.1".into(), "onbeat check does not speak TLS"),
        ("3000".into(), "write http://localhost:3000"),
        ("http://127.0.0.1/?x=1".into(), "expected nothing after the path: write http://127.0.0.1"),
        ("http://me:sesame@127.0.0.1".into(), "write http://127.0.0.1, and send them with --header"),
    ] {
        let output = onbeat(&["check", &url]);
        assert_eq!(output.status.code(), Some(2), "{url}");
        assert!(text(&output.stderr).contains(told), "{url}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{url}");
        assert!(!text(&output.stderr).contains("sesame"), "{url}");
    }
}
