//! Faults: each does what it says, once it is asked for, and tells that it has.

use serde_json::{Value, json};

use super::support::{GREETING, HEARTBEAT, manual};
use crate::served::Served;

const FIRST: &str = "retry: 5000\n\n";

/// The writes of `/sse-data` within two seconds under a fault, and what the fault tells.
fn played(fault: Value) -> (Vec<String>, bool, Value) {
    let served = manual();
    let mut fault = fault;
    fault["path"] = json!("/sse-data");
    served.fault(&fault);
    let mut client = served.stream("/sse-data");
    served.advance(2000);
    let writes = client.there();
    let is_over = client.reset;
    let report = served.did("GET", "/faults", &Value::Null)["faults"][0].clone();
    (writes, is_over, report)
}

fn texts(fault: Value) -> Vec<String> {
    let (writes, _, report) = played(fault);
    assert_eq!((&report["left"], &report["met"], &report["fired"]), (&json!(0), &json!(1), &json!(1)), "{report}");
    writes
}

/// What it sends without a fault.
fn plain() -> Vec<String> {
    let served = manual();
    let mut client = served.stream("/sse-data");
    served.advance(2000);
    let writes = client.there();
    assert_eq!(writes.len(), 4);
    writes
}

#[test]
fn a_fault_alters_the_writes_from_where_it_begins() {
    let plain = plain();
    let [_, event, status, value] = &plain[..] else { unreachable!() };
    let crlf = |text: &String| text.replace('\n', "\r\n");
    let cr = |text: &String| text.replace('\n', "\r");
    assert_eq!(texts(json!({"kind": "duplicate", "from": {"write": 1}})), [FIRST, event, event, status, value]);
    assert_eq!(texts(json!({"kind": "bom"}))[0], "\u{feff}retry: 5000\n\n");
    assert_eq!(texts(json!({"kind": "invalid-utf8", "from": {"ms": 2000}}))[3], value.replacen('\n', "\u{fffd}\n", 1));
    assert_eq!(texts(json!({"kind": "line-ends", "ends": "crlf"})), plain.iter().map(crlf).collect::<Vec<_>>());
    assert_eq!(texts(json!({"kind": "line-ends", "ends": "cr"})), plain.iter().map(cr).collect::<Vec<_>>());
    assert_eq!(texts(json!({"kind": "retry", "retry_ms": 50}))[0], "retry: 50\n\n");
    assert_eq!(texts(json!({"kind": "id", "event_id": "7", "from": {"write": 1}}))[1], "id: 7\nevent: status\n");
    assert_eq!(texts(json!({"kind": "coalesce", "writes": 3})), [[FIRST, event, status].concat()]);
    let split = texts(json!({"kind": "split", "bytes": 4, "from": {"byte": 13}}));
    assert_eq!(split[..5], [FIRST, "even", "t: s", "tatu", "s\n"]);
    assert_eq!(split.concat(), plain.concat());
}

#[test]
fn a_fault_breaks_a_response_off() {
    let second = "event: status\n";
    assert_eq!(texts(json!({"kind": "end", "from": {"write": 2}})), [FIRST, second, "."]);
    assert_eq!(texts(json!({"kind": "cut", "from": {"write": 2}})), [FIRST, second]);
    assert_eq!(texts(json!({"kind": "cut", "from": {"byte": 18}})), [FIRST, "event"]);
    assert_eq!(texts(json!({"kind": "cut", "from": {"ms": 500}})), [FIRST]);
    assert_eq!(texts(json!({"kind": "cut", "from": {"ms": 1000}})), [FIRST]);
    assert_eq!(texts(json!({"kind": "cut"})), [""; 0]);
    assert_eq!(texts(json!({"kind": "stall", "from": {"byte": 5}})), ["retry"]);
    let (writes, is_reset, _) = played(json!({"kind": "reset", "from": {"write": 2}}));
    assert_eq!((writes, is_reset), (vec![FIRST.to_owned(), second.to_owned()], true));
}

#[test]
fn faults_of_a_route_and_of_the_world_each_strike_at_their_time() {
    for (of_route_ms, of_world_ms) in [(5000, 1000), (1000, 5000)] {
        let served = manual();
        let cut = |ms: u64| json!({"kind": "cut", "from": {"ms": ms}});
        let steps = json!([{"data": "x", "every_ms": 700, "times": 20}]);
        served.did("POST", "/routes", &json!({"path": "/two", "steps": steps, "fault": cut(of_route_ms)}));
        let mut of_world = cut(of_world_ms);
        of_world["path"] = json!("/two");
        served.fault(&of_world);
        let mut client = served.stream("/two");
        served.advance(8000);
        assert_eq!(client.rest(), ["data: x\n\n"; 2]);
        let first_ms = of_route_ms.min(of_world_ms);
        let log = served.log();
        assert!(log.contains(&format!(r#"{{"t_ms":{first_ms},"kind":"end""#)), "{log}");
    }
}

#[test]
fn an_answer_that_a_fault_alters_has_no_length() {
    let served = manual();
    served.did("POST", "/routes", &json!({"path": "/whole", "body": "hello"}));
    served.fault(&json!({"path": "/whole", "kind": "duplicate"}));
    let mut client = served.connect();
    client.get("/whole");
    assert_eq!(client.head().header("content-length"), None);
    assert_eq!(client.rest(), ["hello", "hello", "."]);
}

#[test]
fn a_fault_that_a_response_never_comes_to_is_met_but_does_not_fire() {
    let (writes, _, report) = played(json!({"kind": "cut", "from": {"byte": 100_000}}));
    assert_eq!((writes, &report["met"], &report["fired"]), (plain(), &json!(1), &json!(0)));
}

#[test]
fn a_cut_at_an_instant_falls_due_like_a_write() {
    let served = manual();
    let mut client = served.listener();
    served.fault(&json!({"connection": 0, "kind": "cut", "from": {"ms": 45_000}}));
    let timers = served.did("GET", "/clock", &Value::Null)["timers"].clone();
    assert_eq!((&timers["count"], &timers["pending"][1]["due_ms"]), (&json!(2), &json!(45_000)));
    let answer = served.advance(60_000);
    assert_eq!((&answer["due_count"], &answer["writes"]), (&json!(2), &json!(1)), "{answer}");
    assert_eq!(client.there(), [HEARTBEAT]);
    assert_eq!(client.part(), None);
    assert_eq!(served.did("GET", "/faults", &Value::Null)["faults"][0]["fired"], 1);
}

#[test]
fn a_fault_that_is_deleted_before_its_instant_does_nothing() {
    let served = manual();
    served.fault(&json!({"path": "/sse", "kind": "cut", "from": {"ms": 45_000}}));
    let mut client = served.listener();
    assert_eq!(served.did("GET", "/clock", &Value::Null)["timers"]["count"], 2);
    served.did("DELETE", "/faults/1", &Value::Null);
    assert_eq!(served.did("GET", "/clock", &Value::Null)["timers"]["count"], 1);
    assert_eq!(served.advance(60_000)["due_count"], 2);
    assert_eq!(client.there(), [HEARTBEAT; 2]);
}

#[test]
fn an_instant_is_one_of_the_stream_and_not_of_a_late_reader() {
    let served = Served::start(&["--clock", "manual", "--mailbox", "100000"]);
    served.fault(&json!({"path": "/sse", "kind": "cut", "from": {"ms": 45_000}}));
    let mut late = served.listener();
    let (mut asker, text) = (served.connect(), "x".repeat(15_000));
    for _ in 0..800 {
        asker.get(&format!("/send-heartbeat?msg={text}"));
        asker.head();
        asker.data();
    }
    // All that was due by 45 s comes before the cut, and nothing after it, however late the reader is.
    assert_eq!(served.advance(100_000)["held_up"], 1);
    let writes = late.rest();
    assert_eq!(writes.len(), 2 * 800 + 1, "{:?}", writes.last());
    assert_eq!(writes.last().map(String::as_str), Some(HEARTBEAT));
    assert_eq!(late.part(), None);
}

#[test]
fn what_one_fault_keeps_back_is_written_before_another_cuts_the_stream() {
    let plain = plain();
    for (how, end) in [("cut", &[][..]), ("end", &["."])] {
        let served = manual();
        served.fault(&json!({"path": "/sse-data", "kind": how, "from": {"write": 3}}));
        served.fault(&json!({"path": "/sse-data", "kind": "coalesce", "writes": 5}));
        let mut client = served.stream("/sse-data");
        served.advance(1000);
        assert_eq!(client.rest(), [&[plain[..3].concat().as_str()], end].concat(), "{how}");
    }
    let served = manual();
    served.fault(&json!({"path": "/sse-data", "kind": "coalesce", "writes": 5}));
    let mut client = served.stream("/sse-data");
    served.advance(1000);
    assert!(client.there().is_empty());
    served.did("DELETE", "/faults/1", &Value::Null);
    assert_eq!(served.advance(0)["writes"], 0);
    assert_eq!(client.there(), [plain[..3].concat()]);
}

#[test]
fn a_stall_that_is_deleted_after_the_stream_has_ended_lets_it_end() {
    let served = manual();
    served.fault(&json!({"path": "/stream-text", "kind": "stall", "from": {"write": 1}}));
    served.fault(&json!({"path": "/stream-text", "kind": "coalesce", "writes": 2}));
    let mut client = served.stream("/stream-text");
    served.advance(10_000);
    assert!(client.there().is_empty());
    served.did("DELETE", "/faults/1", &Value::Null);
    let rest = client.rest();
    assert_eq!((rest.len(), rest[0].contains('欢'), rest[1].as_str()), (2, true, "."), "{rest:?}");
}

#[test]
fn a_fault_that_changes_nothing_has_not_fired() {
    let (writes, _, report) = played(json!({"kind": "split", "bytes": 65_536}));
    assert_eq!((writes, &report["met"], &report["fired"]), (plain(), &json!(1), &json!(0)));
}

#[test]
fn a_head_meets_what_alters_heads_and_leaves_the_rest_to_the_next_get() {
    let served = manual();
    served.fault(&json!({"path": "/sse", "kind": "bom"}));
    served.fault(&json!({"path": "/sse", "times": 2, "kind": "content-type", "content_type": "text/html"}));
    let (head, _) = served.connect().asked("HEAD", "/sse", &[], "");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/html")));
    let mut client = served.stream("/sse");
    assert_eq!(client.data(), format!("\u{feff}{GREETING}"));
    served.fault(&json!({"path": "/nothing", "kind": "split", "bytes": 5}));
    let mut client = served.connect();
    client.get("/nothing");
    assert_eq!((client.head().status, client.rest()), (404, vec!["not f".into(), "ound\n".into(), ".".into()]));
}

#[test]
fn faults_alter_what_older_ones_have_made() {
    for (kinds, expected) in [
        ([json!({"kind": "line-ends", "ends": "cr"}), json!({"kind": "retry", "retry_ms": 7})], "retry: 7\r\r"),
        (
            [json!({"kind": "line-ends", "ends": "crlf"}), json!({"kind": "id", "event_id": "1"})],
            "id: 1\r\nretry: 5000\r\n\r\n",
        ),
        (
            [json!({"kind": "id", "event_id": "1"}), json!({"kind": "line-ends", "ends": "crlf"})],
            "id: 1\r\nretry: 5000\r\n\r\n",
        ),
        ([json!({"kind": "line-ends", "ends": "cr"}), json!({"kind": "invalid-utf8"})], "retry: 5000\u{fffd}\r\r"),
    ] {
        let served = manual();
        for mut fault in kinds.clone() {
            fault["path"] = json!("/sse-data");
            served.fault(&fault);
        }
        assert_eq!(served.stream("/sse-data").data(), expected, "{kinds:?}");
    }
}

#[test]
fn another_status_comes_so_many_times_in_place_of_the_endpoint() {
    let served = manual();
    served.fault(&json!({"path": "/sse", "times": 2, "kind": "status", "status": 503, "retry_after_s": 7}));
    served.fault(&json!({"path": "/SSE/", "kind": "status", "status": 307, "location": "/stream-text"}));
    served.fault(&json!({"path": "/sse", "kind": "status", "status": 204}));
    served.fault(&json!({"path": "/sse", "kind": "content-type", "content_type": "text/html"}));
    let mut client = served.connect();
    let mut heads = Vec::new();
    for target in ["/sse", "/Sse?x=1", "/sse/", "/sse"] {
        client.get(target);
        heads.push(client.head());
        client.rest();
    }
    assert_eq!(heads.iter().map(|head| head.status).collect::<Vec<_>>(), [503, 503, 307, 204]);
    assert_eq!(heads[0].header("retry-after"), Some("7"));
    assert_eq!(heads[0].header("access-control-expose-headers"), Some("Retry-After"));
    assert_eq!(heads[2].header("location"), Some("/stream-text"));
    assert!(heads.iter().all(|head| head.header("access-control-allow-origin") == Some("*")));
    assert_eq!(served.ask("/send-heartbeat"), r#"{"ok":true,"clients":0,"removed":0}"#);
    client.get("/sse");
    let head = client.head();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/html")));
    assert_eq!(client.data(), GREETING);
    let faults = served.did("GET", "/faults", &Value::Null);
    let fired: Vec<_> = faults["faults"].as_array().expect("a list").iter().map(|fault| &fault["fired"]).collect();
    assert_eq!(fired, [&json!(2), &json!(1), &json!(1), &json!(1)]);
}

#[test]
fn a_fault_for_a_connection_strikes_the_response_under_way_or_its_next() {
    let served = manual();
    let mut client = served.listener();
    served.fault(&json!({"connection": 0, "kind": "bom"}));
    served.fault(&json!({"connection": 1, "kind": "end"}));
    let mut next = served.stream("/stream-text");
    served.advance(30_000);
    assert_eq!(client.there(), ["\u{feff}heartbeat:\n\n"]);
    assert_eq!(next.there(), ["."]);
    served.fault(&json!({"connection": 0, "kind": "cut", "from": {"write": 1}}));
    assert_eq!(client.rest(), [""; 0]);
}

#[test]
fn a_body_of_a_known_length_that_a_fault_ends_early_is_complete() {
    let served = manual();
    served.did("POST", "/routes", &json!({"path": "/hello", "body": "hello"}));
    for (kind, rest, how) in [("end", &["he", "."][..], "complete"), ("cut", &["he"], "cut")] {
        served.fault(&json!({"path": "/hello", "kind": kind, "from": {"byte": 2}}));
        assert_eq!(served.stream("/hello").rest(), rest, "{kind}");
        let log = served.log();
        let end = log.lines().rfind(|line| line.contains("\"kind\":\"end\"")).expect("an end");
        assert!(end.ends_with(&format!("\"how\":\"{how}\"}}")), "{kind}: {end}");
    }
}

#[test]
fn a_stalled_client_is_noticed_when_it_leaves_and_goes_on_when_the_fault_is_deleted() {
    let served = manual();
    served.fault(&json!({"path": "/sse", "kind": "stall", "from": {"write": 1}, "times": 2}));
    let (mut stays, leaves) = (served.listener(), served.listener());
    served.advance(90_000);
    assert!(stays.there().is_empty());
    let states = served.did("GET", "/connections", &Value::Null);
    assert_eq!(states["connections"][1]["state"], "stalled");
    drop(leaves);
    let mut gone = false;
    for _ in 0..10_000 {
        gone = gone
            || served.did("GET", "/connections", &Value::Null)["connections"].as_array().expect("a list").len() == 1;
    }
    assert!(gone);
    let deleted = served.did("DELETE", "/faults/1", &Value::Null);
    assert_eq!((&deleted["id"], &deleted["fired"]), (&json!(1), &json!(2)));
    assert_eq!(served.control("DELETE", "/faults/1", &Value::Null).0, 404);
    served.advance(30_000);
    assert_eq!(stays.there(), [HEARTBEAT]);
    assert_eq!(served.did("GET", "/connections", &Value::Null)["connections"][0]["state"], "streaming");
}

#[test]
fn a_stalled_stream_ends_with_its_server() {
    let served = manual();
    served.fault(&json!({"path": "/sse", "kind": "stall", "from": {"write": 1}}));
    let mut client = served.listener();
    served.advance(30_000);
    assert_eq!(served.terminate(), Some(0));
    assert_eq!(client.rest(), ["."]);
}

#[test]
fn no_more_than_a_thousand_faults_are_kept() {
    let served = manual();
    let mut driver = served.connect();
    for _ in 0..1000 {
        assert_eq!(driver.control("POST", "/faults", &json!({"path": "/a", "kind": "cut"})).0, 201);
    }
    let (status, answer) = driver.control("POST", "/faults", &json!({"path": "/a", "kind": "cut"}));
    assert_eq!((status, answer["error"]["field"].as_str()), (409, Some("faults")));
    assert_eq!(driver.control("DELETE", "/faults", &Value::Null).1["faults"].as_array().map(Vec::len), Some(1000));
    assert_eq!(driver.control("POST", "/faults", &json!({"path": "/a", "kind": "cut"})).1["id"], 1001);
}

#[test]
fn a_server_in_real_time_has_faults_too() {
    let served = Served::start(&["--clock", "scaled:1000", "--control"]);
    served.fault(&json!({"path": "/sse-data", "kind": "cut", "from": {"ms": 3500}}));
    let mut client = served.stream("/sse-data");
    let writes = client.rest();
    // How far it came in time is up to the machine; which of its writes were due before that is not.
    assert_eq!((writes.len(), writes[0].as_str()), (6, FIRST), "{writes:?}");
}
