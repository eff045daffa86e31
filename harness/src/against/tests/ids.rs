//! Ids that are new in each response, and the same in all events of one.

use serde_json::{Value, json};

use super::{MadeUpResponse, Measure, failing};

/// Returns a stream of three events with these ids.
fn stream(ids: [&str; 3]) -> MadeUpResponse {
    let event = |n: usize| format!("data: {{\"id\":\"{}\",\"n\":{n}}}\n\n", ids[n]);
    MadeUpResponse::events(&[(10, &event(0)), (20, &event(1)), (30, &event(2))])
}

fn found(recorded: [&str; 3], rule: &Value, came: [&str; 3]) -> Vec<(usize, String)> {
    let mut recorded = stream(recorded);
    recorded.wide = json!({"vary": [rule]});
    failing(&recorded, &stream(came), Measure::Chunks)
}

#[test]
fn an_id_that_is_the_same_in_the_recording_is_the_same_in_what_comes() {
    let string = json!({"pointer": "/id", "as": "string"});
    let recorded = ["chatcmpl-a1"; 3];
    assert_eq!(found(recorded, &string, ["chatcmpl-b2"; 3]), []);
    let other = vec![(5, "another /id".to_owned())];
    assert_eq!(found(recorded, &string, ["chatcmpl-b2", "chatcmpl-b3", "chatcmpl-b4"]), other);
    let regex = json!({"pointer": "/id", "as": "regex", "pattern": "chatcmpl-\\w+"});
    assert_eq!(found(recorded, &regex, ["chatcmpl-b2", "chatcmpl-b3", "chatcmpl-b2"]), other);
    // No difference matters where any value may come.
    let any = json!({"pointer": "/id", "as": "any"});
    assert_eq!(found(recorded, &any, ["chatcmpl-b2", "chatcmpl-b3", "chatcmpl-b4"]), []);
}

#[test]
fn texts_that_differ_in_the_recording_and_times_need_not_be_the_same() {
    let string = json!({"pointer": "/id", "as": "string"});
    for (recorded, came) in [
        (["msg-0001", "msg-0001", "msg-0002"], ["msg-0003", "msg-0004", "msg-0005"]),
        (["running"; 3], ["running", "stopping", "stopped"]),
        (["12:30:59"; 3], ["12:31:59", "12:31:59", "12:32:00"]),
        (["2025-12-01"; 3], ["2025-12-01", "2025-12-01", "2025-12-02"]),
        (["2025-12-01T00:00:00Z"; 3], ["2025-12-01T00:00:00Z", "2025-12-01T00:00:01Z", "2025-12-01T00:00:02Z"]),
    ] {
        assert_eq!(found(recorded, &string, came), [], "{recorded:?}");
    }
}

#[test]
fn an_id_of_digits_alone_is_a_text_as_well() {
    let rules = |place: &str| json!({"vary": [serde_json::from_str::<serde_json::Value>(place).expect(place)]});
    for (place, recorded, came) in [
        (r#"{"field":"id","as":"string"}"#, "id: a1b2\ndata: x\n\n", "id: 1234\ndata: x\n\n"),
        (r#"{"pointer":"","as":"string"}"#, "data: one\n\n", "data: 2\n\n"),
        (
            r#"{"field":"id","as":"regex","pattern":"\\d+"}"#,
            "id: 1\ndata: x\n\n",
            "id: 123456789012345678901234567890\ndata: x\n\n",
        ),
    ] {
        let stream = MadeUpResponse::events(&[(10, recorded)]).with(0, rules(place));
        assert_eq!(failing(&stream, &MadeUpResponse::events(&[(10, came)]), Measure::Chunks), [], "{place}");
        // Takes a recorded id of digits for a text as well.
        let stream = MadeUpResponse::events(&[(10, came)]).with(0, rules(place));
        stream.contract();
    }
}

#[test]
fn events_whose_type_varies_are_of_one_kind() {
    let vary = json!({"vary": [{"field": "event", "as": "regex", "pattern": "aa|bb"}]});
    let stream = |types: [&str; 8]| {
        let events: Vec<_> = types.iter().map(|one| format!("event: {one}\ndata: x\n\n")).collect();
        let at: Vec<(u64, &str)> = (1..).map(|n| n * 60).zip(events.iter().map(String::as_str)).collect();
        let stream = MadeUpResponse::events(&at);
        (0..8).fold(stream, |stream, write| stream.with(write, vary.clone()))
    };
    let recorded = stream(["aa", "bb", "aa", "bb", "aa", "bb", "aa", "bb"]);
    for types in [["bb"; 8], ["aa", "aa", "bb", "bb", "aa", "bb", "bb", "aa"]] {
        assert_eq!(failing(&recorded, &stream(types), Measure::Chunks), []);
    }
}
