use std::time::Duration;

use bytes::Bytes;
use onbeat_server::script::Action;
use onbeat_wire::How;
use onbeat_wire::printable::to_json;
use onbeat_wire::recording::{End, Line, ResponseHead, Write};
use proptest::prelude::*;

use super::*;

const REQUEST: &str = r#"{"t_ms":7,"kind":"request","text":"GET / HTTP/1.1\r\n\r\n"}"#;
const HEAD: &str = r#"{"t_ms":9,"kind":"head","status":200,"headers":[]}"#;
const WRITE: &str = r#"{"t_ms":12,"kind":"write","text":"a"}"#;
const END: &str = r#"{"t_ms":12,"kind":"end","how":"complete"}"#;

/// The actions of an exchange: `TIME ACTION`.
fn shown(lines: &[&str], number: usize) -> Result<Vec<String>, String> {
    let show = |Cue { at, action }| match action {
        Action::Head(head) => format!("{} {} {:?}", at.as_millis(), head.status.as_u16(), head.headers),
        Action::Write(bytes) => format!("{} {}", at.as_millis(), String::from_utf8_lossy(&bytes)),
        Action::End(how) => format!("{} {how:?}", at.as_millis()),
        other => format!("{other:?}"),
    };
    let cues = cues(lines.join("\n").as_bytes(), number).map_err(|error| error.to_string())?;
    Ok(cues.into_iter().map(show).collect())
}

#[test]
fn times_count_from_the_request() {
    assert_eq!(shown(&[REQUEST, HEAD, WRITE, END], 0).expect("a recording"), ["2 200 {}", "5 a", "5 Complete"]);
}

#[test]
fn a_file_may_have_several_exchanges() {
    let other = HEAD.replace("200", "404");
    let replayed = [HEAD, WRITE, END, &other, END];
    let requests = [REQUEST, HEAD, WRITE, END, REQUEST, &other, END];
    // Adds the ordinals of one connection to a line.
    let on = |line: &str, request: u32| line.replacen(",\"", &format!(",\"connection\":0,\"request\":{request},\""), 1);
    let (first, second) =
        ([REQUEST, HEAD, WRITE, END].map(|line| on(line, 0)), [REQUEST, &other, END].map(|line| on(line, 1)));
    let connected: Vec<&str> = first.iter().chain(&second).map(String::as_str).collect();
    for (lines, second) in [
        (&replayed[..], ["9 404 {}", "12 Complete"]),
        (&requests, ["2 404 {}", "5 Complete"]),
        (&connected, ["2 404 {}", "5 Complete"]),
    ] {
        assert_eq!(shown(lines, 0).expect("a recording").len(), 3);
        assert_eq!(shown(lines, 1).expect("a recording"), second);
        let said = "expected an exchange from 0 to 1, as the recording has 2, got 2";
        assert_eq!(shown(lines, 2).expect_err("there are two"), said);
    }
    // Interleaves two exchanges, whose lines only the ordinals tell apart.
    let of = |line: &str, connection: u64| {
        line.replacen(r#"","#, &format!(r#"","connection":{connection},"request":0,"#), 1)
    };
    let lines = [of(REQUEST, 0), of(REQUEST, 1), of(HEAD, 1), of(&other, 0), of(WRITE, 1), of(END, 0), of(END, 1)];
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    assert_eq!(shown(&lines, 0).expect("a recording"), ["2 404 {}", "5 Complete"]);
    assert_eq!(shown(&lines, 1).expect("a recording"), ["2 200 {}", "5 a", "5 Complete"]);
}

#[test]
fn interim_heads_and_lines_beside_the_response_are_passed_over() {
    let hints = HEAD.replace("200", "103");
    let event = r#"{"t_ms":9,"kind":"event","type":"message","data":"a","last_event_id":""}"#;
    let leave = r#"{"t_ms":12,"kind":"leave","how":"closed"}"#;
    let closed = END.replace("complete", "closed");
    let lines = [REQUEST, &hints, HEAD, event, WRITE, leave, &closed];
    assert_eq!(shown(&lines, 0).expect("a recording"), ["2 200 {}", "5 a", "5 Closed"]);
}

#[test]
fn the_headers_of_the_connection_are_left_out() {
    let headers = r#"["connection","close, x-hop"],["x-hop","1"],["transfer-encoding","chunked"],["x-id","7"]"#;
    let head = HEAD.replace("[]", &format!("[{headers}]"));
    assert_eq!(shown(&[&head, END], 0).expect("a recording")[0], r#"9 200 {"x-id": "7"}"#);
}

#[test]
fn a_length_stays_where_the_body_has_this_length() {
    for (length, end, stays) in [
        ("1", "complete", true),
        ("2", "complete", false),
        ("2", "cut", true),
        ("0", "cut", false),
        ("2", "closed", true),
        ("1, 1", "complete", true),
    ] {
        let head = HEAD.replace("[]", &format!(r#"[["content-length","{length}"]]"#));
        let shown = shown(&[&head, WRITE, &END.replace("complete", end)], 0).expect("a recording");
        assert_eq!(shown[0].contains("content-length"), stays, "{length} {end}");
    }
}

#[test]
fn an_exchange_may_end_without_a_head() {
    assert_eq!(shown(&[REQUEST, &END.replace("complete", "reset")], 0).expect("a recording"), ["5 Reset"]);
    let wrong = shown(&[REQUEST, END], 0).expect_err("nothing is complete without a head");
    assert!(wrong.starts_with("line 2: expected the head before the end"), "{wrong}");
}

#[test]
fn a_wrong_recording_is_told_by_its_line() {
    let early = WRITE.replace("12", "8");
    let (upgrade, name) = (HEAD.replace("200", "101"), HEAD.replace("[]", r#"[["a b","c"]]"#));
    let value = HEAD.replace("[]", r#"[["a","c\n"]]"#);
    let log = r#"{"t_ms":0,"kind":"log","version":1,"seed":"0","epoch":"2025-12-01T00:00:00Z","clock":"real","mailbox":1,"dropped":0}"#;
    let format = r#"{"kind":"recording","format":2,"onbeat":"","from":""}"#;
    let breaks_off = r#"expected the end of the exchange behind this line, such as {"t_ms":12,"kind":"end","how":"closed"}: the recording breaks off here"#;
    let closed = END.replace("complete", "closed");
    let late = END.replace("12", "3155760000001");
    for (lines, said) in [
        (&[][..], "expected a recording, got a file without an exchange"),
        (&["data: hello"], "line 1: expected a JSON object, got data: hello"),
        (&[HEAD, &WRITE[..20], END], "line 2, field \"kind\": expected JSON: EOF while parsing a string, at column 20"),
        (&[HEAD, "", WRITE], &format!("line 3: {breaks_off}")),
        (&[HEAD, WRITE, REQUEST, HEAD, END], &format!("line 2: {breaks_off}")),
        (&[WRITE], "line 1: expected the head before the first write"),
        (&[HEAD, HEAD], "line 2: expected one head, got a second one"),
        (
            &[HEAD, END, WRITE],
            "line 3: expected nothing behind the end, got a line of kind write: delete the line, or move it before the end",
        ),
        (&[HEAD, &early], "line 2, field \"t_ms\": expected a whole number from 9 to 3155760000000, got 8"),
        (&[HEAD, &late], "line 2, field \"t_ms\": expected a whole number from 9 to 3155760000000, got 3155760000001"),
        (&[&upgrade, END], "line 1, field \"status\": expected a status from 200 to 599, got 101"),
        (&[&name], "line 1, field \"headers[0]\": expected the name of a header, got \"a b\": \"c\""),
        (
            &[&value],
            "line 1, field \"headers[0]\": expected the value of a header, without control characters, got \"a\": \"c\\n\"",
        ),
        (
            &[log],
            "line 1: expected a recording, which begins with {\"kind\":\"recording\",…}, got the log of a served world, which \
             onbeat replay --log plays; onbeat record makes one",
        ),
        (&[format], "line 1, field \"format\": expected 1, got 2: another version of onbeat wrote the file"),
        (
            &[HEAD, r#"{"t_ms":9,"kind":"dropped"}"#],
            "line 2, field \"kind\": expected request (with a text), head, write or end, got dropped",
        ),
        (&[REQUEST, &closed], "line 2: expected a head before the end: the client left before the server answered"),
    ] {
        assert_eq!(shown(lines, 0).expect_err(said), said);
    }
    let bytes = [HEAD.as_bytes(), b"\n\"\xff"].concat();
    assert_eq!(
        cues(&bytes, 0).expect_err("no UTF-8").to_string(),
        "line 2: expected UTF-8, got a byte at column 2 that is none"
    );
    // Nests deeper than any stack could follow: reading must fail, not overflow.
    let deep = format!("{HEAD}\n{}", "{\"a\":".repeat(100_000));
    assert!(cues(deep.as_bytes(), 0).expect_err("too deep").to_string().starts_with("line 2"));
}

proptest! {
    #[test]
    fn the_cues_of_a_recording_are_the_lines_of_the_recording(
        chunks in prop::collection::vec((0..1000_u64, prop::collection::vec(any::<u8>(), 1..20)), 0..20),
        how in prop::sample::select(vec![How::Complete, How::Closed, How::Reset, How::Cut]),
        after in 0..1000_u64,
    ) {
        let mut t_ms = after;
        let head = ResponseHead { status: 200, headers: vec![("x-id".into(), "7".into())] };
        let mut lines = vec![Line::new(t_ms, head)];
        for (after, bytes) in chunks {
            t_ms += after;
            lines.push(Line::new(t_ms, Write { bytes: Bytes::from(bytes) }));
        }
        lines.push(Line::new(t_ms + after, End { how }));
        let text: String = lines.iter().map(|line| to_json(line) + "\n").collect();
        let played = cues(text.as_bytes(), 0).expect("a recording");
        prop_assert_eq!(played.len(), lines.len());
        for (cue, line) in played.into_iter().zip(lines) {
            prop_assert_eq!(cue.at, Duration::from_millis(line.t_ms));
            match (cue.action, line.fact) {
                (Action::Head(head), Fact::Head(recorded)) => {
                    prop_assert_eq!(head.status.as_u16(), recorded.status);
                    prop_assert_eq!(&head.headers["x-id"], "7");
                }
                (Action::Write(bytes), Fact::Write(write)) => prop_assert_eq!(bytes, write.bytes),
                (Action::End(how), Fact::End(end)) => prop_assert_eq!(how, end.how),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn no_bytes_make_reading_panic(
        text in "[{}\":,a-z0-9\n\\[\\]]{0,60}",
        cut: prop::sample::Index,
        changed in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = [REQUEST, HEAD, WRITE, END].join("\n").into_bytes();
        bytes.truncate(cut.index(bytes.len() + 1));
        bytes.extend(text.bytes());
        for (place, byte) in changed {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        let _ = cues(&bytes, 0);
    }
}
