//! A client of `/sse`, which checks that no event is lost, doubled or out of order.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::socket;

pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    pub(crate) reader: Reader,
}

impl Client {
    /// Connects, and asks for the stream.
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<Self> {
        let mut socket = socket::connect(addr)?;
        socket.write_all(b"GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")?;
        Ok(Self { socket, reader: Reader::default() })
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<(), Box<dyn Error>> {
        let room = buffer.len();
        while let Some(bytes) = socket::read(&mut self.socket, buffer)? {
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
pub(crate) struct Reader {
    /// The beginning of a line.
    unread: Vec<u8>,
    pub(crate) greeted: bool,
    /// The number in the event being read.
    number: Option<u64>,
    /// How many events have come; also the number of the next.
    pub(crate) received: u64,
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
