//! Plays a scene on a target: each request and leaving at its time, once its causes have been seen.

use std::time::Duration;

use onbeat_server::clock::Clock;
use onbeat_wire::Instant;

use super::heartbeats::HEARTBEAT;
use super::lines_seen::LinesSeen;
use super::noise::Noise;
use super::tag::Tag;
use super::target::Target;
use crate::account::{Account, Note};
use crate::client::{Bounds, Client};
use crate::fixtures::format::{Kind, Leaving};
use crate::judge::pace::Periods;
use crate::judge::scene::Scene;

/// However long the machine was held up, so much longer is waited at most.
const HELD_UP_MAX: Duration = Duration::from_secs(20);

/// Every client's account, in the order of their appearance, as far as the scene could be played.
pub(super) type Accounts = Vec<(String, Account)>;

/// Plays the scene, with the tag in its messages. A client that can't connect is missing in the accounts, and so is what
/// would have followed.
pub(super) async fn play(target: &mut impl Target, scene: &Scene, tag: &Tag, noise: Noise, bounds: Bounds) -> Accounts {
    let start = target.clock().now();
    let alone = scene.clients().len() == 1;
    let patience = if alone { target.pace().patience } else { target.pace().patience_for_effects };
    let mut stage = Stage { target, start, tag, noise, bounds, patience, actors: Vec::new() };
    for (_, line) in &scene.lines {
        match &line.kind {
            Kind::Request { .. } | Kind::Leave { .. } if stage.all_closed() => break,
            Kind::Request { text } => {
                stage.until(line.at_ms).await;
                let request = stage.target.address(&tag.request(text));
                if !stage.request(&line.client, &request).await {
                    break;
                }
            }
            Kind::Leave { how } => {
                stage.until(line.at_ms).await;
                stage.leave(&line.client, *how).await;
            }
            Kind::Head { .. } | Kind::End { .. } => stage.expect_line(&line.client, false),
            Kind::Write { text } => {
                stage.expect_line(&line.client, text == HEARTBEAT.write);
                // A stream that stops is not waited for to its end.
                if alone {
                    stage.until(line.at_ms).await;
                    if stage.is_behind() {
                        return stage.close().await;
                    }
                }
            }
            Kind::Event { .. } | Kind::Dropped => {}
        }
    }
    stage.until(scene.length_ms).await;
    if scene.completes() {
        let path = scene.lines.first().and_then(|(_, line)| match &line.kind {
            Kind::Request { text } => text.split(' ').nth(1),
            _ => None,
        });
        stage.ask_again(path.unwrap_or("/")).await;
    } else {
        stage.target.settle().await;
    }
    stage.close().await
}

struct Stage<'a, T> {
    target: &'a mut T,
    start: Instant,
    tag: &'a Tag,
    noise: Noise,
    bounds: Bounds,
    /// How long lines are waited for.
    patience: Duration,
    actors: Vec<Actor>,
}

struct Actor {
    name: String,
    client: Option<Client>,
    account: Account,
    /// How many lines it has seen, and should have by now.
    seen: LinesSeen,
    expected: usize,
    /// How many of those that are expected are heartbeats.
    heartbeats: usize,
    /// It was waited for in vain.
    behind: bool,
}

impl<T: Target> Stage<'_, T> {
    /// Waits until so many ms after the start, and until every client has seen what it should have by then.
    async fn until(&mut self, ms: u64) {
        let clock = self.target.clock();
        let pace = self.target.pace().clone();
        let due = self.start + pace.takes(ms);
        // Timers that are set one after another drift.
        let given_up = (due + pace.takes(ms) / 4).max(clock.now()) + self.patience;
        let held_up = |from, to| self.target.held_up(from, to);
        for actor in &mut self.actors {
            let Some(client) = &actor.client else { continue };
            let patience = if actor.behind { clock.now().max(due) } else { given_up };
            let expected = actor.expected;
            let heartbeats = actor.heartbeats;
            let lines = &mut actor.seen;
            let seen = client.until(|account| match pace.periods {
                Periods::Exact => lines.count(account) >= expected,
                // In real time heartbeats fall due while a scene waits for something else.
                Periods::Median => lines.has_apart(account, expected, heartbeats),
            });
            tokio::select! {
                biased;
                () = seen => {}
                () = wait_until(&*clock, patience, held_up) => actor.behind = true,
            }
        }
        if !self.all_closed() {
            clock.sleep_until(due).await;
        }
    }

    /// Whether a client has been waited for in vain.
    fn is_behind(&self) -> bool {
        self.actors.iter().any(|actor| actor.behind)
    }

    /// Whether there have been clients, and nothing more can come to any of them.
    fn all_closed(&self) -> bool {
        let is_closed = |actor: &Actor| {
            let closed = |note: &(Instant, Note)| matches!(note.1, Note::ServerClosed | Note::Broken(_));
            actor.client.as_ref().is_none_or(|client| client.account().notes.iter().any(closed))
        };
        !self.actors.is_empty() && self.actors.iter().all(is_closed)
    }

    fn expect_line(&mut self, name: &str, is_heartbeat: bool) {
        if let Some(actor) = self.actors.iter_mut().find(|actor| actor.name == name) {
            actor.expected += 1;
            actor.heartbeats += usize::from(is_heartbeat);
        }
    }

    async fn request(&mut self, name: &str, request: &str) -> bool {
        if !self.actors.iter().any(|actor| actor.name == name) {
            let Ok(client) = self.target.connect(self.bounds).await else { return false };
            let (client, account) = (Some(client), Account::default());
            self.actors.push(Actor {
                name: name.into(),
                client,
                account,
                seen: LinesSeen::of(self.tag, self.noise),
                expected: 0,
                heartbeats: 0,
                behind: false,
            });
        }
        let actor = self.actors.iter_mut().find(|actor| actor.name == name).expect("it is there now");
        let Some(client) = &mut actor.client else { return false };
        client.expect(request.split(' ').next().unwrap_or_default());
        client.send(request.as_bytes()).await;
        true
    }

    async fn leave(&mut self, name: &str, how: Leaving) {
        self.target.catch_up().await;
        let Some(actor) = self.actors.iter_mut().find(|actor| actor.name == name) else { return };
        match (actor.client.take(), how) {
            (None, _) => return,
            (Some(client), Leaving::Closed) => actor.account = client.close().await,
            (Some(client), Leaving::Reset) => actor.account = client.reset().await,
            (Some(mut client), Leaving::HalfClosed) => {
                client.half_close().await;
                let clock = self.target.clock();
                let noticed = clock.now() + self.target.pace().patience_for_half_close;
                tokio::select! {
                    biased;
                    () = client.until(|_| false) => {}
                    () = wait_until(&*clock, noticed, |from, to| self.target.held_up(from, to)) => {}
                }
                // It has left: what it expected is no longer waited for.
                actor.account = client.close().await;
            }
        }
        self.target.settle().await;
    }

    /// Sends one more request on the first client's connection, if its response is complete.
    async fn ask_again(&mut self, path: &str) {
        let request = self.target.address(&format!("OPTIONS {path} HTTP/1.1\r\nHost: onbeat\r\n\r\n"));
        let (clock, patience) = (self.target.clock(), self.target.pace().patience);
        let Some(Actor { client: Some(client), seen, expected, .. }) = self.actors.first_mut() else { return };
        if seen.count(&client.account()) < *expected {
            return;
        }
        client.expect("OPTIONS");
        client.send(request.as_bytes()).await;
        tokio::select! {
            biased;
            () = client.responses(2) => {}
            () = clock.sleep_until(clock.now() + patience) => {}
        }
    }

    async fn close(self) -> Accounts {
        let mut accounts = Vec::new();
        for Actor { name, client, account, .. } in self.actors {
            let account = match client {
                Some(client) => client.close().await,
                None => account,
            };
            accounts.push((name, account));
        }
        accounts
    }
}

/// Waits until then, and for as long again as the machine was held up meanwhile.
async fn wait_until(clock: &dyn Clock, due: Instant, held_up: impl Fn(Instant, Instant) -> Duration) {
    let start = clock.now();
    let mut until = due;
    loop {
        clock.sleep_until(until).await;
        let again = due + held_up(start, clock.now()).min(HELD_UP_MAX);
        if again <= until {
            return;
        }
        until = again;
    }
}
