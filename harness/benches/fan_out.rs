//! What a broadcast costs with many clients, beside a plain axum server, over loopback: `cargo bench --bench fan_out`.
//!
//! Each server runs in a process of its own, so that its memory and its limits are its own, and on all cores. The
//! clients are one thread that reads whatever is ready: it shares the cores with the server, so it does as little as it
//! can. They check that no event is lost, doubled or out of order; if one is, the run fails.
//!
//! In each round both servers start anew and are measured one after the other, so that drift hits both alike.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time, not a world's")]

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use axum::serve::ListenerExt;
use clap::{Parser, ValueEnum};
use futures_util::stream::{self, Stream, StreamExt};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use onbeat_server::clock::TokioClock;
use onbeat_server::listener;
use onbeat_server::random::Seed;
use onbeat_server::timestamp::Epoch;
use onbeat_server::world::{Limits, World};
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// Broadcasts that each wait until every client has the one before.
const SINGLE: u32 = 20;
/// Broadcasts back to back; fewer than a mailbox holds.
const BURST: u32 = 200;
/// Clients that connect at a time, fewer than a listener's backlog.
const WINDOW: usize = 100;
/// How long a round may take with one server, before the run is given up.
const ROUND_TIME_MAX: Duration = Duration::from_secs(180);

#[derive(Debug, Parser)]
struct Arguments {
    /// Clients of /sse
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// How often each server is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Be this server, until standard input ends
    #[arg(long, hide = true)]
    serve: Option<Contender>,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.serve {
        Some(contender) => serve(contender),
        None => compare(arguments.clients, arguments.rounds),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fan_out: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures both servers in turn, and prints what came out.
fn compare(clients: u32, rounds: u32) -> Result<(), Box<dyn Error>> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    give_up_after(ROUND_TIME_MAX * 2 * rounds);
    let mut measured = Contender::value_variants().iter().map(|&contender| (contender, Vec::new())).collect::<Vec<_>>();
    for _ in 0..rounds {
        for (contender, all) in &mut measured {
            all.push(measure(*contender, clients).map_err(|error| format!("{contender:?}: {error}"))?);
        }
    }
    let cores = thread::available_parallelism()?;
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    println!("{clients} clients over loopback, medians of {rounds} rounds; {cores} cores, {os}, {arch}\n");
    let [onbeat, plain] = [0, 1].map(|i: usize| medians(&measured[i].1));
    println!("{:44}{:>10}{:>10}{:>10}", "", "onbeat", "plain", "ratio");
    for (figure, name) in FIGURES.iter().enumerate() {
        let (onbeat, plain) = (onbeat[figure], plain[figure]);
        let ratio = onbeat.zip(plain).map(|(onbeat, plain)| onbeat / plain);
        println!("{name:44}{}{}{}", Column(onbeat), Column(plain), Column(ratio));
    }
    Ok(())
}

/// Ends the process after a while, come what may. Servers end with it, since their standard input does.
fn give_up_after(time: Duration) {
    thread::spawn(move || {
        thread::sleep(time);
        eprintln!("fan_out: given up after {} s", time.as_secs());
        std::process::exit(1);
    });
}

/// What is measured, in this order. The processor time is the server's own, in the bursts.
const FIGURES: [&str; 9] = [
    "memory per client, greeted (KiB)",
    "memory per client, after all (KiB)",
    "a broadcast to the last client, median (ms)",
    "a broadcast to the last client, slowest (ms)",
    "burst, pipelined (events/s)",
    "burst, pipelined (deliveries/s)",
    "burst, each answered (events/s)",
    "burst, each answered (deliveries/s)",
    "processor time per delivery (µs)",
];

/// One value for each of [`FIGURES`]; nothing for what this machine does not tell.
type Figures = [Option<f64>; FIGURES.len()];

/// The median of each figure.
fn medians(rounds: &[Figures]) -> Figures {
    std::array::from_fn(|figure| median(rounds.iter().filter_map(|round| round[figure]).collect()))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().wrapping_sub(1) / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// A number with three digits or more, or `n/a`.
struct Column(Option<f64>);

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => write!(f, "{:>10}", "n/a"),
            Some(value) if value < 10.0 => write!(f, "{value:>10.2}"),
            Some(value) if value < 100.0 => write!(f, "{value:>10.1}"),
            Some(value) => write!(f, "{value:>10.0}"),
        }
    }
}

/// One round with one server.
fn measure(contender: Contender, clients: u32) -> Result<Figures, Box<dyn Error>> {
    let server = Process::start(contender)?;
    let mut crowd = Crowd::new(server.addr)?;
    let per_client = |kib: Option<f64>, before: Option<f64>| Some((kib? - before?) / f64::from(clients));

    let empty = server.memory_kib();
    crowd.join(clients as usize)?;
    let greeted = server.memory_kib();

    let mut single = Vec::new();
    for _ in 0..SINGLE {
        single.push(crowd.timed(|crowd| crowd.broadcast(1))?);
    }
    let slowest = single.iter().copied().reduce(f64::max);

    let before = server.processor_seconds();
    let pipelined = crowd.timed(|crowd| crowd.broadcast(BURST))?;
    let answered = crowd.timed(|crowd| {
        for _ in 0..BURST {
            crowd.request(1)?;
            crowd.until(Crowd::is_answered)?;
        }
        crowd.until(Crowd::is_complete)
    })?;
    let after = server.processor_seconds();
    let busy = before.zip(after).map(|(before, after)| after - before);

    let (burst, crowded) = (f64::from(BURST), f64::from(clients));
    Ok([
        per_client(greeted, empty),
        per_client(server.memory_kib(), empty),
        median(single).map(|seconds| seconds * 1e3),
        slowest.map(|seconds| seconds * 1e3),
        Some(burst / pipelined),
        Some(burst / pipelined * crowded),
        Some(burst / answered),
        Some(burst / answered * crowded),
        busy.map(|seconds| seconds * 1e6 / (2.0 * burst * crowded)),
    ])
}

/// A server in a process of its own.
struct Process {
    child: Child,
    addr: SocketAddr,
}

impl Process {
    fn start(contender: Contender) -> Result<Self, Box<dyn Error>> {
        let name = contender.to_possible_value().expect("no contender is skipped");
        let mut command = Command::new(std::env::current_exe()?);
        let child = command.args(["--serve", name.get_name()]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut process = Self { child, addr: (Ipv4Addr::LOCALHOST, 0).into() };
        let mut line = String::new();
        BufReader::new(process.child.stdout.take().expect("it is piped")).read_line(&mut line)?;
        process.addr = line.trim().parse().map_err(|_| "the server did not start")?;
        Ok(process)
    }

    /// Its resident memory.
    fn memory_kib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// The time that the cores have spent on it, in user mode and in the kernel.
    fn processor_seconds(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name may hold spaces, but nothing after it holds a parenthesis. Linux counts in 1/100 s for everybody.
        let (_, fields) = stat.rsplit_once(") ")?;
        let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().ok());
        Some(ticks.sum::<Option<f64>>()? / 100.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All clients, and the one that broadcasts.
struct Crowd {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    addr: SocketAddr,
    clients: Vec<Client>,
    greeted: usize,
    publisher: Publisher,
    /// How many clients have all the broadcasts that were requested.
    complete: usize,
}

/// The publisher's; clients have their ordinals.
const PUBLISHER: Token = Token(usize::MAX);

impl Crowd {
    fn new(addr: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut socket = connect(addr)?;
        poll.registry().register(&mut socket, PUBLISHER, Interest::READABLE | Interest::WRITABLE)?;
        let publisher = Publisher { socket, requested: 0, answered: 0, unsent: Vec::new(), unread: Vec::new() };
        let (events, buffer) = (Events::with_capacity(1024), vec![0; 256 * 1024]);
        Ok(Self { poll, events, buffer, addr, clients: Vec::new(), greeted: 0, publisher, complete: 0 })
    }

    /// Has so many clients join, and waits until all are greeted.
    fn join(&mut self, clients: usize) -> Result<(), Box<dyn Error>> {
        while self.clients.len() < clients {
            let first = self.clients.len();
            for ordinal in first..clients.min(first + WINDOW) {
                let mut socket = connect(self.addr)?;
                socket.write_all(b"GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")?;
                self.poll.registry().register(&mut socket, Token(ordinal), Interest::READABLE)?;
                self.clients.push(Client { socket, reader: Reader::default() });
            }
            self.until(|crowd| crowd.greeted == crowd.clients.len())?;
        }
        Ok(())
    }

    /// Broadcasts so many events, one right after the other, and waits until all clients have them.
    fn broadcast(&mut self, events: u32) -> Result<(), Box<dyn Error>> {
        self.request(events)?;
        self.until(|crowd| crowd.is_complete() && crowd.is_answered())
    }

    fn request(&mut self, events: u32) -> io::Result<()> {
        self.complete = 0;
        self.publisher.request(events)
    }

    fn is_complete(&self) -> bool {
        self.complete == self.clients.len()
    }

    fn is_answered(&self) -> bool {
        self.publisher.answered == self.publisher.requested
    }

    /// How long it takes, in seconds.
    fn timed(&mut self, run: impl FnOnce(&mut Self) -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
        let start = Instant::now();
        run(self)?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Handles what the sockets have, until it is `enough`.
    fn until(&mut self, enough: impl Fn(&Self) -> bool) -> Result<(), Box<dyn Error>> {
        while !enough(self) {
            self.poll.poll(&mut self.events, None)?;
            for event in &self.events {
                let Token(ordinal) = event.token();
                let Some(client) = self.clients.get_mut(ordinal) else {
                    self.publisher.go_on(&mut self.buffer)?;
                    continue;
                };
                let Reader { greeted, received, .. } = client.reader;
                client.read(&mut self.buffer).map_err(|error| format!("client {ordinal}: {error}"))?;
                self.greeted += usize::from(client.reader.greeted && !greeted);
                let (before, now) = (received, client.reader.received);
                self.complete += usize::from(now > before && now == self.publisher.requested);
            }
        }
        Ok(())
    }
}

fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = std::net::TcpStream::connect(addr)?;
    socket.set_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(TcpStream::from_std(socket))
}

/// Reads once; nothing if there is nothing to read.
fn read<'a>(socket: &mut TcpStream, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    match socket.read(buffer) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(length) => Ok(Some(&buffer[..length])),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// A client of `/sse`.
struct Client {
    socket: TcpStream,
    reader: Reader,
}

impl Client {
    fn read(&mut self, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
        let room = buffer.len();
        while let Some(bytes) = read(&mut self.socket, buffer)? {
            self.reader.read(bytes)?;
            // The buffer holds all that a socket does, as a rule; if not full it has emptied it.
            if bytes.len() < room {
                break;
            }
        }
        Ok(())
    }
}

/// Reads the stream line by line. HTTP's own lines end in CR LF, and both servers end those of the stream in LF.
#[derive(Default)]
struct Reader {
    /// The beginning of a line.
    unread: Vec<u8>,
    greeted: bool,
    /// The number in the event being read.
    number: Option<u64>,
    /// How many events have come; also the number of the next.
    received: u64,
}

impl Reader {
    fn read(&mut self, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.unread.is_empty() && line.ends_with(b"\n") {
                self.line(line)?;
                continue;
            }
            self.unread.extend_from_slice(line);
            if line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.unread);
                self.line(&line)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Box<dyn Error>> {
        if line == b"\n" {
            return self.dispatch();
        }
        if let Some(rest) = line.strip_prefix(b"data: {\"msg\":\"") {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
            self.number = Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')));
        }
        Ok(())
    }

    /// An event is whole: the greeting, a heartbeat, or the next broadcast.
    fn dispatch(&mut self) -> Result<(), Box<dyn Error>> {
        self.greeted = true;
        let expected = self.received;
        match self.number.take() {
            None => Ok(()),
            Some(number) if number == expected => {
                self.received += 1;
                Ok(())
            }
            Some(number) => Err(format!("event {number} came where event {expected} was expected").into()),
        }
    }
}

/// The client that broadcasts, on one connection that is kept alive.
struct Publisher {
    socket: TcpStream,
    requested: u64,
    answered: u64,
    unsent: Vec<u8>,
    /// Answers that are not whole yet.
    unread: Vec<u8>,
}

impl Publisher {
    fn request(&mut self, events: u32) -> io::Result<()> {
        for _ in 0..events {
            write!(self.unsent, "GET /broadcast-text?msg={} HTTP/1.1\r\nHost: localhost\r\n\r\n", self.requested)?;
            self.requested += 1;
        }
        self.send()
    }

    /// Sends and reads what it can.
    fn go_on(&mut self, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
        self.send()?;
        while let Some(bytes) = read(&mut self.socket, buffer)? {
            self.unread.extend_from_slice(bytes);
        }
        while let Some(length) = answer_length(&self.unread)? {
            self.unread.drain(..length);
            self.answered += 1;
        }
        Ok(())
    }

    fn send(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// How long the first answer is, head and body, if it is whole.
fn answer_length(bytes: &[u8]) -> Result<Option<usize>, Box<dyn Error>> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = answer.parse(bytes)? else { return Ok(None) };
    if answer.code != Some(200) {
        return Err(format!("a broadcast was answered with {:?}", answer.code).into());
    }
    let length = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let body: usize = std::str::from_utf8(length.ok_or("an answer has no length")?.value)?.parse()?;
    Ok((bytes.len() >= head + body).then_some(head + body))
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Contender {
    Onbeat,
    Plain,
}

/// Serves, and tells the address on standard output.
fn serve(contender: Contender) -> Result<(), Box<dyn Error>> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    thread::spawn(|| {
        // Standard input ends with the process that has it open.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let addr = (Ipv4Addr::LOCALHOST, 0).into();
    tokio::runtime::Runtime::new()?.block_on(async {
        match contender {
            Contender::Onbeat => onbeat(addr).await,
            Contender::Plain => plain(addr).await,
        }
    })
}

async fn onbeat(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let world = World::new(Arc::new(TokioClock::start()), Seed(0), Epoch::today(), Limits::default());
    let listener = listener::bind(addr)?;
    println!("{}", listener.local_addr()?);
    listener::serve(listener, Arc::new(world), std::future::pending()).await;
    Ok(())
}

/// The same two endpoints, as one writes them with axum and tokio alone.
async fn plain(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let (sender, _) = broadcast::channel(1024);
    let router = Router::new().route("/sse", get(plain_sse)).route("/broadcast-text", get(plain_broadcast));
    let listener = tokio::net::TcpListener::bind(addr).await?;
    println!("{}", listener.local_addr()?);
    let listener = listener.tap_io(|socket| {
        // A client that has left already is noticed when it is served.
        let _ = socket.set_nodelay(true);
    });
    Ok(axum::serve(listener, router.with_state(sender)).await?)
}

async fn plain_sse(
    State(sender): State<broadcast::Sender<String>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let greeting = stream::iter([Ok(Event::default().data("{\"message\": \"连接成功\"}"))]);
    // An event that was missed shows in the numbers.
    let broadcasts = BroadcastStream::new(sender.subscribe()).filter_map(async |data| data.ok());
    Sse::new(greeting.chain(broadcasts.map(|data| Ok(Event::default().event("broadcast").data(data)))))
}

#[derive(Deserialize)]
struct Broadcast {
    msg: String,
}

async fn plain_broadcast(
    State(sender): State<broadcast::Sender<String>>,
    Query(Broadcast { msg }): Query<Broadcast>,
) -> String {
    let data = serde_json::json!({ "msg": msg, "ts": format!("{:.3}", jiff::Timestamp::now()) });
    let sent = sender.send(data.to_string()).unwrap_or(0);
    serde_json::json!({ "ok": true, "sent": sent, "clients": sent }).to_string()
}
