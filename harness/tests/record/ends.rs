//! How an exchange ends: each end is told apart from the others, and what came before is kept.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc;

use onbeat_wire::How;

use super::support::{answering, chunked, end, lines, read_head, record, reset, server, writes};

/// Starts a server that sends one chunk, and then nothing more while the connection is open; tells when a client has left.
fn endless() -> (SocketAddr, mpsc::Receiver<()>) {
    let (left, has_left) = mpsc::channel();
    let left = Mutex::new(left);
    let addr = server(move |mut socket| {
        read_head(&mut socket);
        let bytes = chunked([&b"data: 1\n\n"[..]]);
        socket.write_all(&bytes[..bytes.len() - 5]).expect("a reader");
        assert_eq!(read_head(&mut socket), "");
        left.lock().expect("no panic").send(()).expect("the test waits");
    });
    (addr, has_left)
}

#[test]
fn a_server_that_closes_in_the_middle_has_cut_the_response() {
    let bytes = chunked([&b"data: 1\n\n"[..], b"data: 2\n\n"]);
    let text = String::from_utf8(bytes.clone()).expect("UTF-8");
    let in_chunk = text.find("ta: 2").expect("the second chunk");
    for (length, expected) in [
        (text.find("9\r\n").expect("a size"), &[][..]),
        (in_chunk, &[&b"data: 1\n\n"[..], b"da"]),
        (in_chunk + 7, &[b"data: 1\n\n", b"data: 2\n\n"]),
        (bytes.len() - 1, &[b"data: 1\n\n", b"data: 2\n\n"]),
    ] {
        let recorded = record(answering(vec![bytes[..length].to_vec()]), &[]);
        assert_eq!((writes(&recorded), end(&recorded)), (expected.to_vec(), How::Cut), "{length} bytes");
    }
    for head in ["", "HTTP/1.1 200 OK\r\nContent-"] {
        let recorded = record(answering(vec![head.into()]), &[]);
        assert_eq!((recorded.len(), end(&recorded)), (3, How::Cut));
    }
}

#[test]
fn a_server_that_resets_the_connection_is_told_apart_from_one_that_closes() {
    for framing in ["Content-Length: 9\r\n", "", "Transfer-Encoding: chunked\r\n"] {
        let body = if framing.starts_with('T') { "9\r\nabc" } else { "abc" };
        let bytes = format!("HTTP/1.1 200 OK\r\n{framing}\r\n{body}");
        let addr = server(move |mut socket| {
            read_head(&mut socket);
            socket.write_all(bytes.as_bytes()).expect("a reader");
            reset(socket);
        });
        let recorded = record(addr, &[]);
        assert_eq!((writes(&recorded), end(&recorded)), (vec![&b"abc"[..]], How::Reset), "{framing}");
    }
}

#[test]
fn bytes_that_are_no_http_any_more_cut_the_response() {
    let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n";
    let recorded = record(answering(vec![bytes.to_vec()]), &[]);
    assert_eq!((writes(&recorded), end(&recorded)), (vec![&b"a"[..]], How::Cut));
}

#[test]
fn an_endless_response_is_closed_after_the_given_time() {
    let (addr, has_left) = endless();
    let recorded = record(addr, &["--for", "300ms"]);
    assert_eq!((writes(&recorded), end(&recorded)), (vec![&b"data: 1\n\n"[..]], How::Closed));
    let t_ms = recorded.last().expect("an end").t_ms;
    assert!(t_ms >= 300, "{t_ms}");
    has_left.recv().expect("the connection is closed");
}

/// Starts a recorder whose lines come through a pipe; waits for the first `count`.
fn started(addr: SocketAddr, count: usize) -> (Child, String, BufReader<std::process::ChildStdout>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onbeat"));
    let mut recorder =
        command.args(["record", &format!("http://{addr}/")]).stdout(Stdio::piped()).spawn().expect("onbeat runs");
    let mut lines = BufReader::new(recorder.stdout.take().expect("a pipe"));
    let mut text = String::new();
    for _ in 0..count {
        lines.read_line(&mut text).expect("a line");
    }
    (recorder, text, lines)
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_recording_in_good_order() {
    let (addr, has_left) = endless();
    for signal in ["-INT", "-TERM"] {
        let (mut recorder, mut text, mut rest) = started(addr, 4);
        let killed = Command::new("kill").args([signal, &recorder.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
        std::io::Read::read_to_string(&mut rest, &mut text).expect("UTF-8");
        assert_eq!(recorder.wait().expect("it ends").code(), Some(0));
        assert_eq!(end(&lines(&text)), How::Closed);
        has_left.recv().expect("the connection is closed");
    }
}

#[test]
fn a_killed_recorder_has_written_every_line_that_was_known() {
    let (addr, _has_left) = endless();
    let (mut recorder, text, mut rest) = started(addr, 4);
    recorder.kill().expect("it runs");
    recorder.wait().expect("it ends");
    let mut behind = String::new();
    std::io::Read::read_to_string(&mut rest, &mut behind).expect("UTF-8");
    assert_eq!((writes(&lines(&text)), behind.as_str()), (vec![&b"data: 1\n\n"[..]], ""));
}

#[test]
fn a_reader_that_leaves_ends_the_recording() {
    let (go, told) = mpsc::channel::<()>();
    let (left, has_left) = mpsc::channel();
    let (told, left) = (Mutex::new(told), Mutex::new(left));
    let addr = server(move |mut socket| {
        read_head(&mut socket);
        let bytes = chunked([&b"data: 1\n\n"[..]]);
        socket.write_all(&bytes[..bytes.len() - 5]).expect("a reader");
        told.lock().expect("no panic").recv().expect("the test is there");
        // The recorder notices with the next line.
        while socket.write_all(b"1\r\na\r\n").is_ok() {}
        left.lock().expect("no panic").send(()).expect("the test waits");
    });
    let (mut recorder, _, rest) = started(addr, 4);
    drop(rest);
    go.send(()).expect("the server waits");
    assert_eq!(recorder.wait().expect("it ends").code(), Some(0));
    has_left.recv().expect("the connection is closed");
}
