//! Who watches an answer: what happens to it is noted, and can be asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::backstage::Exchange;
use crate::clock::Instant;
use crate::connection::Connection;
use crate::faults::Written;
use crate::log::{What, Which};
use crate::world::World;

/// The answer to one request, in the world that it is of.
pub(super) struct Watch {
    pub(super) world: Arc<World>,
    pub(super) connection: Arc<Connection>,
    pub(super) which: Which,
    pub(super) exchange: Arc<Exchange>,
    head: Mutex<Option<What>>,
    has_no_body: bool,
}

impl Watch {
    /// An answer with this head, to be noted when its turn comes, and perhaps nothing after it.
    pub(super) fn new(
        world: Arc<World>,
        connection: Arc<Connection>,
        which: Which,
        exchange: Arc<Exchange>,
        head: What,
        has_no_body: bool,
    ) -> Self {
        Self { world, connection, which, exchange, head: Mutex::new(Some(head)), has_no_body }
    }

    pub(super) fn now(&self) -> Instant {
        self.world.clock().now()
    }

    /// The answer's turn has come: behind a stream that may be long after it was ready.
    pub(super) fn begin(&self) {
        let head = self.head().take();
        if let Some(head) = head {
            self.note(head);
            if self.has_no_body {
                self.end("complete");
            }
        }
    }

    /// Whether its turn has come.
    pub(super) fn has_begun(&self) -> bool {
        self.head().is_none()
    }

    fn head(&self) -> MutexGuard<'_, Option<What>> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something of it is written, which makes it so much.
    pub(super) fn write(&self, bytes: &Bytes, written: Written) {
        self.exchange.update(|progress| progress.written = written);
        self.note(What::Write { which: self.which, bytes: bytes.clone() });
    }

    /// It has ended; only the first end counts.
    pub(super) fn end(&self, how: &'static str) {
        let was_over = self.exchange.update(|progress| std::mem::replace(&mut progress.is_over, true));
        if !was_over {
            self.note(What::End { which: self.which, how });
            if let Some(backstage) = self.world.backstage() {
                backstage.end_noted();
            }
        }
    }

    fn note(&self, what: What) {
        if let Some(backstage) = self.world.backstage() {
            backstage.log().note(self.now(), what);
        }
    }
}

impl Drop for Watch {
    /// An answer whose turn never came, or that nobody played to its end, was left by its client.
    fn drop(&mut self) {
        self.end("closed");
    }
}
