//! Heartbeats: chunks that are sent again and again beside the content of a response.

use std::sync::Arc;
use std::time::Duration;

use onbeat_server::script::{Action, Cue};

use crate::chunk::Values;
use crate::model::{Heartbeat, Response, Step, StepAction, Subscribe};
use crate::steps::{begins, steps};

/// A script, merged by time with heartbeats. Of two cues of one time that of the script goes first. The heartbeats end with
/// the response.
pub(crate) struct WithHeartbeats<S> {
    script: S,
    /// The next cue of the script.
    next: Option<Cue>,
    response: Arc<Response>,
    series: Vec<Series>,
    values: Values,
    is_over: bool,
}

/// A series of heartbeats.
struct Series {
    /// The number of the step that begins the series; nothing for the heartbeats of the response.
    step: Option<usize>,
    /// When the next heartbeat is due, since the request.
    at: Duration,
    /// How many are left; nothing for any number.
    left: Option<u64>,
}

impl<S: Iterator<Item = Cue>> WithHeartbeats<S> {
    /// Merges a script with the heartbeats of a response, and of the subscriptions there.
    pub(crate) fn new(script: S, response: Arc<Response>, values: Values) -> Self {
        let of_response = response.heartbeat.iter().map(|heartbeat| Series::new(None, response.wait, heartbeat));
        let of_steps = begins(&response).enumerate().filter_map(|(number, (step, begins))| {
            heartbeat_of_step(step).map(|heartbeat| Series::new(Some(number), begins, heartbeat))
        });
        let series = of_response.chain(of_steps).collect();
        Self { script, next: None, response, series, values, is_over: false }
    }

    /// Makes the next heartbeat of a series.
    fn beat(&mut self, number: usize) -> Option<Cue> {
        let series = &mut self.series[number];
        let heartbeat = match series.step {
            Some(step) => heartbeat_of_step(&steps(&self.response)[step]),
            None => self.response.heartbeat.as_ref(),
        }?;
        let at = series.at;
        series.at = at.saturating_add(heartbeat.every);
        series.left = series.left.map(|left| left - 1);
        Some(Cue { at, action: Action::Write(self.values.chunk(&heartbeat.chunk, at)) })
    }
}

impl<S: Iterator<Item = Cue>> Iterator for WithHeartbeats<S> {
    type Item = Cue;

    fn next(&mut self) -> Option<Cue> {
        if self.is_over {
            return None;
        }
        if self.next.is_none() {
            self.next = self.script.next();
        }
        let due = self.series.iter().enumerate().filter(|(_, series)| series.left != Some(0));
        let earliest = due.min_by_key(|(_, series)| series.at).map(|(number, series)| (number, series.at));
        let scripted = self.next.as_ref().map(|cue| cue.at);
        if let Some((number, _)) = earliest.filter(|(_, at)| scripted.is_none_or(|scripted| *at < scripted)) {
            return self.beat(number);
        }
        let cue = self.next.take()?;
        self.is_over = matches!(cue.action, Action::End(_));
        Some(cue)
    }
}

impl Series {
    fn new(step: Option<usize>, from: Duration, heartbeat: &Heartbeat) -> Self {
        Self { step, at: from.saturating_add(heartbeat.every), left: heartbeat.times }
    }
}

/// Returns whether a response, or a subscription there, has heartbeats.
pub(crate) fn has_heartbeats(response: &Response) -> bool {
    response.heartbeat.is_some() || steps(response).iter().any(|step| heartbeat_of_step(step).is_some())
}

fn heartbeat_of_step(step: &Step) -> Option<&Heartbeat> {
    match &step.action {
        StepAction::Subscribe(Subscribe { heartbeat, .. }) => heartbeat.as_ref(),
        _ => None,
    }
}
