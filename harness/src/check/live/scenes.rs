//! Plays scenes on a server that others may use at the same time.
//!
//! Others come and go, and are counted; they send events that every client of `/sse` hears. A scene is therefore judged
//! twice: as if nobody else had come or gone, and with all that others can explain let pass. If something stands against
//! the server in the first way alone, the scene is played again. If it fails each time, only others who are known to be
//! there explain that: a message of theirs was heard, or clients are seen to come while the check has none.

use super::{Inspection, SCENE_BOUNDS, TICK};
use crate::check::noise::Noise;
use crate::check::play;
use crate::check::seen::{Seen, judge};
use crate::check::target::{Live, Target};
use crate::client::Bounds;
use crate::judge::evidence::Evidence;
use crate::judge::responses::got;
use crate::judge::scene::Scene;

/// A scene is played so often at most.
const ATTEMPTS: u64 = 3;
/// Who comes and goes so often that every attempt is spoiled is seen to come within so many looks, a tick or more apart.
const LOOKS: usize = 20;
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
        let start = self.live.clock.now();
        let others =
            attempts.len() > 1 && (attempts.iter().any(|attempt| attempt.heard) || self.somebody_comes().await);
        self.repeated(self.live.clock.now() - start);
        self.finished(outcome(attempts, others), None);
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
        Attempt { strict, tolerant, heard, disturbed: company || held_up }
    }

    /// Whether clients of `/sse` come while the check has none there. Clients of its own that linger only become fewer.
    async fn somebody_comes(&self) -> bool {
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

/// Returns what stands against the server after all attempts, if others are known to come and go, or not.
fn outcome(mut attempts: Vec<Attempt>, others: bool) -> Option<Evidence> {
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
    use crate::fixtures::golden::Golden;
    use crate::judge::case::{Aspect, Case};
    use crate::judge::evidence::Finding;

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

    fn attempt(cases: &[Case], is_wrong: bool, is_explained: bool) -> Attempt<'_> {
        let (strict, tolerant) = (evidence(cases, is_wrong), evidence(cases, is_wrong && !is_explained));
        Attempt { strict, tolerant, heard: false, disturbed: false }
    }

    #[test]
    fn a_scene_fails_if_it_fails_each_time_and_nobody_else_explains_it() {
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
