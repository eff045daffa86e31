//! Who watches an answer: what happens to it is noted, and can be asked for.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use onbeat_wire::{How, Instant};

use crate::backstage::Exchange;
use crate::connection::Connection;
use crate::faults::Written;
use crate::log::{self, What, Which};
use crate::world::World;

/// The answer to one request, in the world that it is of.
pub(super) struct Watch {
    pub(super) world: Arc<World>,
    pub(super) connection: Arc<Connection>,
    pub(super) which: Which,
    pub(super) exchange: Arc<Exchange>,
}

impl Watch {
    pub(super) fn now(&self) -> Instant {
        self.world.clock().now()
    }

    /// Notes the head of the answer, which is about to be written.
    pub(super) fn begin(&self, response: &Response) {
        let (status, headers) = (response.status().as_u16(), log::headers(response.headers()));
        self.note(What::Head { which: self.which, status, headers });
    }

    /// Something of it is written, which makes it so much.
    pub(super) fn write(&self, bytes: &Bytes, written: Written) {
        self.exchange.update(|progress| progress.written = written);
        self.note(What::Write { which: self.which, bytes: bytes.clone() });
    }

    /// It has ended; only the first end counts.
    pub(super) fn end(&self, how: How) {
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
    /// Notes that the client has left an answer that was not played to its end, or for which its handler was not waited.
    fn drop(&mut self) {
        self.end(How::Closed);
    }
}
