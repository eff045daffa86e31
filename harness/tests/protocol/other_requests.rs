//! The contract's table "Other requests", row by row.

use crate::snapshot::assert_snapshot;
use crate::support::{listener, ms, play, send, statuses, tell, writes};

/// A request with nothing but what HTTP/1.1 asks for.
fn plain(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: onbeat\r\n\r\n")
}

#[test]
fn options_of_anything_is_a_preflight() {
    let told = play(async |lab| {
        let mut logs = Vec::new();
        for target in ["/sse", "/nothing", "*"] {
            logs.push(("plain", send(lab, plain("OPTIONS", target)).await));
        }
        for fields in [
            "Origin: http://a.example\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-a, X-B\r\n",
            "Access-Control-Request-Headers: x-a\r\nAccess-Control-Request-Headers: x-b\r\n",
            "Access-Control-Request-Headers:\r\n",
        ] {
            let request = format!("OPTIONS /sse HTTP/1.1\r\nHost: onbeat\r\n{fields}\r\n");
            logs.push(("with headers", send(lab, request).await));
        }
        tell(&logs)
    });
    assert_snapshot!("options", told);
}

#[test]
fn an_unknown_path_and_another_method_are_not_found() {
    let told = play(async |lab| {
        let mut logs = Vec::new();
        for target in ["/", "/nothing", "/sse/x"] {
            logs.push(("unknown path", send(lab, plain("GET", target)).await));
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            logs.push(("other method", send(lab, plain(method, "/sse")).await));
            logs.push(("other method", send(lab, plain(method, "/broadcast-text")).await));
        }
        for (_, log) in &logs {
            assert_eq!(statuses(&log.clone().into_transcript()), [404]);
        }
        tell(&logs)
    });
    assert_snapshot!("not-found", told);
}

#[test]
fn head_of_a_stream_is_answered_at_once_and_registers_nobody() {
    let told = play(async |lab| {
        let mut client = lab.connect();
        for target in ["/sse", "/stream-text", "/sse-data", "/dynamic-counter", "/stream-json"] {
            client.request("HEAD", target, &[]).await;
            lab.settle().await;
            assert_eq!(lab.world().broadcasts().subscribers(), 0, "{target}");
        }
        client.responses(5).await;
        tell(&[("client", client.close().await)])
    });
    assert_snapshot!("head", told);
}

#[test]
fn paths_are_case_insensitive_and_may_end_in_one_slash() {
    let told = play(async |lab| {
        let mut told = String::new();
        for (target, status) in [
            ("/SSE", 200),
            ("/Sse/", 200),
            ("/sse?x=1", 200),
            ("/SSE/?x=1", 200),
            ("http://elsewhere.example/sse", 200),
            ("/Stream-JSON/", 200),
            ("//sse", 404),
            ("/sse//", 404),
            ("/%73se", 404),
            ("/./sse", 404),
            ("/x/../sse", 404),
            ("/sse%2F", 404),
            ("/sse;x", 404),
            ("*", 404),
        ] {
            let transcript = send(lab, plain("GET", target)).await.into_transcript();
            assert_eq!(statuses(&transcript), [status], "{target}");
            told += &format!("{status}  GET {target}\n");
        }
        told
    });
    assert_snapshot!("paths", told);
}

#[test]
fn nearly_every_printable_byte_may_stand_in_a_query() {
    play(async |lab| {
        let alice = listener(lab, "/sse").await;
        let printable: Vec<char> =
            ('!'..='~').filter(|char| !matches!(char, '"' | '#' | '%' | '&' | '+' | '<' | '>')).collect();
        for char in &printable {
            let transcript = send(lab, plain("GET", &format!("/broadcast-text?msg={char}"))).await.into_transcript();
            assert_eq!(statuses(&transcript), [200], "{char}");
        }
        let sent: Vec<String> = writes(&alice.close().await.into_transcript())
            .iter()
            .filter_map(|(_, text)| serde_json::from_str::<serde_json::Value>(text.strip_prefix("data: ")?).ok())
            .filter_map(|data| Some(data.get("msg")?.as_str()?.to_owned()))
            .collect();
        assert_eq!(sent, printable.iter().map(ToString::to_string).collect::<Vec<_>>());
    });
}

#[test]
fn malformed_http_is_answered_with_400_and_closed() {
    let told = play(async |lab| {
        let mut logs = Vec::new();
        for (name, bytes) in [
            ("raw UTF-8 in the path", "GET /sse\u{e9} HTTP/1.1\r\nHost: onbeat\r\n\r\n".as_bytes()),
            ("raw UTF-8 in the query", "GET /broadcast-text?msg=你 HTTP/1.1\r\nHost: onbeat\r\n\r\n".as_bytes()),
            ("raw Latin-1 in the query", b"GET /broadcast-text?msg=\xe9 HTTP/1.1\r\nHost: onbeat\r\n\r\n"),
            ("a control byte in the target", b"GET /broadcast-text?msg=\x01 HTTP/1.1\r\nHost: onbeat\r\n\r\n"),
            ("a space in the target", b"GET /broadcast-text?msg=a b HTTP/1.1\r\nHost: onbeat\r\n\r\n"),
            ("no Host", b"GET /sse HTTP/1.1\r\n\r\n"),
            ("no HTTP", b"hello\r\n\r\n"),
            ("a header without a colon", b"GET /sse HTTP/1.1\r\nHost: onbeat\r\nnonsense\r\n\r\n"),
            ("two lengths", b"GET /sse HTTP/1.1\r\nHost: onbeat\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ] {
            let log = send(lab, bytes).await;
            assert_eq!(statuses(&log.clone().into_transcript()), [400], "{name}");
            assert!(log.closed_at().is_some(), "{name}");
            logs.push((name, log));
        }
        assert_eq!(lab.world().broadcasts().subscribers(), 0);
        tell(&logs)
    });
    assert_snapshot!("malformed", told);
}

#[test]
fn what_else_is_malformed_is_answered_or_refused_and_disturbs_nobody() {
    play(async |lab| {
        let alice = listener(lab, "/sse").await;
        for bytes in [
            &b"get /sse HTTP/1.1\r\nHost: onbeat\r\n\r\n"[..],
            b"GET sse HTTP/1.1\r\nHost: onbeat\r\n\r\n",
            b"CONNECT onbeat:80 HTTP/1.1\r\nHost: onbeat\r\n\r\n",
            b"GET /nothing HTTP/1.1\nHost: onbeat\n\n",
            b"GET /nothing HTTP/1.2\r\nHost: onbeat\r\n\r\n",
            b"GET /broadcast-text?msg=<\" HTTP/1.1\r\nHost: onbeat\r\n\r\n",
            b"POST /sse HTTP/1.1\r\nHost: onbeat\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
            b"POST /sse HTTP/1.1\r\nHost: onbeat\r\nContent-Length: -1\r\n\r\n",
            b"POST /sse HTTP/1.1\r\nHost: onbeat\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /sse HTTP/1.1\r\nHost: onbeat\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n\r\n",
            b"POST /sse HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let statuses = statuses(&send(lab, bytes).await.into_transcript());
            let name = String::from_utf8_lossy(bytes);
            assert!(statuses.len() == 1 && (400..500).contains(&statuses[0]), "{name}: {statuses:?}");
        }
        lab.until(ms(30_000)).await;
        assert_eq!(writes(&alice.close().await.into_transcript()).len(), 2);
    });
}

#[test]
fn a_head_of_16_kib_is_too_large_and_a_byte_less_is_not() {
    let told = play(async |lab| {
        let mut told = String::new();
        let alice = listener(lab, "/sse").await;
        // What counts is the target, and the names and values of the headers: here `Host`, `onbeat` and `x`.
        let room = 16 * 1024 - "Hostonbeatx".len();
        let target = "/broadcast-text?msg=";
        let in_the_target = |size: usize| format!("{target}{}", "a".repeat(size - target.len()));
        for (target, value, status) in [
            (in_the_target(room - 1), String::new(), 200),
            (in_the_target(room), String::new(), 431),
            ("/sse-data".into(), "a".repeat(room - 1 - "/sse-data".len()), 200),
            ("/sse-data".into(), "a".repeat(room - "/sse-data".len()), 431),
            ("/sse-data".into(), "a".repeat(1_000_000), 431),
            (in_the_target(60_000), String::new(), 431),
        ] {
            let log = send(lab, format!("GET {target} HTTP/1.1\r\nHost: onbeat\r\nx: {value}\r\n\r\n")).await;
            let closed = log.closed_at().is_some();
            assert_eq!(statuses(&log.into_transcript()), [status], "{} + {}", target.len(), value.len());
            assert_eq!(closed, status == 431);
            let then = if closed { "closed" } else { "open" };
            told += &format!("{status}, {then:6}  target of {:5} bytes, header of {:7}\n", target.len(), value.len());
        }
        assert_eq!(writes(&alice.close().await.into_transcript()).len(), 3, "the one that fits is broadcast");
        told
    });
    assert_snapshot!("too-large", told);
}

#[test]
fn many_small_headers_are_no_reason_to_refuse() {
    let fields = "x: y\r\n".repeat(1000);
    let transcript = play(async |lab| {
        send(lab, format!("GET /sse HTTP/1.1\r\nHost: onbeat\r\n{fields}\r\n")).await.into_transcript()
    });
    assert_eq!(statuses(&transcript), [200]);
}

#[test]
fn http_1_0_gets_a_raw_body_that_ends_with_the_connection() {
    let told = play(async |lab| {
        let mut logs = Vec::new();
        for (name, fields) in [("plain", ""), ("keep-alive", "Connection: keep-alive\r\n")] {
            let mut client = lab.connect();
            client.send(format!("GET /stream-text HTTP/1.0\r\n{fields}\r\n").as_bytes()).await;
            client.responses(1).await;
            lab.settle().await;
            let log = client.close().await;
            let bytes: usize = log.clone().into_transcript().writes().map(|(_, bytes)| bytes.len()).sum();
            assert_eq!(bytes, 5243);
            logs.push((name, log));
        }
        tell(&logs)
    });
    assert_snapshot!("http-1.0", told);
}

#[test]
fn connection_close_is_honoured_at_the_end_of_the_stream() {
    let told = play(async |lab| {
        let mut client = lab.connect();
        client.request("GET", "/sse-data", &[("Connection", "close")]).await;
        client.responses(1).await;
        lab.settle().await;
        tell(&[("client", client.close().await)])
    });
    assert!(told.contains("20000 ms  server closes the connection"));
    assert_snapshot!("connection-close", told);
}

#[test]
fn connection_close_is_found_among_other_options() {
    for (fields, closes) in [
        ("Connection: keep-alive, close\r\n", true),
        ("Connection: Close ,keep-alive\r\n", true),
        ("Connection: keep-alive\r\nConnection: close\r\n", true),
        ("Connection: closed, not-close\r\n", false),
    ] {
        let told = play(async |lab| {
            let mut client = lab.connect();
            client.send(format!("GET /stream-text HTTP/1.1\r\nHost: onbeat\r\n{fields}\r\n").as_bytes()).await;
            client.responses(1).await;
            lab.settle().await;
            tell(&[("client", client.close().await)])
        });
        let option = if closes { "connection: close" } else { "connection: keep-alive" };
        assert!(told.contains(option) && told.contains("server closes the connection") == closes, "{fields}{told}");
    }
}

#[test]
fn if_none_match_is_ignored() {
    let told = play(async |lab| {
        let mut logs = Vec::new();
        for target in ["/broadcast-text?msg=a", "/send-heartbeat"] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: onbeat\r\nIf-None-Match: *\r\n\r\n");
            let log = send(lab, request).await;
            assert_eq!(statuses(&log.clone().into_transcript()), [200]);
            logs.push(("client", log));
        }
        tell(&logs)
    });
    assert_snapshot!("if-none-match", told);
}

#[test]
fn a_body_on_a_get_is_ignored_and_the_stream_goes_on() {
    let told = play(async |lab| {
        let mut told = String::new();
        let small = r#"{"a":1}"#.to_owned();
        for body in [small, "x".repeat(1_000_000)] {
            let mut client = lab.connect();
            let length = body.len();
            let head = format!(
                "GET /sse HTTP/1.1\r\nHost: onbeat\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            );
            client.send(head.as_bytes()).await;
            let begun = lab.world().clock().now();
            lab.settle().await;
            client.send(body.as_bytes()).await;
            lab.until(begun.since_epoch() + ms(60_000)).await;
            assert_eq!(lab.world().broadcasts().subscribers(), 1, "with a body of {length} bytes");
            let transcript = client.close().await.into_transcript();
            assert_eq!(transcript.writes().count(), 3, "with a body of {length} bytes: {transcript}");
            lab.settle().await;
            assert_eq!(lab.world().broadcasts().subscribers(), 0, "with a body of {length} bytes");
            told += &format!("with a body of {length} bytes\n{transcript}");
        }
        told
    });
    assert_snapshot!("get-with-a-body", told);
}

#[test]
fn a_fan_out_has_a_length_and_says_it_is_json() {
    let told = play(async |lab| {
        let mut client = lab.connect();
        for (method, target) in
            [("GET", "/send-heartbeat"), ("HEAD", "/send-heartbeat"), ("GET", "/broadcast-text?msg=a")]
        {
            client.request(method, target, &[]).await;
        }
        client.responses(3).await;
        tell(&[("client", client.close().await)])
    });
    assert_snapshot!("fan-out-answers", told);
}
