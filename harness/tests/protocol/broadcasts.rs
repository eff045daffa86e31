//! Fan-out: what the clients of `/sse` get when others join, leave and broadcast.

use std::collections::BTreeMap;

use onbeat::player::Player;
use onbeat::world_lab::WorldLab;
use onbeat_wire::recording::LeftHow;
use proptest::prelude::*;

use crate::leaving::leave;
use crate::snapshot::assert_snapshot;
use crate::support::{ask, listener, ms, play, play_with_mailboxes, tell, writes};

#[test]
fn clients_who_join_and_leave_get_just_the_broadcasts_in_between() {
    let told = play(async |lab| {
        let alice = listener(lab, "/sse").await;
        let mut events = lab.connect();
        events.get("/broadcast-text?msg=one").await;
        lab.until(ms(1000)).await;
        let bob = listener(lab, "/sse").await;
        events.get("/send-heartbeat").await;
        events.get("/send-heartbeat?msg=hi").await;
        lab.until(ms(20_000)).await;
        let carol = listener(lab, "/sse").await;
        let bob = bob.close().await;
        lab.settle().await;
        events.get("/broadcast-text?msg=%E4%BD%A0%E5%A5%BD").await;
        lab.until(ms(30_000)).await;
        events.get("/broadcast-text").await;
        lab.until(ms(31_000)).await;
        let carol = leave(lab, carol, LeftHow::Reset).await;
        events.get("/broadcast-text?msg=last").await;
        lab.until(ms(60_000)).await;
        let logs = [("alice", alice.close().await), ("bob", bob), ("carol", carol), ("events", events.close().await)];
        tell(&logs)
    });
    assert_snapshot!("fan-out", told);
}

#[test]
fn a_broadcast_at_the_instant_of_a_heartbeat_comes_after_it() {
    let (alice, bob) = play(async |lab| {
        // One asks before, one after the other has its timer set: the order of the tasks must not matter.
        let alice = listener(lab, "/sse").await;
        let mut events = lab.connect();
        let bob = listener(lab, "/sse").await;
        lab.world().clock().sleep_until(onbeat_wire::Instant::EPOCH + ms(30_000)).await;
        events.get("/broadcast-text?msg=x").await;
        lab.settle().await;
        (alice.close().await.into_transcript(), bob.close().await.into_transcript())
    });
    for transcript in [alice, bob] {
        let texts: Vec<String> = writes(&transcript).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts[1..3], ["heartbeat:\n\n", "event: broadcast\n"]);
        assert_eq!(texts.len(), 4);
    }
}

#[test]
fn messages_of_all_kinds_are_fanned_out_as_json() {
    let long = "长".repeat(1700);
    let percent: String = long.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let told = play(async |lab| {
        let alice = listener(lab, "/sse").await;
        for query in [
            "",
            "?",
            "?msg",
            "?msg=",
            "?msg=hello+world%21",
            "?msg=a&msg=b",
            "?msg=&msg=",
            "?msg[x]=1",
            "?MSG=a",
            "?%6Dsg=k",
            "?msg=%zz%4",
            "?msg=%FF%C3%28",
            "?msg=%0D%0Adata:%20x%0A%0A",
            "?msg=%22%5C%2F%E2%80%A8%7F%00",
            "?msg=%3Cb%3E%22'`^|{}\\",
            "?msg=%F0%9F%98%80",
        ] {
            ask(lab, &format!("/broadcast-text{query}")).await;
            ask(lab, &format!("/send-heartbeat{query}")).await;
        }
        ask(lab, &format!("/broadcast-text?msg={percent}")).await;
        alice.close().await
    });
    let transcript = told.into_transcript();
    let (_, last) = writes(&transcript).pop().expect("a last write");
    assert_eq!(last, format!("data: {{\"msg\":\"{long}\",\"ts\":\"2025-12-01T00:00:00.000Z\"}}\n\n"));
    let mut short = transcript;
    short.entries.retain(|entry| entry.to_string().len() < 1000);
    assert_snapshot!("messages", short);
}

#[test]
fn a_head_request_broadcasts_and_is_answered_without_a_body() {
    let (alice, asker) = play(async |lab| {
        let alice = listener(lab, "/sse").await;
        let mut asker = lab.connect();
        asker.request("HEAD", "/broadcast-text?msg=quiet", &[]).await;
        asker.responses(1).await;
        (alice.close().await.into_transcript(), asker.close().await.into_transcript())
    });
    assert_eq!(writes(&alice)[2].1, "data: {\"msg\":\"quiet\",\"ts\":\"2025-12-01T00:00:00.000Z\"}\n\n");
    assert!(writes(&asker).is_empty());
}

#[test]
fn events_keep_their_order_when_they_are_asked_for_in_one_go() {
    let transcript = play(async |lab| {
        let alice = listener(lab, "/sse").await;
        let requests: String =
            (0..500).map(|n| format!("GET /broadcast-text?msg={n} HTTP/1.1\r\nHost: onbeat\r\n\r\n")).collect();
        let mut asker = lab.connect();
        asker.send(requests.as_bytes()).await;
        asker.responses(500).await;
        alice.close().await.into_transcript()
    });
    let texts: Vec<String> = writes(&transcript).into_iter().skip(1).map(|(_, text)| text).collect();
    let expected = (0..500).flat_map(|n| {
        ["event: broadcast\n".into(), format!("data: {{\"msg\":\"{n}\",\"ts\":\"2025-12-01T00:00:00.000Z\"}}\n\n")]
    });
    assert_eq!(texts, expected.collect::<Vec<String>>());
}

#[test]
fn a_healthy_reader_is_not_outrun_even_by_a_burst_larger_than_its_mailbox() {
    let (transcript, clients) = play_with_mailboxes(2, async |lab| {
        let alice = listener(lab, "/sse").await;
        let mut asker = lab.connect();
        asker.send("GET /broadcast-text?msg=x HTTP/1.1\r\nHost: onbeat\r\n\r\n".repeat(100).as_bytes()).await;
        asker.responses(100).await;
        lab.settle().await;
        let clients = lab.world().broadcasts().subscribers();
        (alice.close().await.into_transcript(), clients)
    });
    assert_eq!(clients, 1);
    assert_eq!(transcript.writes().count(), 1 + 200);
}

/// What a random scene is made of.
#[derive(Clone, Debug)]
enum Deed {
    Join,
    Leave(usize),
    Broadcast(u8),
    Heartbeat,
    Pass(u16),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::Join),
        2 => (0..8_usize).prop_map(Deed::Leave),
        4 => any::<u8>().prop_map(Deed::Broadcast),
        2 => Just(Deed::Heartbeat),
        2 => (0..20_000_u16).prop_map(Deed::Pass),
    ]
}

/// A model of the contract that knows nothing of hubs: a list of texts for each client.
#[derive(Default)]
struct Model {
    now: u64,
    joined: BTreeMap<usize, (u64, Vec<(u64, String)>)>,
}

impl Model {
    fn pass(&mut self, until: u64) {
        for (since, texts) in self.joined.values_mut() {
            let beats = (self.now + 1..=until).filter(|at| (at - *since) % 30_000 == 0);
            texts.extend(beats.map(|at| (at, "heartbeat:\n\n".to_owned())));
        }
        self.now = until;
    }

    fn tell_all(&mut self, texts: &[String]) {
        for (_, seen) in self.joined.values_mut() {
            seen.extend(texts.iter().map(|text| (self.now, text.clone())));
        }
    }
}

/// Does it in the lab and in the model, and holds the answer against the model's.
async fn enact(
    lab: &mut WorldLab,
    deed: &Deed,
    clients: &mut BTreeMap<usize, Player>,
    model: &mut Model,
    next: &mut usize,
) {
    match deed {
        Deed::Join => {
            clients.insert(*next, listener(lab, "/sse").await);
            let greeting = (model.now, "data: {\"message\": \"连接成功\"}\n\n".to_owned());
            model.joined.insert(*next, (model.now, vec![greeting]));
            *next += 1;
        }
        Deed::Leave(which) => {
            let Some(name) = clients.keys().nth(*which).copied() else { return };
            let log = clients.remove(&name).expect("it is there").close().await;
            lab.settle().await;
            let (_, expected) = model.joined.remove(&name).expect("the model knows it");
            assert_eq!(writes(&log.into_transcript()), expected);
        }
        Deed::Broadcast(text) => {
            let answer = ask(lab, &format!("/broadcast-text?msg={text}")).await;
            let there = model.joined.len();
            assert_eq!(answer, format!(r#"{{"ok":true,"sent":{there},"clients":{there}}}"#));
            let ts = lab.world().timestamp(onbeat_wire::Instant::EPOCH + ms(model.now));
            let data = format!("data: {{\"msg\":\"{text}\",\"ts\":\"{ts}\"}}\n\n");
            model.tell_all(&["event: broadcast\n".into(), data]);
        }
        Deed::Heartbeat => {
            let answer = ask(lab, "/send-heartbeat").await;
            assert_eq!(answer, format!(r#"{{"ok":true,"clients":{},"removed":0}}"#, model.joined.len()));
            model.tell_all(&[":\n\n".into()]);
        }
        Deed::Pass(time) => {
            let until = model.now + u64::from(*time);
            lab.until(ms(until)).await;
            model.pass(until);
        }
    }
}

proptest! {
    #[test]
    fn in_any_order_of_joining_leaving_and_broadcasting_everybody_gets_what_the_model_says(
        deeds in prop::collection::vec(deed(), 1..40),
    ) {
        play(async |lab| {
            let (mut clients, mut model, mut next) = (BTreeMap::new(), Model::default(), 0);
            for deed in &deeds {
                enact(lab, deed, &mut clients, &mut model, &mut next).await;
                assert_eq!(lab.world().broadcasts().subscribers(), model.joined.len());
            }
            for (name, client) in clients {
                assert_eq!(writes(&client.close().await.into_transcript()), model.joined[&name].1);
            }
            lab.settle().await;
            assert_eq!(lab.world().broadcasts().subscribers(), 0);
        });
    }
}
