//! The client that broadcasts, on one connection that is kept alive.

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::socket;

pub(crate) struct Publisher {
    pub(crate) socket: TcpStream,
    pub(crate) requested: u64,
    pub(crate) answered: u64,
    unsent: Vec<u8>,
    /// Answers that are not whole yet.
    unread: Vec<u8>,
}

impl Publisher {
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<Self> {
        let socket = socket::connect(addr)?;
        Ok(Self { socket, requested: 0, answered: 0, unsent: Vec::new(), unread: Vec::new() })
    }

    pub(crate) fn request(&mut self, events: u32) -> io::Result<()> {
        for _ in 0..events {
            write!(self.unsent, "GET /broadcast-text?msg={} HTTP/1.1\r\nHost: localhost\r\n\r\n", self.requested)?;
            self.requested += 1;
        }
        self.send()
    }

    /// Sends and reads what it can.
    pub(crate) fn go_on(&mut self, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
        self.send()?;
        while let Some(bytes) = socket::read(&mut self.socket, buffer)? {
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
