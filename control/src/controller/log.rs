//! The request log, read.

use onbeat_wire::recording::LogStart;

use super::Controller;
use crate::log::{LogReader, VERSION};

impl Controller {
    /// Returns the log so far, in pieces.
    #[must_use]
    pub fn log(&self) -> LogReader {
        let instance = self.instance();
        let start = LogStart {
            version: VERSION,
            seed: instance.world.seed().to_string(),
            epoch: self.settings.epoch.to_string(),
            clock: self.settings.clock.name().to_owned(),
            mailbox: self.settings.limits.mailbox_events_max,
            routes: self.settings.routes.name.clone(),
            scenario: instance.scenario.clone(),
            dropped: 0,
        };
        instance.monitor.log().read(start)
    }
}
