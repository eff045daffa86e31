//! Bad input of any kind: a 4xx, or nothing, and nobody else notices.

use onbeat::world_lab::Setup;
use onbeat_server::limits::Limits;
use onbeat_wire::Instant;
use proptest::prelude::*;

use crate::support::{ask, listener, ms, play, play_in, send, setup, statuses, writes};

/// Bytes that begin like HTTP and go wrong somewhere.
fn nearly_http() -> impl Strategy<Value = Vec<u8>> {
    let good = b"GET /broadcast-text?msg=a%20b&msg=c HTTP/1.1\r\nHost: onbeat\r\nContent-Length: 3\r\n\r\nabc".to_vec();
    let edits = prop::collection::vec((0..good.len(), any::<u8>(), 0..3_u8), 1..6);
    edits.prop_map(move |edits| {
        let mut bytes = good.clone();
        for (at, byte, kind) in edits {
            let at = at.min(bytes.len() - 1);
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

#[test]
fn a_client_that_never_finishes_its_head_is_closed_in_the_end() {
    let setup = setup();
    let limits = Limits { head_time_max: Some(ms(30_000)), ..setup.limits };
    play_in(&Setup { limits, ..setup }, async |lab| {
        let mut slow = lab.connect();
        for second in 1..30 {
            slow.send(b"G").await;
            lab.until(ms(second * 1000)).await;
        }
        let bystander = listener(lab, "/sse").await;
        lab.until(ms(65_000)).await;
        let closed = slow.log().closed_at();
        assert_eq!(closed.map(Instant::as_millis), Some(30_000));
        assert_eq!(bystander.close().await.into_transcript().writes().count(), 2, "a stream is not hurried");
    });
}

proptest! {
    #[test]
    fn no_bytes_disturb_another_client(garbage in prop_oneof![any::<Vec<u8>>(), nearly_http()]) {
        play(async |lab| {
            let bystander = listener(lab, "/sse").await;
            let mut client = lab.connect();
            client.send(&garbage).await;
            lab.settle().await;
            let broken = client.log().closed_at().is_some();
            client.close().await;
            lab.settle().await;
            let said = ask(lab, "/broadcast-text?msg=still-here").await;
            assert!(said.starts_with(r#"{"ok":true,"sent":1,"#), "{said} (closed: {broken})");
            lab.until(ms(30_000)).await;
            let seen = writes(&bystander.close().await.into_transcript());
            assert_eq!(seen.last().map(|(at, text)| (*at, text.as_str())), Some((30_000, "heartbeat:\n\n")));
            assert!(seen.iter().any(|(_, text)| text.contains("still-here")));
        });
    }

    #[test]
    fn no_query_is_refused_or_breaks_the_stream(query in "[!$-;=?-~]{0,60}") {
        play(async |lab| {
            let alice = listener(lab, "/sse").await;
            let request = format!("GET /broadcast-text?{query} HTTP/1.1\r\nHost: onbeat\r\n\r\n");
            assert_eq!(statuses(&send(lab, request).await.into_transcript()), [200]);
            let writes = writes(&alice.close().await.into_transcript());
            assert_eq!(writes.len(), 3);
            let data = writes[2].1.strip_prefix("data: ").and_then(|data| data.strip_suffix("\n\n")).expect("one data line");
            assert!(serde_json::from_str::<serde_json::Value>(data).is_ok(), "{data}");
        });
    }
}
