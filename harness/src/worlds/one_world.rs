//! One world: played in a lab, judged, and shrunk if the world fails.

use std::cell::RefCell;
use std::panic::resume_unwind;

use super::world_client::{EndedWorld, WorldClient};
use super::world_failure::{FoundViolation, Shrunk, WorldFailure};
use super::world_history::{WorldHistory, WorldOperation, WorldPlan};
use super::{Explored, Worlds, general_invariants, world_player};
use crate::excerpt::excerpt;
use crate::lab::bare::{FailedTest, try_run};
use crate::lab::for_worlds::{EndedByLab, LabFailure, PanicNotes};
use crate::lab::{Lab, LabOptions};
use crate::player::ClientLog;
use crate::simulate::Violation;
use crate::simulate::shrink_history::change_request;
use crate::simulate::shrinking::Shrinking;

/// More attempts are not worth the wait.
const ATTEMPTS_MAX: usize = 1500;
/// How many lines of each log are shown.
const SHOWN_LINES_MAX: usize = 20;

const NOTHING_PANICS: &str = "nothing panics";
const ENDS: &str = "every world ends";
const ENDS_SOON: &str = "every world ends in the machine's time";
const SAME_SEED: &str = "the same seed gives the same world";

/// A played world without a violation.
struct HeldWorld {
    explored: Explored,
    logs: Vec<ClientLog>,
}

/// The simplifications of an operation.
const SIMPLIFY: [fn(&mut WorldOperation); 6] = [
    |operation| operation.settles = true,
    |operation| operation.races = false,
    |operation| change_request(operation, |request| request.cut = None),
    |operation| change_request(operation, |request| request.times = 1),
    |operation| change_request(operation, |request| request.times = request.times.div_ceil(2)),
    |operation| change_request(operation, |request| request.times = request.times.saturating_sub(1).max(1)),
];

impl<S: 'static> Worlds<S> {
    /// Plays the world of a history, once or twice; shrinks a failing history.
    pub(super) fn checked_world(&self, history: &WorldHistory, twice: bool) -> Result<Explored, Box<WorldFailure>> {
        let held = self.world(history).map_err(|found| self.failure(history, *found))?;
        if twice {
            let again = self.world(history).map_err(|found| self.failure(history, *found))?;
            let differing = held.logs.iter().zip(&again.logs).position(|(first, second)| first != second);
            if let Some(client) = differing {
                let found = differing_logs(client + 1, &held.logs[client], &again.logs[client]);
                return Err(Box::new(self.told(history, found, Shrunk::NotTheSameAgain)));
            }
        }
        Ok(held.explored)
    }

    /// Returns the failure, with the shortest history found.
    fn failure(&self, history: &WorldHistory, found: FoundViolation) -> Box<WorldFailure> {
        let invariant = &found.violation.invariant;
        let shows =
            |history: &WorldHistory| self.world(history).is_err_and(|other| other.violation.invariant == *invariant);
        // Shrinks no stuck world, since each attempt would take as long.
        if *invariant == ENDS_SOON {
            return Box::new(self.told(history, found, Shrunk::NotAttempted));
        }
        // Plays the history again before shrinking, which needs a failure that comes each time.
        if !shows(history) {
            return Box::new(self.told(history, found, Shrunk::NotTheSameAgain));
        }
        let shortest = Shrinking::new(history.clone(), ATTEMPTS_MAX, shows).shortest_history(&SIMPLIFY, &[]);
        // Plays the shortest history again, which may violate the invariant in another way.
        let found = self.world(&shortest).err().map_or(found, |found| *found);
        Box::new(self.told(&shortest, found, Shrunk::Shortest))
    }

    fn told(&self, history: &WorldHistory, found: FoundViolation, shrunk: Shrunk) -> WorldFailure {
        let text = WorldPlan::new(history, &self.sources).to_string();
        WorldFailure { seed: history.seed, found, history: text, again: history.write(), shrunk }
    }

    /// Plays a history in a new lab, and judges the world.
    fn world(&self, history: &WorldHistory) -> Result<HeldWorld, Box<FoundViolation>> {
        let plan = WorldPlan::new(history, &self.sources);
        // Hands the state from the builder to the test.
        let state = RefCell::new(None);
        let build = async |lab: Lab| {
            let (application, beside) = (self.build)(lab).await;
            state.replace(Some(beside));
            application
        };
        let options = LabOptions::new().real_time_limit(self.real_time_limit);
        let options = if self.allows_panics { options.allow_panics() } else { options };
        let played = try_run(&options, build, async |lab| {
            let state = state.take().expect("the application has been built");
            self.play(&lab, &plan, &state).await
        });
        match played {
            Ok(held) => held,
            Err(FailedTest::EndedByLab(failed)) => Err(Box::new(ended_by_lab(&failed))),
            Err(FailedTest::Panicked(panic)) => resume_unwind(panic),
        }
    }

    async fn play(&self, lab: &Lab, plan: &WorldPlan<'_>, state: &S) -> Result<HeldWorld, Box<FoundViolation>> {
        let (begin, tasks) = (lab.now(), lab.tasks());
        let played = world_player::play(lab, plan).await;
        let clients = &played.clients;
        let lasted = lab.now().saturating_sub(begin);
        let tasks_left = world_player::rest(lab, tasks, self.grace).await;
        // Leaves a panic to the lab, which fails the world at the end.
        if self.allows_panics || !PanicNotes::has_any() {
            let found = |violation: Violation| {
                let logs = logs(clients, violation.client);
                Box::new(FoundViolation { violation, logs })
            };
            let world = EndedWorld { seed: plan.history.seed, clients, state };
            played.violation.map_or(Ok(()), Err).map_err(found)?;
            general_invariants::judge(clients).map_err(found)?;
            self.invariants.iter().try_for_each(|invariant| invariant.judge(&world)).map_err(found)?;
            // Looks for leaks last, since the search plays the history again on the same application.
            let leak = world_player::leak(lab, plan, (tasks, tasks_left), self.grace).await;
            leak.map_or(Ok(()), Err).map_err(found)?;
        }
        Ok(HeldWorld { explored: explored(clients, lasted), logs: clients.iter().map(WorldClient::log).collect() })
    }
}

/// Turns a failure found by the lab into a violation.
fn ended_by_lab(failed: &EndedByLab) -> FoundViolation {
    let invariant = match &failed.failure {
        LabFailure::Panicked(_) => NOTHING_PANICS,
        LabFailure::Leaked(_) => world_player::NOTHING_LEFT,
        LabFailure::Stuck(_) => ENDS_SOON,
        _ => ENDS,
    };
    let failure = [failed.failure.to_string()].into_iter();
    let lines: Vec<String> = failure.chain(failed.panics.iter().map(|panic| format!("panic {panic}"))).collect();
    let violation = Violation { invariant: invariant.into(), client: None, detail: lines.join("\n  ") };
    FoundViolation { violation, logs: failed.report.clone() }
}

fn differing_logs(client: usize, first: &ClientLog, second: &ClientLog) -> FoundViolation {
    let (first, second) = (first.to_string(), second.to_string());
    let same = first.lines().zip(second.lines()).take_while(|(first, second)| first == second).count();
    let line = |log: &str| log.lines().nth(same).unwrap_or("nothing more").trim().to_owned();
    let detail = format!("the first time {}\n  the second time {}", line(&first), line(&second));
    let violation = Violation { invariant: SAME_SEED.into(), client: Some(client), detail };
    FoundViolation {
        violation,
        logs: format!("client {client}, the first time:\n{}", excerpt(&first, SHOWN_LINES_MAX)),
    }
}

/// Returns the logs of all active clients, or of one client and the calm client beside, for people.
fn logs(clients: &[WorldClient], only: Option<usize>) -> String {
    let is_shown = |client: &&WorldClient| match only {
        None => !client.exchanges.is_empty(),
        Some(number) => client.number == number || client.calm_beside == Some(number),
    };
    clients.iter().filter(is_shown).map(|client| excerpt(&client.to_string(), SHOWN_LINES_MAX) + "\n").collect()
}

fn explored(clients: &[WorldClient], lasted: std::time::Duration) -> Explored {
    let exchanges = || clients.iter().flat_map(|client| &client.exchanges);
    let is_success =
        |exchange: &&super::WorldExchange| exchange.response.has_head() && exchange.response.status().is_success();
    let streams = exchanges().filter(|exchange| exchange.response.is_event_stream());
    Explored {
        worlds: 1,
        requests: exchanges().count() as u64,
        successes: exchanges().filter(is_success).count() as u64,
        events: streams.map(|exchange| exchange.response.events().len() as u64).sum(),
        lasted,
    }
}
