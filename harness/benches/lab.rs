//! What an event of an ordinary axum application costs in a lab: `cargo bench --bench lab`.
//!
//! The application sends an event each 50 ms. A test reads the events in four ways: in the lab, all at the end or one after
//! another; as a body that is polled by hand on a paused runtime; and over
//! turmoil's network, with ticks of a millisecond, as exact as the others. Each is measured in turn with the body polled by
//! hand, so that a busy machine slows both down: a ratio is the median over the pairs. The run fails if an event in the lab
//! costs more than [`BY_HAND_MAX`] events by hand when all are read at the end, or if one over turmoil costs less than
//! [`TURMOIL_MIN`] in the lab.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time, and an application waits as one does"
)]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::convert::Infallible;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use futures_util::{Stream, stream};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use onbeat::{lab, ms};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

/// How often each way is measured beside the body that is polled by hand.
const PAIRS: usize = 16;
/// The events of a run.
const EVENTS: u32 = 20_000;
/// The events of a run over turmoil, which takes a tick for each millisecond.
const EVENTS_OVER_TURMOIL: u32 = 200;
/// How far the events are apart.
const APART: Duration = Duration::from_millis(50);
/// How many times the cost of an event by hand an event in the lab may cost.
const BY_HAND_MAX: f64 = 3.0;
/// How many times the cost of an event in the lab an event over turmoil costs at least.
const TURMOIL_MIN: f64 = 20.0;

fn main() -> ExitCode {
    println!("an event of an axum application, medians of {PAIRS} pairs with a body polled by hand");
    let all_at_once = compare("lab, all at the end", in_lab, EVENTS);
    let one_by_one = compare("lab, one after another", in_lab_one_by_one, EVENTS);
    let over_turmoil = compare("turmoil", over_turmoil, EVENTS_OVER_TURMOIL);
    let times = over_turmoil / all_at_once.max(one_by_one);
    println!("  over turmoil an event costs {times:.0} times as much as in the lab");
    let is_cheap = all_at_once <= BY_HAND_MAX && times >= TURMOIL_MIN;
    if is_cheap { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures a way to read so many events beside the body that is polled by hand; returns the ratio.
fn compare(name: &str, read: fn(u32), events: u32) -> f64 {
    let (mut ns, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let (by_hand, measured) = (ns_per_event(by_hand, EVENTS), ns_per_event(read, events));
        ns.push(measured);
        ratios.push(measured / by_hand);
    }
    let (ns, ratio) = (median(ns), median(ratios));
    println!("  {name:<26}{ns:>9.0} ns  {ratio:.2} times");
    ratio
}

fn ns_per_event(read: fn(u32), events: u32) -> f64 {
    let begun = Instant::now();
    read(black_box(events));
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(events)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The application: an event at once, and then one each 50 ms.
fn application() -> Router {
    async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
        let ticks = stream::unfold(tokio::time::interval(APART), async |mut interval| {
            interval.tick().await;
            Some((Ok(Event::default().data(r#"{"token":"word"}"#)), interval))
        });
        Sse::new(ticks)
    }
    Router::new().route("/events", get(events))
}

fn in_lab(events: u32) {
    lab(application(), async |lab| {
        let response = lab.get("/events").await;
        lab.advance(APART * (events - 1)).await;
        assert_eq!(response.times_ms().len(), events as usize);
    });
}

fn in_lab_one_by_one(events: u32) {
    lab(application(), async |lab| {
        let mut response = lab.get("/events").await;
        for number in 0..u64::from(events) {
            let event = response.next_event().await.expect("an event");
            assert_eq!(event.at, ms(50 * number));
        }
    });
}

/// Polls the body on a paused runtime, and notes the time of each event.
fn by_hand(events: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(async {
        let begun = tokio::time::Instant::now();
        let request = Request::get("/events").body(Body::empty()).expect("a request");
        let mut body = application().oneshot(request).await.expect("an answer").into_body();
        for number in 0..events {
            let frame = body.frame().await.expect("an event").expect("no error");
            let text = String::from_utf8(frame.into_data().expect("data").to_vec()).expect("text");
            assert!(text.starts_with("data: ") && begun.elapsed() == APART * number);
        }
    });
}

/// Reads the events over turmoil's network.
fn over_turmoil(events: u32) {
    let mut simulation = turmoil::Builder::new()
        .tick_duration(ms(1))
        .min_message_latency(Duration::ZERO)
        .max_message_latency(Duration::ZERO)
        .simulation_duration(APART * (events + 20))
        .build();
    simulation.host("server", || async {
        let listener = turmoil::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            let service = TowerToHyperService::new(application());
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
    simulation.client("client", async move {
        let mut socket = turmoil::net::TcpStream::connect("server:80").await?;
        socket.write_all(b"GET /events HTTP/1.1\r\nhost: server\r\n\r\n").await?;
        let (mut seen, mut buffer) = (0, Vec::with_capacity(4096));
        while seen < events {
            socket.read_buf(&mut buffer).await?;
            seen += u32::try_from(buffer.windows(6).filter(|six| six == b"data: ").count())?;
            buffer.clear();
        }
        Ok(())
    });
    simulation.run().expect("all events come");
}
