//! The parts of a lab that random worlds take.

use onbeat_wire::LeftHow;

use super::client::Client;
use super::response::Response;
use crate::player::Action;

pub(crate) use super::failure::LabFailure;
pub(crate) use super::panics::{PanicNotes, quietly};
pub(crate) use super::request_parts::RequestParts;
pub(crate) use super::run::EndedByLab;

impl Client {
    /// Acts, without a wait for what follows. If the application does not take in all bytes at this instant, the client gives
    /// up, and resets the connection.
    pub(crate) async fn act_or_reset(&self, action: Action) {
        tokio::select! {
            biased;
            // Polls the action first: everything has happened only when the action gets no further.
            () = self.connection.act_at_once(action) => {}
            () = self.lab().settle() => self.connection.act_at_once(Action::Leave(LeftHow::Reset)).await,
        }
    }

    /// Sends a request as [`act_or_reset`](Self::act_or_reset) does; the name of the request is for messages.
    pub(crate) async fn request_or_reset(&self, action: Action, name: String) -> Response {
        let ordinal = self.connection.next_ordinal();
        self.act_or_reset(action).await;
        Response::new(self.connection.clone(), ordinal, name)
    }

    /// Returns how many bytes of bodies the application has handed over for the client, whether or not the client has read
    /// them.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.lab().state.open.body_bytes(&self.connection.peer())
    }
}
