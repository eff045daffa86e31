use onbeat_wire::How;
use onbeat_wire::recording::{ArrivalNotes, End, Exchange, Fact, Line, ResponseHead, Write};

use super::*;

fn recording(content_type: &str, id: &str, writes: &[&str]) -> Vec<RecordedLine> {
    let headers = [("content-type", content_type), ("x-request-id", id)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let head: Fact = ResponseHead { status: 200, headers }.into();
    let writes = writes.iter().map(|text| Fact::from(Write { bytes: text.as_bytes().to_vec().into() }));
    let facts = [head].into_iter().chain(writes).chain([End { how: How::Complete }.into()]);
    let line = |fact| Line { t_ms: 0, exchange: Exchange::default(), fact, notes: ArrivalNotes::default() };
    facts.map(line).collect()
}

#[track_caller]
fn assert_proposed(first: &[RecordedLine], second: &[RecordedLine], expected: &[&str]) {
    let lines: Vec<String> =
        proposals(first, second).iter().map(|proposal| serde_json::to_string(proposal).expect("plain data")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn the_values_of_events_that_differ_are_proposed_with_a_rule() {
    let stream = |id: &str, first: &str, second: &str| {
        recording("text/event-stream", id, &[&format!("data: {first}\n"), &format!("\n: hi\n\ndata: {second}\n\n")])
    };
    let uuids = ["0b8f21e4-3d21-4a3c-9a53-1a1b2c3d4e5f", "ffffffff-3d21-4a3c-9a53-1a1b2c3d4e5f"];
    let event =
        |uuid: &str, at: &str, n: u8| format!(r#"{{"id":"{uuid}","at":"{at}","n":[1,{n}],"a/b":{{"c~d":"{n}x"}}}}"#);
    let first = stream("1", &event(uuids[0], "2025-12-01T00:00:00Z", 2), "[DONE]");
    let second = stream("2", &event(uuids[1], "2025-12-01T00:00:01.5Z", 3), "[DONE]");
    let vary = concat!(
        r#"{"line":3,"vary":[{"pointer":"/a~1b/c~0d","as":"string"},{"pointer":"/at","as":"timestamp"},"#,
        r#"{"pointer":"/id","as":"uuid"},{"pointer":"/n/1","as":"number"}]}"#
    );
    let header = r#"{"line":1,"vary":[{"header":"x-request-id","as":"number"}]}"#;
    assert_proposed(&first, &second, &[header, vary]);
    assert_proposed(&first, &first, &[]);
    let third = stream("1", r#"{"id":null}"#, "[END]");
    let any = r#"{"line":3,"vary":[{"pointer":"/a~1b","as":"any"},{"pointer":"/at","as":"any"},{"pointer":"/id","as":"any"},{"pointer":"/n","as":"any"}]}"#;
    assert_proposed(&first, &third, &[any, r#"{"line":3,"text":["[DONE]","[END]"]}"#]);
}

#[test]
fn a_header_that_differs_is_proposed_with_the_narrowest_rule() {
    for (first, second, rule) in [
        ("0b8f21e4-3d21-4a3c-9a53-1a1b2c3d4e5f", "ffffffff-3d21-4a3c-9a53-1a1b2c3d4e5f", "uuid"),
        ("2025-12-01T00:00:00Z", "2025-12-01T00:00:01Z", "timestamp"),
        ("17", "18", "number"),
        ("17", "a18", "string"),
    ] {
        let told = format!(r#"{{"line":1,"vary":[{{"header":"x-request-id","as":"{rule}"}}]}}"#);
        let recorded = |id| recording("text/event-stream", id, &[]);
        assert_proposed(&recorded(first), &recorded(second), &[&told]);
    }
}

#[test]
fn a_text_that_ends_in_a_timestamp_is_proposed_as_that_in_json_too() {
    let stream = |second: u64| {
        let data = format!(r#"{{"m":"ping 2025-12-01T00:00:0{second}Z"}}"#);
        recording("text/event-stream", "1", &[&format!("data: {data}\n\n")])
    };
    let vary = r#"{"line":2,"vary":[{"pointer":"/m","as":"text-and-timestamp","text":"ping "}]}"#;
    assert_proposed(&stream(1), &stream(2), &[vary]);
}

#[test]
fn ids_types_and_comments_that_differ_are_proposed_as_well() {
    let stream = |ping: &str, id: &str, n: u8| {
        let event = format!("id: {id}\r\nevent: tick\r\ndata: {{\"n\":{n}}}\r\n\r\n");
        recording(
            "text/event-stream; charset=utf-8",
            "1",
            &[&event, &format!(": ping - {ping}\r\n"), "\r\n", ":hi\n\n"],
        )
    };
    assert_proposed(
        &stream("2026-11-26 16:06:04", "a-17", 1),
        &stream("2026-11-26 16:06:05", "a-18", 2),
        &[
            r#"{"line":2,"vary":[{"pointer":"/n","as":"number"},{"field":"id","as":"string"}]}"#,
            // Puts the rule into the line with the last byte of the comment's block.
            r#"{"line":4,"vary":[{"field":"","as":"string"}]}"#,
        ],
    );
    let number = r#"{"line":2,"vary":[{"field":"id","as":"number"}]}"#;
    assert_proposed(&stream("", "17", 1), &stream("", "18", 1), &[number]);
}

#[test]
fn events_of_several_timers_are_compared_by_kind() {
    let (tick, news) = ("event: tick\ndata: {\"n\":1,\"at\":AT}\n\n", "event: news\ndata: {\"id\":7}\n\n");
    let stream = |writes: &[&str], at: &str| {
        let writes: Vec<String> = writes.iter().map(|write| write.replace("AT", at)).collect();
        recording("text/event-stream", "1", &writes.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let at = |line: u32| format!(r#"{{"line":{line},"vary":[{{"pointer":"/at","as":"number"}}]}}"#);
    let count = r#"{"line":5,"count":[3,4]}"#;
    assert_proposed(
        &stream(&[tick, news, tick], "1"),
        &stream(&[news, tick, tick, news], "2"),
        &[&at(2), &at(4), count],
    );
}

#[test]
fn events_with_a_key_that_is_not_in_each_are_compared_in_their_order() {
    let stream = |extra: [bool; 3], id: &str| {
        let event = |n: usize| {
            let extra = if extra[n] { ",\"extra\":1" } else { "" };
            format!("data: {{\"k\":{n},\"id\":\"{id}\"{extra}}}\n\n")
        };
        let events: Vec<String> = (0..3).map(event).collect();
        recording("text/event-stream", "1", &events.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_proposed(
        &stream([false, true, false], "a"),
        &stream([false, false, true], "b"),
        &[
            r#"{"line":2,"vary":[{"pointer":"/id","as":"string"}]}"#,
            r#"{"line":3,"vary":[{"pointer":"/extra","as":"any"},{"pointer":"/id","as":"string"}]}"#,
            r#"{"line":4,"vary":[{"pointer":"/id","as":"string"},{"pointer":"/extra","as":"any"}]}"#,
        ],
    );
}

#[test]
fn a_text_that_is_a_timestamp_and_a_comment_that_ends_in_one_get_their_rules() {
    let stream = |second: u8, comments: &[&str]| {
        let at = format!("2025-12-01T00:00:0{second}Z");
        let event = format!("data: {at}\n\n");
        let comments = comments.iter().map(|comment| format!(": {comment} {at}\n\n")).collect::<String>();
        recording("text/event-stream", "1", &[&event, &comments])
    };
    let stamp = r#"{"line":2,"vary":[{"pointer":"","as":"timestamp"}]}"#;
    let ping = r#"{"line":3,"vary":[{"field":"","as":"text-and-timestamp","text":"ping "}]}"#;
    assert_proposed(&stream(1, &["ping"]), &stream(2, &["ping"]), &[stamp, ping]);
    let (one, more) = (stream(1, &["ping"]), stream(2, &["ping", "ping"]));
    assert_proposed(&one, &more, &[stamp, ping, r#"{"line":4,"comments":[1,2]}"#]);
}

#[test]
fn what_only_one_answer_has_gets_the_rules_of_its_kind() {
    let stream = |count: u32, id: u32| {
        let event = |n| format!("data: {{\"id\":\"a{}\"}}\n\n: ping {id}\n\n", 10 * id + n);
        let events: Vec<String> = (0..count).map(event).collect();
        recording("text/event-stream", "1", &events.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let rules = |line: u32| {
        format!(r#"{{"line":{line},"vary":[{{"pointer":"/id","as":"string"}},{{"field":"","as":"string"}}]}}"#)
    };
    let counts = [r#"{"line":5,"count":[3,2]}"#, r#"{"line":5,"comments":[3,2]}"#];
    let expected = [&rules(2), &rules(3), &rules(4), counts[0], counts[1]];
    assert_proposed(&stream(3, 1), &stream(2, 2), &expected);
}

#[test]
fn lines_and_single_values_are_compared_as_well() {
    let lines = |texts: &[&str]| recording("application/x-ndjson", "1", texts);
    assert_proposed(
        &lines(&["{\"a\":1}\n{\"a\"", ":2}\n"]),
        &lines(&["{\"a\":1}\n{\"a\":3}\n", "{}\n"]),
        &[r#"{"line":3,"vary":[{"pointer":"/a","as":"number"}]}"#, r#"{"line":4,"count":[2,3]}"#],
    );
    let pretty = |value: &str| recording("application/json", "1", &["{\n \"a\":", value, "\n}\n"]);
    assert_proposed(&pretty("1"), &pretty("2"), &[r#"{"line":4,"vary":[{"pointer":"/a","as":"number"}]}"#]);
}

#[test]
fn plain_text_in_other_pieces_is_the_same_text() {
    let plain = |writes: &[&str]| recording("text/plain", "1", writes);
    assert_proposed(&plain(&["One", " two", " three"]), &plain(&["One two", " three"]), &[]);
    let other = r#"{"line":3,"text":[" two"," too"]}"#;
    assert_proposed(&plain(&["One", " two", " three"]), &plain(&["One", " too", " three"]), &[other]);
}

#[test]
fn ids_of_several_timers_are_compared_by_kind() {
    let event = |kind: &str, id: u32| format!("event: {kind}\nid: {id}\ndata: {{\"{kind}\":1}}\n\n");
    let stream = |kinds: [&str; 3]| {
        let events: Vec<String> = (1..).zip(kinds).map(|(id, kind)| event(kind, id)).collect();
        recording("text/event-stream", "1", &events.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let id = |line: u32| format!(r#"{{"line":{line},"vary":[{{"field":"id","as":"number"}}]}}"#);
    assert_proposed(&stream(["tick", "news", "tick"]), &stream(["news", "tick", "tick"]), &[&id(2), &id(3)]);
}
