//! The steps of a response, as a script.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use onbeat_server::channel::Beginning;
use onbeat_server::script::{Action, Cue, Subscribing};
use onbeat_wire::{How, TIME_MS_MAX};

use crate::channels::Channels;
use crate::chunk::Values;
use crate::model::{Content, HistoryUse, Response, Step, StepAction, Subscribe};

/// The most time that a response can take.
pub(crate) const LONGEST: Duration = Duration::from_millis(TIME_MS_MAX);

/// The steps of a response, one after another. A chunk is made when the chunk before has been taken.
pub(crate) struct Steps {
    response: Arc<Response>,
    channels: Arc<Channels>,
    values: Values,
    last_event_id: Option<String>,
    /// When the last step was due, since the request.
    at: Duration,
    /// The number of the next step, and how often this step was done.
    next: usize,
    done: u64,
    /// The cues of the last step that have not been taken.
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
        last_event_id: Option<String>,
    ) -> Self {
        let (at, ready) = (response.wait, VecDeque::new());
        let (next, done, stays_open, is_over) = (0, 0, false, false);
        Self { response, channels, values, last_event_id, at, next, done, ready, stays_open, is_over }
    }

    /// Goes on to the time of the next step. Returns the number of the step; nothing after the last.
    fn advance(&mut self) -> Option<usize> {
        let number = self.next;
        let step = steps(&self.response).get(number)?;
        let pause = if self.done == 0 { step.wait } else { step.every };
        self.at = self.at.saturating_add(pause).min(LONGEST);
        self.done += 1;
        if self.done >= step.times {
            (self.next, self.done) = (number + 1, 0);
        }
        Some(number)
    }

    /// Does the step with this number: the cues are ready then.
    fn act(&mut self, number: usize) {
        let (response, at) = (Arc::clone(&self.response), self.at);
        match &steps(&response)[number].action {
            StepAction::Wait => {}
            StepAction::Send(chunk) => {
                let bytes = self.values.chunk(chunk, at);
                // An empty chunk would end the body (RFC 9112, 7.1).
                self.ready.extend((!bytes.is_empty()).then_some(Cue { at, action: Action::Write(bytes) }));
            }
            StepAction::Subscribe(Subscribe { channels, history, .. }) => {
                self.stays_open = true;
                let beginning = self.beginning(*history);
                for name in channels {
                    let channel = self.channels.named(name).log();
                    let subscribing = Box::new(Subscribing { channel, beginning: beginning.clone() });
                    self.ready.push_back(Cue { at, action: Action::Subscribe(subscribing) });
                }
            }
            StepAction::Open => self.is_over = true,
            StepAction::End(how) => self.end(*how),
        }
    }

    fn end(&mut self, how: How) {
        self.is_over = true;
        self.ready.push_back(Cue { at: self.at, action: Action::End(how) });
    }

    /// Returns the first event that a subscription gets.
    fn beginning(&self, history: HistoryUse) -> Beginning {
        match (history, &self.last_event_id) {
            (HistoryUse::Missed | HistoryUse::All, Some(id)) => Beginning::Behind(id.clone()),
            (HistoryUse::All, None) => Beginning::Oldest,
            (HistoryUse::Missed, None) | (HistoryUse::None, _) => Beginning::Next,
        }
    }
}

impl Iterator for Steps {
    type Item = Cue;

    fn next(&mut self) -> Option<Cue> {
        loop {
            if let Some(cue) = self.ready.pop_front() {
                return Some(cue);
            }
            if self.is_over {
                return None;
            }
            match self.advance() {
                Some(number) => self.act(number),
                None if self.stays_open => self.is_over = true,
                None => self.end(How::Complete),
            }
        }
    }
}

/// Returns the steps of a response; none if the content is of another kind.
pub(crate) fn steps(response: &Response) -> &[Step] {
    if let Content::Steps(steps) = &response.content { steps } else { &[] }
}

/// Returns when each step of a response begins, since the request.
pub(crate) fn begins(response: &Response) -> impl Iterator<Item = (&Step, Duration)> {
    let mut at = response.wait;
    steps(response).iter().map(move |step| {
        let begins = at.saturating_add(step.wait).min(LONGEST);
        let repetitions = u32::try_from(step.times - 1).unwrap_or(u32::MAX);
        at = begins.saturating_add(step.every.saturating_mul(repetitions)).min(LONGEST);
        (step, begins)
    })
}
