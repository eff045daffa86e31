//! The clients of the tests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::time::Duration;

use eventsource_stream::{Event, Eventsource};
use futures_util::{Stream, StreamExt};
use onbeat::Server;
use onbeat_wire::{Part, Responses};

/// Nothing in these tests waits longer than this, so that a bug fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client with reqwest and eventsource-stream.
pub(crate) struct EventClient(Pin<Box<dyn Stream<Item = Result<Event, String>>>>);

impl EventClient {
    /// Asks for a stream, and waits for the head.
    pub(crate) async fn open(server: &Server, path: &str) -> Self {
        let response = reqwest::get(server.url(path)).await.expect("an answer");
        assert_eq!(response.status(), 200);
        Self(Box::pin(response.bytes_stream().eventsource().map(|event| event.map_err(|error| error.to_string()))))
    }

    /// Returns the data of the next event.
    pub(crate) async fn data(&mut self) -> String {
        self.0.next().await.expect("an event").expect("an event stream").data
    }

    /// Returns the data of the next events.
    pub(crate) async fn all_data(&mut self, count: usize) -> Vec<String> {
        let mut data = Vec::new();
        for _ in 0..count {
            data.push(self.data().await);
        }
        data
    }

    /// Returns how the stream goes on: with an event, with an error, or not at all.
    pub(crate) async fn next(&mut self) -> Option<Result<Event, String>> {
        self.0.next().await
    }
}

/// A client of the standard library, for tests without a runtime.
pub(crate) struct PlainClient {
    socket: TcpStream,
    responses: Responses,
}

impl PlainClient {
    /// Asks for a stream. Nothing is read yet.
    pub(crate) fn ask(server: &Server, path: &str) -> Self {
        let mut socket = TcpStream::connect(server.addr()).expect("the server listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server reads");
        let mut responses = Responses::default();
        responses.expect("GET");
        Self { socket, responses }
    }

    /// Returns the status of the response, or the next write; nothing at the end of the response or of the connection.
    pub(crate) fn next(&mut self) -> Option<String> {
        loop {
            match self.responses.next_part().expect("HTTP/1.1") {
                Some(Part::Head(head)) => return Some(head.status.to_string()),
                Some(Part::Data(bytes)) => return Some(String::from_utf8_lossy(&bytes).into_owned()),
                Some(Part::End) => return None,
                None => {}
            }
            let mut buffer = [0; 16 * 1024];
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => self.responses.push(&buffer[..length].to_vec().into()),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("failed to read: {error}"),
            }
        }
    }

    /// Returns what is there already. Nothing is waited for.
    pub(crate) fn there(&mut self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("a socket option");
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = self.socket.read(&mut buffer) {
            self.responses.push(&buffer[..length].to_vec().into());
        }
        self.socket.set_nonblocking(false).expect("a socket option");
        let parts = std::iter::from_fn(|| self.responses.next_part().expect("HTTP/1.1"));
        let data = parts.filter_map(|part| match part {
            Part::Data(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Part::Head(_) | Part::End => None,
        });
        data.collect()
    }

    /// Returns all that comes until the end.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }
}
