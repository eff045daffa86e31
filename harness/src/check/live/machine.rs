//! Watches the machine during a check: when the machine held up the checker, or the server.

use std::sync::Arc;
use std::time::Duration;

use onbeat_clock::Clock;

use super::target::Live;
use crate::judge::SharedStalls;

/// The time between two looks of the checker for a stall of the checker itself, and the lateness of a look that is a stall.
const STALL_TICK: Duration = Duration::from_millis(10);
const STALL_MIN: Duration = Duration::from_millis(5);
/// The time from an answer to the next probe. A slow server is probed less often.
const PROBE_TICK: Duration = Duration::from_millis(100);

/// Notes the times at which no part of the checker ran, for ever.
pub(crate) async fn look_for_stalls(clock: Arc<dyn Clock>, stalls: SharedStalls) {
    loop {
        let due = clock.now() + STALL_TICK;
        clock.sleep_until(due).await;
        let now = clock.now();
        if now - due > STALL_MIN {
            stalls.lock().stalled(due, now);
        }
    }
}

/// Notes how long the server takes for a request that any server answers at once, on a new connection each time, for ever.
pub(super) async fn probe(live: Live) {
    let clock = Arc::clone(&live.clock);
    loop {
        live.stalls.lock().probe(clock.now());
        let answered = live.probe().await;
        live.stalls.lock().probed(answered.then(|| clock.now()));
        clock.sleep_until(clock.now() + PROBE_TICK).await;
    }
}
