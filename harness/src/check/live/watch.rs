//! Watches over the machine during a check: when it held up the checker, or the server.

use std::sync::Arc;
use std::time::Duration;

use onbeat_server::clock::Clock;

use crate::check::stalls::SharedStalls;
use crate::check::target::{Live, Target};
use crate::client::Bounds;

/// How often the checker looks for a stall of its own, and how late that has to be for one.
const STALL_TICK: Duration = Duration::from_millis(10);
const STALL_MIN: Duration = Duration::from_millis(5);
/// How often the server is probed, and how soon again if the answer took longer.
const PROBE_TICK: Duration = Duration::from_millis(100);
const PROBE_AGAIN: Duration = Duration::from_millis(20);
const PROBE_BOUNDS: Bounds = Bounds { bytes_max: 1 << 16, notes_max: 64 };

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
pub(super) async fn probe(mut live: Live) {
    let clock = Arc::clone(&live.clock);
    loop {
        let sent = clock.now();
        live.stalls.lock().probe(sent);
        let answered = match live.connect(PROBE_BOUNDS).await {
            Ok(mut client) => live.probe(&mut client).await,
            Err(_) => false,
        };
        let now = clock.now();
        live.stalls.lock().probed(answered.then_some(now));
        let slow = answered && now - sent > PROBE_AGAIN;
        clock.sleep_until(now + if slow { PROBE_AGAIN } else { PROBE_TICK }).await;
    }
}
