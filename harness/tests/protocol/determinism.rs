//! Every byte is a function of seed, epoch, requests and time.

use std::process::Command;

use onbeat::replay::{Stream, replay};
use onbeat::world_lab::Setup;
use onbeat_server::random::Seed;
use onbeat_wire::Transcript;

use crate::support::{listener, ms, play, play_in, setup, writes};

fn played(stream: Stream, seed: u64) -> Transcript {
    replay(stream, &Setup { seed: Seed(seed), ..setup() }, ms(95_000)).expect("in time")
}

/// The writes with each value of a key `value` taken out.
fn without_values(transcript: &Transcript) -> Vec<(u64, String)> {
    let blank = |text: String| match text.split_once(r#""value":"#) {
        Some((before, after)) => {
            format!("{before}…{}", after.trim_start_matches(|c: char| c.is_ascii_digit() || ".e-".contains(c)))
        }
        None => text,
    };
    writes(transcript).into_iter().map(|(at, text)| (at, blank(text))).collect()
}

#[test]
fn the_same_seed_gives_the_same_transcript_twice() {
    for stream in Stream::all() {
        assert_eq!(played(stream, 42), played(stream, 42), "{stream}");
    }
}

#[test]
fn the_same_seed_gives_the_same_transcripts_in_two_processes() {
    let run = || {
        let mut onbeat = Command::new(env!("CARGO_BIN_EXE_onbeat"));
        onbeat.args(["replay", "--seed", "42", "--epoch", "2025-12-01T00:00:00Z", "--format", "jsonl"]);
        String::from_utf8(onbeat.output().expect("onbeat runs").stdout).expect("UTF-8")
    };
    let here: String = Stream::all().map(|stream| played(stream, 42).to_jsonl()).collect();
    assert_eq!(run(), here);
    assert_eq!(run(), here);
}

#[test]
fn another_seed_changes_random_values_and_nothing_else() {
    for stream in Stream::all() {
        let (one, other) = (played(stream, 1), played(stream, 2));
        let random = ["sse-data", "stream-json"].contains(&stream.name());
        assert_eq!(one != other, random, "{stream}");
        assert_eq!(without_values(&one), without_values(&other), "{stream}");
    }
}

#[test]
fn another_epoch_changes_timestamps_and_nothing_else() {
    let moved = Setup { epoch: "2025-12-02T00:00:00Z".parse().expect("valid"), ..setup() };
    for stream in Stream::all() {
        let transcript = replay(stream, &moved, ms(95_000)).expect("in time");
        let back: Vec<_> =
            writes(&transcript).into_iter().map(|(at, text)| (at, text.replace("12-02", "12-01"))).collect();
        assert_eq!(back, writes(&played(stream, 42)), "{stream}");
    }
}

#[test]
fn other_clients_change_nothing_that_the_first_one_sees() {
    for stream in Stream::all() {
        let crowded = play(async |lab| {
            let mut first = lab.connect();
            first.get(stream.path()).await;
            for (number, other) in (1..).zip(Stream::all()) {
                drop(listener(lab, other.path()).await);
                let stays = listener(lab, other.path()).await;
                lab.until(ms(700 * number)).await;
                drop(stays);
            }
            if !stream.ends() {
                lab.until(ms(95_000)).await;
            }
            first.responses(usize::from(stream.ends())).await;
            first.close().await.into_transcript()
        });
        assert_eq!(crowded, played(stream, 42), "{stream}");
    }
}

#[test]
fn each_connection_and_each_request_has_random_values_of_its_own() {
    let values = play_in(&setup(), async |lab| {
        let (mut one, mut two) = (lab.connect(), lab.connect());
        for client in [&mut one, &mut two] {
            client.get("/stream-json").await;
            client.get("/stream-json").await;
        }
        one.responses(2).await;
        two.responses(2).await;
        [one, two].map(|client| writes(&client.transcript()))
    });
    let streams: Vec<&[(u64, String)]> = values.iter().flat_map(|writes| writes.chunks(57)).collect();
    assert_eq!(streams.len(), 4);
    for (i, a) in streams.iter().enumerate() {
        for b in &streams[i + 1..] {
            assert_ne!(a[0].1, b[0].1);
        }
    }
}
