//! Tests that a recording accepts a new response, and keeps the notes of the old lines.

use onbeat_wire::printable::to_json;
use onbeat_wire::recording::Framing;
use serde_json::json;

use super::super::accept::{accepted_exchange, next_recording};
use super::{
    Instant, MadeUpResponse, Measure, RecordedLine, ResponseFacts, SeenResponse, Stalls, cases, compare, failing, rules,
};
use crate::against::RecordingContract;

/// Returns the recording after a new response was accepted.
fn accepted(recorded: &MadeUpResponse, came: &MadeUpResponse) -> String {
    accepted_without_rules(recorded, came).0
}

/// Returns the recording after a new response was accepted, and the rules that are left out.
fn accepted_without_rules(recorded: &MadeUpResponse, came: &MadeUpResponse) -> (String, Vec<String>) {
    accepted_texts(&recorded.text(), &[&came.text()])
}

/// Returns the recording after a new response for each exchange was accepted, and the rules that are left out.
fn accepted_texts(recorded: &str, came: &[&str]) -> (String, Vec<String>) {
    let contract = RecordingContract::read("a.jsonl", recorded).expect("a recording");
    let cases = cases(std::slice::from_ref(&contract));
    let accepted = contract.exchanges.iter().zip(came).map(|(exchange, came)| {
        let lines: Vec<RecordedLine> = came.lines().map(|line| RecordedLine::read(line).expect("a line")).collect();
        let seen = SeenResponse { facts: ResponseFacts::of(&lines), began: Instant::EPOCH, trouble: None };
        let rules = rules(Measure::Chunks);
        let with = compare(&cases, (&contract, exchange), (&seen, 9000), &rules, &Stalls::default());
        accepted_exchange((&contract, exchange), &lines, &with)
    });
    let next = next_recording(&contract, accepted.collect());
    let text = next.lines.iter().map(|line| to_json(line) + "\n").collect();
    (text, next.left_out)
}

#[test]
fn notes_stay_on_the_lines_that_came_for_the_old_ones() {
    let vary = json!({"vary": [{"pointer": "/id", "as": "number"}]});
    let mut recorded = MadeUpResponse::events(&[
        (10, "data: {\"id\":1,\"t\":\"a\"}\n\n"),
        (20, ":hb\n\n"),
        (30, "data: old\n\n"),
        (40, ":may\n\n"),
    ])
    .with(0, vary.clone())
    .with(1, json!({"may": true}))
    .with(3, json!({"may": true}));
    recorded.wide = json!({"vary": [{"header": "etag", "as": "any"}]});
    let came = MadeUpResponse::events(&[
        (11, ":hb\n\n"),
        (12, "data: {\"id\":2,\"t\":\"b\"}\n\n"),
        (25, ":hb\n\n"),
        (31, "data: new\n\n"),
    ]);
    let text = accepted(&recorded, &came);
    let shown: Vec<&str> = text.lines().skip(3).collect();
    assert_eq!(
        shown,
        [
            r#"{"t_ms":11,"kind":"write","text":":hb\n\n","may":true}"#,
            r#"{"t_ms":12,"kind":"write","text":"data: {\"id\":2,\"t\":\"b\"}\n\n","vary":[{"pointer":"/id","as":"number"}]}"#,
            r#"{"t_ms":31,"kind":"write","text":"data: new\n\n"}"#,
            r#"{"t_ms":40,"kind":"write","text":":may\n\n","may":true}"#,
            r#"{"t_ms":41,"kind":"end","how":"complete"}"#,
        ]
    );
    assert!(text.starts_with(r#"{"kind":"recording""#) && text.contains(r#""vary":[{"header":"etag","as":"any"}]"#));
    // Judges the new response by the new recording: the response passes from now on.
    RecordingContract::read("a.jsonl", &text).expect("a recording");
    let mut next = came.clone();
    next.writes = lines_of(&text);
    assert_eq!(failing(&next, &came, Measure::Chunks), []);
}

fn lines_of(text: &str) -> Vec<(u64, String, serde_json::Value)> {
    let values = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let writes = values.filter(|line| line["kind"] == "write").map(|line| {
        let notes =
            line.as_object().expect("an object").iter().filter(|(key, _)| matches!(key.as_str(), "vary" | "may"));
        let notes = notes.map(|(key, value)| (key.clone(), value.clone())).collect::<serde_json::Map<_, _>>();
        (line["t_ms"].as_u64().expect("a time"), line["text"].as_str().expect("a text").to_owned(), notes.into())
    });
    writes.collect()
}

#[test]
fn a_rule_that_what_came_breaks_is_not_kept() {
    let number = json!({"vary": [{"pointer": "/t", "as": "string"}, {"pointer": "/id", "as": "number"}]});
    let recorded = MadeUpResponse::events(&[(10, "data: {\"id\":1,\"t\":\"a\"}\n\n")]).with(0, number);
    let came = MadeUpResponse::events(&[(10, "data: {\"id\":\"x1\",\"t\":\"b\"}\n\n")]);
    let (text, left_out) = accepted_without_rules(&recorded, &came);
    assert!(text.contains(r#""vary":[{"pointer":"/t","as":"string"}]}"#), "{text}");
    assert_eq!(left_out.len(), 1);
    assert!(left_out[0].starts_with("line 4, field \"vary[1]\": ") && left_out[0].contains("x1"), "{left_out:?}");
    RecordingContract::read("a.jsonl", &text).expect("a recording");
}

#[test]
fn a_rule_of_the_first_line_is_not_kept_either_where_it_holds_for_a_line_whose_own_rule_is_broken() {
    let number = json!({"vary": [{"pointer": "/id", "as": "number"}]});
    let mut recorded = MadeUpResponse::events(&[(10, "data: {\"id\":1}\n\n")]).with(0, number);
    recorded.wide = json!({"vary": [{"pointer": "/id", "as": "uuid"}]});
    let came = MadeUpResponse::events(&[(10, "data: {\"id\":\"abc\"}\n\n")]);
    let (text, left_out) = accepted_without_rules(&recorded, &came);
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    RecordingContract::read("a.jsonl", &text).expect("a recording");
}

#[test]
fn a_header_that_the_recorder_left_out_is_not_written_when_it_comes() {
    let text = |etag: &str| {
        let headers = format!(r#"["etag","{etag}"],["x-room","secret-7"],["content-type""#);
        MadeUpResponse::events(&[(10, "data: 1\n\n")]).text().replacen(r#"["content-type""#, &headers, 1)
    };
    let recorded = text("a").replace("secret-7", "xxxxxxxx");
    let accepted = accepted_texts(&recorded, &[&text("b")]).0;
    assert!(accepted.contains(r#"[["etag","b"],["x-room","xxxxxxxx"],"#), "{accepted}");
}

#[test]
fn another_framing_of_one_exchange_among_several_is_accepted() {
    let start = |framing: &str| {
        let start = json!({"kind": "recording", "format": 1, "onbeat": "", "from": "", "framing": framing});
        format!("{start}\n")
    };
    let exchange = |connection: u64, from_ms: u64, header: [&str; 2]| -> String {
        let lines = [
            json!({"kind": "request", "text": "GET / HTTP/1.1\r\n\r\n"}),
            json!({"kind": "head", "status": 200, "headers": [header]}),
            json!({"kind": "write", "text": "ab"}),
            json!({"kind": "end", "how": "complete"}),
        ];
        let lines = (from_ms..).zip(lines).map(|(t_ms, mut line)| {
            (line["t_ms"], line["connection"], line["request"]) = (t_ms.into(), connection.into(), 0.into());
            format!("{line}\n")
        });
        lines.collect()
    };
    let (chunked, length) = (["transfer-encoding", "chunked"], ["content-length", "2"]);
    let recorded = start("chunked") + &exchange(0, 0, chunked) + &exchange(1, 10, chunked);
    let came = [start("chunked") + &exchange(0, 0, chunked), start("length") + &exchange(1, 0, length)];
    let (text, _) = accepted_texts(&recorded, &came.each_ref().map(String::as_str));
    let contract = RecordingContract::read("a.jsonl", &text).expect("a recording");
    let framings: Vec<_> = contract.exchanges.iter().map(|exchange| exchange.response.framing).collect();
    assert_eq!(framings, [Some(Framing::Chunked), Some(Framing::Length)], "{text}");
}

#[test]
fn a_recording_that_the_client_left_keeps_all_that_came_until_one_time() {
    // Ticks every 300 ms, and a heartbeat each second, until 4.5 s; the ticks come every 400 ms now.
    let stream = |tick_ms: u64, until_ms: u64| {
        let mut writes: Vec<(u64, String)> =
            (1..=until_ms / tick_ms).map(|n| (n * tick_ms + 1, format!("data: {n}\n\n"))).collect();
        writes.extend((1..=until_ms / 1000).map(|n| (n * 1000, ":hb\n\n".to_owned())));
        writes.sort();
        let mut stream =
            MadeUpResponse::events(&writes.iter().map(|(ms, text)| (*ms, text.as_str())).collect::<Vec<_>>());
        stream.end = (until_ms + 10, "closed");
        stream
    };
    let text = accepted(&stream(300, 4500), &stream(400, 6400));
    let times: Vec<u64> = lines_of(&text).iter().map(|write| write.0).collect();
    let all: Vec<u64> = stream(400, 6400).writes.iter().map(|write| write.0).filter(|ms| *ms <= 6001).collect();
    assert_eq!(times, all);
    assert!(text.ends_with("{\"t_ms\":6001,\"kind\":\"end\",\"how\":\"closed\"}\n"), "{text}");
}
