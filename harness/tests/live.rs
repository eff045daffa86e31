//! The same server over real sockets and in real time: signals, limits, and clients that misbehave below HTTP.

mod served;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use onbeat_clock::{Clock, TokioClock};
use onbeat_wire::{Part, Responses};
use socket2::{Domain, Socket, Type};

use self::served::Served;

/// Nothing in these tests waits longer than this, so that a bug fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

impl Served {
    /// With so few file descriptors that they run out.
    fn start_with_files(files: u32) -> Self {
        let script = format!("ulimit -n {files}; exec \"$0\" serve --addr 127.0.0.1:0");
        Self::spawn(Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_onbeat")]))
    }

    fn connect(&self) -> Client {
        let socket = TcpStream::connect_timeout(&self.addr, PATIENCE).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        Client { socket, responses: Responses::default() }
    }

    fn listener(&self) -> Client {
        let mut client = self.connect();
        client.get("/sse");
        assert_eq!(client.data(), "data: {\"message\": \"连接成功\"}\n\n");
        client
    }

    /// The body of the answer to a `GET`.
    fn ask(&self, target: &str) -> String {
        let mut client = self.connect();
        client.get(target);
        client.data()
    }

    /// Asks until there are so many clients of `/sse`, since a client that leaves is noticed soon, but not at once.
    fn clients_become(&self, clients: usize) {
        let expected = format!(r#"{{"ok":true,"clients":{clients},"removed":0}}"#);
        let mut answer = String::new();
        for _ in 0..10_000 {
            answer = self.ask("/send-heartbeat");
            if answer == expected {
                return;
            }
        }
        panic!("expected {expected}, still {answer}");
    }

    /// Sends the signal, and returns the exit code.
    fn signal(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        self.process.wait().expect("it exits").code()
    }
}

/// A blocking client.
struct Client {
    socket: TcpStream,
    responses: Responses,
}

impl Client {
    fn get(&mut self, target: &str) {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: onbeat\r\n\r\n").as_bytes());
    }

    fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the server reads");
    }

    /// The next part of a response; nothing at the end of the connection.
    fn part(&mut self) -> Option<Part> {
        loop {
            if let Some(part) = self.responses.next_part().expect("HTTP/1.1") {
                return Some(part);
            }
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer).expect("something to read") {
                0 => return None,
                length => self.responses.push(&buffer[..length].to_vec().into()),
            }
        }
    }

    /// The next write, or body.
    fn data(&mut self) -> String {
        loop {
            match self.part() {
                Some(Part::Data(bytes)) => return String::from_utf8(bytes.to_vec()).expect("UTF-8"),
                Some(Part::Head(head)) => assert_eq!(head.status, 200),
                other => panic!("expected data, got {other:?}"),
            }
        }
    }
}

#[test]
fn serve_ends_its_streams_and_exits_with_0_on_sigint_and_sigterm() {
    for signal in ["-INT", "-TERM"] {
        let served = Served::start(&[]);
        let mut clients: Vec<Client> = (0..10).map(|_| served.listener()).collect();
        let mut idle = served.connect();
        served.ask("/broadcast-text?msg=bye");
        assert_eq!(served.signal(signal), Some(0), "{signal}");
        for client in &mut clients {
            assert_eq!(client.data(), "event: broadcast\n");
            assert!(client.data().contains(r#""msg":"bye""#));
            assert_eq!((client.part(), client.part()), (Some(Part::End), None), "{signal}");
        }
        assert_eq!(idle.part(), None);
    }
}

#[test]
fn a_second_signal_ends_a_server_whose_clients_do_not_take_the_end_of_their_streams() {
    let mut served = Served::start(&["--mailbox", "100000"]);
    let _stuck = served.listener();
    (0..800).for_each(|_| drop(served.ask(&format!("/send-heartbeat?msg={}", "x".repeat(15_000)))));
    let kill = |signal: &str, process: u32| {
        let sent = Command::new("kill").args([signal, &process.to_string()]).status().expect("kill runs");
        assert!(sent.success());
    };
    kill("-TERM", served.process.id());
    // Its last connections are served on, and it takes no further ones.
    while TcpStream::connect_timeout(&served.addr, PATIENCE).is_ok() {}
    kill("-INT", served.process.id());
    assert_eq!(served.process.wait().expect("it exits").code(), Some(130));
}

#[test]
fn a_scaled_clock_plays_a_long_stream_in_no_time_and_every_timestamp_is_exact() {
    let served = Served::start(&["--clock", "scaled:1000", "--epoch", "2025-12-01T00:00:00Z"]);
    let mut client = served.connect();
    client.get("/dynamic-counter");
    let stamps: Vec<jiff::Timestamp> = (0..31)
        .map(|_| {
            let data = client.data();
            let (_, stamp) = data.split_once(r#""ts":""#).expect("a timestamp");
            stamp.trim_end_matches("\"}\n\n").parse().expect("RFC 3339")
        })
        .collect();
    assert!(stamps.windows(2).all(|pair| pair[1] - pair[0] == jiff::Span::new().seconds(1).fieldwise()), "{stamps:?}");
    assert_eq!(client.data(), "data: {\"done\": true}\n\n");
    assert_eq!(client.part(), Some(Part::End));
}

#[test]
fn in_real_time_no_character_is_early_and_most_are_hardly_late() {
    let clock = tokio::runtime::Runtime::new().expect("a runtime").block_on(async { TokioClock::start() });
    let served = Served::start(&[]);
    let mut client = served.connect();
    let sent = clock.now();
    client.get("/stream-text");
    let mut lateness: Vec<Duration> = (0..10)
        .map(|n| {
            client.data();
            let after = clock.now() - sent;
            let due = Duration::from_millis(50) * n;
            assert!(after >= due, "character {n} came after {after:?}");
            after.saturating_sub(due)
        })
        .collect();
    lateness.sort_unstable();
    assert!(lateness[5] < Duration::from_millis(500), "{lateness:?}");
}

#[test]
fn clients_who_leave_by_fin_half_close_or_rst_are_gone() {
    let served = Served::start(&[]);
    let stays = served.listener();
    for _ in 0..20 {
        drop(served.listener());
        let half = served.listener();
        half.socket.shutdown(std::net::Shutdown::Write).expect("a half-close");
        let mut pipelining = served.listener();
        pipelining.get("/sse");
        drop(pipelining);
        // Closing with unread bytes resets the connection.
        let reset = served.listener();
        served.ask("/broadcast-text?msg=unread");
        drop(reset);
        drop(half);
    }
    served.clients_become(1);
    drop(stays);
    served.clients_become(0);
}

#[test]
fn a_half_close_is_answered_by_closing_without_the_last_chunk() {
    let served = Served::start(&[]);
    let mut client = served.listener();
    client.socket.shutdown(std::net::Shutdown::Write).expect("a half-close");
    assert_eq!(client.part(), None);
    served.clients_become(0);
}

#[test]
fn clients_who_stop_reading_are_evicted_and_the_others_get_everything() {
    let served = Served::start(&["--mailbox", "16"]);
    let stuck: Vec<Client> = (0..50).map(|_| served.listener()).collect();
    let mut reader = served.listener();
    let (mut asker, text) = (served.connect(), "x".repeat(15_000));
    let (mut sent, mut removed) = (0, 0);
    while removed < stuck.len() {
        asker.get(&format!("/send-heartbeat?msg={sent}-{text}"));
        let answer = asker.data();
        assert_eq!(asker.part(), Some(Part::End));
        assert_eq!(reader.data(), "event: heartbeat\n");
        let data = reader.data();
        assert!(data.contains(&format!("\"msg\":\"{sent}-{text}\"")), "{data:.80}");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        removed += usize::try_from(answer["removed"].as_u64().expect("a count")).expect("a small one");
        assert_eq!(answer["clients"].as_u64(), Some((stuck.len() + 1 - removed) as u64));
        sent += 1;
        assert!(sent < 2000, "only {removed} of {} were evicted", stuck.len());
    }
    served.clients_become(1);
}

#[test]
fn more_clients_than_the_limit_wait_for_their_turn() {
    let served = Served::start(&["--connections", "2"]);
    let (one, two) = (served.listener(), served.listener());
    let mut third = served.connect();
    third.get("/stream-text");
    drop(one);
    assert!(third.data().contains("欢"));
    drop(two);
    drop(third);
    served.clients_become(0);
}

#[test]
fn the_server_survives_running_out_of_file_descriptors() {
    let served = Served::start_with_files(40);
    let mut asked: Vec<Client> = (0..100).map(|_| served.connect()).collect();
    for client in &mut asked {
        client.get("/sse");
    }
    assert_eq!(asked[0].data(), "data: {\"message\": \"连接成功\"}\n\n");
    drop(asked);
    served.clients_become(0);
    assert_eq!(served.signal("-TERM"), Some(0));
}

#[test]
fn garbage_does_not_disturb_anybody() {
    let served = Served::start(&[]);
    let mut bystander = served.listener();
    for garbage in [
        &b"\x16\x03\x01\x02\0\x01\0\x01\xfc"[..],
        b"\0\0\0\0",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[b'a'; 16_384],
    ] {
        let mut client = served.connect();
        client.send(garbage);
        client.socket.shutdown(std::net::Shutdown::Write).expect("a half-close");
        let mut answer = Vec::new();
        // A reset is an answer, too.
        let _ = client.socket.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(served.ask("/broadcast-text?msg=fine"), r#"{"ok":true,"sent":1,"clients":1}"#);
    assert_eq!(bystander.data(), "event: broadcast\n");
}

#[test]
fn a_client_with_a_small_buffer_gets_all_bytes_before_a_reset() {
    // Sends more than such a client takes without reading, and less than the machine holds.
    let bytes = 16 * 1024;
    let send = format!(r#"{{"send": "{}"}}"#, "x".repeat(bytes));
    // Resets as a step, and when the test says so, long after the write.
    for (path, last) in [("/step", r#"{"end": "reset"}"#), ("/told", r#"{"open": true}"#)] {
        let server = onbeat::Server::start().wait().expect("a server");
        let route = format!(r#"{{"path": "{path}", "steps": [{send}, {last}]}}"#);
        server.route(&route).wait().expect("a route");
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        client.set_recv_buffer_size(4096).expect("a socket option");
        client.connect(&server.addr().into()).expect("the server listens");
        let mut client = TcpStream::from(client);
        client.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        write!(client, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server reads");
        if path == "/told" {
            let connection = server.connected(path, 1).wait().expect("a client").remove(0);
            connection.reset().wait().expect("the client is there");
        }
        let mut read = Vec::new();
        let ended = client.read_to_end(&mut read).map_err(|error| error.kind());
        // Expects the whole chunk: the reset comes before the last chunk.
        let is_whole = read.len() > bytes && read.ends_with(b"xxx\r\n");
        assert!(is_whole, "{path}: {} bytes with the head, then {ended:?}", read.len());
        assert_eq!(ended, Err(std::io::ErrorKind::ConnectionReset), "{path}");
    }
}
