//! What a test waits for at present, for messages.

use std::fmt;
use std::sync::Arc;

use onbeat_wire::Instant;
use parking_lot::Mutex;

/// The waits of a test.
#[derive(Default)]
pub(super) struct Waits(Mutex<NumberedWaits>);

#[derive(Default)]
struct NumberedWaits {
    made: u64,
    waits: Vec<(u64, Waiting)>,
}

/// A wait of the test.
struct Waiting {
    what: &'static str,
    of: Arc<str>,
    since: Instant,
}

impl Waits {
    /// Adds a wait, until the return value is dropped.
    pub(super) fn begin(&self, what: &'static str, of: &Arc<str>, since: Instant) -> WaitGuard<'_> {
        let mut numbered = self.0.lock();
        numbered.made += 1;
        let number = numbered.made;
        numbered.waits.push((number, Waiting { what, of: Arc::clone(of), since }));
        WaitGuard { waits: self, number }
    }

    /// Returns the waits in words.
    pub(super) fn list(&self) -> Vec<String> {
        self.0.lock().waits.iter().map(|(_, wait)| wait.to_string()).collect()
    }
}

/// For example `the next event of GET /ticks, client 1, since 0 ms`.
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}, since {} ms", self.what, self.of, self.since.as_millis())
    }
}

/// A wait of the test, until dropped.
pub(super) struct WaitGuard<'a> {
    waits: &'a Waits,
    number: u64,
}

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.waits.0.lock().waits.retain(|(number, _)| *number != self.number);
    }
}
