//! Channels: publishing, history, and resuming.

use std::collections::BTreeSet;
use std::time::Duration;

use onbeat::world_lab::WorldLab;

use crate::support::{asked, play, play_beside_built_in, seen, shown};

const NEWS: &str = r#"
    [[route]]
    path = "/feed"
    steps = [{ comment = "hi" }, { subscribe = "news" }]
    [[route]]
    path = "/all"
    steps = [{ subscribe = ["news", "alerts"], history = "all" }, { wait_ms = 100, data = "bye" }, { end = "complete" }]
    [channel.news]
    history = 2
    publish = { path = "/news" }
    [channel.alerts]
    publish = { method = "PUT", path = "/alerts", event = "alert", data = '{"by":{{json query.by}},"n":{{seq}}}', status = 202 }
"#;

async fn publish(lab: &mut WorldLab, method: &str, target: &str, body: &str) -> String {
    let client = asked(lab, method, target, "", body).await;
    let shown = shown(&client.close().await.into_transcript());
    let answer = shown.lines().map(|line| line.split_once(' ').expect("a time").1);
    answer.take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_event_reaches_the_subscribers_of_its_channel_at_once() {
    play(NEWS, async |lab| {
        let feed = asked(lab, "GET", "/feed", "", "").await;
        lab.until(Duration::from_millis(20)).await;
        let answer = publish(lab, "POST", "/news", "line 1\nline 2").await;
        assert_eq!(answer, r#"200 content-type: application/json; content-length: 22; "{\"id\":\"1\",\"clients\":1}""#);
        let answer = publish(lab, "PUT", "/alerts?by=ann", "").await;
        assert_eq!(answer, r#"202 content-type: application/json; content-length: 23; "{\"id\":null,\"clients\":0}""#);
        let feed = seen(lab, feed, 5).await;
        let body: Vec<_> = feed.lines().skip(1).collect();
        assert_eq!(
            body,
            [r#"0 ": hi\n\n""#, r#"20 "id: 1\ndata: line 1\ndata: line 2\n\n""#, "25 closed by the client"]
        );
    });
}

#[test]
fn an_event_without_bytes_is_no_write() {
    let text = r#"
        [[route]]
        path = "/feed"
        steps = [{ subscribe = "raw" }]
        [channel.raw]
        publish = { path = "/raw", send = "{{body}}" }
    "#;
    play(text, async |lab| {
        let feed = asked(lab, "GET", "/feed", "", "").await;
        for body in ["", "a", ""] {
            let answer = publish(lab, "POST", "/raw", body).await;
            assert!(answer.ends_with(r#"\"clients\":1}""#), "{answer}");
        }
        let feed = seen(lab, feed, 1).await;
        assert_eq!(feed.lines().skip(1).collect::<Vec<_>>(), [r#"0 "a""#, "1 closed by the client"]);
    });
}

#[test]
fn each_event_of_a_connection_has_random_values_of_its_own() {
    let text = r#"
        [[route]]
        path = "/feed"
        steps = [{ subscribe = "news" }]
        [channel.news]
        publish = { path = "/news", data = "{{uuid}}" }
    "#;
    play(text, async |lab| {
        let feed = asked(lab, "GET", "/feed", "", "").await;
        let mut publisher = lab.connect();
        for _ in 0..3 {
            publisher.send(b"POST /news HTTP/1.1\r\nHost: onbeat\r\nContent-Length: 0\r\n\r\n").await;
            lab.settle().await;
        }
        let feed = seen(lab, feed, 1).await;
        let events: BTreeSet<&str> = feed.lines().filter(|line| line.contains("data: ")).collect();
        assert_eq!(events.len(), 3, "{feed}");
    });
}

#[test]
fn a_publishing_request_has_preflights_beside_the_built_in_endpoints_too() {
    play_beside_built_in(NEWS, async |lab| {
        for (path, credentials) in [("/news", true), ("/sse", false)] {
            let headers = "Origin: http://localhost:5173\r\nAccess-Control-Request-Method: POST\r\n";
            let client = asked(lab, "OPTIONS", path, headers, "").await;
            let shown = shown(&client.close().await.into_transcript());
            assert_eq!(shown.contains("access-control-allow-credentials: true"), credentials, "{shown}");
        }
    });
}

#[test]
fn a_client_that_comes_back_gets_what_it_has_missed() {
    for (headers, missed) in [
        ("", &[][..]),
        ("Last-Event-ID: 3\r\n", &["4"]),
        ("Last-Event-ID: 4\r\n", &[]),
        ("Last-Event-ID: 1\r\n", &["3", "4"]),
        ("Last-Event-ID: unknown\r\n", &["3", "4"]),
    ] {
        play(NEWS, async |lab| {
            for text in ["a", "b", "c", "d"] {
                publish(lab, "POST", "/news", text).await;
            }
            let feed = asked(lab, "GET", "/feed", headers, "").await;
            let feed = seen(lab, feed, 1).await;
            let ids: Vec<_> = feed.split("id: ").skip(1).map(|event| &event[..1]).collect();
            assert_eq!(ids, missed, "{headers} {feed}");
            assert_eq!(feed.lines().nth(1), Some(r#"0 ": hi\n\n""#), "{feed}");
        });
    }
}

#[test]
fn a_response_hears_several_channels_and_goes_on_with_its_steps() {
    play(NEWS, async |lab| {
        publish(lab, "POST", "/news", "old").await;
        let all = asked(lab, "GET", "/all", "", "").await;
        lab.until(Duration::from_millis(10)).await;
        publish(lab, "PUT", "/alerts?by=ann", "").await;
        publish(lab, "POST", "/news", "new").await;
        let all = seen(lab, all, 200).await;
        let body: Vec<_> = all.lines().skip(1).collect();
        let expected = [
            r#"0 "id: 1\ndata: old\n\n""#,
            r#"10 "id: 2\ndata: new\n\n""#,
            r#"10 "event: alert\ndata: {\"by\":\"ann\",\"n\":1}\n\n""#,
            r#"100 "data: bye\n\n""#,
            "100 complete",
        ];
        let mut sorted = body.clone();
        sorted.sort_unstable();
        let mut expected_sorted = expected.to_vec();
        expected_sorted.sort_unstable();
        assert_eq!(sorted, expected_sorted);
        assert_eq!((body[0], &body[3..]), (expected[0], &expected[3..]));
    });
}

#[test]
fn an_event_puts_off_the_heartbeats_after_silence() {
    let feed = r#"
        [[route]]
        path = "/feed"
        steps = [{ wait_ms = 5, subscribe = "news", heartbeat = { after_silence_ms = 10 } }]
        [channel.news]
        publish = { path = "/news" }
    "#;
    play(feed, async |lab| {
        let feed = asked(lab, "GET", "/feed", "", "").await;
        lab.until(Duration::from_millis(20)).await;
        publish(lab, "POST", "/news", "a").await;
        lab.until(Duration::from_millis(29)).await;
        publish(lab, "POST", "/news", "b").await;
        let feed = seen(lab, feed, 21).await;
        let body: Vec<_> = feed.lines().skip(1).collect();
        let beat = |at: u64| format!(r#"{at} ":\n\n""#);
        let event = |at: u64, data: &str| format!(r#"{at} "data: {data}\n\n""#);
        let expected = [beat(15), event(20, "a"), event(29, "b"), beat(39), beat(49), "50 closed by the client".into()];
        assert_eq!(body, expected);
    });
}
