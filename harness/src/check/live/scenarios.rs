//! Plays scenarios on a server with other clients at the same time.
//!
//! Other clients come and go, and are counted; the events of other clients reach every client of `/sse`. A scenario is
//! therefore judged twice: strictly, as if no other client had come or gone, and tolerantly, without the findings that
//! other clients explain. If only the strict judgement fails, the scenario is played again. If each attempt fails, other
//! clients are an explanation only when known to be there: a message of others was heard in the scenario, or others show up
//! after an attempt.

use super::client_numbers::ClientNumbers;
use super::inspection::{Inspection, TICK};
use super::target::Live;
use crate::check::{Noise, OtherClients, Target, play};
use crate::judge::{Evidence, Observation, PATIENCE, Scenario};
use crate::player::{Action, Bounds, ClientLog, Player};

/// The bounds of a client of a scenario.
const SCENARIO_BOUNDS: Bounds = Bounds { bytes_max: 1 << 24, entries_max: 1 << 15 };
/// The most attempts at a scenario.
const ATTEMPTS: u64 = 3;
/// How many ticks the check listens to others after the last attempt, and then looks at the number of clients: clients that
/// spoil every attempt show up within so many.
const TICKS_AT_LAST: u64 = 30;
/// The fewest such ticks between two attempts, and how many more there may be: two checks that began together then go on out
/// of step.
const TICKS_BETWEEN: u64 = 5;
const MORE_TICKS_MAX: u64 = 15;
/// The most ticks for which the check looks on while clients leave.
const TICKS_MAX: u64 = 200;
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

impl<'a> Attempt<'a> {
    /// Returns whether other clients, or a disturbance, may explain the failure. Late writes are no such failure.
    fn fails_by_others(&self) -> bool {
        self.strict.has_certain() && (!self.tolerant.has_certain() || self.disturbed)
    }

    /// Returns the evidence, if it is known whether there are others.
    fn evidence(self, others: bool) -> Evidence<'a> {
        if others && self.fails_by_others() { self.tolerant } else { self.strict }
    }
}

impl<'a> Inspection<'a> {
    /// Plays a scenario until the server conforms, or only the server explains the failure.
    pub(super) async fn scenario(&self, scenario: &Scenario, numbers: &mut ClientNumbers) {
        let (mut attempts, mut others) = (Vec::new(), false);
        for number in 1..=ATTEMPTS {
            let start = self.live.clock.now();
            let attempt = self.attempt(scenario, numbers).await;
            // Allows time for all that a scenario takes beyond the first attempt.
            let planned = if number == 1 { self.live.clock.now() } else { start };
            let again = attempt.fails_by_others();
            others |= attempt.heard;
            attempts.push(attempt);
            // Listens no more after the last attempt where others are known already.
            if again && (number < ATTEMPTS || !others) {
                let between = TICKS_BETWEEN + self.tag.number(number, MORE_TICKS_MAX);
                let ticks = if number < ATTEMPTS { between } else { TICKS_AT_LAST };
                others |= self.others_show_up(ticks, numbers).await;
            }
            self.allow(self.live.clock.now() - planned);
            if !again {
                break;
            }
        }
        let Some(evidence) = outcome(attempts, others) else { return };
        let again = async || {
            let attempt = self.attempt(scenario, numbers).await;
            let others = others || attempt.heard;
            attempt.evidence(others)
        };
        self.finished([self.watch_again(scenario, evidence, again).await]);
    }

    async fn attempt(&self, scenario: &Scenario, numbers: &mut ClientNumbers) -> Attempt<'a> {
        numbers.joined(scenario.clients().len());
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

    /// Returns whether other users show up while the check plays no scenario: clients of `/sse` hear others, clients come, or
    /// the numbers of clients tell others. Looks on until so many ticks have passed without a change.
    async fn others_show_up(&self, ticks: u64, numbers: &mut ClientNumbers) -> bool {
        // Lets the server notice that the clients of the scenario have left.
        self.live.settle().await;
        let alone = self.clients().await;
        let mut shown = numbers.tell_others(alone);
        // Joins twice, one after the other: what others send comes to both at once, and what a timer sends does not.
        let listeners = (self.listen().await, self.listen().await);
        let joined = [&listeners.0, &listeners.1].into_iter().flatten().count();
        numbers.joined(joined);
        // Hears comments only while the check sends nothing itself: a wrong server may send a comment with each message.
        let start = self.live.clock.now();
        self.pause(ticks).await;
        if let (Some(one), Some(other)) = &listeners {
            shown |= self.others().are_heard_by(&one.log(), &other.log(), start);
        }
        // Hears the looks of another check, also of a check that goes in step.
        let mut before = self.look().await;
        numbers.changed(alone.map(|alone| alone + joined as u64), before);
        let mut until = ticks;
        for tick in 1..=TICKS_MAX {
            // Looks no more where others are known.
            if shown || numbers.have_others_left() || tick > until {
                break;
            }
            self.pause(1).await;
            let now = self.look().await;
            if now != before {
                until = tick + ticks;
            }
            shown |= now > before;
            numbers.changed(before, now);
            before = now;
        }
        // Waits for the bytes under way, and then for the server to notice that the clients have left.
        self.live.catch_up().await;
        for listener in [listeners.0, listeners.1].into_iter().flatten() {
            shown |= self.others().have_messages_in(&listener.close().await);
        }
        self.live.settle().await;
        shown || numbers.have_others_left()
    }

    async fn pause(&self, ticks: u64) {
        let pause = TICK * u32::try_from(ticks).unwrap_or_default();
        self.live.clock.sleep_until(self.live.clock.now() + pause).await;
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
    pub(super) async fn clients(&self) -> Option<u64> {
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
    let explained = attempts.iter().position(|attempt| !attempt.tolerant.has_certain());
    let last = attempts.last()?;
    match explained {
        Some(at) if last.strict.has_certain() && others => Some(attempts.swap_remove(at).tolerant),
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
