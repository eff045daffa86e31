//! Applies all faults to the actions of a response: a sans-IO transformation.
//!
//! Actions go in, each with its due time since the request, and actions come out. Each fault sees the result of the fault
//! before. Actions are made on demand: a write of some megabytes, split into single bytes, takes no more memory than
//! the bytes themselves.

use std::collections::VecDeque;
use std::time::Duration;

use onbeat_server::script::Action;

use super::AppliedFault;
use super::one_fault::Alteration;
use super::step::{Step, Tally};

/// The faults of a response, in order, and the steps on their way through the faults.
#[derive(Debug, Default)]
pub struct Alterations {
    at_work: Vec<Alteration>,
    /// The steps in front of each fault, and last the steps behind all faults.
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
    /// Adds a fault to a response after the writes of the tally `written`. The steps on their way go first.
    pub fn add(&mut self, applied: AppliedFault, written: Tally, since: Duration) {
        let mut alteration = Alteration::new(applied, written);
        let mut steps = Vec::new();
        alteration.look(since, &mut steps);
        self.at_work.push(alteration);
        // Lets the end that a new fault puts out pass all other faults unaltered.
        for step in steps {
            self.enter(Passing { step, since, until: 0 });
        }
    }

    /// Takes in an action.
    pub fn take_in(&mut self, since: Duration, action: Action) {
        self.enter_all(since, Step::Do(action));
    }

    /// Lets each fault act whose time has come.
    pub fn look(&mut self, since: Duration) {
        self.enter_all(since, Step::Look);
    }

    /// Takes in a step for all faults of the moment, while no other step is on the way.
    fn enter_all(&mut self, since: Duration, step: Step) {
        // Reads once for each action which faults were deleted: all pieces of a write meet the same faults.
        self.at_work.iter_mut().for_each(Alteration::refresh);
        self.enter(Passing { step, since, until: self.at_work.len() });
    }

    fn enter(&mut self, passing: Passing) {
        self.queue(0).push_back(passing);
    }

    /// Returns the next action that has passed all faults.
    pub fn next_action(&mut self) -> Option<Action> {
        loop {
            // Moves the furthest step first, which keeps the order.
            let number = self.furthest;
            let Some(Passing { step, since, until }) = take_first(self.queue(number)) else {
                self.furthest = number.checked_sub(1)?;
                continue;
            };
            // Passes over a fault added after the step.
            let mut steps = Vec::new();
            match (step, self.at_work.get_mut(number).filter(|_| number < until)) {
                (Step::Do(action), None) => return Some(action),
                (Step::Do(action), Some(alteration)) => alteration.pass(since, action, &mut steps),
                (Step::Look, None) => {}
                (Step::Look, Some(alteration)) => {
                    // Puts the result of the look before the look of the next fault.
                    alteration.look(since, &mut steps);
                    steps.push(Step::Look);
                }
                (Step::Pieces(..), _) => unreachable!("a piece was taken off"),
            }
            self.queue(number + 1).extend(steps.into_iter().map(|step| Passing { step, since, until }));
            self.furthest = number + 1;
        }
    }

    /// Returns the steps in front of the fault `number`.
    fn queue(&mut self, number: usize) -> &mut Queue {
        while self.queues.len() <= number {
            self.queues.push(Queue::new());
        }
        &mut self.queues[number]
    }

    /// Returns the next time after `since` at which a fault acts.
    pub fn deadline(&self, since: Duration) -> Option<Duration> {
        self.at_work.iter().filter_map(Alteration::deadline).filter(|deadline| *deadline > since).min()
    }

    /// Returns whether actions come out unchanged, and no action is on the way.
    pub fn is_empty(&self) -> bool {
        self.at_work.is_empty() && self.queues.iter().all(Queue::is_empty)
    }

    /// Returns whether a fault keeps writes and a complete end back.
    pub fn is_stalled(&self) -> bool {
        self.at_work.iter().any(Alteration::is_stalled)
    }
}

/// Takes out the first step: of a write in pieces the first piece. A flush and the other pieces follow.
fn take_first(queue: &mut Queue) -> Option<Passing> {
    let Passing { step, since, until } = queue.pop_front()?;
    let passing = |step| Passing { step, since, until };
    let Step::Pieces(mut rest, length) = step else { return Some(passing(step)) };
    let piece = rest.split_to(length.min(rest.len()));
    // Pushes in reverse: the flush, and then the other pieces, follow the first piece.
    if !rest.is_empty() {
        queue.push_front(passing(Step::Pieces(rest, length)));
    }
    queue.push_front(passing(Step::Do(Action::Flush)));
    Some(passing(Step::Do(Action::Write(piece))))
}

#[cfg(test)]
mod tests;
