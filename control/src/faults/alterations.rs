//! What faults do to the writes of a response: a sans-IO transformation.
//!
//! Actions go in, with the time since the request at which they were due, and actions come out. Each fault sees what the
//! fault before has made of the response. An action is made only when it is taken out: a write of some megabytes that is
//! split into single bytes takes no more memory than its bytes.

use std::collections::VecDeque;
use std::time::Duration;

use super::Struck;
use super::alteration::Alteration;
use super::step::{Step, Tally};
use onbeat_server::script::Action;

/// All faults that a response has met, in order, and the steps on their way through the faults.
#[derive(Debug, Default)]
pub(crate) struct Alterations {
    at_work: Vec<Alteration>,
    /// The steps that wait for each fault, and last the steps that have passed all faults.
    queues: Vec<Queue>,
    /// The number of the last queue that may hold a step.
    furthest: usize,
}

type Queue = VecDeque<Passing>;

/// A step on its way through the faults.
#[derive(Debug)]
struct Passing {
    step: Step,
    /// When the step came in, since the request.
    since: Duration,
    /// How many faults there were when the step came in: later faults leave the step as it is.
    until: usize,
}

impl Alterations {
    /// Adds a fault to a response of which this much has been written. The steps that are on their way go first.
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

    /// Takes in a step for all faults as they are now: no other step is on its way.
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
            // The step that has come furthest goes on first, which keeps the order.
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

    /// Returns the steps that wait for the fault with this number.
    fn queue(&mut self, number: usize) -> &mut Queue {
        while self.queues.len() <= number {
            self.queues.push(Queue::new());
        }
        &mut self.queues[number]
    }

    /// Returns the next time, after this one, at which a fault does something.
    pub(crate) fn deadline(&self, since: Duration) -> Option<Duration> {
        self.at_work.iter().filter_map(Alteration::deadline).filter(|deadline| *deadline > since).min()
    }

    /// Returns whether actions come out as they go in, and none is on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.at_work.is_empty() && self.queues.iter().all(Queue::is_empty)
    }

    /// Returns whether a fault keeps everything back.
    pub(crate) fn is_stalled(&self) -> bool {
        self.at_work.iter().any(Alteration::is_stalled)
    }
}

/// Takes out the first step: of a write in pieces the first piece, which a flush and the other pieces follow.
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
