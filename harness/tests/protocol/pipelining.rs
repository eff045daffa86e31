//! Requests that do not wait for the answer before: each is executed and answered when its turn comes.

use onbeat::player::{Action, Player};
use onbeat::world_lab::WorldLab;
use onbeat_wire::recording::LeftHow;
use onbeat_wire::{How, What};

use crate::snapshot::assert_snapshot;
use crate::support::{ask, listener, ms, play, play_with_mailboxes, statuses, tell, writes};

/// Sends so many requests for `target` in one go.
async fn pipeline(client: &mut Player, target: &str, count: usize) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: onbeat\r\n\r\n");
    client.send(request.repeat(count).as_bytes()).await;
}

/// A client that has asked for `/stream-text`, which ends at 4800 ms, and for `behind` with it.
async fn text_and(lab: &mut WorldLab, behind: &[(&str, &str)]) -> Player {
    let mut client = listener(lab, "/stream-text").await;
    for (method, target) in behind {
        client.request(method, target, &[]).await;
    }
    lab.settle().await;
    client
}

#[test]
fn a_stream_behind_a_stream_starts_when_its_turn_comes() {
    let told = play(async |lab| {
        let mut client = lab.connect();
        client.get("/stream-text").await;
        lab.until(ms(300)).await;
        client.get("/dynamic-counter").await;
        client.get("/send-heartbeat").await;
        client.responses(3).await;
        tell(&[("client", client.close().await)])
    });
    assert!(told.contains(r#" 5800 ms  write  data: {"counter":0,"ts":"2025-12-01T00:00:05.800Z"}"#));
    assert!(told.contains("35800 ms  end    complete"));
    assert_snapshot!("pipelined-streams", told);
}

#[test]
fn a_broadcast_behind_a_stream_goes_out_when_its_turn_comes() {
    let (transcript, heard) = play(async |lab| {
        let alice = listener(lab, "/sse").await;
        let client = text_and(lab, &[("GET", "/broadcast-text?msg=now")]).await;
        client.responses(2).await;
        lab.settle().await;
        (client.close().await.into_transcript(), writes(&alice.close().await.into_transcript()))
    });
    assert_eq!(heard[2], (4800, "data: {\"msg\":\"now\",\"ts\":\"2025-12-01T00:00:04.800Z\"}\n\n".into()));
    let answer = writes(&transcript).pop().expect("an answer");
    assert_eq!(answer, (4800, r#"{"ok":true,"sent":1,"clients":1}"#.into()));
}

#[test]
fn what_waits_behind_a_stream_that_never_ends_is_not_executed() {
    play(async |lab| {
        let alice = listener(lab, "/sse").await;
        let mut client = listener(lab, "/sse").await;
        pipeline(&mut client, "/broadcast-text", 40).await;
        client.send("GET /sse HTTP/1.1\r\nHost:\r\n\r\n".repeat(2200).as_bytes()).await;
        lab.until(ms(60_000)).await;
        assert_eq!(lab.world().broadcasts().subscribers(), 2);
        assert_eq!(alice.close().await.into_transcript().writes().count(), 3, "a greeting and two heartbeats");
        assert_eq!(statuses(&client.close().await.into_transcript()), [200]);
    });
}

#[test]
fn a_burst_in_one_go_does_not_run_ahead_of_those_who_read() {
    let heard = play_with_mailboxes(2, async |lab| {
        let alice = listener(lab, "/sse").await;
        let mut client = lab.connect();
        pipeline(&mut client, "/broadcast-text?msg=x", 40).await;
        client.act(Action::Leave(LeftHow::HalfClosed)).await;
        lab.settle().await;
        assert_eq!(statuses(&client.close().await.into_transcript()), [200; 40]);
        alice.close().await.into_transcript()
    });
    assert_eq!(heard.writes().count(), 1 + 2 * 40);
}

#[test]
fn nothing_is_executed_after_a_request_that_closes_the_connection() {
    let last = [
        "GET /send-heartbeat HTTP/1.1\r\nHost: onbeat\r\nConnection: close\r\n\r\n",
        "GET /send-heartbeat HTTP/1.1\r\nHost: onbeat\r\nConnection: x, Close\r\n\r\n",
        "GET /stream-text HTTP/1.1\r\nHost: onbeat\r\nConnection: close\r\n\r\n",
        "GET /send-heartbeat HTTP/1.0\r\n\r\n",
        "GET /send-heartbeat HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /stream-text HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HEAD /sse HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST /nothing HTTP/1.1\r\nHost: onbeat\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
    ];
    for last in last {
        for before in ["", "GET /stream-text HTTP/1.1\r\nHost: onbeat\r\n\r\n"] {
            play(async |lab| {
                let alice = listener(lab, "/sse").await;
                let mut client = lab.connect();
                for sent in [before, last] {
                    if !sent.is_empty() {
                        client.expect(sent.split(' ').next().unwrap_or_default());
                    }
                }
                client.send((before.to_owned() + last).as_bytes()).await;
                pipeline(&mut client, "/broadcast-text", 3).await;
                client.responses(10).await;
                lab.settle().await;
                let answers = statuses(&client.close().await.into_transcript()).len();
                assert_eq!(answers, 1 + usize::from(!before.is_empty()), "{before}{last}");
                let heard = writes(&alice.close().await.into_transcript());
                assert!(!heard.iter().any(|(_, text)| text.contains("broadcast")), "{before}{last}: {heard:?}");
            });
        }
    }
}

#[test]
fn what_is_no_http_behind_a_stream_is_ignored_until_its_turn_comes() {
    let endless = "a".repeat(30_000);
    for (garbage, status) in [
        ("garbage\r\n\r\n", Some(400)),
        ("GET /sse HTTP/9.9\r\n\r\n", Some(400)),
        ("GET /sse HTTP/1.1\r\n\r\n", Some(400)),
        ("\0", Some(400)),
        (&endless, Some(431)),
        ("\r\n\r\n", None),
    ] {
        play(async |lab| {
            let mut client = listener(lab, "/stream-text").await;
            lab.until(ms(10)).await;
            client.expect("GET");
            client.send(garbage.as_bytes()).await;
            lab.until(ms(4800)).await;
            let transcript = client.close().await.into_transcript();
            let expected: Vec<u16> = [200].into_iter().chain(status).collect();
            assert_eq!(statuses(&transcript), expected, "{garbage:.20?}");
            assert!(writes(&transcript).contains(&(4800, "data: {\"done\": true}\n\n".into())), "{garbage:.20?}");
        });
    }
}

#[test]
fn half_a_request_behind_a_stream_disturbs_nothing() {
    let transcript = play(async |lab| {
        let mut client = listener(lab, "/dynamic-counter").await;
        client.send(b"\r\nGET /send-heart").await;
        lab.until(ms(20_000)).await;
        client.send(b"beat HTTP/1.1\r\nHost: onbeat\r\n\r\n").await;
        client.responses(2).await;
        client.close().await.into_transcript()
    });
    assert_eq!(writes(&transcript).len(), 33);
    assert_eq!(
        transcript.entries.last().map(|entry| (entry.at.as_millis(), entry.what.clone())),
        Some((31_000, What::End(How::Complete)))
    );
}

#[test]
fn a_body_behind_a_stream_is_read_when_its_turn_comes() {
    play(async |lab| {
        let mut client = text_and(lab, &[]).await;
        client.expect("POST");
        client.send(b"POST /nothing HTTP/1.1\r\nHost: onbeat\r\nContent-Length: 4\r\n\r\n").await;
        lab.until(ms(1000)).await;
        client.send(b"1234").await;
        client.get("/send-heartbeat").await;
        lab.until(ms(4800)).await;
        assert_eq!(statuses(&client.close().await.into_transcript()), [200, 404, 200]);
    });
}

#[test]
fn a_client_that_sends_too_much_behind_a_stream_is_answered_what_was_kept() {
    play(async |lab| {
        let mut client = text_and(lab, &[("GET", "/nothing"), ("HEAD", "/sse")]).await;
        // Far more than is kept: the connection ends behind the answers to the first.
        for _ in 0..100 {
            pipeline(&mut client, "/broadcast-text", 1000).await;
        }
        lab.until(ms(4799)).await;
        assert_eq!(ask(lab, "/send-heartbeat").await, r#"{"ok":true,"clients":0,"removed":0}"#);
        client.responses(usize::MAX).await;
        let transcript = client.close().await.into_transcript();
        let statuses = statuses(&transcript);
        assert_eq!(statuses[..3], [200, 404, 200]);
        assert!((1000..2000).contains(&statuses.len()), "{}", statuses.len());
        assert_eq!(transcript.entries.last().map(|entry| entry.at.as_millis()), Some(4800));
    });
}
