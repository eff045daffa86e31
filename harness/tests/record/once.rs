//! One exchange: every chunk as the server made it, however the network carries it.

use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc;

use onbeat_wire::How;
use onbeat_wire::recording::{Fact, Framing, RawRequest, RecordingStart};

use super::support::{
    answering, chunked, end, folder, lines, onbeat, read_exact, read_head, record, server, statuses, writes,
};

#[test]
fn a_chunk_is_a_write_wherever_the_network_cuts() {
    let long = format!("data: {}\n\n", "x".repeat(100_000));
    let euro = "€".as_bytes();
    let chunks: [&[u8]; 6] =
        [b"data: 1\r\n\r\n", &euro[..1], &euro[1..], b":\n", b"\n", b"event: a\ndata: 2\n\ndata: 3\n\n"];
    let bytes = chunked(chunks);
    for pieces in [vec![bytes.clone()], bytes.iter().map(|byte| vec![*byte]).collect()] {
        let recorded = record(answering(pieces), &[]);
        assert_eq!((writes(&recorded), end(&recorded)), (chunks.to_vec(), How::Complete));
    }
    let recorded = record(answering(chunked([long.as_bytes(), b"b"]).chunks(7001).map(<[u8]>::to_vec).collect()), &[]);
    assert_eq!(writes(&recorded), [long.as_bytes(), b"b"]);
}

#[test]
fn a_recording_begins_with_the_server_the_request_and_the_head() {
    let addr = answering(vec![chunked([&b"data: 1\n\n"[..]])]);
    let recorded = record(addr, &["-H", "Accept: text/event-stream"]);
    let from = format!("http://{addr}/chat");
    let start = RecordingStart {
        format: 1,
        onbeat: env!("CARGO_PKG_VERSION").into(),
        from,
        framing: Some(Framing::Chunked),
        at_ms: None,
        times: None,
    };
    assert_eq!(recorded[0].fact, Fact::Recording(start));
    let text = format!(
        "GET /chat HTTP/1.1\r\nHost: {addr}\r\nUser-Agent: onbeat/{}\r\nAccept: text/event-stream\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(recorded[1].fact, Fact::RawRequest(RawRequest { text }));
    assert_eq!((recorded[1].t_ms, &recorded[1].notes.body), (0, &None));
    assert_eq!(statuses(&recorded), [200]);
    assert_eq!(recorded.len(), 5);
}

#[test]
fn the_bytes_of_a_header_that_are_no_utf_8_are_recorded() {
    let head = b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9 caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n";
    let recorded = record(answering(vec![head.to_vec()]), &[]);
    let Fact::Head(head) = &recorded[2].fact else { panic!("{recorded:?}") };
    assert_eq!(head.headers[0], ("x-name".to_owned(), "caf\u{f7e9} café".to_owned()));
}

#[test]
fn a_response_with_two_lengths_is_told_as_no_http() {
    let addr = answering(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".to_vec()]);
    let output = onbeat(&["record", &format!("http://{addr}/")]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("expected a response with one plain Content-Length, got Content-Length: 5, 6"), "{told}");
}

#[test]
fn a_body_is_sent_and_recorded() {
    let (got, bodies) = mpsc::channel();
    let got = Mutex::new(got);
    let addr = server(move |mut socket| {
        let head = read_head(&mut socket);
        let length =
            head.split("Content-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a length");
        let body = read_exact(&mut socket, length.parse().expect("a number"));
        got.lock().expect("no panic").send((head, body)).expect("the test waits");
        socket.write_all(&chunked([])).expect("a reader");
    });
    let folder = folder("body");
    let file = folder.join("body.json");
    std::fs::write(&file, "{\"stream\":true}\n").expect("a file");
    let at_file = format!("@{}", file.display());
    for (arguments, method, kind, body) in [
        (["-d", "a=b", "-X", "PUT"], "PUT", "application/x-www-form-urlencoded", "a=b"),
        (["-d", &at_file, "-X", "POST"], "POST", "application/json", "{\"stream\":true}\n"),
        (["-d", "{}", "-H", "content-type: text/plain"], "POST", "text/plain", "{}"),
    ] {
        let recorded = record(addr, &arguments);
        let (head, got) = bodies.recv().expect("a request");
        assert!(head.starts_with(&format!("{method} /chat HTTP/1.1\r\n")), "{head}");
        assert!(head.to_lowercase().contains(&format!("content-type: {kind}\r\n")), "{head}");
        assert_eq!(got, body.as_bytes());
        let noted = recorded[1].notes.body.clone().expect("a body");
        assert_eq!((&noted.bytes[..], noted.is_cut), (body.as_bytes(), false));
        assert_eq!(recorded[1].fact, Fact::RawRequest(RawRequest { text: head }));
    }
}

#[test]
fn every_status_and_every_framing_is_recorded() {
    let framing = |lines: &[super::support::RecordedLine]| match &lines[0].fact {
        Fact::Recording(start) => start.framing,
        _ => None,
    };
    let answer = |text: &str| answering(vec![text.as_bytes().to_vec()]);
    let length = Some(Framing::Length);
    for (method, text, status, expected, body, how) in [
        (
            "GET",
            "HTTP/1.1 503 No\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"error\":\"x\"}",
            503,
            length,
            "{\"error\":\"x\"}",
            How::Complete,
        ),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, length, "", How::Complete),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, length, "", How::Complete),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, length, "", How::Complete),
        ("GET", "HTTP/1.0 200 OK\r\n\r\ndata: 1\n\n", 200, Some(Framing::Close), "data: 1\n\n", How::Complete),
        ("GET", "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", 302, length, "", How::Complete),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", 200, length, "abc", How::Cut),
    ] {
        let recorded = record(answer(text), &["-X", method]);
        assert_eq!((statuses(&recorded), framing(&recorded)), (vec![status], expected), "{text}");
        assert_eq!((writes(&recorded).concat(), end(&recorded)), (body.as_bytes().to_vec(), how), "{text}");
    }
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
    let recorded = record(answer(interim), &[]);
    assert_eq!((statuses(&recorded), framing(&recorded)), (vec![103, 200], length));
}

#[test]
fn a_write_has_the_times_of_its_first_and_its_last_byte() {
    let (go, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let addr = server(move |mut socket| {
        read_head(&mut socket);
        let bytes = chunked([&b"data: hello\n\n"[..]]);
        let middle = bytes.len() - 12;
        socket.write_all(&bytes[..middle]).expect("a reader");
        told.lock().expect("no panic").recv().expect("the test is there");
        socket.write_all(&bytes[middle..]).expect("a reader");
    });
    let file = folder("times").join("times.jsonl");
    let name = file.to_str().expect("UTF-8");
    let mut recorder = std::process::Command::new(env!("CARGO_BIN_EXE_onbeat"));
    let mut recorder = recorder.args(["record", &format!("http://{addr}/"), "-o", name]).spawn().expect("onbeat runs");
    // The head and the first bytes of the chunk came at once.
    while std::fs::read_to_string(&file).unwrap_or_default().lines().count() < 3 {
        std::thread::yield_now();
    }
    let head = lines(&std::fs::read_to_string(&file).expect("a file"));
    let_pass(std::time::Duration::from_millis(10));
    go.send(()).expect("the server waits");
    assert!(recorder.wait().expect("the recorder ends").success());
    let recorded = lines(&std::fs::read_to_string(&file).expect("a file"));
    let write = &recorded[3];
    assert_eq!(writes(&recorded), [b"data: hello\n\n"]);
    let first = write.notes.first_ms.expect("the first byte came earlier");
    assert!(head[2].t_ms <= first && first < write.t_ms, "{first} {}", write.t_ms);
}

/// Lets time of the machine pass, which only the lower bound of a time depends on.
#[expect(clippy::disallowed_methods, reason = "the recorder is another process, with the time of the machine")]
fn let_pass(duration: std::time::Duration) {
    let began = std::time::Instant::now();
    while began.elapsed() < duration {
        std::thread::yield_now();
    }
}

#[test]
fn a_file_gets_the_recording_and_stdout_a_summary() {
    let file = folder("file").join("chat.jsonl");
    let name = file.to_str().expect("UTF-8");
    let url = format!("http://{}/chat", answering(vec![chunked([&b"a"[..], b"b"])]));
    let output = onbeat(&["record", &url, "-o", name]);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(said.starts_with(&format!("{name}: 200, 2 writes, complete after ")), "{said}");
    assert_eq!(writes(&lines(&std::fs::read_to_string(&file).expect("a file"))), [b"a", b"b"]);
}
