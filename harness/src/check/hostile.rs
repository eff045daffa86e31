//! Servers that send anything at all: the judge and the reports take it without a panic.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::{Clock, TokioClock};
use onbeat_wire::recording::{Fact, RawRequest, ResponseHead, Write};
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::io::AsyncWriteExt;

use super::{Noise, OtherClients, application};
use crate::fixtures::read_back::Golden;
use crate::judge::report::{html, jsonl, junit, text};
use crate::judge::{Measured, Observation, Pace, Report, Scenario, Stalls, Timeline, judge};
use crate::player::{Action, Bounds, ClientLog, Player};
use crate::transport::{self, WINDOW_BYTES};

/// Bytes that servers send by mistake, or to break a client.
const ODD: [&[u8]; 34] = [
    b"",
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbf\xef\xbb\xbf",
    b"\xef",
    b"\xff",
    b"\xe4\xbd",
    b"\xef\xbf\xbe",
    b"\r",
    b"\n",
    b"\r\r\n\n",
    b"\0",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xae",
    b"\x1b]52;c;",
    b"\xc2\x9b",
    b"{",
    b"}",
    b"\"",
    b"\\ud800",
    b"-",
    b"1e999",
    b"99999999999999999999999999",
    b"-9223372036854775809",
    b"[[[[[[[[[[[[[[[[",
    b"id: 1\n",
    b"event: x\ndata\n\n",
    b"retry: 99999999999999999999999999\n",
    b":",
    b"HTTP/1.1 103 Early Hints\r\n\r\n",
    b"HTTP/1.1 999 \r\nContent-Length: 18446744073709551615\r\n\r\n",
    b"Content-Length: 5\r\n",
    b"ffffffffffffffff\r\n",
    b"7fffffffffffffff\r\n",
    b"0\r\n\r\n",
];

/// A change of the bytes of a server: at a place, so many bytes are replaced by others, or repeated if there are no others.
type Change = (Index, usize, Option<Vec<u8>>);

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let insertion = prop::sample::select(&ODD[..]).prop_map(|odd| Some(odd.to_vec()));
    prop_oneof![
        3 => (at(), Just(0), insertion),
        1 => (at(), 1..200_usize, Just(None)),
        1 => (at(), 1..200_usize, Just(Some(Vec::new()))),
        1 => (at(), Just(1_usize), any::<u8>().prop_map(|byte| Some(vec![byte]))),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for (at, length, others) in changes {
        let at = at.index(bytes.len() + 1);
        let range = at..bytes.len().min(at + length);
        let (range, others) = match others {
            Some(others) => (range, others.clone()),
            None => (at..at, bytes[range].to_vec()),
        };
        bytes.splice(range, others);
    }
    bytes
}

/// An answer with other bytes than expected, in other pieces.
#[derive(Clone, Debug)]
struct HostileAnswer {
    changes: Vec<Change>,
    /// Whether the changes are in bodies alone, so that HTTP goes on as it should.
    in_bodies: bool,
    cuts: Vec<Index>,
    /// Whether the server closes the connection at last.
    closes: bool,
}

fn answer() -> impl Strategy<Value = HostileAnswer> {
    let changes = prop::collection::vec(change(), 0..8);
    let cuts = prop::collection::vec(any::<Index>(), 0..12);
    (changes, any::<bool>(), cuts, any::<bool>()).prop_map(|(changes, in_bodies, cuts, closes)| HostileAnswer {
        changes,
        in_bodies,
        cuts,
        closes,
    })
}

impl HostileAnswer {
    /// Returns the bytes for a client of a scenario, piece by piece.
    fn pieces(&self, scenario: &Scenario, client: &str) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        let mut chunked = false;
        for (_, line) in scenario.lines.iter().filter(|(_, line)| line.notes.client == client) {
            match &line.fact {
                Fact::Head(ResponseHead { status, headers }) => {
                    chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
                    let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                    sent.extend(format!("HTTP/1.1 {status} \r\n{fields}\r\n").into_bytes());
                }
                Fact::Write(Write { bytes }) => {
                    let changes = if self.in_bodies { &self.changes[..] } else { &[] };
                    let body = changed(bytes.to_vec(), changes);
                    match body.len() {
                        0 => {}
                        length if chunked => {
                            sent.extend([format!("{length:x}\r\n").as_bytes(), &body, b"\r\n"].concat());
                        }
                        _ => sent.extend(body),
                    }
                }
                Fact::End(_) if chunked => sent.extend(b"0\r\n\r\n"),
                _ => {}
            }
        }
        self.cut(&if self.in_bodies { sent } else { changed(sent, &self.changes) })
    }

    fn cut(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut cuts: Vec<usize> = self.cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
    }

    /// Returns the log of a client that sends these requests, and gets the pieces one after another.
    fn log(&self, requests: &[&str], pieces: Vec<Vec<u8>>) -> ClientLog {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime of time alone").block_on(async {
            let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
            let (mut server, ends) = transport::connect_through(Arc::clone(&clock), WINDOW_BYTES, |pipe, _| pipe);
            let bounds = Bounds { bytes_max: 1 << 16, entries_max: 1 << 10 };
            let mut client = Player::new(Arc::clone(&clock), ends, bounds);
            for request in requests {
                client.act(Action::request((*request).to_owned())).await;
            }
            for piece in pieces {
                tokio::select! {
                    biased;
                    () = client.until(|_| false) => break,
                    sent = server.write_all(&piece) => sent.expect("the pipe is open"),
                }
                clock.sleep_until(clock.now() + Duration::from_millis(20)).await;
            }
            if self.closes {
                drop(server);
                client.until(|_| false).await;
            }
            client.close().await
        })
    }
}

/// Judges the logs, and prints the report in every form.
fn report_on(golden: &Golden, scenario: &Scenario, logs: Vec<(String, ClientLog)>, noise: Noise, count: Option<u64>) {
    let response = logs.first().and_then(|(_, log)| log.first_exchange());
    let dispatched = response.map(|got| application::dispatch(got.writes.iter().map(|(_, bytes)| bytes)));
    assert!(dispatched.as_ref().is_none_or(|dispatched| dispatched.gave_up.is_none()), "{dispatched:?}");
    let others = OtherClients { noise, count, ..OtherClients::default() };
    let seen = Observation { dispatched, ..others.observation(logs) };
    for pace in [Pace::exact(), Pace::real(NonZeroU32::MAX, Duration::from_millis(250))] {
        let timelines = vec![Timeline::of(scenario, &seen, &pace)];
        let evidence = judge(&golden.cases, scenario, &seen, &pace, &Stalls::default());
        let verdicts = evidence.verdicts(|_| true, None);
        let report =
            Report { target: "a test".into(), verdicts, timelines, trouble: None, hint: None, by: Measured::Fixtures };
        let made = junit::Made { began: "2025-12-01T00:00:00Z".parse().expect("a time"), took: Duration::ZERO };
        junit::render(&report, made).expect("JUnit");
        let _ = (text::render(&report), jsonl::render(&report), html::render(&report));
    }
}

fn requests<'a>(scenario: &'a Scenario, client: &str) -> Vec<&'a str> {
    let requests =
        scenario.lines.iter().filter(|(_, line)| line.notes.client == client).map(|(_, line)| match &line.fact {
            Fact::RawRequest(RawRequest { text }) => Some(&text[..]),
            _ => None,
        });
    requests.flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_the_clients_of_a_scenario_see_is_judged(
        scenario in any::<Index>(),
        answer in answer(),
        noise in prop::sample::select(&[Noise::None, Noise::OtherUsers, Noise::AllUsers][..]),
        others in prop::sample::select(&[None, Some(0), Some(u64::MAX)][..]),
    ) {
        let golden = Golden::read();
        let scenarios: Vec<&Scenario> = golden.streams.iter().chain(&golden.scenes).collect();
        let scenario = scenario.get(&scenarios);
        let client = |name: &str| (name.to_owned(), answer.log(&requests(scenario, name), answer.pieces(scenario, name)));
        report_on(&golden, scenario, scenario.clients().into_iter().map(client).collect(), noise, others);
    }

    #[test]
    fn whatever_answers_a_request_is_judged(request in any::<Index>(), scenario in any::<Index>(), answer in answer()) {
        let golden = Golden::read();
        let request = request.get(&golden.requests);
        let pieces = answer.pieces(scenario.get(&golden.streams), "");
        let log = answer.log(&[&request.request], pieces);
        request.judge(&golden.cases, Some(&log));
    }
}
