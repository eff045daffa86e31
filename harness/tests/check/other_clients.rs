//! A server with other clients beside the check.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::served::Served;
use crate::support::{onbeat, verdicts};

const SCALE: &str = "100";
/// More clients than a check of these cases has.
const MANY: usize = 200;

/// What the other clients do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    /// A client joins before each broadcast without a message, and leaves after the response.
    Join,
    /// The same; and a message is sent each time the check looks for others, as a second check does that goes in step.
    JoinAndLook,
    /// One of many clients leaves before each broadcast without a message.
    Leave,
    /// Many clients join before the first broadcast without a message; one leaves before each later one, and each time the
    /// check looks for others.
    JoinOnce,
    /// Before each broadcast without a message, clients join until there are as many as the check has had; one leaves at
    /// every third look for others.
    JoinAgain,
}

/// Other clients of a server, which see what the check sends.
#[derive(Clone)]
struct Others {
    server: SocketAddr,
    behaviour: Behaviour,
    /// The clients that leave one by one.
    leaving: Arc<Mutex<Vec<TcpStream>>>,
    /// Whether the many clients have joined.
    has_joined: Arc<AtomicBool>,
    /// How many clients of `/sse` the check has had.
    clients_of_check: Arc<AtomicUsize>,
    /// How many times the check has looked for others.
    looks: Arc<AtomicUsize>,
}

impl Others {
    /// Passes all connections of the check on to the server; returns the URL.
    fn of(server: SocketAddr, behaviour: Behaviour) -> String {
        let others = Self {
            server,
            behaviour,
            leaving: Arc::default(),
            has_joined: Arc::default(),
            clients_of_check: Arc::default(),
            looks: Arc::default(),
        };
        if behaviour == Behaviour::Leave {
            others.join(MANY);
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        // Ends with the process of the test.
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (others, client) = (others.clone(), socket.expect("a connection"));
                thread::spawn(move || others.pass_on(client));
            }
        });
        url
    }

    /// Passes a connection of the check on to the server; the other clients act before each request goes on.
    fn pass_on(&self, mut client: TcpStream) {
        let mut server = TcpStream::connect(self.server).expect("the server listens");
        let (mut answers, mut back) = (server.try_clone().expect("a handle"), client.try_clone().expect("a handle"));
        thread::spawn(move || {
            // Either side may leave in the middle.
            let _ = std::io::copy(&mut answers, &mut back);
            let _ = back.shutdown(Shutdown::Both);
        });
        // Keeps the clients that leave after the response.
        let mut joined = Vec::new();
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = client.read(&mut bytes) {
            let request = String::from_utf8_lossy(&bytes[..count]).into_owned();
            if request.starts_with("GET /sse HTTP") {
                self.clients_of_check.fetch_add(1, Ordering::SeqCst);
            }
            if request.starts_with("GET /broadcast-text HTTP") {
                joined.extend(self.act_before_broadcast());
            }
            if request.contains("look") {
                self.act_at_look();
            }
            if server.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    }

    /// Lets clients join or leave before a broadcast without a message; returns a client that leaves after the response.
    fn act_before_broadcast(&self) -> Option<TcpStream> {
        match self.behaviour {
            Behaviour::Join | Behaviour::JoinAndLook => return Some(self.ask("/sse", "连接成功")),
            Behaviour::JoinOnce if !self.has_joined.swap(true, Ordering::SeqCst) => self.join(MANY),
            Behaviour::JoinAgain => self.join(self.clients_of_check.load(Ordering::SeqCst)),
            Behaviour::Leave | Behaviour::JoinOnce => self.leave(),
        }
        None
    }

    /// Lets clients act when the check looks for others.
    fn act_at_look(&self) {
        let is_third = self.looks.fetch_add(1, Ordering::SeqCst) % 3 == 2;
        match self.behaviour {
            Behaviour::JoinAndLook => drop(self.ask("/send-heartbeat?msg=onbeat-2-look", "\"ok\":true")),
            Behaviour::JoinOnce => self.leave(),
            Behaviour::JoinAgain if is_third => self.leave(),
            Behaviour::Join | Behaviour::Leave | Behaviour::JoinAgain => {}
        }
    }

    /// Lets clients join until there are so many.
    fn join(&self, until: usize) {
        let mut clients = self.leaving.lock().expect("no panic");
        while clients.len() < until {
            clients.push(self.ask("/sse", "连接成功"));
        }
    }

    /// Lets one of the clients leave.
    fn leave(&self) {
        drop(self.leaving.lock().expect("no panic").pop());
    }

    /// Sends a request, and returns the connection when the answer has this text.
    fn ask(&self, target: &str, awaited: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.server).expect("the server listens");
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("a request");
        let (mut answer, mut bytes) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&answer).contains(awaited) {
            let count = socket.read(&mut bytes).expect("an answer");
            answer.extend_from_slice(&bytes[..count]);
        }
        socket
    }
}

/// Returns the cases that fail of a server beside other clients.
fn failed(behaviour: Behaviour) -> Vec<String> {
    let served = Served::start(&["--clock", &format!("scaled:{SCALE}")]);
    let url = Others::of(served.addr, behaviour);
    let output =
        onbeat(&["check", &url, "--scale", SCALE, "--tolerance", "5s", "--only", "fan-out.*", "--format", "jsonl"]);
    verdicts(&output).into_iter().filter(|(_, verdict)| verdict == "fail").map(|(id, _)| id).collect()
}

#[test]
fn another_check_that_goes_in_step_explains_a_wrong_number_of_clients() {
    assert_eq!(failed(Behaviour::JoinAndLook), Vec::<String>::new());
}

#[test]
fn clients_that_were_there_before_and_leave_explain_a_wrong_number_of_clients() {
    assert_eq!(failed(Behaviour::Leave), Vec::<String>::new());
}

#[test]
fn clients_that_join_during_the_check_and_leave_explain_a_wrong_number_of_clients() {
    assert_eq!(failed(Behaviour::JoinOnce), Vec::<String>::new());
}

#[test]
fn clients_that_join_again_and_leave_slowly_explain_a_wrong_number_of_clients() {
    assert_eq!(failed(Behaviour::JoinAgain), Vec::<String>::new());
}

#[test]
fn a_number_of_clients_that_nobody_explains_is_wrong() {
    assert_eq!(failed(Behaviour::Join), ["fan-out.count"]);
}
