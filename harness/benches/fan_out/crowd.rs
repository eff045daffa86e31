//! All clients and the publisher, on one thread that waits for whichever socket has something.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::{Events, Interest, Poll, Token};

use crate::client::{Client, Reader};
use crate::publisher::Publisher;

/// Clients that connect at a time, fewer than a listener's backlog.
const WINDOW: usize = 100;
/// The publisher's; clients have their ordinals.
const PUBLISHER: Token = Token(usize::MAX);

/// All clients, and the one that broadcasts.
pub(crate) struct Crowd {
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

impl Crowd {
    pub(crate) fn new(addr: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut publisher = Publisher::connect(addr)?;
        poll.registry().register(&mut publisher.socket, PUBLISHER, Interest::READABLE | Interest::WRITABLE)?;
        let (events, buffer) = (Events::with_capacity(1024), vec![0; 256 * 1024]);
        Ok(Self { poll, events, buffer, addr, clients: Vec::new(), greeted: 0, publisher, complete: 0 })
    }

    /// Has so many clients join, and waits until all are greeted.
    pub(crate) fn join(&mut self, clients: usize) -> Result<(), Box<dyn Error>> {
        while self.clients.len() < clients {
            let first = self.clients.len();
            for ordinal in first..clients.min(first + WINDOW) {
                let mut client = Client::connect(self.addr)?;
                self.poll.registry().register(&mut client.socket, Token(ordinal), Interest::READABLE)?;
                self.clients.push(client);
            }
            self.until(|crowd| crowd.greeted == crowd.clients.len())?;
        }
        Ok(())
    }

    /// Broadcasts so many events, one right after the other, and waits until all clients have them.
    pub(crate) fn broadcast(&mut self, events: u32) -> Result<(), Box<dyn Error>> {
        self.request(events)?;
        self.until(|crowd| crowd.is_complete() && crowd.is_answered())
    }

    pub(crate) fn request(&mut self, events: u32) -> io::Result<()> {
        self.complete = 0;
        self.publisher.request(events)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.complete == self.clients.len()
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.publisher.answered == self.publisher.requested
    }

    /// How long it takes, in seconds.
    pub(crate) fn timed(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<(), Box<dyn Error>>,
    ) -> Result<f64, Box<dyn Error>> {
        let start = Instant::now();
        run(self)?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// Handles what the sockets have, until it is `enough`.
    pub(crate) fn until(&mut self, enough: impl Fn(&Self) -> bool) -> Result<(), Box<dyn Error>> {
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
