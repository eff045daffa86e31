//! Control under attack: nobody gets in who should not, and nothing that comes in does harm.

use std::io::{Read, Write};
use std::process::Command;

use onbeat_wire::Head;
use serde_json::{Value, json};

use super::support::manual;
use crate::served::Served;

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn asked(served: &Served, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (Head, String) {
    served.connect().control_with(method, path, headers, body)
}

fn refused(served: &Served, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let (head, answer) = asked(served, method, path, headers, body);
    assert_eq!(head.header("content-type"), Some("application/json"), "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert!(answer["error"]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    (head.status, answer["error"]["field"].as_str().expect("a field").to_owned())
}

#[test]
fn without_control_there_is_no_such_path() {
    let served = Served::start(&[]);
    for path in ["/clock", "", "/openapi.json"] {
        let (head, body) = asked(&served, "GET", path, &[], "");
        assert_eq!((head.status, body.as_str()), (404, "not found\n"));
        assert_eq!(head.header("access-control-allow-origin"), Some("*"));
    }
    let (head, _) = asked(&served, "POST", "/reset", &[JSON], "{}");
    assert_eq!(head.status, 404);
}

#[test]
fn an_address_that_others_reach_is_refused_without_a_token() {
    for arguments in [
        &["--addr", "0.0.0.0:0", "--clock", "manual"][..],
        &["--addr", "0.0.0.0:0", "--control"],
        &["--addr", "[::]:0", "--control"],
        &["--control", "--control-token", ""],
        &["--control", "--control-origin", "*"],
        &["--control-token", "x"],
        &["--control-host", "web"],
        &["--control", "--control-host", "*"],
        &["--control", "--control-host", "http://web:3000"],
        &["--redact", "x"],
        &["--control", "--redact", "msg"],
        &["--control", "--redact", ""],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_onbeat")).arg("serve").args(arguments).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn a_token_is_needed_everywhere() {
    let served = Served::start(&["--clock", "manual", "--control-token", "s3cret"]);
    for header in
        [None, Some("Bearer wrong"), Some("Bearer "), Some("s3cret"), Some("Basic s3cret"), Some("Bearer s3cret2")]
    {
        let headers: Vec<_> = header.map(|header| ("Authorization", header)).into_iter().chain([JSON]).collect();
        for (method, path) in
            [("GET", "/clock"), ("POST", "/reset"), ("GET", "/openapi.json"), ("GET", "/log"), ("GET", "/x")]
        {
            let (status, field) = refused(&served, method, path, &headers, "");
            assert_eq!((status, field.as_str()), (401, "authorization"), "{header:?} {path}");
        }
    }
    let (head, _) = asked(&served, "GET", "/clock", &[("Authorization", "Bearer s3cret")], "");
    assert_eq!(head.status, 200);
    assert!(!served.ask("/send-heartbeat").is_empty());
}

#[test]
fn a_page_of_another_origin_is_refused_unless_it_is_named() {
    let served = Served::start(&["--clock", "manual", "--control-origin", "http://localhost:5173"]);
    let own = format!("http://localhost:{}", served.addr.port());
    let host = format!("localhost:{}", served.addr.port());
    let from = |origin: &str, method: &str| {
        let headers = [("Host", host.as_str()), ("Origin", origin), JSON, ("Access-Control-Request-Method", "POST")];
        asked(&served, method, "/reset", &headers, "")
    };
    for method in ["POST", "OPTIONS"] {
        for origin in ["http://evil.example", "null", "http://localhost:5174", "https://localhost:5173"] {
            let (head, _) = from(origin, method);
            assert_eq!((head.status, head.header("access-control-allow-origin")), (403, None), "{method} {origin}");
        }
        let (head, _) = from("http://localhost:5173", method);
        assert_eq!(head.status, if method == "POST" { 200 } else { 204 });
        assert_eq!(head.header("access-control-allow-origin"), Some("http://localhost:5173"));
        assert_eq!(head.header("vary"), Some("Origin"));
        let (head, _) = from(&own, method);
        assert_eq!((head.status / 100, head.header("access-control-allow-origin")), (2, None));
    }
    let (head, _) = from("http://localhost:5173", "OPTIONS");
    assert_eq!(head.header("access-control-allow-methods"), Some("GET, POST, PUT, DELETE"));
    assert_eq!(head.header("access-control-allow-headers"), Some("authorization, content-type"));
    let simple = [("Sec-Fetch-Site", "cross-site"), ("Content-Type", "text/plain")];
    assert_eq!(refused(&served, "POST", "/reset", &simple, "{}"), (403, "origin".into()));
    assert_eq!(refused(&served, "GET", "/log", &[("Sec-Fetch-Site", "same-site")], ""), (403, "origin".into()));
}

#[test]
fn a_host_that_was_bound_to_this_address_is_refused() {
    let served = manual();
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "", "a@localhost"] {
        assert_eq!(refused(&served, "GET", "/clock", &[("Host", host)], ""), (403, "host".into()), "{host}");
    }
    for host in ["127.0.0.1", "[::1]:1", "LocalHost:3000", "localhost."] {
        assert_eq!(asked(&served, "GET", "/clock", &[("Host", host)], "").0.status, 200, "{host}");
    }
    let mut client = served.connect();
    client.send(b"GET http://evil.example/__onbeat/clock HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.head().status, 403);
}

#[test]
fn a_name_is_accepted_if_it_was_given_or_with_the_token() {
    let named =
        Served::start(&["--clock", "manual", "--control-host", "host.docker.internal", "--control-host", "web:80"]);
    let (head, answer) = asked(&named, "GET", "/clock", &[("Host", "onbeat:3000")], "");
    assert_eq!(head.status, 403);
    for part in ["localhost, 127.0.0.1, [::1], host.docker.internal, web:80", "got onbeat:3000"]
        .into_iter()
        .chain(["--control-host onbeat", "--control-token"])
    {
        assert!(answer.contains(part), "{answer}");
    }
    let secret = Served::start(&["--clock", "manual", "--control-token", "s3cret"]);
    let bearer = ("Authorization", "Bearer s3cret");
    for (served, host, headers) in [
        (&named, "host.docker.internal:3000", &[][..]),
        (&named, "HOST.docker.internal", &[]),
        (&named, "web", &[]),
        (&named, "localhost:1", &[]),
        (&secret, "onbeat:3000", &[bearer]),
        (&secret, "evil.example", &[bearer]),
    ] {
        let own = format!("http://{host}");
        let headers = [headers, &[("Host", host), ("Origin", &*own), JSON]].concat();
        assert_eq!(asked(served, "POST", "/clock/advance", &headers, "{\"ms\":1}").0.status, 200, "{host}");
        // The page, its modules and what it asks for are of that name, too.
        for path in ["/", "/__onbeat/page/page.js"] {
            assert_eq!(served.connect().asked("GET", path, &[("Host", host)], "").0.status, 200, "{host} {path}");
        }
    }
    for host in ["web:81", "onbeat:3000", "evil.example"] {
        assert_eq!(named.connect().asked("GET", "/", &[("Host", host)], "").0.status, 403, "{host}");
    }
    // A name alone is not enough where there is a token.
    assert_eq!(refused(&secret, "GET", "/clock", &[("Host", "onbeat:3000")], ""), (401, "authorization".into()));
}

#[test]
fn a_page_of_a_named_origin_asks_by_any_name_with_the_token() {
    let served = Served::start(&["--control", "--control-token", "s3cret", "--control-origin", "http://web:5173"]);
    let of = ("Origin", "http://web:5173");
    let asks = [("Host", "onbeat:3000"), of, ("Access-Control-Request-Method", "GET")];
    let (head, _) = asked(&served, "OPTIONS", "/clock", &asks, "");
    assert_eq!((head.status, head.header("access-control-allow-origin")), (204, Some("http://web:5173")));
    // The page can read why it is refused, too.
    for (token, status) in [("Bearer s3cret", 200), ("Bearer wrong", 401)] {
        let bears = [("Host", "onbeat:3000"), of, ("Authorization", token), ("Sec-Fetch-Site", "cross-site")];
        let (head, _) = asked(&served, "GET", "/clock", &bears, "");
        assert_eq!((head.status, head.header("access-control-allow-origin")), (status, Some("http://web:5173")));
    }
}

#[test]
fn what_is_no_json_of_a_bounded_size_is_refused() {
    let served = manual();
    let deep = format!("{{\"ms\":{}", "[".repeat(60_000));
    let wide = format!("{{\"ms\":\"{}\"}}", "x".repeat(70_000));
    for (content_type, body, expected) in [
        ("text/plain", "{\"ms\":1}", (415, "content-type")),
        ("application/x-www-form-urlencoded", "ms=1", (415, "content-type")),
        ("application/jsonp", "{\"ms\":1}", (415, "content-type")),
        ("application/json", "{\"ms\":1", (400, "ms")),
        ("Application/JSON", "{\"ms\":1", (400, "ms")),
        ("application/json; charset=utf-8", &deep, (400, "ms")),
        ("application/json", &wide, (413, "body")),
    ] {
        let (status, field) = refused(&served, "POST", "/clock/advance", &[("Content-Type", content_type)], body);
        assert_eq!((status, field.as_str()), expected, "{content_type} {body:.40}");
    }
    for (header, field) in [(JSON, "content-type"), (("Content-Encoding", "gzip"), "content-encoding")] {
        let headers = [JSON, header];
        assert_eq!(refused(&served, "POST", "/clock/advance", &headers, "{\"ms\":1}"), (415, field.into()));
    }
    // What steers a terminal is told by its code.
    let (_, answer) = served.control("POST", "/faults", &json!({"kind": "\u{9b}31m\u{202e}"}));
    let reason = answer["error"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("\\u{9b}31m\\u{202e}"), "{reason}");
    // What has no body needs no type.
    assert_eq!(refused(&served, "POST", "/clock/advance", &[], ""), (400, "ms".into()));
    assert_eq!(refused(&served, "POST", "/reset", &[], "{}"), (415, "content-type".into()));
    assert_eq!(served.connect().control_with("POST", "/reset", &[], "").0.status, 200);
    assert_eq!(refused(&served, "GET", "/nothing", &[], ""), (404, "path".into()));
    let (head, _) = asked(&served, "PUT", "/faults", &[JSON], "");
    assert_eq!((head.status, head.header("allow")), (405, Some("GET, POST, DELETE")));
}

#[test]
fn a_hundred_megabytes_are_not_taken_in_and_whoever_sends_them_all_is_told() {
    let served = manual();
    for (path, content_type, status) in [
        ("/__onbeat/reset", "application/json", "413"),
        ("/__onbeat/reset", "text/plain", "415"),
        ("/__onbeat/nothing", "application/json", "404"),
    ] {
        for framing in ["Content-Length: 100000000", "Transfer-Encoding: chunked"] {
            let mut client = served.connect();
            let request =
                format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n{framing}\r\n\r\n");
            client.send(request.as_bytes());
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            // As many clients do, it sends all before it reads.
            (0..100_000_000 / chunk.len()).for_each(|_| client.send(chunk.as_bytes()));
            let mut answer = [0; 12];
            client.socket.read_exact(&mut answer).expect("an answer");
            assert_eq!(answer[9..], *status.as_bytes(), "{path} {framing}");
        }
    }
    assert_eq!(served.advance(1)["now_ms"], 1);
    assert_eq!(served.terminate(), Some(0));
}

#[test]
fn who_sends_without_end_is_heard_out_for_a_while_only() {
    let served = manual();
    let mut client = served.connect();
    client.send(b"POST /__onbeat/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n");
    let mut is_over = false;
    while !is_over {
        is_over = client.socket.write_all(&[b'x'; 1024]).is_err();
    }
    // A server that is told to end waits for nobody who lingers.
    let mut client = served.connect();
    client.send(b"POST /__onbeat/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n");
    assert_eq!(client.head().status, 415);
    assert_eq!(served.terminate(), Some(0));
}

#[test]
fn a_long_log_that_nobody_reads_holds_up_nobody() {
    let served = manual();
    let mut asker = served.connect();
    let text = "x".repeat(15_000);
    for _ in 0..500 {
        asker.get(&format!("/send-heartbeat?msg={text}"));
        asker.head();
        asker.data();
    }
    let unread: Vec<_> = (0..50)
        .map(|_| {
            let mut client = served.connect();
            client.get("/__onbeat/log");
            client
        })
        .collect();
    assert_eq!(served.advance(1)["now_ms"], 1);
    assert_eq!(served.log().lines().count(), 1 + 4 * 500);
    drop(unread);
    assert_eq!(served.terminate(), Some(0));
}

#[test]
fn a_reset_ends_logs_that_nobody_reads_and_so_many_there_are_at_most() {
    let served = manual();
    let mut asker = served.connect();
    let text = "x".repeat(15_000);
    for _ in 0..400 {
        asker.get(&format!("/send-heartbeat?msg={text}"));
        asker.head();
        asker.data();
    }
    let mut unread: Vec<_> = (0..300).map(|_| served.stream_or_refusal("/__onbeat/log")).collect();
    let refused = unread.iter().filter(|(status, _)| *status == 429).count();
    assert_eq!(unread.iter().filter(|(status, _)| *status == 200).count() + refused, 300);
    assert!((1..200).contains(&refused), "{refused}");
    // What is short is answered all the same.
    assert_eq!(served.advance(1)["now_ms"], 1);
    served.did("POST", "/reset", &json!({}));
    for (_, client) in unread.iter_mut().filter(|(status, _)| *status == 200) {
        assert_ne!(client.rest().last().map(String::as_str), Some("."), "a part must not look like the whole");
    }
    assert_eq!(served.log().lines().count(), 1);
    // What each of them held has come back.
    let again: Vec<_> = (0..50).map(|_| served.stream_or_refusal("/__onbeat/log").0).collect();
    assert_eq!(again, [200; 50]);
}

#[test]
fn so_many_faults_strike_one_response_and_no_more() {
    let served = manual();
    let _client = served.stream("/dynamic-counter");
    let mut driver = served.connect();
    let fault = json!({"connection": 0, "kind": "bom", "from": {"write": 40}});
    for id in 1..=1000 {
        assert_eq!(driver.control("POST", "/faults", &fault).1["id"], id);
    }
    let (status, answer) = driver.control("POST", "/faults", &fault);
    assert_eq!((status, &answer["error"]["field"]), (409, &json!("faults")));
    // What was refused has changed nothing.
    let other = json!({"path": "/sse", "kind": "bom"});
    assert_eq!(driver.control("POST", "/faults", &other).1["id"], 1001);
}

#[test]
fn what_a_client_chose_is_told_in_part_if_it_is_long() {
    let served = manual();
    let long = "é".repeat(3000);
    let mut client = served.connect();
    client.expect("GET");
    client.send(format!("GET /{} HTTP/1.1\r\nHost: x\r\nLast-Event-ID: {long}\r\n\r\n", "p".repeat(9000)).as_bytes());
    assert_eq!(client.head().status, 404);
    let connections = served.did("GET", "/connections", &Value::Null);
    let one = &connections["connections"][0];
    assert_eq!(one["path"], format!("/{}…", "p".repeat(1023)));
    assert_eq!(one["last_event_id"], format!("{}…", "é".repeat(512)));
}

#[test]
fn a_body_that_never_comes_holds_up_nobody() {
    let served = manual();
    let mut slow: Vec<_> = (0..50).map(|_| served.connect()).collect();
    for client in &mut slow {
        client.send(
            b"POST /__onbeat/clock/advance HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
            Content-Length: 9\r\n\r\n{\"m",
        );
    }
    assert_eq!(served.advance(5)["now_ms"], 5);
    // After ten seconds of the machine's time each is told.
    for client in &mut slow {
        assert_eq!(client.head().status, 408);
    }
    assert_eq!(served.did("GET", "/clock", &json!(null))["now_ms"], 5);
}

#[test]
fn a_request_for_control_behind_a_stream_is_executed_when_its_turn_comes() {
    let served = manual();
    let mut client = served.stream("/stream-text");
    client.advance_ahead(50);
    client.advance_ahead(7);
    // The stream ends in the middle of this, and further advances wait for it.
    served.advance(10_000);
    assert_eq!(client.rest().last().map(String::as_str), Some("."));
    for now_ms in [10_050, 10_057] {
        assert_eq!(client.head().status, 200);
        let answer: serde_json::Value = serde_json::from_str(&client.data()).expect("JSON");
        assert_eq!(answer["now_ms"], now_ms);
    }
}
