//! An advance of a manual clock answers when all that was due is on its way to the client, and not a byte earlier.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use onbeat_clock::{Advance, Advanced, Clock, EndOfTime, ManualClock};
use onbeat_control::{Monitor, Redaction};
use onbeat_faults::{Batch, Fault, Kind, Pieces, Place, Target};
use onbeat_server::channel::Event;
use onbeat_server::connection::Connection;
use onbeat_server::interceptor::Interceptor;
use onbeat_server::router::{intercepted_router, router};
use onbeat_server::serving;
use onbeat_server::world::World;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_test::task::{self, Spawn};

use crate::support::{ms, setup};

/// When a stream is asked for: later than the world begins, so that neither is taken for the other.
const ASKED_MS: u64 = 700;

/// One connection to a world with a manual clock. Nothing goes on but what is polled by hand.
struct Scene {
    clock: Arc<ManualClock>,
    world: Arc<World>,
    monitor: Arc<Monitor>,
    served: Spawn<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_over: bool,
    client: DuplexStream,
    /// All that the client has read.
    raw: Vec<u8>,
}

impl Scene {
    /// A world with so much room on the way to the client, in which these faults strike.
    fn new(window_bytes: usize, faults: &[Fault]) -> Self {
        let (setup, clock) = (setup(), Arc::new(ManualClock::start()));
        let world = World::new(Arc::clone(&clock) as Arc<dyn Clock>, setup.seed, setup.epoch, setup.limits);
        let world = Arc::new(world);
        let monitor = Arc::new(Monitor::new(Arc::clone(&clock) as Arc<dyn Clock>, Redaction::default()));
        for fault in faults {
            monitor.add_fault(fault.clone()).expect("there is room");
        }
        let router = match faults {
            [] => router(Arc::clone(&world)),
            _ => intercepted_router(Arc::clone(&world), Arc::clone(&monitor) as Arc<dyn Interceptor>),
        };
        let (server, client) = tokio::io::duplex(window_bytes);
        let connection = Arc::new(Connection::unnumbered());
        let served: Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(serving::serve(server, connection, router, None));
        Self { clock, world, monitor, served: task::spawn(served), is_over: false, client, raw: Vec::new() }
    }

    /// Lets the server go on until it waits.
    fn serve(&mut self) {
        while !self.is_over {
            self.is_over = self.served.poll().is_ready();
            if !self.served.is_woken() {
                return;
            }
        }
    }

    /// Reads at most so many bytes of what is there; returns whether there were any.
    fn read(&mut self, bytes_max: usize) -> bool {
        let mut buffer = vec![0; bytes_max];
        let read = futures_util::FutureExt::now_or_never(self.client.read(&mut buffer));
        let length = read.map_or(0, |read| read.unwrap_or(0));
        self.raw.extend_from_slice(&buffer[..length]);
        length > 0
    }

    /// Asks for `target`, and reads all that comes at once.
    fn get(&mut self, target: &str) {
        let request = format!("GET {target} HTTP/1.1\r\nHost: onbeat\r\n\r\n");
        let mut bytes = request.as_bytes();
        while !bytes.is_empty() {
            let sent = futures_util::FutureExt::now_or_never(self.client.write(bytes));
            bytes = &bytes[sent.map_or(0, |sent| sent.expect("the server listens"))..];
            self.serve();
        }
        self.read_all();
    }

    fn read_all(&mut self) {
        self.serve();
        while self.read(4096) {
            self.serve();
        }
    }

    /// Advances, with a client that reads so many bytes at a time. The advance is looked at before anything else goes on,
    /// and from its answer on the server does nothing: what then comes was on its way already.
    fn advance(&mut self, by_ms: u64, bytes_at_a_time: usize) -> Advanced {
        let clock = Arc::clone(&self.clock);
        let mut advance = task::spawn(async move { clock.advance(Advance::By(ms(by_ms))).await });
        let advanced = loop {
            if let std::task::Poll::Ready(advanced) = advance.poll() {
                break advanced;
            }
            let is_woken = self.served.is_woken();
            if is_woken {
                self.is_over = self.is_over || self.served.poll().is_ready();
            }
            let is_read = !is_woken && self.read(bytes_at_a_time);
            assert!(is_woken || is_read || advance.is_woken(), "an advance hangs that nothing can go on with");
        };
        while self.read(4096) {}
        advanced.unwrap_or_else(|end: EndOfTime| panic!("{end}"))
    }
}

/// Nothing runs here but what a scene polls, so that no time passes either.
fn in_paused_time<T>(scene: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    scene()
}

/// All that a client of `target` is sent until so long after it has asked, in one go and over a wide pipe.
fn expected(target: &str, faults: &[Fault], until_ms: u64) -> String {
    in_paused_time(|| {
        let mut scene = Scene::new(1 << 20, faults);
        scene.advance(ASKED_MS, 4096);
        scene.get(target);
        scene.advance(until_ms, 4096);
        scene.read_all();
        String::from_utf8_lossy(&scene.raw).into_owned()
    })
}

/// The same, over a pipe with so much room, and in such steps; after each step all must have come.
fn advanced_in_steps(target: &str, faults: &[Fault], window_bytes: usize, bytes_at_a_time: usize, steps_ms: &[u64]) {
    let times_ms = steps_ms.iter().scan(0, |now_ms, step_ms| {
        *now_ms += step_ms;
        Some(*now_ms)
    });
    let all: Vec<(u64, String)> = times_ms.map(|now_ms| (now_ms, expected(target, faults, now_ms))).collect();
    in_paused_time(|| {
        let mut scene = Scene::new(window_bytes, faults);
        scene.advance(ASKED_MS, bytes_at_a_time);
        scene.get(target);
        for (step_ms, (now_ms, expected)) in steps_ms.iter().zip(all) {
            let advanced = scene.advance(*step_ms, bytes_at_a_time);
            let come = String::from_utf8_lossy(&scene.raw).into_owned();
            assert_eq!(come, expected, "{target} at {now_ms} ms, faults: {faults:?}");
            assert_eq!((advanced.to.as_millis(), advanced.held_up), (ASKED_MS + now_ms, 0));
        }
    });
}

#[test]
fn all_that_was_due_has_been_handed_over_however_little_room_there_is() {
    for (target, steps_ms) in [
        ("/sse", &[29_999, 1, 60_000][..]),
        ("/stream-text", &[50, 50, 4_699, 1]),
        ("/sse-data", &[999, 1, 18_999, 1]),
        ("/dynamic-counter", &[1000, 29_000, 1000]),
        ("/stream-json", &[1500, 73_499, 1]),
    ] {
        for (window_bytes, bytes_at_a_time) in [(16, 16), (16, 1), (100, 7), (4096, 4096), (65_536, 1000)] {
            advanced_in_steps(target, &[], window_bytes, bytes_at_a_time, steps_ms);
        }
    }
}

#[test]
fn a_fault_that_begins_at_an_instant_counts_from_the_request() {
    for (ms, writes) in [(4999, 6), (5000, 6), (5001, 7)] {
        let faults = [fault("/sse-data", Place::Ms(ms), Kind::Cut)];
        let come = expected("/sse-data", &faults, 20_000);
        assert_eq!(come.matches("data: ").count() + come.matches("event: ").count(), writes, "{ms} ms: {come}");
    }
}

#[test]
fn a_fault_that_comes_late_may_begin_before_those_that_were_there() {
    in_paused_time(|| {
        let mut scene = Scene::new(4096, &[fault("/sse", Place::Ms(20_000), Kind::Cut)]);
        scene.get("/sse");
        let end = Fault { target: Target::Connection(0), ..fault("", Place::Ms(10_000), Kind::End) };
        scene.monitor.add_fault(end).expect("there is room");
        scene.serve();
        scene.advance(9999, 4096);
        assert!(!scene.raw.ends_with(b"0\r\n\r\n"));
        scene.advance(1, 4096);
        assert!(scene.raw.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&scene.raw));
    });
}

#[test]
fn a_fault_for_a_connection_strikes_it_once_and_no_other() {
    in_paused_time(|| {
        let strikes =
            |connection, kind| Fault { target: Target::Connection(connection), ..fault("", Place::Write(0), kind) };
        // The second request is on the same connection.
        let mut scene = Scene::new(4096, &[strikes(1, Kind::Cut)]);
        scene.get("/send-heartbeat");
        scene.get("/sse");
        scene.advance(30_000, 4096);
        scene.monitor.add_fault(strikes(0, Kind::Duplicate)).expect("there is room");
        scene.serve();
        for beats in [1 + 2, 4, 5] {
            scene.advance(30_000, 4096);
            let come = String::from_utf8_lossy(&scene.raw).into_owned();
            assert_eq!(come.matches("heartbeat:\n\n").count(), beats, "{come}");
        }
    });
}

#[test]
fn nobody_sleeps_for_a_fault_that_has_been_deleted() {
    in_paused_time(|| {
        let mut scene = Scene::new(4096, &[fault("/sse", Place::Ms(20_000), Kind::Cut)]);
        scene.get("/sse");
        assert_eq!(scene.clock.timers().0, 2);
        scene.monitor.delete_faults(None);
        scene.serve();
        assert_eq!(scene.clock.timers().0, 1);
        assert_eq!(scene.advance(20_000, 4096).due_count, 0);
        assert_eq!(scene.advance(10_000, 4096).due_count, 1);
    });
}

#[test]
fn nobody_sleeps_for_a_client_that_has_left() {
    in_paused_time(|| {
        let mut scene = Scene::new(16, &[fault("/sse-data", Place::Ms(20_000), Kind::Cut)]);
        scene.get("/sse-data");
        assert_eq!(scene.clock.timers().0, 2);
        let (_, gone) = tokio::io::duplex(1);
        scene.client = gone;
        scene.serve();
        assert!(scene.is_over);
        assert_eq!(scene.clock.timers().0, 0);
        assert_eq!(scene.advance(20_000, 16).due_count, 0);
    });
}

#[test]
fn what_an_advance_counts_are_the_writes_that_were_due() {
    in_paused_time(|| {
        for (target, by_ms, due_count, writes) in [
            ("/sse", 90_000, 3, 3),
            ("/stream-text", 4800, 81, 81),
            ("/sse-data", 20_000, 20, 29),
            ("/dynamic-counter", 31_000, 31, 32),
            ("/stream-json", 75_000, 50, 57),
        ] {
            let mut scene = Scene::new(64, &[]);
            scene.get(target);
            let advanced = scene.advance(by_ms, 64);
            assert_eq!((advanced.due_count, advanced.writes), (due_count, writes), "{target}");
        }
    });
}

#[test]
fn a_broadcast_on_its_way_is_waited_for() {
    for window_bytes in [16, 64, 4096] {
        for broadcasts in 1..4 {
            in_paused_time(|| {
                let mut scene = Scene::new(window_bytes, &[]);
                scene.get("/sse");
                let text = format!("data: {}\n\n", "x".repeat(100));
                for _ in 0..broadcasts {
                    scene.world.publish(scene.clock.now(), Event::from([Bytes::from(text.clone())]));
                }
                let before = scene.raw.len();
                // The connection has been woken, and has yet to see why.
                scene.advance(0, 10);
                let come = String::from_utf8_lossy(&scene.raw[before..]).into_owned();
                assert_eq!(come.matches(&text).count(), broadcasts, "{come}");
            });
        }
    }
}

#[test]
fn a_broadcast_that_comes_while_the_last_is_being_sent_is_waited_for() {
    in_paused_time(|| {
        let mut scene = Scene::new(16, &[]);
        scene.get("/sse");
        let publish = |scene: &Scene, text: &'static str| {
            scene.world.publish(scene.clock.now(), Event::from([Bytes::from_static(text.as_bytes())]))
        };
        publish(&scene, "data: one\n\n");
        // It goes on, but has no room for all.
        scene.serve();
        publish(&scene, "data: two\n\n");
        scene.advance(0, 5);
        let come = String::from_utf8_lossy(&scene.raw).into_owned();
        assert!(come.contains("data: one\n\n") && come.contains("data: two\n\n"), "{come}");
    });
}

#[test]
fn more_broadcasts_than_are_sent_at_a_time_are_all_waited_for() {
    in_paused_time(|| {
        let mut scene = Scene::new(65_536, &[]);
        scene.get("/sse");
        for n in 0..100 {
            let data = Bytes::from(format!("data: {n}{}\n\n", "x".repeat(400)));
            scene.world.publish(scene.clock.now(), Event::from([Bytes::from_static(b"event: a\n"), data]));
        }
        scene.advance(0, 4096);
        let come = String::from_utf8_lossy(&scene.raw).into_owned();
        let numbers: Vec<usize> = (0..100).filter_map(|n| come.find(&format!("data: {n}x"))).collect();
        assert!(numbers.len() == 100 && numbers.is_sorted());
        assert_eq!(come.matches("event: a\n").count(), 100);
    });
}

fn fault(target: &str, from: Place, kind: Kind) -> Fault {
    Fault { target: Target::Path(target.into()), times: 1, from, kind }
}

#[test]
fn what_faults_make_of_a_stream_is_waited_for() {
    for (kind, from) in [
        (Kind::Split(Pieces { bytes: 3 }), Place::Write(0)),
        (Kind::Coalesce(Batch { writes: 3 }), Place::Write(2)),
        (Kind::Duplicate, Place::Ms(5000)),
        (Kind::Cut, Place::Ms(5000)),
        (Kind::Cut, Place::Ms(5500)),
        (Kind::Cut, Place::Byte(500)),
        (Kind::Reset, Place::Ms(5500)),
        (Kind::End, Place::Ms(5500)),
        (Kind::End, Place::Write(5)),
        (Kind::Stall, Place::Ms(5500)),
    ] {
        let faults = [fault("/sse-data", from, kind)];
        for (window_bytes, bytes_at_a_time) in [(3, 1), (16, 16), (100, 7), (65_536, 4096)] {
            advanced_in_steps("/sse-data", &faults, window_bytes, bytes_at_a_time, &[1000, 3999, 1, 499, 1, 14_500]);
        }
    }
}

#[test]
fn a_fault_for_a_late_reader_begins_where_its_stream_has_come_to_and_not_at_the_time_of_the_clock() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let text = runtime.expect("a runtime").block_on(async {
        let mut scene = Scene::new(64, &[fault("/another", Place::Write(0), Kind::Cut)]);
        let served = std::mem::replace(&mut scene.served, task::spawn(Box::pin(std::future::pending())));
        tokio::spawn(served.into_inner());
        scene.client.write_all(b"GET /sse HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("the server listens");
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        // More than the connection keeps for one who does not read.
        for _ in 0..5 {
            let event = Event::from([Bytes::from(format!("data: {}\n\n", "x".repeat(15_000)))]);
            assert_eq!(scene.world.publish(scene.clock.now(), event).sent, 1);
        }
        let advanced = scene.clock.advance(Advance::By(ms(100_000))).await.expect("time goes on");
        assert_eq!(advanced.held_up, 1);
        let late = fault("", Place::Ms(70_000), Kind::Cut);
        let late = Fault { target: Target::Connection(0), ..late };
        scene.monitor.add_fault(late).expect("there is room");
        let mut raw = Vec::new();
        scene.client.read_to_end(&mut raw).await.expect("the connection ends");
        String::from_utf8_lossy(&raw).into_owned()
    });
    assert_eq!((text.matches("data: x").count(), text.matches("heartbeat:").count()), (5, 2), "{}", text.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn in_any_steps_and_over_any_pipe_all_has_come(
        target in prop_oneof![Just("/sse"), Just("/stream-text"), Just("/sse-data"), Just("/stream-json")],
        window_bytes in 1..5000_usize,
        bytes_at_a_time in 1..5000_usize,
        steps_ms in prop::collection::vec(0..20_000_u64, 1..5),
    ) {
        advanced_in_steps(target, &[], window_bytes, bytes_at_a_time, &steps_ms);
    }
}
