//! Watches over the machine during a check: when it held up the checker, or the server.

use std::sync::Arc;
use std::time::Duration;

use onbeat_server::clock::Clock;

use crate::check::target::Live;
use crate::judge::stalls::SharedStalls;

/// How often the checker looks for a stall of its own, and how late that has to be for one.
const STALL_TICK: Duration = Duration::from_millis(10);
const STALL_MIN: Duration = Duration::from_millis(5);
/// So long after an answer the server is probed again: what is slow is not made slower.
const PROBE_TICK: Duration = Duration::from_millis(100);

/// Notes when nothing of this process ran, for ever.
pub(super) async fn look_for_stalls(clock: Arc<dyn Clock>, stalls: SharedStalls) {
    loop {
        let due = clock.now() + STALL_TICK;
        clock.sleep_until(due).await;
        let now = clock.now();
        if now - due > STALL_MIN {
            stalls.lock().stalled(due, now);
        }
    }
}

/// Notes how long the server takes for what it can answer at once, on a new connection each time, for ever.
pub(super) async fn probe(live: Live) {
    let clock = Arc::clone(&live.clock);
    loop {
        live.stalls.lock().probe(clock.now());
        let answered = live.probe().await;
        live.stalls.lock().probed(answered.then(|| clock.now()));
        clock.sleep_until(clock.now() + PROBE_TICK).await;
    }
}
