//! The heartbeats of a response, as actions of the script.

use std::sync::{Arc, OnceLock};

use onbeat_server::heartbeats::{Heartbeats, MakeHeartbeat};
use onbeat_server::random::Random;
use onbeat_server::script::{Action, Start};
use parking_lot::Mutex;

use crate::chunk::Values;
use crate::model::{Chunk, Heartbeat};
use crate::request::Request;

/// The values of the placeholders in all heartbeats of one response, apart from the values of the content.
#[derive(Clone)]
pub(crate) struct HeartbeatValues {
    request: Arc<Request>,
    start: Start,
    /// Made with the first heartbeat with placeholders.
    values: Arc<OnceLock<Mutex<Values>>>,
}

impl HeartbeatValues {
    pub(crate) fn new(request: Arc<Request>, start: Start) -> Self {
        Self { request, start, values: Arc::default() }
    }

    /// Returns the action to begin the heartbeats of `heartbeat`.
    pub(crate) fn begin(&self, heartbeat: &Heartbeat) -> Action {
        let Heartbeat { every, after_silence, times, chunk } = heartbeat.clone();
        // Shares ready bytes, since most heartbeats have no placeholders: neither a lock nor random values are needed.
        let make: MakeHeartbeat = if let Chunk::Bytes(bytes) = chunk {
            Box::new(move |_| bytes.clone())
        } else {
            let beside = self.clone();
            Box::new(move |at| beside.values().lock().chunk(&chunk, at))
        };
        Action::Heartbeats(Arc::new(Heartbeats { every, after_silence, times, make }))
    }

    fn values(&self) -> &Mutex<Values> {
        self.values.get_or_init(|| {
            let Start { seed, connection, request, .. } = self.start;
            // Draws beside the content, so that heartbeats change no random value of the content.
            let random = Random::beside(seed, connection, request);
            Mutex::new(Values::new(Arc::clone(&self.request), self.start, random))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::request::tests::request;
    use crate::testing::{cues, response, start};

    #[test]
    fn the_heartbeats_of_a_response_begin_with_its_head() {
        let keys = "wait_ms = 5\nheartbeat = { every_ms = 10 }\nsteps = [{ wait_ms = 10, end = \"cut\" }]";
        assert_eq!(cues(keys, &[]), ["5 200", "5 every 10 ms", "15 Cut"]);
        let keys =
            "heartbeat = { after_silence_ms = 10, times = 2, data = \"{{seq}}\" }\nsteps = [{ end = \"complete\" }]";
        assert_eq!(cues(keys, &[]), ["0 200", "0 after 10 ms of silence, 2 times", "0 Complete"]);
    }

    #[test]
    fn the_heartbeats_of_a_subscription_begin_with_it() {
        for heartbeat in ["heartbeat_ms = 10", "heartbeat = { every_ms = 10 }"] {
            let keys = format!("steps = [{{ wait_ms = 3 }}, {{ wait_ms = 2, subscribe = \"news\", {heartbeat} }}]");
            assert_eq!(cues(&keys, &[]), ["0 200", "5 Next", "5 every 10 ms"]);
        }
    }

    #[test]
    fn a_client_that_comes_back_gets_the_heartbeats_of_its_subscription_at_once() {
        let keys = r#"after = "last-event-id"
            steps = [{ id = "1" }, { wait_ms = 100, subscribe = "news", heartbeat_ms = 10 }, { wait_ms = 50, id = "2" }]"#;
        assert_eq!(cues(keys, &[])[2..], ["100 Next", "100 every 10 ms", "150 id: 2\n\n"]);
        assert_eq!(cues(keys, &[("last-event-id", "2")])[1..], ["0 Behind(\"2\")", "0 every 10 ms"]);
    }

    #[test]
    fn the_heartbeats_of_a_response_are_numbered_apart_from_its_content() {
        let response =
            response("heartbeat = { every_ms = 10, data = \"{{seq}} {{t_ms}}\" }\nsteps = [{ data = \"{{seq}}\" }]");
        let values = HeartbeatValues::new(Arc::new(request("GET", "/a", &[], "")), start());
        let heartbeat = response.heartbeat.as_ref().expect("the response has heartbeats");
        let Action::Heartbeats(heartbeats) = values.begin(heartbeat) else { panic!("expected heartbeats") };
        let made = [10, 20].map(|ms| (heartbeats.make)(Duration::from_millis(ms)));
        assert_eq!(made, ["data: 1 1010\n\n", "data: 2 1020\n\n"]);
    }

    #[test]
    fn the_random_values_of_heartbeats_are_not_those_of_the_content() {
        let keys = "heartbeat = { every_ms = 10, data = \"{{uuid}}\" }\nsteps = [{ data = \"{{uuid}}\" }]";
        let values = HeartbeatValues::new(Arc::new(request("GET", "/a", &[], "")), start());
        let response = response(keys);
        let heartbeat = response.heartbeat.as_ref().expect("the response has heartbeats");
        let Action::Heartbeats(heartbeats) = values.begin(heartbeat) else { panic!("expected heartbeats") };
        let made = (heartbeats.make)(Duration::from_millis(10));
        let written = cues(keys, &[]).swap_remove(2);
        assert!(written.starts_with("0 data: "), "{written}");
        assert_ne!(written, format!("0 {}", String::from_utf8_lossy(&made)));
    }
}
