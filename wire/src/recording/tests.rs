use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn write(bytes: &'static [u8]) -> Write {
    Write { bytes: Bytes::from_static(bytes) }
}

/// A line of each kind, and how it is spelled.
fn lines() -> Vec<(Line, &'static str)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![pair("content-type", "text/event-stream")];
    let start = LogStart {
        routes: None,
        scenario: None,
        version: 1,
        // Takes the largest seed, which a JSON number would round.
        seed: u64::MAX.to_string(),
        epoch: "2025-12-01T00:00:00.000Z".into(),
        clock: "manual".into(),
        mailbox: 1024,
        dropped: 0,
    };
    let request = Request {
        body: None,
        method: "GET".into(),
        target: "/sse".into(),
        version: "HTTP/1.1".into(),
        headers: vec![pair("host", "onbeat")],
    };
    let event = Dispatch { r#type: "message".into(), data: "1".into(), last_event_id: String::new() };
    vec![
        (
            Line::new(0, start),
            r#"{"t_ms":0,"kind":"log","version":1,"seed":"18446744073709551615","epoch":"2025-12-01T00:00:00.000Z","clock":"manual","mailbox":1024,"dropped":0}"#,
        ),
        (
            Line::new(0, request).of(3, Some(0)),
            r#"{"t_ms":0,"kind":"request","connection":3,"request":0,"method":"GET","target":"/sse","version":"HTTP/1.1","headers":[["host","onbeat"]]}"#,
        ),
        (
            Line::new(1, RawRequest { text: "GET / HTTP/1.1\r\n\r\n".into() }),
            r#"{"t_ms":1,"kind":"request","text":"GET / HTTP/1.1\r\n\r\n"}"#,
        ),
        (
            Line::new(2, ResponseHead { status: 200, headers }).of(3, Some(1)),
            r#"{"t_ms":2,"kind":"head","connection":3,"request":1,"status":200,"headers":[["content-type","text/event-stream"]]}"#,
        ),
        (Line::new(5, write("data: \"你\"\n\n".as_bytes())), r#"{"t_ms":5,"kind":"write","text":"data: \"你\"\n\n"}"#),
        (Line::new(6, write(b"a\xff\0\r\n")), r#"{"t_ms":6,"kind":"write","base64":"Yf8ADQo="}"#),
        (Line::new(6, event), r#"{"t_ms":6,"kind":"event","type":"message","data":"1","last_event_id":""}"#),
        (Line::new(7, End { how: How::Cut }), r#"{"t_ms":7,"kind":"end","how":"cut"}"#),
        (Line::new(8, Leave { how: LeftHow::HalfClosed }), r#"{"t_ms":8,"kind":"leave","how":"half-closed"}"#),
        (Line::new(8, Fact::Dropped(NoKeys {})), r#"{"t_ms":8,"kind":"dropped"}"#),
        (
            Line::new(9, Push { bytes: Bytes::from_static(b"data: 1\n\n") }).of(3, None),
            r#"{"t_ms":9,"kind":"push","connection":3,"text":"data: 1\n\n"}"#,
        ),
        (
            Line::new(9, Push { bytes: Bytes::from_static(b"\xff") }).of(3, None),
            r#"{"t_ms":9,"kind":"push","connection":3,"base64":"/w=="}"#,
        ),
        (
            Line::new(9, Close { how: ClosedHow::Cut }).of(3, None),
            r#"{"t_ms":9,"kind":"close","connection":3,"how":"cut"}"#,
        ),
        (
            Line::new(9, Close { how: ClosedHow::Half }).of(3, None),
            r#"{"t_ms":9,"kind":"close","connection":3,"how":"half"}"#,
        ),
        (
            Line::new(9, FaultAdded { id: 1, fault: json!({"path": "/sse", "kind": "cut"}) }),
            r#"{"t_ms":9,"kind":"fault","id":1,"fault":{"kind":"cut","path":"/sse"}}"#,
        ),
        (Line::new(9, FaultsDeleted { ids: vec![1, 2] }), r#"{"t_ms":9,"kind":"faults-deleted","ids":[1,2]}"#),
    ]
}

#[test]
fn a_line_of_each_kind_has_its_keys_in_order_and_is_read_again() {
    for (line, text) in lines() {
        assert_eq!(serde_json::to_string(&line).expect("plain data"), text);
        assert_eq!(Line::read(text), Ok(line));
    }
}

#[test]
fn a_recording_has_its_keys_in_order_and_is_read_again() {
    let notes = |body, first_ms| ArrivalNotes { body, first_ms, ..ArrivalNotes::default() };
    let body = |bytes, is_cut| Some(Body { bytes: Bytes::from_static(bytes), is_cut });
    let start = RecordingStart {
        format: FORMAT,
        onbeat: "0.2.0".into(),
        from: "http://127.0.0.1:8000/chat".into(),
        framing: Some(Framing::Chunked),
        at_ms: None,
        times: None,
    };
    let in_lab = RecordingStart { times: Some(Times::Exact), ..start.clone() };
    let of_proxy = RecordingStart { at_ms: Some(5), ..start.clone() };
    let id = Vary { place: VaryPlace::Pointer("/id".into()), rule: VaryRule::Uuid };
    let loosened = ArrivalNotes { vary: vec![id.clone()], may: true, ..ArrivalNotes::default() };
    let request = || Fact::RawRequest(RawRequest { text: "POST /chat HTTP/1.1\r\n\r\n".into() });
    let line = |t_ms, fact, notes| Line { t_ms, exchange: Exchange::default(), fact, notes };
    for (line, text) in [
        (
            line(0, start.clone().into(), ArrivalNotes::default()),
            r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/chat","framing":"chunked"}"#,
        ),
        (
            line(0, RecordingStart { framing: None, ..start }.into(), ArrivalNotes::default()),
            r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/chat"}"#,
        ),
        (
            line(0, in_lab.into(), ArrivalNotes::default()),
            r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/chat","framing":"chunked","times":"exact"}"#,
        ),
        (
            line(0, request(), notes(body(b"{}", false), None)),
            r#"{"t_ms":0,"kind":"request","text":"POST /chat HTTP/1.1\r\n\r\n","body":{"text":"{}"}}"#,
        ),
        (
            line(0, request(), notes(body(b"\xff", true), None)),
            r#"{"t_ms":0,"kind":"request","text":"POST /chat HTTP/1.1\r\n\r\n","body":{"base64":"/w==","cut":true}}"#,
        ),
        (line(9, write(b"hi").into(), notes(None, Some(7))), r#"{"t_ms":9,"kind":"write","text":"hi","first_ms":7}"#),
        (
            line(9, write(b"hi").into(), loosened),
            r#"{"t_ms":9,"kind":"write","text":"hi","vary":[{"pointer":"/id","as":"uuid"}],"may":true}"#,
        ),
        (
            line(0, of_proxy.into(), ArrivalNotes { vary: vec![id], ..ArrivalNotes::default() }),
            r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/chat","framing":"chunked","at_ms":5,"vary":[{"pointer":"/id","as":"uuid"}]}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&line).expect("plain data"), text);
        assert_eq!(Line::<ArrivalNotes>::read(text), Ok(line));
    }
}

#[test]
fn a_key_that_does_not_belong_in_a_recording_is_told() {
    for (text, told) in [
        (r#"{"t_ms":0,"kind":"recording","format":1,"onbeat":"","from":""}"#, "unknown field `t_ms`"),
        (r#"{"kind":"recording","format":1,"onbeat":""}"#, "missing field `from`"),
        (
            r#"{"kind":"recording","format":1,"onbeat":"","from":"","framing":"no"}"#,
            "field \"framing\": unknown variant",
        ),
        (r#"{"t_ms":0,"kind":"end","how":"cut","body":{"text":""}}"#, "field \"body\": expected no such key"),
        (r#"{"t_ms":0,"kind":"end","how":"cut","first_ms":1}"#, "field \"first_ms\": expected no such key"),
        (r#"{"t_ms":0,"kind":"request","text":"","body":{"txt":""}}"#, "unknown field `txt`"),
        (r#"{"t_ms":0,"kind":"request","text":"","body":{}}"#, "expected either text or base64, got neither"),
        (r#"{"t_ms":0,"kind":"end","how":"cut","may":true}"#, "field \"may\": expected no such key"),
        (
            r#"{"t_ms":0,"kind":"request","text":"","vary":[{"pointer":"","as":"any"}]}"#,
            "field \"vary\": expected no such key",
        ),
        (
            r#"{"t_ms":0,"kind":"head","status":200,"headers":[],"vary":[{"pointer":"/id","as":"any"}]}"#,
            "field \"vary[0]\": expected a header in a head",
        ),
        (
            r#"{"t_ms":0,"kind":"write","text":"","vary":[{"header":"etag","as":"any"}]}"#,
            "field \"vary[0]\": expected no header in a write",
        ),
        (
            r#"{"t_ms":0,"kind":"write","text":"","vari":[]}"#,
            "unknown field `vari`, expected `text` or `base64`; the nearest key is `vary`",
        ),
        (r#"{"t_ms":0,"kind":"end","hwo":"cut"}"#, "unknown field `hwo`, expected `how`; the nearest key is `how`"),
        (r#"{"t_ms":0,"kind":"request","text":"","body":5}"#, "field \"body\": expected an object, got integer `5`"),
        (
            r#"{"t_ms":0,"kind":"write","text":"","vary":[{"pointer":"/n","as":"number","minimum":5,"maximum":1}]}"#,
            "field \"vary[0]\": expected a minimum of at most 1, the maximum, got 5",
        ),
        (
            r#"{"t_ms":0,"kind":"write","text":"","vary":[{"pointer":"","as":"uid"}]}"#,
            "field \"vary[0].as\": unknown variant `uid`",
        ),
    ] {
        let error = Line::<ArrivalNotes>::read(text).expect_err(text).at(1).to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cases {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cases: Vec<String>,
}

impl Notes for Cases {
    const KEYS: &'static [&'static str] = &["cases"];
}

#[test]
fn notes_stand_at_the_end_and_may_be_missing() {
    let text = r#"{"t_ms":7,"kind":"end","how":"complete","cases":["a.b"]}"#;
    let line = Line::<Cases>::read(text).expect("a line");
    assert_eq!(line.notes.cases, ["a.b"]);
    assert_eq!(serde_json::to_string(&line).expect("plain data"), text);
    let none = Line::<Cases>::read(r#"{"t_ms":7,"kind":"end","how":"complete"}"#).expect("a line");
    assert_eq!(none.notes, Cases::default());
}

#[test]
fn a_wrong_line_is_told_by_its_field() {
    for (text, told) in [
        ("hello", "line 1: expected a JSON object, got hello"),
        ("{}", "line 1: missing field `t_ms`"),
        (r#"{"t_ms":1}"#, "line 1: missing field `kind`"),
        (
            r#"{"t_ms":-1,"kind":"dropped"}"#,
            "line 1, field \"t_ms\": expected a whole number from 0 on, got integer `-1`",
        ),
        (
            r#"{"t_ms":1,"kind":"tail"}"#,
            "field \"kind\": expected the kind of a line, such as head or write, got \"tail\"",
        ),
        (r#"{"t_ms":1,"kind":7}"#, "field \"kind\": expected a string, got integer `7`"),
        (r#"{"t_ms":1,"kind":"end"}"#, "line 1: missing field `how`"),
        (r#"{"t_ms":1,"kind":"end","how":"late"}"#, "field \"how\": unknown variant `late`, expected one of"),
        (r#"{"t_ms":1,"kind":"end","how":"cut","why":1}"#, "unknown field `why`, expected `how`"),
        (r#"{"t_ms":1,"kind":"dropped","cases":[]}"#, "unknown field `cases`, there are no fields"),
        (
            r#"{"t_ms":1,"kind":"end","how":"cut","request":"0"}"#,
            "field \"request\": expected a whole number from 0 on, got string",
        ),
        (
            r#"{"t_ms":1,"kind":"head","status":1e9,"headers":[]}"#,
            "field \"status\": expected a whole number from 0 on, got floating",
        ),
        (
            r#"{"t_ms":1,"kind":"head","status":200,"headers":[["a",1]]}"#,
            "field \"headers[0][1]\": expected a string, got",
        ),
        (
            r#"{"t_ms":1,"kind":"head","status":99999,"headers":[]}"#,
            "field \"status\": expected a whole number from 100 to 999, got 99999",
        ),
        (
            r#"{"t_ms":1,"kind":"head","status":200,"headers":[["a","b","c"]]}"#,
            "field \"headers[0]\": expected an array of 2, got 3",
        ),
        (
            r#"{"t_ms":1,"kind":"end","how":"cut","request":4294967296}"#,
            "field \"request\": expected a whole number from 0 to 4294967295, got integer `4294967296`",
        ),
        (
            r#"{"t_ms":8,"t_ms":9,"kind":"write","text":"x"}"#,
            "line 1, field \"t_ms\": expected the key once in an object, got it twice",
        ),
        (
            r#"{"t_ms":8,"kind":"publish","channel":"a","chunk":{"text":"a","text":"b"}}"#,
            "line 1, field \"chunk.text\": expected the key once in an object, got it twice",
        ),
        (
            r#"{"t_ms":8,"kind":"publish","channel":"a","chunk":["a"]}"#,
            "field \"chunk\": expected an object, got an array",
        ),
        (r#"{"t_ms":1,"kind":"write"}"#, "line 1: expected either text or base64, got neither"),
        (r#"{"t_ms":1,"kind":"write","text":"","base64":""}"#, "line 1: expected either text or base64, got both"),
        (r#"{"t_ms":1,"kind":"write","base64":"a b"}"#, "field \"base64\": expected bytes in base64"),
        (r#"{"t_ms":1,"kind":"write","test":""}"#, "unknown field `test`, expected `text` or `base64`"),
    ] {
        let error = Line::<NoNotes>::read(text).expect_err(text).at(1).to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_of_a_write_come_back(bytes: Vec<u8>, t_ms: u64) {
        let line = Line::new(t_ms, Write { bytes: bytes.into() });
        let text = serde_json::to_string(&line).expect("plain data");
        prop_assert_eq!(Line::read(&text), Ok(line));
    }

    #[test]
    fn any_recorded_line_comes_back_to_the_byte(
        request: String, body: Vec<u8>, is_cut: bool, bytes: Vec<u8>, t_ms: u64, first_ms: Option<u64>,
        headers: Vec<(String, String)>,
    ) {
        let first_ms = first_ms.map(|first_ms| first_ms.min(t_ms));
        let body = Some(Body { bytes: body.into(), is_cut });
        let request = Fact::RawRequest(RawRequest { text: request });
        let head = Fact::Head(ResponseHead { status: 200, headers });
        for (fact, notes) in [
            (request, ArrivalNotes { body, ..ArrivalNotes::default() }),
            (head, ArrivalNotes { first_ms, ..ArrivalNotes::default() }),
            (Write { bytes: bytes.into() }.into(), ArrivalNotes { first_ms, ..ArrivalNotes::default() }),
        ] {
            let line = Line { t_ms, exchange: Exchange::default(), fact, notes };
            // Writes as a recorder does, with escapes for unprintable characters.
            let text = crate::printable::to_json(&line);
            let read = Line::<ArrivalNotes>::read(&text);
            prop_assert_eq!(read.as_ref(), Ok(&line));
            prop_assert_eq!(crate::printable::to_json(&read.expect("read above")), text);
        }
    }
}
