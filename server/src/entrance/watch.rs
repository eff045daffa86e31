//! Watches a response: notes what happens to it in the log and in the table of connections.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use onbeat_wire::How;

use crate::backstage::Exchange;
use crate::faults::Tally;
use crate::log::{self, What, Which};
use crate::world::World;

/// The response to one request, in its world.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) world: Arc<World>,
    pub(super) which: Which,
    pub(super) exchange: Arc<Exchange>,
}

impl Watch {
    /// Notes the head, which is about to be written.
    pub(super) fn begin(&self, response: &Response) {
        let (status, headers) = (response.status().as_u16(), log::headers(response.headers()));
        self.note(What::Head { which: self.which, status, headers });
    }

    /// Notes a write, with which so much has been written.
    pub(super) fn write(&self, bytes: &Bytes, written: Tally) {
        self.exchange.update(|progress| progress.written = written);
        self.note(What::Write { which: self.which, bytes: bytes.clone() });
    }

    /// Notes the end; only the first counts.
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
            backstage.log().note(self.world.clock().now(), what);
        }
    }
}
