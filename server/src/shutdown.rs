//! The shutdown: the streams of all clients end in good order.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::connection::{Connection, Ending};
use onbeat_clock::machine_pause;

/// How long clients may take to receive the end of their streams, in the machine's time.
pub(crate) const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(5);

/// Ends all streams of the open connections in good order, and returns once the clients have received the ends: once the tasks
/// that serve the connections have ended. Drops the tasks that are left after five seconds.
pub(crate) async fn end_all(open: impl Iterator<Item = &Connection>, mut tasks: JoinSet<()>) {
    tracing::info!(open = tasks.len(), "shutting down");
    for connection in open {
        connection.end(Ending::InGoodOrder);
    }
    // Lets the streams write the last chunks meanwhile.
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    tokio::select! {
        biased;
        () = all_ended => {}
        () = machine_pause(SHUTDOWN_TIME_MAX) => tracing::warn!("some clients did not take the end of their streams in time"),
    }
}
