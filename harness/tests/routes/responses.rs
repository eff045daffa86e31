//! The steps of responses, heartbeats, sequences, faults and heads.

use crate::support::{asked, folder, got, play, seen};

const FEED: &str = r#"
    [[route]]
    path = "/feed"
"#;

fn feed(response: &str, ms: u64) -> String {
    got(&format!("{FEED}{response}"), "/feed", ms)
}

/// The same, without the head.
fn body(response: &str, ms: u64) -> Vec<String> {
    feed(response, ms).lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn the_example_of_a_feed_ticks_and_then_beats() {
    let steps = r#"
        headers = { "x-accel-buffering" = "no" }
        steps = [
          { comment = "hi" },
          { wait_ms = 50, event = "tick", id = "{{seq}}", data = '{"at":"{{now}}","t":{{t_ms}}}', times = 3, every_ms = 1000 },
          { subscribe = "news", heartbeat_ms = 15000 },
        ]
        [channel.news]
    "#;
    assert_eq!(
        feed(steps, 33_000),
        r#"0 200 content-type: text/event-stream; cache-control: no-cache; x-accel-buffering: no; transfer-encoding: chunked;
0 ": hi\n\n"
50 "event: tick\nid: 1\ndata: {\"at\":\"2025-12-01T00:00:00.050Z\",\"t\":50}\n\n"
1050 "event: tick\nid: 2\ndata: {\"at\":\"2025-12-01T00:00:01.050Z\",\"t\":1050}\n\n"
2050 "event: tick\nid: 3\ndata: {\"at\":\"2025-12-01T00:00:02.050Z\",\"t\":2050}\n\n"
17050 ":\n\n"
32050 ":\n\n"
33000 closed by the client
"#
    );
}

#[test]
fn every_step_is_one_chunk_to_the_byte() {
    let steps = r#"steps = [
        { data = "a\nb" },
        { event = "e", data = "x", id = "7", retry = 5000, comment = "c" },
        { id = "" },
        { send = "da" }, { send = "ta: half\n\n" },
        { send_b64 = "8J+Y" },
        { send = "" },
        { wait_ms = 10 }, { wait_ms = 5 },
        { send = "{\"n\":1}\n", times = 2 },
    ]"#;
    let writes = [
        r#"0 "data: a\ndata: b\n\n""#,
        r#"0 ": c\nevent: e\nid: 7\nretry: 5000\ndata: x\n\n""#,
        r#"0 "id:\n\n""#,
        r#"0 "da""#,
        r#"0 "ta: half\n\n""#,
        "0 \"\u{fffd}\"",
        r#"15 "{\"n\":1}\n""#,
        r#"15 "{\"n\":1}\n""#,
        "15 complete",
    ];
    assert_eq!(body(steps, 20), writes);
}

#[test]
fn a_response_ends_as_the_last_step_says() {
    for (end, expected) in [
        (r#"{ wait_ms = 5, end = "complete" }"#, "5 complete"),
        (r#"{ wait_ms = 5, end = "cut" }"#, "5 cut off by the server"),
        // Pipes in memory have no reset.
        (r#"{ wait_ms = 5, end = "reset" }"#, "5 cut off by the server"),
        ("{ wait_ms = 5 }", "5 complete"),
        ("{ open = true }", "30 closed by the client"),
    ] {
        let steps = format!(r#"steps = [{{ data = "x" }}, {end}]"#);
        assert_eq!(body(&steps, 30), [r#"0 "data: x\n\n""#, expected], "{end}");
    }
}

#[test]
fn heartbeats_go_on_without_data_and_data_goes_on_without_heartbeats() {
    let silent = r#"heartbeat = { every_ms = 10 }
        steps = [{ data = "x" }, { open = true }]"#;
    let beat = |at: u64| format!(r#"{at} ":\n\n""#);
    let mut expected = vec![r#"0 "data: x\n\n""#.to_owned()];
    expected.extend((1..=3).map(|n| beat(10 * n)));
    expected.push("35 closed by the client".into());
    assert_eq!(body(silent, 35), expected);
    let no_beats = r#"heartbeat = { every_ms = 10, times = 1, event = "ping", data = "{{seq}}" }
        steps = [{ wait_ms = 10, data = "{{seq}}", times = 3, every_ms = 10 }]"#;
    let expected = [
        r#"10 "data: 1\n\n""#,
        r#"10 "event: ping\ndata: 1\n\n""#,
        r#"20 "data: 2\n\n""#,
        r#"30 "data: 3\n\n""#,
        "30 complete",
    ];
    assert_eq!(body(no_beats, 50), expected);
}

#[test]
fn heartbeats_after_silence_wait_until_nothing_was_sent_for_so_long() {
    let keys = r#"heartbeat = { after_silence_ms = 10, comment = "{{seq}}" }
        steps = [{ data = "a", times = 3, every_ms = 9 }, { wait_ms = 25, data = "b" }, { wait_ms = 10, end = "cut" }]"#;
    let expected = [
        r#"0 "data: a\n\n""#,
        r#"9 "data: a\n\n""#,
        r#"18 "data: a\n\n""#,
        r#"28 ": 1\n\n""#,
        r#"38 ": 2\n\n""#,
        r#"43 "data: b\n\n""#,
        "53 cut off by the server",
    ];
    assert_eq!(body(keys, 60), expected);
}

#[test]
fn a_body_has_its_length_and_a_status_may_come_alone() {
    for (response, expected) in [
        (
            r#"body = "hi {{query.name}}""#,
            "0 200 content-type: text/plain; charset=utf-8; content-length: 6;\n0 \"hi ann\"\n",
        ),
        (
            r#"body = '{"n":{{json query.name}}}'"#,
            "0 200 content-type: application/json; content-length: 11;\n0 \"{\\\"n\\\":\\\"ann\\\"}\"\n",
        ),
        ("body = '[1]'", "0 200 content-type: application/json; content-length: 3;\n0 \"[1]\"\n"),
        ("status = 204", "0 204\n"),
        ("status = 503\nretry_after_s = 1", "0 503 content-length: 0; retry-after: 1;\n"),
        (
            r#"status = 307
            headers = { location = "/other", "content-type" = "text/html" }"#,
            "0 307 content-length: 0; location: /other; content-type: text/html;\n",
        ),
        (
            r#"wait_ms = 700
            body = "late""#,
            "700 200 content-type: text/plain; charset=utf-8; content-length: 4;\n700 \"late\"\n",
        ),
    ] {
        let shown = got(&format!("{FEED}{response}"), "/feed?name=ann", 1000);
        let (seen, end) = shown.trim_end().rsplit_once('\n').expect("an end");
        let at = expected.split(' ').next().expect("a time");
        assert_eq!((format!("{seen}\n").as_str(), end), (expected, format!("{at} complete").as_str()), "{response}");
    }
}

#[test]
fn a_body_with_a_fault_tells_no_length_and_ends_as_the_fault_says() {
    for (kind, expected) in
        [("end", "0 complete"), ("cut", "0 cut off by the server"), ("stall", "100 closed by the client")]
    {
        let text = format!("{FEED}body = \"hello\"\nfault = {{ kind = \"{kind}\", from = {{ byte = 2 }} }}");
        let head = "0 200 content-type: text/plain; charset=utf-8; transfer-encoding: chunked;";
        assert_eq!(got(&text, "/feed", 100), format!("{head}\n0 \"he\"\n{expected}\n"), "{kind}");
    }
}

#[test]
fn requests_get_one_response_after_another_and_the_last_again() {
    let text = format!("{FEED} response = [{{ status = 503 }}, {{ body = \"1\" }}, {{ body = \"2\" }}]");
    let statuses = play(&text, async |lab| {
        let mut seen = Vec::new();
        for _ in 0..4 {
            let client = asked(lab, "GET", "/feed", "", "").await;
            let shown = super::support::shown(&client.close().await.into_transcript());
            seen.push(shown.lines().nth(1).unwrap_or_default().to_owned());
        }
        seen
    });
    assert_eq!(statuses, ["0 complete", r#"0 "1""#, r#"0 "2""#, r#"0 "2""#]);
}

#[test]
fn a_response_has_faults_of_its_own() {
    let steps = r#"steps = [{ data = "{{seq}}", times = 4, every_ms = 10 }]"#;
    for (fault, expected) in [
        (
            r#"{ kind = "cut", from = { write = 2 } }"#,
            &[r#"0 "data: 1\n\n""#, r#"10 "data: 2\n\n""#, "10 cut off by the server"][..],
        ),
        (
            r#"{ kind = "reset", from = { ms = 15 } }"#,
            &[r#"0 "data: 1\n\n""#, r#"10 "data: 2\n\n""#, "15 cut off by the server"],
        ),
        (
            r#"[{ kind = "coalesce", writes = 2 }, { kind = "bom" }]"#,
            &[r#"10 "\u{feff}data: 1\n\ndata: 2\n\n""#, r#"30 "data: 3\n\ndata: 4\n\n""#, "30 complete"],
        ),
        (r#"{ kind = "stall", from = { write = 1 } }"#, &[r#"0 "data: 1\n\n""#, "50 closed by the client"]),
    ] {
        assert_eq!(body(&format!("{steps}\nfault = {fault}"), 50), expected, "{fault}");
    }
    let status = feed(&format!("{steps}\nfault = {{ kind = \"status\", status = 502 }}"), 50);
    assert!(status.starts_with("0 502 "), "{status}");
    let html = feed(&format!("{steps}\nfault = {{ kind = \"content-type\", content_type = \"text/html\" }}"), 50);
    assert!(html.contains("content-type: text/html;"), "{html}");
}

#[test]
fn the_head_of_a_get_answers_head_without_playing_the_body() {
    let text = format!("{FEED} steps = [{{ data = \"x\" }}, {{ open = true }}]");
    let shown = play(&text, async |lab| {
        let mut client = lab.connect();
        client.request("HEAD", "/feed", &[]).await;
        seen(lab, client, 10).await
    });
    assert_eq!(shown.lines().last(), Some("0 complete"), "{shown}");
}

#[test]
fn a_cut_in_place_of_a_head_answers_nothing() {
    let gone = "{\"t_ms\":0,\"kind\":\"request\",\"text\":\"GET / HTTP/1.1\\r\\n\\r\\n\"}\n\
        {\"t_ms\":40,\"kind\":\"end\",\"how\":\"reset\"}\n";
    let folder = folder("gone", &[("gone.jsonl", gone)]);
    let model = super::support::model(&format!("{FEED} play = \"gone.jsonl\"\nwait_ms = 100"), &folder);
    let shown = super::support::play_model(model, None, async |lab| {
        let client = asked(lab, "GET", "/feed", "", "").await;
        lab.until(std::time::Duration::from_millis(150)).await;
        client.close().await.to_string()
    });
    assert!(shown.contains("140 ms  server closes the connection") && !shown.contains("200"), "{shown}");
}
