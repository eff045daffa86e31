//! Which cases are judged, and what is said of a server that conforms, or differs.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::served::Served;
use crate::support::{answering, onbeat, text, verdicts};

#[test]
fn the_embedded_server_conforms() {
    let output = onbeat(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let last = text(&output.stdout).lines().last().expect("a summary");
    assert!(last.starts_with("conforms: ") && last.contains(" 0 fail; 0 differ as they may; 0 were skipped"), "{last}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_scaled_server_conforms_over_real_sockets() {
    let served = Served::start(&["--clock", "scaled:20"]);
    let url = format!("http://{}", served.addr);
    let output = onbeat(&["check", &url, "--scale", "20", "--tolerance", "2s", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(verdicts(&output).iter().all(|(_, verdict)| verdict == "pass" || verdict == "observed"));
}

#[test]
fn a_selection_leaves_the_rest_out() {
    let output = onbeat(&["check", "--only", "stream-text.*,sse.greeting", "--skip", "*.done", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(0));
    for (id, verdict) in verdicts(&output) {
        let chosen = (id.starts_with("stream-text.") || id == "sse.greeting") && id != "stream-text.done";
        assert_eq!(verdict, if chosen { "pass" } else { "skipped" }, "{id}");
    }
    let misspelled = onbeat(&["check", "--only", "stream-txt.*"]);
    assert_eq!(misspelled.status.code(), Some(2));
    assert!(text(&misspelled.stderr).contains("no case matches \"stream-txt.*\""), "{}", text(&misspelled.stderr));
}

#[test]
fn a_quick_check_leaves_out_what_takes_longer_than_10_s() {
    let output = onbeat(&["check", "--quick", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(0));
    let skipped: Vec<_> = verdicts(&output).into_iter().filter(|(_, verdict)| verdict == "skipped").collect();
    let ids: Vec<&str> = skipped.iter().map(|(id, _)| id.as_str()).collect();
    for id in ["sse.heartbeat", "sse.heartbeat-period", "sse-data.done", "stream-json.alert", "stream-json.end"] {
        assert!(ids.contains(&id), "{id} is not among {ids:?}");
    }
    for id in ["sse.greeting", "sse-data.period", "stream-text.done", "fan-out.order", "requests.paths"] {
        assert!(!ids.contains(&id), "{id} is among {ids:?}");
    }
}

#[test]
fn a_media_type_is_read_without_regard_to_case() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream\r\n\r\ndata: no such server\n\n";
    let output = onbeat(&["check", &answering(answer), "--only", "stream-text.status,stream-text.content-type"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// Starts a server that answers every request with a stream without an end; returns the URL.
fn streaming_always() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    // Ends with the process of the test.
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.expect("a connection");
            thread::spawn(move || {
                let mut request = [0; 4096];
                if matches!(socket.read(&mut request), Ok(1..)) {
                    let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:\n\n");
                }
                // Keeps the stream open until the client leaves.
                while matches!(socket.read(&mut request), Ok(1..)) {}
            });
        }
    });
    url
}

#[test]
fn a_stream_in_place_of_a_refusal_is_a_wrong_status_and_takes_no_time() {
    let output = onbeat(&["check", &streaming_always(), "--quick", "--only", "requests.malformed"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("expected  400") && told.contains("actual    200"), "{told}");
    assert!(!told.contains("broken off"), "{told}");
}
