//! Plays scenarios on a server with other clients at the same time.
//!
//! Other clients come and go, and are counted; the events of other clients reach every client of `/sse`. A scenario is
//! therefore judged twice: strictly, as if no other client had come or gone, and tolerantly, without the findings that
//! other clients explain. If only the strict judgement fails, the scenario is played again. If each attempt fails, other
//! clients are an explanation only when known to be there: a message of others was heard, in the scenario or after an
//! attempt, or clients come after an attempt.

use super::inspection::{Inspection, TICK};
use super::target::Live;
use crate::check::{Noise, OtherClients, Target, play};
use crate::judge::{Evidence, Observation, PATIENCE, Scenario};
use crate::player::{Action, Bounds, ClientLog, Player};

/// The bounds of a client of a scenario.
const SCENARIO_BOUNDS: Bounds = Bounds { bytes_max: 1 << 20, entries_max: 1 << 13 };
/// The most attempts at a scenario.
const ATTEMPTS: u64 = 3;
/// How often the check looks for other clients after the last attempt, a tick or more apart: clients that spoil every
/// attempt come within so many looks.
const LOOKS: u64 = 20;
/// The fewest looks between two attempts, and how many more there may be: two checks that began together then go on out
/// of step.
const LOOKS_BETWEEN: u64 = 5;
const MORE_LOOKS_MAX: u64 = 15;
/// The request of a client that hears the messages of all users.
const LISTEN: &str = "GET /sse HTTP/1.1\r\nHost: onbeat\r\n\r\n";
/// How many looks it takes until a proxy notices a client's leaving: the first write to the client is answered by a
/// reset, and the second fails. Each look writes to all clients.
const LOOKS_UNTIL_NOTICED: usize = 2;

/// An attempt at a scenario.
struct Attempt<'a> {
    /// The evidence if no other client came or went.
    strict: Evidence<'a>,
    /// The evidence that other clients can't explain.
    tolerant: Evidence<'a>,
    /// Whether a message of other users was heard.
    heard: bool,
    /// Whether other users were there, or the machine was held up.
    disturbed: bool,
}

impl Attempt<'_> {
    /// Returns whether other clients, or a disturbance, may explain the failure.
    fn fails_by_others(&self) -> bool {
        !self.strict.is_clean() && (self.tolerant.is_clean() || self.disturbed)
    }
}

impl<'a> Inspection<'a> {
    /// Plays a scenario until the server conforms, or only the server explains the failure.
    pub(super) async fn scenario(&self, scenario: &Scenario) {
        let (mut attempts, mut others) = (Vec::new(), false);
        for number in 1..=ATTEMPTS {
            let start = self.live.clock.now();
            let attempt = self.attempt(scenario).await;
            // Allows time for all that a scenario takes beyond the first attempt.
            let planned = if number == 1 { self.live.clock.now() } else { start };
            let again = attempt.fails_by_others();
            others |= attempt.heard;
            attempts.push(attempt);
            if again {
                let between = LOOKS_BETWEEN + self.tag.number(number, MORE_LOOKS_MAX);
                others |= self.others_come(if number < ATTEMPTS { between } else { LOOKS }).await;
            }
            self.allow(self.live.clock.now() - planned);
            if !again {
                break;
            }
        }
        let Some(evidence) = outcome(attempts, others) else { return };
        let again = async || self.attempt(scenario).await.strict;
        self.finished([self.watch_again(scenario, evidence, again).await]);
    }

    async fn attempt(&self, scenario: &Scenario) -> Attempt<'a> {
        let start = self.live.clock.now();
        let before = self.clients().await;
        let mut seen = self.play(scenario).await;
        let after = self.clients().await;
        let held_up = self.live.held_up(start, self.live.clock.now()) > TICK;
        let others = before.unwrap_or_default();
        // Judges tolerantly first: without a number of other clients, and with events of other users.
        let tolerant = self.judge(scenario, &seen);
        let heard = self.others().are_heard(&seen, scenario);
        // Judges strictly then: with the number of other clients at the beginning.
        let company = heard || others > 0 || after.unwrap_or_default() > 0;
        let noise = if company { Noise::OtherUsers } else { Noise::None };
        seen.others = Box::new(OtherClients { noise, count: Some(others), ..self.others() });
        let strict = self.judge(scenario, &seen);
        Attempt { strict, tolerant, heard, disturbed: company || held_up }
    }

    /// Returns whether other users show up while the check plays no scenario: a client of `/sse` hears a message of others,
    /// as two checks that go in step hear each other's looks, or clients come. Lingering clients of the check only become
    /// fewer.
    async fn others_come(&self, looks: u64) -> bool {
        let listener = self.listen().await;
        let (mut come, mut before) = (false, self.look().await);
        for _ in 0..looks {
            self.live.clock.sleep_until(self.live.clock.now() + TICK).await;
            let now = self.look().await;
            come |= now > before;
            before = now;
        }
        if let Some(listener) = listener {
            // Waits for the bytes under way, and then for the server to notice that the client has left.
            self.live.catch_up().await;
            come |= self.others().are_in(&listener.close().await);
            self.live.settle().await;
        }
        come
    }

    /// Returns a client of `/sse`, if the server takes one.
    async fn listen(&self) -> Option<Player> {
        let mut live: Live = self.live.clone();
        let mut client = live.connect(SCENARIO_BOUNDS).await.ok()?;
        client.act(Action::request(live.address(LISTEN))).await;
        let is_greeted = |log: &ClientLog| log.first_exchange().is_some_and(|exchange| !exchange.writes.is_empty());
        client.until_within(PATIENCE, is_greeted).await;
        // Lets the server count the client before the first look.
        self.live.settle().await;
        Some(client)
    }

    /// Plays a scenario that is too long to be judged as if no other client came or went.
    pub(super) async fn long_scenario(&self, scenario: &Scenario) {
        let play = async || self.judge(scenario, &self.play(scenario).await);
        let evidence = play().await;
        self.finished([self.watch_again(scenario, evidence, play).await]);
    }

    /// Returns the other clients, before the number of the clients is known.
    fn others(&self) -> OtherClients {
        OtherClients { tag: self.tag.clone(), noise: Noise::OtherUsers, count: None }
    }

    async fn play(&self, scenario: &Scenario) -> Observation {
        play::play(&mut self.live.clone(), scenario, &self.others(), SCENARIO_BOUNDS).await
    }

    /// Returns how many clients of `/sse` the server has, if the server says so. Other checks hear the message.
    async fn clients(&self) -> Option<u64> {
        // Looks several times behind a proxy, which keeps connections of clients that have left.
        if self.behind_proxy {
            for _ in 0..LOOKS_UNTIL_NOTICED {
                self.look().await?;
                self.live.settle().await;
            }
        }
        self.look().await
    }

    async fn look(&self) -> Option<u64> {
        let mut live: Live = self.live.clone();
        let mut client = live.connect(Bounds::SHORT).await.ok()?;
        let look = self.tag.request("GET /send-heartbeat?msg=look HTTP/1.1\r\nHost: onbeat\r\n\r\n");
        client.act(Action::request(live.address(&look))).await;
        let is_answered = |log: &ClientLog| log.first_exchange().is_some_and(|exchange| exchange.end.is_some());
        client.until_within(PATIENCE, is_answered).await;
        clients_in(&client.close().await.first_exchange()?.body())
    }
}

/// Returns the number of clients in an answer.
fn clients_in(answer: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(answer).ok()?["clients"].as_u64()
}

/// Returns the evidence after all attempts; `others` tells whether other clients are known to come and go.
fn outcome(mut attempts: Vec<Attempt>, others: bool) -> Option<Evidence> {
    // Takes the first attempt without unexplained findings, if other clients are known to come and go.
    let explained = attempts.iter().position(|attempt| attempt.tolerant.is_clean());
    let last = attempts.last()?;
    match explained {
        Some(at) if !last.strict.is_clean() && others => Some(attempts.swap_remove(at).tolerant),
        _ => attempts.pop().map(|last| last.strict),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::read_back::Golden;
    use crate::judge::{Aspect, Case, Finding};

    /// Returns the evidence of a wrong count, or of a right count.
    fn evidence(cases: &[Case], wrong: bool) -> Evidence<'_> {
        let mut evidence = Evidence::new(cases);
        if wrong {
            let finding = Finding::new("fanout/head.jsonl:1", "2", "3", "");
            evidence.found(&["fan-out.count".into()], Aspect::Count, &finding);
        }
        evidence
    }

    fn attempt(cases: &[Case], is_wrong: bool, is_explained: bool) -> Attempt<'_> {
        let (strict, tolerant) = (evidence(cases, is_wrong), evidence(cases, is_wrong && !is_explained));
        Attempt { strict, tolerant, heard: false, disturbed: false }
    }

    #[test]
    fn a_scenario_fails_if_it_fails_each_time_and_nobody_else_explains_it() {
        let cases = Golden::read().cases;
        let fails = |attempts: &[(bool, bool)], others| {
            let attempts = attempts.iter().map(|(wrong, explained)| attempt(&cases, *wrong, *explained)).collect();
            !outcome(attempts, others).expect("there were attempts").is_clean()
        };
        let (good, bad, explained) = ((false, true), (true, false), (true, true));
        assert!(fails(&[explained, explained, explained], false));
        assert!(!fails(&[explained, explained, explained], true));
        assert!(!fails(&[explained, good], false));
        assert!(fails(&[bad], true) && fails(&[bad, bad, bad], true));
        assert!(!fails(&[bad, explained, bad], true));
    }
}
