//! Bodies of each kind, compared as closely as was asked for.

use serde_json::json;

use super::{CompareRules, FIRST_WRITE, MadeUpResponse, Measure, failing, failing_by, lines, rules};

fn chunks(recorded: &MadeUpResponse, came: &MadeUpResponse) -> Vec<(usize, String)> {
    failing(recorded, came, Measure::Chunks)
}

#[test]
fn values_may_vary_in_a_line_or_in_all_lines() {
    let stream = |ids: [&str; 2], n: u8| {
        MadeUpResponse::events(&[
            (10, &format!("data: {{\"id\":\"{}\",\"n\":1}}\n\n", ids[0])),
            (20, &format!("data: {{\"id\":\"{}\",\"n\":{n}}}\n\n", ids[1])),
        ])
    };
    let came = stream(["b", "c"], 3);
    assert_eq!(lines(&chunks(&stream(["a", "a"], 2), &came)), [4, 5]);
    let mut wide = stream(["a", "a"], 2);
    wide.wide = json!({"vary": [{"pointer": "/id", "as": "string"}]});
    assert_eq!(chunks(&wide, &came), [(5, "/n: expected 2, got 3".to_owned())]);
    let both = wide.with(1, json!({"vary": [{"pointer": "/n", "as": "number"}]}));
    assert_eq!(chunks(&both, &came), []);
    let wrong =
        chunks(&both, &MadeUpResponse::events(&[(10, "data: {\"id\":7,\"n\":1}\n\n"), (20, &came.writes[1].1)]));
    assert_eq!(wrong, [(4, "/id: expected a string, got 7".to_owned())]);
}

#[test]
fn an_id_and_a_text_may_vary() {
    let recorded = MadeUpResponse::events(&[(10, "id: 5\ndata: took 5 ms\n\n")]);
    let came = MadeUpResponse::events(&[(10, "id: 6\ndata: took 17 ms\n\n")]);
    assert_eq!(lines(&chunks(&recorded, &came)), [4]);
    let vary = json!([{"field": "id", "as": "number"}, {"pointer": "", "as": "regex", "pattern": "took \\d+ ms"}]);
    assert_eq!(chunks(&recorded.with(0, json!({ "vary": vary })), &came), []);
}

#[test]
fn what_may_come_comes_at_any_time_or_not_at_all() {
    let recorded = MadeUpResponse::events(&[(100, "data: 1\n\n"), (150, ":hb\n\n"), (400, "data: 2\n\n")]);
    let recorded = recorded.with(1, json!({"may": true}));
    for came in [
        &[(100, "data: 1\n\n"), (400, "data: 2\n\n")][..],
        &[(50, ":hb\n\n"), (100, "data: 1\n\n"), (200, ":hb\n\n"), (300, ":hb\n\n"), (400, "data: 2\n\n")],
        &[(100, "data: 1\n\n"), (400, "data: 2\n\n"), (405, ":hb\n\n")],
        &[(100, ":hb\n\ndata: 1\n\n"), (400, "data: 2\n\n:hb\n\n")],
    ] {
        assert_eq!(chunks(&recorded, &MadeUpResponse::events(came)), [], "{came:?}");
    }
    let other = MadeUpResponse::events(&[(100, "data: 1\n\n"), (150, ":ho\n\n"), (400, "data: 2\n\n")]);
    assert_eq!(chunks(&recorded, &other), [(4, "one too many, behind this line".to_owned())]);
}

#[test]
fn chunks_count_unless_a_proxy_or_events_are_told() {
    let recorded = MadeUpResponse::events(&[(10, "data: 1\n\n"), (20, "data: 2\n\n"), (30, "data: 3\n\n")]);
    let joined = MadeUpResponse::events(&[(10, "data: 1\n\n"), (25, "data: 2\n\ndata: 3\n\n")]);
    let split = MadeUpResponse::events(&[(10, "data: 1\n\n"), (20, "data"), (21, ": 2\n\n"), (30, "data: 3\n\n")]);
    let proxy = CompareRules { behind_proxy: true, ..rules(Measure::Bytes) };
    for (came, line) in [(&joined, 5), (&split, 5)] {
        assert_eq!(lines(&chunks(&recorded, came)), [line]);
        assert_eq!(failing_by(&recorded, came, &proxy), []);
        assert_eq!(failing(&recorded, came, Measure::Events), []);
    }
    let spelled =
        MadeUpResponse::events(&[(10, "data:1\n\n"), (20, ":c\ndata: 2\r\n\r\n"), (25, ":\n\n"), (30, "data: 3\n\n")]);
    assert_eq!(failing(&recorded, &spelled, Measure::Events), []);
    assert!(!chunks(&recorded, &spelled).is_empty());
}

#[test]
fn events_have_a_type_data_an_id_and_a_retry() {
    let recorded = MadeUpResponse::events(&[(10, "retry: 5\n\n"), (20, "event: a\nid: 1\ndata: x\n\n")]);
    for (came, line) in [
        (&[(10, "retry: 6\n\n"), (20, "event: a\nid: 1\ndata: x\n\n")][..], 4),
        (&[(10, "retry: 5\n\n"), (20, "event: b\nid: 1\ndata: x\n\n")], 5),
        (&[(10, "retry: 5\n\n"), (20, "event: a\nid: 2\ndata: x\n\n")], 5),
        (&[(10, "retry: 5\n\n"), (20, "event: a\nid: 1\ndata: y\n\n")], 5),
        (&[(10, "retry: 5\n\n"), (20, "event: a\nid: 1\ndata: x\n")], 5),
    ] {
        assert_eq!(lines(&failing(&recorded, &MadeUpResponse::events(came), Measure::Events)), [line], "{came:?}");
    }
}

#[test]
fn lines_of_json_and_plain_pieces_are_compared_as_well() {
    let ndjson = |writes: &[(u64, &str)]| MadeUpResponse::new("application/x-ndjson", writes);
    let recorded = ndjson(&[(10, "{\"a\":1}\n"), (20, "{\"a\":2}\n"), (30, "{\"a\":3}\n")]);
    assert_eq!(lines(&chunks(&recorded, &ndjson(&[(10, "{\"a\":1}\n"), (30, "{\"a\":3}\n")]))), [5]);
    let joined = ndjson(&[(10, "{\"a\":1}\n{\"a\":2}\n"), (30, "{\"a\":3}\r\n\r\n")]);
    assert_eq!(failing(&recorded, &joined, Measure::Events), []);

    let plain = |writes: &[(u64, &str)]| MadeUpResponse::new("text/plain", writes);
    let recorded = plain(&[(10, "Hel"), (20, "lo "), (30, "wor"), (40, "ld")]);
    assert_eq!(chunks(&recorded, &recorded), []);
    assert_eq!(lines(&chunks(&recorded, &plain(&[(10, "Hel"), (20, "lo "), (40, "ld")]))), [6]);
    assert_eq!(lines(&chunks(&recorded, &plain(&[(10, "Hel"), (20, "lo "), (30, "war"), (40, "ld")]))), [6]);
    let rejoined = plain(&[(10, "Hello "), (40, "world")]);
    assert_eq!(lines(&chunks(&recorded, &rejoined)), [4, 6]);
    assert_eq!(failing(&recorded, &rejoined, Measure::Bytes), []);
    assert_eq!(lines(&failing(&recorded, &plain(&[(10, "Hello "), (40, "warld")]), Measure::Bytes)), [6]);
}

#[test]
fn a_length_has_no_chunks_that_could_differ() {
    let sized = |writes: &[(u64, &str)]| MadeUpResponse {
        framing: "length",
        ..MadeUpResponse::new("application/json", writes)
    };
    let recorded = sized(&[(10, "{\"a\":"), (11, "1}")]);
    assert_eq!(chunks(&recorded, &sized(&[(10, "{\"a\":1}")])), []);
    assert_eq!(lines(&chunks(&recorded, &sized(&[(10, "{\"a\":2}")]))), [FIRST_WRITE + 1]);
}

#[test]
fn the_end_is_told_and_an_endless_stream_has_to_stay_open() {
    let recorded = MadeUpResponse::events(&[(1000, "data: 1\n\n"), (2000, "data: 2\n\n")]);
    let ended = |at_ms, how| MadeUpResponse { end: (at_ms, how), ..recorded.clone() };
    let endless = ended(2900, "closed");
    for (recorded, came, line) in [
        (&ended(2010, "complete"), ended(2010, "cut"), Some(6)),
        (&ended(2010, "cut"), ended(2010, "reset"), Some(6)),
        (&ended(2010, "complete"), ended(2600, "complete"), Some(6)),
        (&ended(2010, "complete"), ended(2510, "closed"), Some(6)),
        (&endless, ended(3400, "closed"), None),
        (&endless, ended(2950, "complete"), None),
        (&endless, ended(2010, "complete"), Some(6)),
    ] {
        assert_eq!(lines(&chunks(recorded, &came)), line.into_iter().collect::<Vec<_>>(), "{came:?}");
    }
    // The next write of an endless stream comes when the recording is over.
    let mut more = endless.clone();
    more.writes.push((3000, "data: 3\n\n".into(), json!({})));
    more.end.0 = 3400;
    assert_eq!(chunks(&endless, &more), []);
}

#[test]
fn an_optional_write_with_a_mistake_is_told_at_its_line() {
    let token = |text: &str, model: &str| format!("data: {{\"text\":\"{text}\",\"model\":\"{model}\"}}\n\n");
    let notes = json!({"may": true, "vary": [{"pointer": "/text", "as": "string"}]});
    let recorded = MadeUpResponse::events(&[(10, "data: start\n\n"), (20, &token("a", "x")), (30, "data: end\n\n")]);
    let recorded = recorded.with(1, notes);
    let came = |model: &str| {
        let (one, two) = (token("b", model), token("c", model));
        MadeUpResponse::events(&[(10, "data: start\n\n"), (20, &one), (25, &two), (30, "data: end\n\n")])
    };
    assert_eq!(chunks(&recorded, &came("x")), []);
    assert_eq!(chunks(&recorded, &came("y")), [(FIRST_WRITE + 1, "/model: expected \"x\", got \"y\"".to_owned())]);
}
