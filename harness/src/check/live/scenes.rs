//! Plays scenes on a server that others may use at the same time.
//!
//! Others come and go, and are counted; they send events that every client of `/sse` hears. A scene is therefore judged
//! twice: as if nobody else had come or gone, and with all that others can explain let pass. If something stands against
//! the server in the first way alone, the scene is played again. Others do not do the same at the same moment each time,
//! but a server that is wrong is wrong again.

use super::{Inspection, SCENE_BOUNDS, TICK};
use crate::check::evidence::Evidence;
use crate::check::judge::{Seen, judge};
use crate::check::noise::Noise;
use crate::check::play::{self, Accounts};
use crate::check::responses::got;
use crate::check::target::{Live, Target};
use crate::client::Bounds;
use crate::fixtures::golden::Scene;

/// A scene is played so often at most.
const ATTEMPTS: u64 = 3;
/// Before it is played again, so many ticks pass at most: two checks that began together do not go on in step.
const PAUSE_TICKS_MAX: u64 = 15;
/// A proxy may notice only that a client has left when it writes to it: the first write is answered by a reset, and the
/// second fails. Each look writes to all clients.
const LOOKS_UNTIL_NOTICED: usize = 2;
const LOOK_BOUNDS: Bounds = Bounds { bytes_max: 1 << 16, notes_max: 64 };

/// One playing of a scene.
struct Attempt<'a> {
    /// What was found if nobody came or went.
    strict: Evidence<'a>,
    /// What others can't explain.
    tolerant: Evidence<'a>,
    /// A message of others was heard.
    heard: bool,
    /// The counts beyond those of the scene's own clients, and the cases that fail.
    pattern: (Vec<i128>, Vec<String>),
    /// Others were there, or the machine was held up.
    disturbed: bool,
}

impl<'a> Inspection<'a> {
    /// Plays a scene until nothing stands against the server, or nothing but the server explains it.
    pub(super) async fn scene(&self, scene: &Scene) {
        let mut attempts: Vec<Attempt> = Vec::new();
        for turn in 0..ATTEMPTS {
            let start = self.live.clock.now();
            if turn > 0 {
                let pause = TICK * u32::try_from(self.tag.number(turn, PAUSE_TICKS_MAX)).unwrap_or_default();
                self.live.clock.sleep_until(start + pause).await;
            }
            let attempt = self.attempt(scene).await;
            if turn > 0 {
                self.repeated(self.live.clock.now() - start);
            }
            let again = !attempt.strict.is_clean() && (attempt.tolerant.is_clean() || attempt.disturbed);
            attempts.push(attempt);
            if !again {
                break;
            }
        }
        self.finished(outcome(attempts), None);
    }

    async fn attempt(&self, scene: &Scene) -> Attempt<'a> {
        let start = self.live.clock.now();
        let before = self.clients().await;
        let accounts = play::play(&mut self.live.clone(), scene, &self.tag, Noise::Strangers, SCENE_BOUNDS).await;
        let after = self.clients().await;
        let held_up = self.live.held_up(start, self.live.clock.now()) > TICK;
        let others = before.unwrap_or_default();
        let mut seen =
            Seen { accounts, tag: self.tag.clone(), noise: Noise::Strangers, others: None, dispatched: None };
        let tolerant = self.judge(scene, &seen);
        let heard = seen.hears_others(scene);
        let company = heard || others > 0 || after.unwrap_or_default() > 0;
        seen.noise = if company { Noise::Strangers } else { Noise::None };
        seen.others = Some(others);
        let strict = self.judge(scene, &seen);
        let pattern = (surplus(&seen.accounts, others, after.unwrap_or_default()), strict.failing());
        Attempt { strict, tolerant, heard, pattern, disturbed: company || held_up }
    }

    /// Plays a scene that is too long to be played again: others may come and go meanwhile.
    pub(super) async fn long_scene(&self, scene: &Scene) {
        let accounts = play::play(&mut self.live.clone(), scene, &self.tag, Noise::Strangers, SCENE_BOUNDS).await;
        let seen = Seen { accounts, tag: self.tag.clone(), noise: Noise::Strangers, others: None, dispatched: None };
        self.finished([self.judge(scene, &seen)], None);
    }

    fn judge(&self, scene: &Scene, seen: &Seen) -> Evidence<'a> {
        judge(self.cases, scene, seen, &self.live.pace, &self.live.stalls.lock())
    }

    /// Returns how many clients of `/sse` the server has, if it says so. The message tells other checks of this one.
    async fn clients(&self) -> Option<u64> {
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
        let mut client = live.connect(LOOK_BOUNDS).await.ok()?;
        client.expect("GET");
        let look = self.tag.request("GET /send-heartbeat?msg=look HTTP/1.1\r\nHost: onbeat\r\n\r\n");
        client.send(live.address(&look).as_bytes()).await;
        tokio::select! {
            biased;
            () = client.responses(1) => {}
            () = live.clock.sleep_until(live.clock.now() + live.pace.patience) => {}
        }
        let account = client.close().await;
        clients_in(&got(&account).into_iter().next()?.body())
    }
}

/// The number of clients in an answer.
fn clients_in(answer: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(answer).ok()?["clients"].as_u64()
}

/// Returns by how much each count exceeds what there was before the scene.
fn surplus(accounts: &Accounts, before: u64, after: u64) -> Vec<i128> {
    let responses = accounts.iter().flat_map(|(_, account)| got(account));
    let counts = responses.filter_map(|response| clients_in(&response.body()));
    counts.chain([after]).map(|count| i128::from(count) - i128::from(before)).collect()
}

/// Returns what stands against the server after all attempts.
fn outcome(mut attempts: Vec<Attempt>) -> Option<Evidence> {
    let heard = attempts.iter().any(|attempt| attempt.heard);
    let alike = attempts.windows(2).all(|pair| pair[0].pattern == pair[1].pattern);
    let explained = attempts.iter().position(|attempt| attempt.tolerant.is_clean());
    let last = attempts.last()?;
    match explained {
        Some(at) if !last.strict.is_clean() && (heard || !alike) => Some(attempts.swap_remove(at).tolerant),
        _ => attempts.pop().map(|last| last.strict),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::evidence::Finding;
    use crate::fixtures::format::{Aspect, Case};
    use crate::fixtures::golden::Golden;

    /// What is found if this count is wrong, or nothing.
    fn evidence(cases: &[Case], wrong: bool) -> Evidence<'_> {
        let mut evidence = Evidence::new(cases);
        let (place, why) = ("fanout/head.jsonl:1".into(), String::new());
        let (expected, actual) = ("2".into(), "3".into());
        let finding = Finding { place, t_ms: None, expected, actual, first_differing_byte: None, why };
        if wrong {
            evidence.found(&["fan-out.count".into()], Aspect::Count, &finding);
        }
        evidence
    }

    /// An attempt in which these were the counts beyond the scene's own.
    fn attempt(cases: &[Case], surplus: [i128; 2], heard: bool) -> Attempt<'_> {
        let strict = evidence(cases, surplus != [0, 0]);
        let pattern = (surplus.to_vec(), strict.failing());
        Attempt { strict, tolerant: evidence(cases, false), heard, pattern, disturbed: heard }
    }

    #[test]
    fn counts_that_others_explain_are_not_held_against_the_server() {
        let cases = Golden::read().cases;
        let fails = |attempts: &[([i128; 2], bool)]| {
            let attempts = attempts.iter().map(|(surplus, heard)| attempt(&cases, *surplus, *heard)).collect();
            !outcome(attempts).expect("there were attempts").is_clean()
        };
        let (silent, heard) = (false, true);
        // Who is wrong by itself is wrong in the same way each time.
        assert!(fails(&[([0, 3], silent), ([0, 3], silent), ([0, 3], silent)]));
        // Somebody came and went who said nothing; or another check did, which says so.
        assert!(!fails(&[([0, 3], silent), ([1, 0], silent), ([0, 1], silent)]));
        assert!(!fails(&[([1, 1], heard), ([1, 1], heard), ([1, 1], heard)]));
        assert!(!fails(&[([1, 1], silent), ([0, 0], silent)]));
    }

    #[test]
    fn what_nobody_else_explains_is_held_against_the_server() {
        let cases = Golden::read().cases;
        let unexplained = Attempt { tolerant: evidence(&cases, true), ..attempt(&cases, [1, 1], true) };
        assert!(!outcome(vec![unexplained]).expect("an attempt").is_clean());
    }
}
