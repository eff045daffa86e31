use proptest::prelude::*;

use super::super::{ArrivalNotes, NoNotes};
use super::*;

const START: &str = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://a/","framing":"chunked"}"#;
const REQUEST: &str = r#"{"t_ms":0,"kind":"request","text":"GET / HTTP/1.1\r\n\r\n"}"#;
const HEAD: &str = r#"{"t_ms":1,"kind":"head","status":200,"headers":[]}"#;
const WRITE: &str = r#"{"t_ms":2,"kind":"write","text":"a"}"#;
const END: &str = r#"{"t_ms":9,"kind":"end","how":"complete"}"#;

fn read(lines: &[&str], of: LinesOf) -> Result<Exchanges<ArrivalNotes>, String> {
    Exchanges::read(&lines.iter().map(|line| format!("{line}\n")).collect::<String>(), of)
        .map_err(|wrong| wrong.to_string())
}

/// The beginning, the place of the first line, and the places of the response, of each exchange.
fn shown(recorded: &Exchanges<ArrivalNotes>) -> Vec<(u64, usize, Vec<usize>)> {
    recorded.list.iter().map(|one| (one.start_ms, one.first, one.response.clone())).collect()
}

#[test]
fn a_recording_is_divided_by_connection_and_request() {
    let on = |line: &str, connection: u64, t_ms: u64| {
        let line = line.replacen(r#"","#, &format!(r#"","connection":{connection},"request":0,"#), 1);
        line.replacen(&line[..line.find(',').expect("keys")], &format!("{{\"t_ms\":{t_ms}"), 1)
    };
    let lines = [
        on(REQUEST, 0, 0),
        on(REQUEST, 1, 5),
        on(HEAD, 1, 6),
        on(HEAD, 0, 7),
        on(WRITE, 1, 8),
        on(END, 0, 9),
        on(END, 1, 9),
    ];
    let lines: Vec<&str> = [START].into_iter().chain(lines.iter().map(String::as_str)).collect();
    let recorded = read(&lines, LinesOf::Recording).expect("a recording");
    assert_eq!(shown(&recorded), [(0, 1, vec![4, 6]), (5, 2, vec![3, 5, 7])]);
    assert_eq!(recorded.list[0].request.as_ref().map(|request| request.method.as_str()), Some("GET"));
}

#[test]
fn the_lines_of_a_replay_are_divided_by_heads_and_requests() {
    for (lines, expected) in [
        (&[HEAD, WRITE, END, HEAD, END][..], vec![(0, 0, vec![0, 1, 2]), (0, 3, vec![3, 4])]),
        (&[REQUEST, HEAD, END, REQUEST, HEAD, END], vec![(0, 0, vec![1, 2]), (0, 3, vec![4, 5])]),
    ] {
        let recorded = read(lines, LinesOf::RecordingOrReplay).expect("exchanges");
        assert_eq!((shown(&recorded), recorded.start.is_none()), (expected, true), "{lines:?}");
        assert!(read(lines, LinesOf::Recording).expect_err("no recording").starts_with("line 1: expected a recording"));
    }
}

#[test]
fn a_wrong_line_is_told_by_number_and_field() {
    let head = |status: &str, headers: &str| HEAD.replace("200", status).replace("[]", headers);
    let (name, control) = (head("200", r#"[["a b","c"]]"#), head("200", r#"[["a","c\n"]]"#));
    let lengths = head("200", r#"[["content-length","5"],["content-length","6"]]"#);
    let (no_length, empty) = (head("200", r#"[["content-length","five"]]"#), head("204", "[]"));
    let spaces = head("200", r#"[["a","b "]]"#);
    let to_head = REQUEST.replace("GET", "HEAD");
    let early = WRITE.replace("2,", "0,");
    let first = WRITE.replace("\"a\"", "\"a\",\"first_ms\":3");
    for (lines, told) in [
        (
            &[START, REQUEST, &name][..],
            "line 3, field \"headers[0]\": expected the name of a header, got \"a b\": \"c\"",
        ),
        (&[START, REQUEST, &control], "line 3, field \"headers[0]\": expected the value of a header, without control"),
        (
            &[START, REQUEST, &lengths],
            "line 3, field \"headers\": expected one plain Content-Length (RFC 9112, 6.3), got Content-Length: 5, 6",
        ),
        (&[START, REQUEST, &no_length], "got Content-Length: five"),
        (
            &[START, REQUEST, &empty, WRITE],
            "line 4: expected no write in a response with status 204, which has no body",
        ),
        (&[START, &to_head, HEAD, WRITE], "line 4: expected no write in a response to HEAD, which has no body"),
        (&[START, REQUEST, HEAD, &WRITE.replace("\"a\"", "\"\"")], "line 4: expected bytes in a write, got none"),
        (&[START, REQUEST, HEAD, &early], "line 4, field \"t_ms\": expected a whole number from 1"),
        (
            &[START, REQUEST, HEAD, &first],
            "line 4, field \"first_ms\": expected at most 2, the t_ms of the last byte, got 3",
        ),
        (&[START, REQUEST, &spaces], "line 3, field \"headers[0]\": expected the value of a header, without spaces at"),
        (
            &[START, REQUEST, END],
            "line 3: expected the head before the end, since no response is complete without a head",
        ),
        (&[START, REQUEST, HEAD], "line 3: expected the end of the exchange behind this line"),
        (&[START, REQUEST, HEAD, END, START], "line 5: expected a recording alone"),
        (&[START, REQUEST, &REQUEST.replace("GET / ", "")], "line 3: expected one request for each exchange"),
        (&[START, &REQUEST.replace("GET / ", "")], "line 2, field \"text\": expected METHOD TARGET HTTP/1.1"),
    ] {
        let got = read(lines, LinesOf::Recording).map(|recorded| shown(&recorded)).expect_err(told);
        assert!(got.contains(told), "{lines:?}: {got}");
        // Finds the same mistake where the lines may be those of a replay as well.
        assert_eq!(read(lines, LinesOf::RecordingOrReplay).map(|recorded| shown(&recorded)), Err(got));
    }
}

#[test]
fn the_end_of_an_exchange_that_breaks_off_is_told_as_a_line_that_can_be_added() {
    let on = |line: &str| line.replacen(r#"","#, r#"","connection":3,"request":1,"#, 1);
    let told = |lines: &[&str]| read(lines, LinesOf::Recording).expect_err("no end");
    let plain = told(&[START, REQUEST, HEAD, WRITE]);
    assert!(plain.contains(r#"such as {"t_ms":2,"kind":"end","how":"closed"}: "#), "{plain}");
    let (request, head, write) = (on(REQUEST), on(HEAD), on(WRITE));
    let numbered = told(&[START, &request, &head, &write]);
    let end = r#"{"t_ms":2,"kind":"end","connection":3,"request":1,"how":"closed"}"#;
    assert!(numbered.contains(&format!("such as {end}: ")), "{numbered}");
    assert_eq!(read(&[START, &request, &head, &write, end], LinesOf::Recording).err(), None);
}

#[test]
fn a_last_line_that_breaks_off_is_to_be_replaced_by_an_end_only_within_an_exchange() {
    let told = |lines: &[&str]| {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>() + "{\"t_ms\":";
        Exchanges::<ArrivalNotes>::read(&text, LinesOf::Recording).expect_err("half a line").to_string()
    };
    let within = told(&[START, REQUEST, HEAD]);
    assert!(within.contains(r#"in its place, such as {"t_ms":1,"kind":"end","how":"closed"}, or"#), "{within}");
    for outside in [told(&[START]), told(&[START, REQUEST, HEAD, END])] {
        assert!(outside.ends_with("when the recorder was killed: delete it, or record again"), "{outside}");
    }
}

#[test]
fn equal_lengths_are_one_and_interim_heads_are_no_head() {
    let hints = HEAD.replace("200", "103");
    let lengths = HEAD.replace("[]", r#"[["content-length","1"],["Content-Length","1, 1"]]"#);
    let start = START.replace("chunked", "length");
    let recorded =
        read(&[&start, REQUEST, &hints, &hints, &lengths, WRITE, END], LinesOf::Recording).expect("a recording");
    assert_eq!(shown(&recorded), [(0, 1, vec![2, 3, 4, 5, 6])]);
}

#[test]
fn a_head_may_not_contradict_the_framing_of_a_single_exchange() {
    let wrong = |framing: &str, headers: &str, method: &str| {
        let (start, request) = (START.replace("chunked", framing), REQUEST.replace("GET", method));
        let lines = [&start, &request, &HEAD.replace("[]", headers), END];
        read(&lines, LinesOf::Recording).err()
    };
    let (chunked, length) = (r#"[["Transfer-Encoding","chunked"]]"#, r#"[["content-length","0"]]"#);
    let (both, other) =
        (r#"[["transfer-encoding","chunked"],["content-length","5"]]"#, r#"[["transfer-encoding","gzip"]]"#);
    for (framing, headers, told) in [
        ("length", chunked, "length, which the first line says, got those of the framing chunked"),
        ("close", chunked, "close, which the first line says, got those of the framing chunked"),
        ("chunked", length, "chunked, which the first line says, got those of the framing length"),
        ("close", length, "close, which the first line says, got those of the framing length"),
        ("chunked", other, "chunked, which the first line says, got those of the framing close"),
    ] {
        let wrong = wrong(framing, headers, "GET").expect(told);
        assert!(wrong.starts_with("line 3, field \"headers\": ") && wrong.ends_with(told), "{wrong}");
    }
    for (framing, headers, method) in [
        ("chunked", chunked, "GET"),
        ("chunked", both, "GET"),
        ("length", length, "GET"),
        ("close", other, "GET"),
        ("chunked", "[]", "GET"),
        ("length", chunked, "HEAD"),
    ] {
        assert_eq!(wrong(framing, headers, method), None, "{framing}, {headers}");
    }
}

proptest! {
    #[test]
    fn each_line_behind_the_first_is_in_one_exchange(
        order in prop::collection::vec((0..5_usize, 0..2_u64), 0..12),
    ) {
        let kinds = [REQUEST, HEAD, WRITE, END, r#"{"t_ms":2,"kind":"event","type":"a","data":"","last_event_id":""}"#];
        let on = |(kind, connection): &(usize, u64)| {
            let line = kinds[*kind].replacen(r#"","#, &format!(r#"","connection":{connection},"#), 1);
            Line::<NoNotes>::read(&line).expect(&line)
        };
        let lines: Vec<_> = order.iter().map(on).map(|line| Line { t_ms: 0, ..line }).collect();
        let count = lines.len();
        if let Ok(recorded) = Exchanges::of((1..).zip(lines).collect()) {
            let responses = recorded.list.iter().flat_map(|one| one.response.iter().copied());
            let firsts = recorded.list.iter().filter(|one| one.request.is_some()).map(|one| one.first);
            let mut places: Vec<usize> = responses.chain(firsts).collect();
            places.sort_unstable();
            prop_assert_eq!(places, (0..count).collect::<Vec<_>>());
        }
    }
}
