//! A served process, clients that read when they are told to, and a driver.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use onbeat_wire::{Head, Part, Responses};
use serde_json::{Value, json};

use crate::served::Served;

/// Nothing in these tests waits longer than this, so that a bug fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many small writes TCP sends before the client's machine has acknowledged the first (RFC 6928): the others may be on
/// the server's socket until the client reads.
const SEGMENTS_AHEAD: usize = 10;

pub(crate) const HEARTBEAT: &str = "heartbeat:\n\n";
pub(crate) const GREETING: &str = "data: {\"message\": \"连接成功\"}\n\n";

/// With a manual clock, and a world that is the same each time.
pub(crate) fn manual() -> Served {
    Served::start(&["--clock", "manual", "--seed", "42", "--epoch", "2025-12-01T00:00:00Z"])
}

/// A hundred clients of `/sse`, and one who has asked for an advance by so much, whose first instant has come: what is done
/// next is done in the middle of it.
pub(crate) fn crowd_and_driver(served: &Served, ms: u64) -> (Vec<Client>, Client) {
    let mut crowd: Vec<Client> = (0..100).map(|_| served.listener()).collect();
    let mut driver = served.connect();
    driver.advance_ahead(ms);
    assert_eq!(crowd[0].data(), HEARTBEAT);
    (crowd, driver)
}

impl Served {
    pub(crate) fn connect(&self) -> Client {
        Self::connect_to(self.addr)
    }

    /// A client of a server at this address.
    pub(crate) fn connect_to(addr: SocketAddr) -> Client {
        let socket = TcpStream::connect_timeout(&addr, PATIENCE).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        socket.set_nodelay(true).expect("a socket option");
        Client { socket, responses: Responses::default(), raw: Vec::new(), reset: false }
    }

    /// A client of `/sse` who has read its greeting.
    pub(crate) fn listener(&self) -> Client {
        let mut client = self.stream("/sse");
        assert_eq!(client.data(), GREETING);
        client
    }

    /// A client of a stream who has read its head.
    pub(crate) fn stream(&self, path: &str) -> Client {
        let mut client = self.connect();
        client.get(path);
        assert_eq!(client.head().status, 200);
        client
    }

    /// A client who has read the head of an answer, and its status.
    pub(crate) fn stream_or_refusal(&self, path: &str) -> (u16, Client) {
        let mut client = self.connect();
        client.get(path);
        (client.head().status, client)
    }

    /// The body of the answer to a `GET`, on a connection of its own.
    pub(crate) fn ask(&self, target: &str) -> String {
        let mut client = self.connect();
        client.get(target);
        client.head();
        client.data()
    }

    /// The answer to a request for control, on a connection of its own.
    pub(crate) fn control(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.connect().control(method, path, body)
    }

    /// The same, which must go well.
    pub(crate) fn did(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.control(method, path, body);
        assert!((200..300).contains(&status), "{method} {path} {body}: {status} {answer}");
        answer
    }

    pub(crate) fn advance(&self, ms: u64) -> Value {
        self.did("POST", "/clock/advance", &json!({ "ms": ms }))
    }

    pub(crate) fn fault(&self, fault: &Value) -> Value {
        self.did("POST", "/faults", fault)
    }

    pub(crate) fn log(&self) -> String {
        self.connect().log()
    }

    /// Asks until the hub has so many clients, since one that leaves is noticed soon, but not at once.
    pub(crate) fn streams_become(&self, streams: usize) {
        let mut connections = Value::Null;
        for _ in 0..10_000 {
            connections = self.did("GET", "/connections", &Value::Null);
            let all = connections["connections"].as_array().expect("a list");
            if all.iter().filter(|one| one["state"] == "streaming").count() == streams {
                return;
            }
        }
        panic!("expected {streams} streams, still {connections}");
    }

    /// Asks until no connection is known any more, since a client that leaves is noticed soon, but not at once.
    pub(crate) fn forgets_all_connections(&self) {
        let is_empty = || self.did("GET", "/connections", &Value::Null)["connections"] == json!([]);
        assert!((0..10_000).any(|_| is_empty()), "a connection is still known");
    }

    /// Asks it to end, and returns the exit code.
    pub(crate) fn terminate(self) -> Option<i32> {
        self.signal_end();
        self.exit_code()
    }

    /// Waits until it has ended, and returns the exit code.
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        self.process.wait().expect("it exits").code()
    }

    pub(crate) fn signal_end(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }
}

/// A client that reads when it is told to.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    responses: Responses,
    /// All bytes that have come.
    pub(crate) raw: Vec<u8>,
    /// The server has reset the connection.
    pub(crate) reset: bool,
}

impl Client {
    pub(crate) fn get(&mut self, target: &str) {
        self.asked_ahead("GET", target);
    }

    /// Sends a request whose answer is read later.
    pub(crate) fn asked_ahead(&mut self, method: &str, target: &str) {
        self.expect(method);
        self.send(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    }

    /// Asks for an advance whose answer is read later.
    pub(crate) fn advance_ahead(&mut self, ms: u64) {
        self.control_ahead("/clock/advance", &json!({ "ms": ms }));
    }

    /// Posts a request for control whose answer is read later.
    pub(crate) fn control_ahead(&mut self, path: &str, body: &Value) {
        self.expect("POST");
        let body = body.to_string();
        let head = format!("POST /__onbeat{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json");
        self.send(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    /// Expects the answer to a request that is sent by hand.
    pub(crate) fn expect(&mut self, method: &str) {
        self.responses.expect(method);
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the server reads");
    }

    pub(crate) fn control(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (head, text) = self.control_with(method, path, &[("Content-Type", "application/json")], &body);
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {path}: {error}: {text:?}"));
        (head.status, json)
    }

    /// Any request for control: its head and its body.
    pub(crate) fn control_with(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (Head, String) {
        self.asked(method, &format!("/__onbeat{path}"), headers, body)
    }

    /// Any request whose answer ends: its head and its body.
    pub(crate) fn asked(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (Head, String) {
        let host = if headers.iter().any(|(name, _)| *name == "Host") { "" } else { "Host: localhost\r\n" };
        let fields: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        self.responses.expect(method);
        self.send(format!("{method} {path} HTTP/1.1\r\n{host}{fields}Content-Length: {length}\r\n\r\n").as_bytes());
        self.send(body.as_bytes());
        let head = self.head();
        let has_body = head.header("content-length").is_some_and(|length| length != "0") && method != "HEAD";
        let mut text = Vec::new();
        while has_body && text.len() < length_of(&head) {
            match self.part() {
                Some(Part::Data(bytes)) => text.extend_from_slice(&bytes),
                other => panic!("expected data, got {other:?}"),
            }
        }
        (head, String::from_utf8_lossy(&text).into_owned())
    }

    /// The whole log.
    pub(crate) fn log(&mut self) -> String {
        self.get("/__onbeat/log");
        assert_eq!(self.head().status, 200);
        // Joins the bytes before they become text, since a read can end in the middle of a character.
        let mut log = Vec::new();
        loop {
            match self.part() {
                Some(Part::Data(bytes)) => log.extend_from_slice(&bytes),
                Some(Part::End) => return String::from_utf8(log).expect("a log is UTF-8"),
                other => panic!("expected the rest of the log, got {other:?}"),
            }
        }
    }

    /// The next part of a response; nothing at the end of the connection.
    pub(crate) fn part(&mut self) -> Option<Part> {
        loop {
            if let Some(part) = self.responses.next_part().expect("HTTP/1.1") {
                return Some(part);
            }
            if self.take_in() == 0 {
                return None;
            }
        }
    }

    pub(crate) fn head(&mut self) -> Head {
        loop {
            match self.part() {
                Some(Part::Head(head)) => return head,
                Some(Part::End) => {}
                other => panic!("expected a head, got {other:?}"),
            }
        }
    }

    /// The next write, or body.
    pub(crate) fn data(&mut self) -> String {
        match self.part() {
            Some(Part::Data(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            other => panic!("expected data, got {other:?}"),
        }
    }

    /// The next `count` writes, and the end (`.`): nothing else is needed for them to come.
    pub(crate) fn next(&mut self, count: usize) -> Vec<String> {
        let next = (0..count).map(|_| match self.part() {
            Some(Part::Data(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            Some(Part::End) => ".".into(),
            other => panic!("expected a write or the end, got {other:?}"),
        });
        next.collect()
    }

    /// The writes that are there already: nothing is waited for.
    pub(crate) fn there(&mut self) -> Vec<String> {
        let mut writes = self.there_at_once();
        if writes.len() >= SEGMENTS_AHEAD {
            // Reads until all has come that is on the server's socket: reading acknowledges what had come before.
            let mut is_all = false;
            while !is_all {
                is_all = self.is_all_received();
                writes.extend(self.there_at_once());
            }
        }
        writes
    }

    fn there_at_once(&mut self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("a socket option");
        while self.take_in() > 0 {}
        self.socket.set_nonblocking(false).expect("a socket option");
        let mut writes = Vec::new();
        while let Some(part) = self.responses.next_part().expect("HTTP/1.1") {
            match part {
                Part::Data(bytes) => writes.push(String::from_utf8_lossy(&bytes).into_owned()),
                Part::Head(_) => {}
                Part::End => writes.push(".".into()),
            }
        }
        writes
    }

    /// Whether this machine has received all bytes on the server's socket, as far as the machine tells.
    fn is_all_received(&self) -> bool {
        let Ok(sockets) = std::fs::read_to_string("/proc/net/tcp") else { return true };
        // A socket that was reset has no peer any more, and gets nothing more.
        let (Ok(server), Ok(client)) = (self.socket.peer_addr(), self.socket.local_addr()) else { return true };
        let [server, client] = [server, client].map(|address| format!(":{:04X}", address.port()));
        let mut sockets = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let servers = sockets.find(|fields| fields[1].ends_with(&server) && fields[2].ends_with(&client));
        servers.is_none_or(|fields| fields[4].starts_with("00000000:"))
    }

    /// All writes until the end of the response (`.`) or of the connection.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let mut writes = Vec::new();
        loop {
            match self.part() {
                Some(Part::Data(bytes)) => writes.push(String::from_utf8_lossy(&bytes).into_owned()),
                Some(Part::Head(_)) => {}
                Some(Part::End) => {
                    writes.push(".".into());
                    return writes;
                }
                None => return writes,
            }
        }
    }

    /// Reads once; 0 at the end of the connection, or if nothing is there.
    fn take_in(&mut self) -> usize {
        let mut buffer = [0; 16_384];
        let read = loop {
            match self.socket.read(&mut buffer) {
                // A signal, such as one that stops and resumes the test, ends a read early.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Ok(length) => {
                self.raw.extend_from_slice(&buffer[..length]);
                self.responses.push(&buffer[..length].to_vec().into());
                length
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.reset = true;
                0
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("failed to read: {error}"),
        }
    }
}

fn length_of(head: &Head) -> usize {
    head.header("content-length").and_then(|length| length.parse().ok()).expect("a Content-Length")
}
