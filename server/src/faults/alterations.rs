//! What faults do to the writes of a response: a sans-IO transformation.
//!
//! Actions go in, with the time since the request at which they were due, and actions are taken out. Each fault sees what the
//! one before it has made of the response. Nothing is made before it is taken out: a write of some megabytes that is split
//! into single bytes takes no more memory than it has bytes.

use std::collections::VecDeque;
use std::time::Duration;

use super::Struck;
use super::alteration::Alteration;
use super::step::{Step, Tally};
use crate::script::Action;

/// All faults that a response has met, in order, and what is on its way through them.
#[derive(Debug, Default)]
pub(crate) struct Alterations {
    at_work: Vec<Alteration>,
    /// What waits for each alteration, and at the end what has passed them all.
    queues: Vec<Queue>,
    /// No queue beyond this one holds anything.
    furthest: usize,
}

type Queue = VecDeque<Passing>;

/// A step on its way through the alterations.
#[derive(Debug)]
struct Passing {
    step: Step,
    /// When it came, since the request.
    since: Duration,
    /// How many alterations there were when it came: those added later leave it as it is.
    until: usize,
}

impl Alterations {
    /// Adds a fault to a response of which this much has been written. What the fault does at once comes after what is on
    /// its way.
    pub(crate) fn add(&mut self, struck: Struck, written: Tally, since: Duration) {
        let mut alteration = Alteration::new(struck, written);
        let mut steps = Vec::new();
        alteration.look(since, &mut steps);
        self.at_work.push(alteration);
        for step in steps {
            self.enter(Passing { step, since, until: 0 });
        }
    }

    /// Takes in an action.
    pub(crate) fn take_in(&mut self, since: Duration, action: Action) {
        self.enter_all(since, Step::Do(action));
    }

    /// Lets each fault do what it does since it is so late.
    pub(crate) fn look(&mut self, since: Duration) {
        self.enter_all(since, Step::Look);
    }

    /// Nothing else is on its way when something comes, so that all of it meets the faults as they are now.
    fn enter_all(&mut self, since: Duration, step: Step) {
        self.at_work.iter_mut().for_each(Alteration::refresh);
        self.enter(Passing { step, since, until: self.at_work.len() });
    }

    fn enter(&mut self, passing: Passing) {
        self.queue(0).push_back(passing);
    }

    /// Returns the next action that has passed all faults.
    pub(crate) fn next(&mut self) -> Option<Action> {
        loop {
            // What has come furthest goes on first.
            let number = self.furthest;
            let Some(Passing { step, since, until }) = take_first(self.queue(number)) else {
                self.furthest = number.checked_sub(1)?;
                continue;
            };
            let mut steps = Vec::new();
            match (step, self.at_work.get_mut(number).filter(|_| number < until)) {
                (Step::Do(action), None) => return Some(action),
                (Step::Do(action), Some(alteration)) => alteration.pass(since, action, &mut steps),
                (Step::Look, None) => {}
                (Step::Look, Some(alteration)) => {
                    alteration.look(since, &mut steps);
                    steps.push(Step::Look);
                }
                (Step::Pieces(..), _) => unreachable!("a piece was taken off"),
            }
            self.queue(number + 1).extend(steps.into_iter().map(|step| Passing { step, since, until }));
            self.furthest = number + 1;
        }
    }

    /// What waits for the alteration with this number.
    fn queue(&mut self, number: usize) -> &mut Queue {
        while self.queues.len() <= number {
            self.queues.push(Queue::new());
        }
        &mut self.queues[number]
    }

    /// When to look next, after this time.
    pub(crate) fn deadline(&self, since: Duration) -> Option<Duration> {
        self.at_work.iter().filter_map(Alteration::deadline).filter(|deadline| *deadline > since).min()
    }

    /// Whether nothing is altered, and nothing is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.at_work.is_empty() && self.queues.iter().all(Queue::is_empty)
    }

    /// Whether one of them keeps everything back.
    pub(crate) fn is_stalled(&self) -> bool {
        self.at_work.iter().any(Alteration::is_stalled)
    }
}

/// Takes out the first step. Of a write in pieces that is the first piece; a flush, and the other pieces, are next.
fn take_first(queue: &mut Queue) -> Option<Passing> {
    let Passing { step, since, until } = queue.pop_front()?;
    let passing = |step| Passing { step, since, until };
    let Step::Pieces(mut rest, length) = step else { return Some(passing(step)) };
    let piece = rest.split_to(length.min(rest.len()));
    if !rest.is_empty() {
        queue.push_front(passing(Step::Pieces(rest, length)));
    }
    queue.push_front(passing(Step::Do(Action::Flush)));
    Some(passing(Step::Do(Action::Write(piece))))
}

#[cfg(test)]
mod tests;
