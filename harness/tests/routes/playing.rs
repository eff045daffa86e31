//! Recordings and raw bodies, played.

use std::path::Path;
use std::time::Duration;

use onbeat_server::random::{Random, Seed};
use onbeat_wire::How;
use onbeat_wire::printable::to_json;
use onbeat_wire::recording::{End, Fact, Line, ResponseHead, Write};

use crate::support::{asked, folder, model, play_model, seen};

fn played(folder: &Path, response: &str, headers: &str, ms: u64) -> String {
    let model = model(&format!("[[route]]\npath = \"/play\"\n{response}"), folder);
    play_model(model, None, async |lab| {
        let client = asked(lab, "GET", "/play", headers, "").await;
        seen(lab, client, ms).await
    })
}

const CHAT: &str = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/chat","framing":"chunked"}
{"t_ms":5,"kind":"request","text":"POST /chat HTTP/1.1\r\nHost: onbeat\r\n\r\n","body":{"text":"{}"}}
{"t_ms":417,"kind":"head","status":201,"headers":[["content-type","text/event-stream"],["transfer-encoding","chunked"],["connection","keep-alive"],["x-id","7"]]}
{"t_ms":460,"kind":"write","text":"id: 1\ndata: hello\n\nid: 2\n","first_ms":450}
{"t_ms":465,"kind":"write","base64":"8J+Y"}
{"t_ms":9005,"kind":"write","text":"\ndata: x\n\nid: 3\ndata: y\n\n"}
{"t_ms":9005,"kind":"end","how":"cut"}
"#;

#[test]
fn a_recording_is_played_to_the_chunk_and_the_millisecond() {
    let folder = folder("recording", &[("chat.jsonl", CHAT)]);
    let expected = r#"412 201 content-type: text/event-stream; x-id: 7; transfer-encoding: chunked;
455 "id: 1\ndata: hello\n\nid: 2\n"
460 "�"
9000 "\ndata: x\n\nid: 3\ndata: y\n\n"
9000 cut off by the server
"#;
    assert_eq!(played(&folder, "play = \"chat.jsonl\"", "", 20_000), expected);
    let changed = "play = \"chat.jsonl\"\nstatus = 200\nheaders = { \"x-id\" = \"8\" }\nwait_ms = 1000";
    let shown = played(&folder, changed, "", 20_000);
    assert!(shown.starts_with("1412 200 content-type: text/event-stream; x-id: 8;"), "{shown}");
    assert!(shown.ends_with("10000 cut off by the server\n"), "{shown}");
}

#[test]
fn the_bytes_of_a_recorded_header_are_played() {
    let text = r#"{"t_ms":0,"kind":"head","status":200,"headers":[["x-name","caf\uf7e9 café"]]}
{"t_ms":0,"kind":"end","how":"complete"}
"#;
    let folder = folder("header-bytes", &[("a.jsonl", text)]);
    // Shows a byte that is no UTF-8 as the decoder does.
    assert!(played(&folder, "play = \"a.jsonl\"", "", 1).starts_with("0 200 x-name: caf\u{f7e9} café;"));
}

#[test]
fn a_recording_resumes_behind_the_last_event_that_the_client_has() {
    let folder = folder("resumed", &[("chat.jsonl", CHAT)]);
    let response = "play = \"chat.jsonl\"\nafter = \"last-event-id\"";
    let shown = played(&folder, response, "Last-Event-ID: 1\r\n", 20_000);
    let body: Vec<_> = shown.lines().skip(1).collect();
    let expected = [
        r#"455 "id: 2\n""#,
        "460 \"\u{fffd}\"",
        r#"9000 "\ndata: x\n\nid: 3\ndata: y\n\n""#,
        "9000 cut off by the server",
    ];
    assert_eq!(body, expected);
    let shown = played(&folder, response, "Last-Event-ID: 3\r\n", 20_000);
    assert_eq!(shown.lines().nth(1), Some("455 cut off by the server"), "{shown}");
    assert_eq!(played(&folder, response, "", 20_000), played(&folder, "play = \"chat.jsonl\"", "", 20_000));
}

#[test]
fn a_raw_body_is_played_event_by_event_line_by_line_or_in_pieces() {
    let folder = folder("raw", &[("a.sse", "data: 1\r\n\r\ndata: 2"), ("b.ndjson", "{}\n{}\n"), ("c.bin", "abcde")]);
    for (response, content_type, expected) in [
        (
            "play = \"a.sse\"\nevery_ms = 20",
            "text/event-stream",
            &[r#"0 "data: 1\r\n\r\n""#, r#"20 "data: 2""#, "20 complete"][..],
        ),
        ("play = \"b.ndjson\"\nevery_ms = 5", "application/x-ndjson", &[r#"0 "{}\n""#, r#"5 "{}\n""#, "5 complete"]),
        (
            "play = \"c.bin\"\nbytes = 2\nevery_ms = 1",
            "application/octet-stream",
            &[r#"0 "ab""#, r#"1 "cd""#, r#"2 "e""#, "2 complete"],
        ),
    ] {
        let shown = played(&folder, response, "", 100);
        assert!(shown.starts_with(&format!("0 200 content-type: {content_type};")), "{shown}");
        assert_eq!(shown.lines().skip(1).collect::<Vec<_>>(), expected, "{response}");
    }
}

#[test]
fn a_recording_with_a_length_keeps_the_length_if_all_bytes_are_sent() {
    let text = r#"{"t_ms":0,"kind":"head","status":200,"headers":[["content-length","3"]]}
{"t_ms":0,"kind":"write","text":"abc"}
{"t_ms":0,"kind":"end","how":"complete"}
"#;
    let folder = folder("length", &[("a.jsonl", text)]);
    assert!(played(&folder, "play = \"a.jsonl\"", "", 1).starts_with("0 200 content-length: 3;\n0 \"abc\"\n"));
    // Leaves the length out where another number of bytes is sent.
    let resumed = played(&folder, "play = \"a.jsonl\"\nafter = \"last-event-id\"", "Last-Event-ID: 1\r\n", 1);
    assert!(resumed.starts_with("0 200 transfer-encoding: chunked;"), "{resumed}");
    let beaten = played(&folder, "play = \"a.jsonl\"\nheartbeat = { every_ms = 1 }", "", 1);
    assert!(beaten.starts_with("0 200 transfer-encoding: chunked;"), "{beaten}");
    let altered = played(&folder, "play = \"a.jsonl\"\nfault = { kind = \"duplicate\" }", "", 1);
    assert_eq!(altered, "0 200 transfer-encoding: chunked;\n0 \"abc\"\n0 \"abc\"\n0 complete\n");
}

#[test]
fn heartbeats_beside_a_recording_begin_with_its_head_and_go_on_until_the_client_leaves() {
    let text = r#"{"t_ms":50,"kind":"head","status":200,"headers":[]}
{"t_ms":95,"kind":"write","text":"a"}
{"t_ms":100,"kind":"end","how":"closed"}
"#;
    let folder = folder("slow", &[("a.jsonl", text)]);
    for (heartbeat, expected) in [
        ("every_ms = 20", &[r#"70 ":\n\n""#, r#"90 ":\n\n""#, r#"95 "a""#, r#"110 ":\n\n""#, r#"130 ":\n\n""#][..]),
        ("after_silence_ms = 20", &[r#"70 ":\n\n""#, r#"90 ":\n\n""#, r#"95 "a""#, r#"115 ":\n\n""#, r#"135 ":\n\n""#]),
    ] {
        let shown = played(&folder, &format!("play = \"a.jsonl\"\nheartbeat = {{ {heartbeat} }}"), "", 140);
        let body: Vec<_> = shown.lines().skip(1).collect();
        assert_eq!((&body[..5], body[5]), (expected, "140 closed by the client"), "{heartbeat}");
    }
}

#[test]
fn the_streams_of_the_fixtures_are_played_as_they_are() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/streams");
    for name in ["stream-text", "sse-data"] {
        let file = std::fs::read_to_string(fixtures.join(format!("{name}.jsonl"))).expect("a fixture");
        let shown = played(&fixtures, &format!("play = \"{name}.jsonl\""), "", 30_000);
        let times = |text: &str| text.lines().filter(|line| line.contains("\"kind\":\"write\"")).count();
        assert_eq!(shown.lines().count(), times(&file) + 2, "{name}");
    }
}

/// A recording of random chunks at random times, with one of the ends.
fn random_recording(seed: u64) -> Vec<Line> {
    let mut random = Random::new(Seed(seed), 0, 0);
    let mut next = |end| random.next_below(end);
    let mut t_ms = next(500);
    let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
    let mut lines = vec![Line::new(t_ms, ResponseHead { status: 200, headers })];
    for _ in 0..next(20) {
        // Half of the chunks come with the chunk before.
        t_ms += next(2) * next(500);
        let bytes: Vec<u8> = (0..=next(300)).map(|_| u8::try_from(next(256)).expect("a byte")).collect();
        lines.push(Line::new(t_ms, Write { bytes: bytes.into() }));
    }
    // Pipes in memory have no reset.
    let how = [How::Complete, How::Cut, How::Closed][usize::try_from(next(3)).expect("few ends")];
    lines.push(Line::new(t_ms + 1 + next(500), End { how }));
    lines
}

#[test]
fn a_client_of_a_played_recording_sees_the_recording() {
    for seed in 0..100 {
        let recording = random_recording(seed);
        let text: String = recording.iter().map(|line| to_json(line) + "\n").collect();
        let folder = folder("random", &[("a.jsonl", &text)]);
        let model = model("[[route]]\npath = \"/play\"\nplay = \"a.jsonl\"", &folder);
        let end = recording.last().expect("an end");
        let transcript = play_model(model, None, async |lab| {
            let client = asked(lab, "GET", "/play", "", "").await;
            // A client that leaves does so at the recorded time; the others see the end before.
            let leaves = matches!(&end.fact, Fact::End(end) if end.how == How::Closed);
            lab.until(Duration::from_millis(if leaves { end.t_ms } else { end.t_ms + 1000 })).await;
            client.close().await.into_transcript()
        });
        // Behind the end of the response comes the end of the client.
        let seen: Vec<Line> = transcript.entries.iter().map(Line::from).take(recording.len()).collect();
        assert_eq!(seen.len(), recording.len(), "seed {seed}");
        for (seen, recorded) in seen.iter().zip(&recording).skip(1) {
            assert_eq!(seen, recorded, "seed {seed}");
        }
        assert_eq!(seen[0].t_ms, recording[0].t_ms, "seed {seed}");
    }
}
