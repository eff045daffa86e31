//! The steps of a response, as a script.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use onbeat_server::channel::Beginning;
use onbeat_server::script::{Action, Cue, Subscribing};
use onbeat_wire::{How, TIME_MS_MAX};

use crate::channels::Channels;
use crate::chunk::Values;
use crate::heartbeats::HeartbeatValues;
use crate::model::{Content, HistoryUse, Response, Step, StepAction, Subscribe};

/// The most time that a response can take.
pub(crate) const LONGEST: Duration = Duration::from_millis(TIME_MS_MAX);

/// The steps of a response, one after another. A chunk is made when the chunk before has been taken.
pub(crate) struct Steps {
    response: Arc<Response>,
    channels: Arc<Channels>,
    values: Values,
    heartbeats: HeartbeatValues,
    last_event_id: Option<String>,
    /// When the last step was due, since the request.
    at: Duration,
    /// The number of the next step, and how often this step was done.
    next: usize,
    done: u64,
    /// The further cues of the last step.
    ready: VecDeque<Cue>,
    /// Whether the response stays open after the last step.
    stays_open: bool,
    is_over: bool,
}

impl Steps {
    pub(crate) fn new(
        response: Arc<Response>,
        channels: Arc<Channels>,
        values: Values,
        heartbeats: HeartbeatValues,
        last_event_id: Option<String>,
    ) -> Self {
        let (at, ready) = (response.wait, VecDeque::new());
        let (next, done, stays_open, is_over) = (0, 0, false, false);
        Self { response, channels, values, heartbeats, last_event_id, at, next, done, ready, stays_open, is_over }
    }

    /// Goes on to the time of the next step. Returns the number of the step; nothing after the last.
    fn advance(&mut self) -> Option<usize> {
        let number = self.next;
        let step = steps(&self.response).get(number)?;
        // Waits before the first time of a step, and the period before every further time.
        let pause = if self.done == 0 { step.wait } else { step.every };
        self.at = self.at.saturating_add(pause).min(LONGEST);
        // Moves to the next step after the last time, and counts its times from 0.
        self.done += 1;
        if self.done >= step.times {
            (self.next, self.done) = (number + 1, 0);
        }
        Some(number)
    }

    /// Does the step with this number. Returns the first cue, and keeps the others ready.
    fn act(&mut self, number: usize) -> Option<Cue> {
        let Self { response, channels, values, heartbeats, at, .. } = self;
        let at = *at;
        match &steps(response)[number].action {
            StepAction::Wait => None,
            StepAction::Send(chunk) => {
                let bytes = values.chunk(chunk, at);
                // Leaves an empty chunk out, which would end the body (RFC 9112, 7.1).
                (!bytes.is_empty()).then_some(Cue { at, action: Action::Write(bytes) })
            }
            StepAction::Subscribe(Subscribe { channels: names, history, heartbeat }) => {
                // Keeps the response open behind the last step, but goes on with the steps behind the subscription.
                self.stays_open = true;
                let beginning = beginning(*history, self.last_event_id.as_deref());
                let subscribing = names.iter().map(|name| {
                    let channel = channels.named(name).log();
                    Action::Subscribe(Box::new(Subscribing { channel, beginning: beginning.clone() }))
                });
                // Subscribes before the heartbeats begin: the history comes first.
                let heartbeats = heartbeat.as_ref().map(|heartbeat| heartbeats.begin(heartbeat));
                self.ready.extend(subscribing.chain(heartbeats).map(|action| Cue { at, action }));
                self.ready.pop_front()
            }
            StepAction::Open => {
                self.is_over = true;
                None
            }
            StepAction::End(how) => {
                let how = *how;
                Some(self.end(how))
            }
        }
    }

    fn end(&mut self, how: How) -> Cue {
        self.is_over = true;
        Cue { at: self.at, action: Action::End(how) }
    }
}

impl Iterator for Steps {
    type Item = Cue;

    fn next(&mut self) -> Option<Cue> {
        loop {
            // Hands out the cues of the last step before the next step is made.
            if let Some(cue) = self.ready.pop_front() {
                return Some(cue);
            }
            if self.is_over {
                return None;
            }
            // Loops over steps without a cue, such as a wait or an empty chunk.
            let cue = match self.advance() {
                Some(number) => self.act(number),
                None if self.stays_open => {
                    self.is_over = true;
                    None
                }
                None => Some(self.end(How::Complete)),
            };
            if cue.is_some() {
                return cue;
            }
        }
    }
}

/// Returns the first event that a subscription gets.
fn beginning(history: HistoryUse, last_event_id: Option<&str>) -> Beginning {
    match (history, last_event_id) {
        (HistoryUse::Missed | HistoryUse::All, Some(id)) => Beginning::Behind(id.to_owned()),
        (HistoryUse::All, None) => Beginning::Oldest,
        (HistoryUse::Missed, None) | (HistoryUse::None, _) => Beginning::Next,
    }
}

/// Returns the steps of a response; none if the content is of another kind.
pub(crate) fn steps(response: &Response) -> &[Step] {
    if let Content::Steps(steps) = &response.content { steps } else { &[] }
}

#[cfg(test)]
mod tests {
    use crate::testing::cues;

    #[test]
    fn a_step_is_due_after_the_step_before() {
        let steps = r#"wait_ms = 100
            steps = [
              { data = "1" },
              { wait_ms = 10, send = "{{seq}} ", times = 3, every_ms = 5 },
              { wait_ms = 2 },
              { send_b64 = "Kg==" },
              { wait_ms = 1, end = "cut" },
            ]"#;
        let expected = ["100 200", "100 data: 1\n\n", "110 1 ", "115 2 ", "120 3 ", "122 *", "123 Cut"];
        assert_eq!(cues(steps, &[]), expected);
    }

    #[test]
    fn a_response_ends_with_its_steps_unless_it_stays_open() {
        for (steps, expected) in [
            (r#"{ send = "x" }"#, &["0 200", "0 x", "0 Complete"][..]),
            (r#"{ send = "x" }, { open = true, wait_ms = 5 }"#, &["0 200", "0 x"]),
            (r#"{ end = "reset" }"#, &["0 200", "0 Reset"]),
            (r#"{ end = "complete", wait_ms = 7 }"#, &["0 200", "7 Complete"]),
            (r#"{ subscribe = "news" }, { wait_ms = 5, send = "x" }"#, &["0 200", "0 Next", "5 x"]),
            (r#"{ subscribe = "news" }, { wait_ms = 5, end = "cut" }"#, &["0 200", "0 Next", "5 Cut"]),
            (r#"{ subscribe = ["news", "news"] }"#, &["0 200", "0 Next", "0 Next"]),
            // A chunk without bytes is no chunk.
            (r#"{ send = "{{query.none}}" }, { send = "{{query.name}}" }"#, &["0 200", "0 ann", "0 Complete"]),
        ] {
            assert_eq!(cues(&format!("steps = [{steps}]"), &[]), expected, "{steps}");
        }
    }

    #[test]
    fn a_subscription_begins_where_its_history_says() {
        let id = [("last-event-id", "3")];
        for (history, without_id, with_id) in [
            ("", "0 Next", "0 Behind(\"3\")"),
            (", history = \"missed\"", "0 Next", "0 Behind(\"3\")"),
            (", history = \"all\"", "0 Oldest", "0 Behind(\"3\")"),
            (", history = \"none\"", "0 Next", "0 Next"),
        ] {
            let steps = format!("steps = [{{ subscribe = \"news\"{history} }}]");
            assert_eq!(cues(&steps, &[])[1], without_id, "{history}");
            assert_eq!(cues(&steps, &id)[1], with_id, "{history}");
        }
    }

    #[test]
    fn no_step_is_due_after_the_end_of_time() {
        let steps = r#"steps = [
            { wait_ms = 3155760000000, send = "a", times = 2, every_ms = 3155760000000 },
            { wait_ms = 3155760000000, send = "b" },
        ]"#;
        let last = "3155760000000";
        assert_eq!(
            cues(steps, &[])[1..],
            [format!("{last} a"), format!("{last} a"), format!("{last} b"), format!("{last} Complete")]
        );
    }
}
