//! Plays scenarios on a server with other clients at the same time.
//!
//! Other clients come and go, and are counted; the events of other clients reach every client of `/sse`. A scenario is
//! therefore judged twice: strictly, as if no other client had come or gone, and tolerantly, without the findings that
//! other clients explain. If only the strict judgement fails, the scenario is played again. If each attempt fails, other
//! clients are an explanation only when known to be there: a message was heard, or clients come while the check has none.

use super::inspection::{Inspection, TICK};
use super::target::Live;
use crate::check::{Noise, OtherClients, Target, play};
use crate::judge::{Evidence, Observation, PATIENCE, Scenario};
use crate::player::{Action, Bounds, ClientLog};

/// The bounds of a client of a scenario.
const SCENARIO_BOUNDS: Bounds = Bounds { bytes_max: 1 << 20, entries_max: 1 << 13 };
/// The most attempts at a scenario.
const ATTEMPTS: u64 = 3;
/// How often the check looks for other clients, a tick or more apart: clients that spoil every attempt come within so
/// many looks.
const LOOKS: usize = 20;
/// The longest pause before another attempt, in ticks: two checks that began together then go on out of step.
const PAUSE_TICKS_MAX: u64 = 15;
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

impl<'a> Inspection<'a> {
    /// Plays a scenario until the server conforms, or only the server explains the failure.
    pub(super) async fn scenario(&self, scenario: &Scenario) {
        let mut attempts: Vec<Attempt> = Vec::new();
        for number in 0..ATTEMPTS {
            let start = self.live.clock.now();
            if number > 0 {
                let pause = TICK * u32::try_from(self.tag.number(number, PAUSE_TICKS_MAX)).unwrap_or_default();
                self.live.clock.sleep_until(start + pause).await;
            }
            let attempt = self.attempt(scenario).await;
            if number > 0 {
                self.allow(self.live.clock.now() - start);
            }
            // Plays again only if other clients, or a disturbance, may explain the failure.
            let again = !attempt.strict.is_clean() && (attempt.tolerant.is_clean() || attempt.disturbed);
            attempts.push(attempt);
            if !again {
                break;
            }
        }
        // Looks for other clients only after several attempts. The looks take time as well.
        let start = self.live.clock.now();
        let others = attempts.len() > 1 && (attempts.iter().any(|attempt| attempt.heard) || self.others_come().await);
        self.allow(self.live.clock.now() - start);
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

    /// Returns whether clients of `/sse` come while the check has none. Lingering clients of the check only become fewer.
    async fn others_come(&self) -> bool {
        let mut before = self.clients().await;
        for _ in 0..LOOKS {
            self.live.clock.sleep_until(self.live.clock.now() + TICK).await;
            let now = self.clients().await;
            if now > before {
                return true;
            }
            before = now;
        }
        false
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
