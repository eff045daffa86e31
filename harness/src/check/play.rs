//! Plays a scenario on a target: each request and each leave in time, after all earlier lines have been seen.

use std::time::Duration;

use onbeat_clock::Clock;
use onbeat_wire::Instant;
use onbeat_wire::recording::{Fact, Leave, LeftHow, RawRequest};

use super::{HEARTBEAT, LinesSeen, OtherClients, Target};
use crate::judge::{Observation, PATIENCE, Scenario};
use crate::player::{Action, Bounds, Player};

/// A wait lasts longer by as much as the machine was held up, but by no more than this.
const HELD_UP_MAX: Duration = Duration::from_secs(20);

/// The bounds of clients in virtual time.
pub(super) const EXACT_BOUNDS: Bounds = Bounds { bytes_max: 1 << 20, entries_max: 1 << 12 };

/// Plays the scenario beside other clients, with the tag of the check in the messages. A client that can't connect has no log in
/// the observation, and neither have later clients.
pub(super) async fn play(
    target: &mut impl Target,
    scenario: &Scenario,
    others: &OtherClients,
    bounds: Bounds,
) -> Observation {
    let start = target.clock().now();
    let alone = scenario.clients().len() == 1;
    let patience = if alone { PATIENCE } else { target.pace().patience_for_effects() };
    let mut scheduler =
        ScenarioScheduler { target, start, others, bounds, patience, clients: Vec::new(), unconnected: None };
    for (_, line) in &scenario.lines {
        match &line.fact {
            Fact::RawRequest(_) | Fact::Leave(_) if scheduler.all_closed() => break,
            Fact::RawRequest(RawRequest { text }) => {
                scheduler.until(line.t_ms).await;
                let request = scheduler.target.address(&others.tag.request(text));
                if !scheduler.request(&line.notes.client, request).await {
                    break;
                }
            }
            Fact::Leave(Leave { how }) => {
                scheduler.until(line.t_ms).await;
                scheduler.leave(&line.notes.client, *how).await;
            }
            Fact::Head(_) | Fact::End(_) => scheduler.expect_line(&line.notes.client, false),
            Fact::Write(_) => {
                scheduler.expect_line(&line.notes.client, line.written() == HEARTBEAT.write);
                // Gives up a stream with a single client as soon as a line is missing.
                if alone {
                    scheduler.until(line.t_ms).await;
                    if scheduler.is_behind() {
                        return scheduler.close().await;
                    }
                }
            }
            _ => {}
        }
    }
    // Waits for the lines of the last instant, behind which no later line waits.
    scheduler.until(scenario.length_ms).await;
    if scenario.completes() {
        let path = scenario.lines.first().and_then(|(_, line)| match &line.fact {
            Fact::RawRequest(RawRequest { text }) => text.split(' ').nth(1),
            _ => None,
        });
        scheduler.ask_again(path.unwrap_or("/")).await;
    } else {
        scheduler.target.settle().await;
    }
    scheduler.close().await
}

/// Decides which client of a scenario acts when.
struct ScenarioScheduler<'a, T> {
    target: &'a mut T,
    start: Instant,
    others: &'a OtherClients,
    bounds: Bounds,
    /// How long lines are waited for.
    patience: Duration,
    /// The clients in the order of appearance.
    clients: Vec<ScheduledClient>,
    /// The client that could not connect.
    unconnected: Option<String>,
}

struct ScheduledClient {
    name: String,
    client: Player,
    /// Counts the lines seen by the client.
    seen: LinesSeen,
    /// How many lines the client should have seen by now.
    expected: usize,
    /// How many of the expected lines are heartbeats.
    heartbeats: usize,
    /// Whether a line of the client was given up.
    behind: bool,
}

impl<T: Target> ScenarioScheduler<'_, T> {
    /// Waits until so many ms after the start, and until every client has seen all lines that are due by then.
    async fn until(&mut self, ms: u64) {
        let clock = self.target.clock();
        let pace = self.target.pace().clone();
        let due = self.start + pace.takes(ms);
        // Allows a quarter more: timers drift when each is set after the timer before.
        let given_up = (due + pace.takes(ms) / 4).max(clock.now()) + self.patience;
        let held_up = |from, to| self.target.held_up(from, to);
        for ScheduledClient { client, seen, expected, heartbeats, behind, .. } in &mut self.clients {
            let patience = if *behind { clock.now().max(due) } else { given_up };
            // Waits once for a client that is behind. In real time heartbeats fall due during waits, and count apart.
            let has_seen = client.until(|log| {
                if pace.is_exact { seen.count(log) >= *expected } else { seen.has_apart(log, *expected, *heartbeats) }
            });
            tokio::select! {
                biased;
                () = has_seen => {}
                () = wait_until(&*clock, patience, held_up) => *behind = true,
            }
        }
        // Leaves the rest of the wait out where all connections are closed: no event can come.
        if !self.all_closed() {
            clock.sleep_until(due).await;
        }
    }

    /// Returns whether a line of a client was given up.
    fn is_behind(&self) -> bool {
        self.clients.iter().any(|known| known.behind)
    }

    /// Returns whether there have been clients, and no more can come to any client.
    fn all_closed(&self) -> bool {
        !self.clients.is_empty() && self.clients.iter().all(|known| known.client.is_over())
    }

    fn known(&mut self, name: &str) -> Option<&mut ScheduledClient> {
        self.clients.iter_mut().find(|known| known.name == name)
    }

    fn expect_line(&mut self, name: &str, is_heartbeat: bool) {
        if let Some(known) = self.known(name) {
            known.expected += 1;
            known.heartbeats += usize::from(is_heartbeat);
        }
    }

    /// Sends a request, and returns whether the client could: a new client may fail to connect, and a known client may have
    /// left.
    async fn request(&mut self, name: &str, request: String) -> bool {
        if self.known(name).is_none() {
            let Ok(client) = self.target.connect(self.bounds).await else {
                self.unconnected = Some(name.to_owned());
                return false;
            };
            let seen = LinesSeen::beside(self.others);
            let name = name.to_owned();
            self.clients.push(ScheduledClient { name, client, seen, expected: 0, heartbeats: 0, behind: false });
        }
        let Some(known) = self.known(name).filter(|known| known.client.is_connected()) else { return false };
        known.client.act(Action::request(request)).await;
        true
    }

    async fn leave(&mut self, name: &str, how: LeftHow) {
        // Waits for the bytes under way, which would be lost with the connection.
        self.target.catch_up().await;
        let Some(known) = self.clients.iter_mut().find(|known| known.name == name) else { return };
        if !known.client.is_connected() {
            return;
        }
        known.client.act(Action::Leave(how)).await;
        if how == LeftHow::HalfClosed {
            let clock = self.target.clock();
            let noticed = clock.now() + self.target.pace().patience_for_half_close();
            tokio::select! {
                biased;
                () = known.client.until(|_| false) => {}
                () = wait_until(&*clock, noticed, |from, to| self.target.held_up(from, to)) => {}
            }
            // Leaves whole now, since the server may leave the connection half open, and waits for no more.
            known.client.act(Action::Leave(LeftHow::Closed)).await;
        }
        self.target.settle().await;
    }

    /// Sends another request on the connection of the first client, if the response is complete.
    async fn ask_again(&mut self, path: &str) {
        let request = self.target.address(&format!("OPTIONS {path} HTTP/1.1\r\nHost: onbeat\r\n\r\n"));
        let Some(ScheduledClient { client, seen, expected, .. }) = self.clients.first_mut() else { return };
        if !client.is_connected() || seen.count(&client.log()) < *expected {
            return;
        }
        client.act(Action::request(request)).await;
        client.until_within(PATIENCE, |log| log.exchanges().iter().all(|exchange| exchange.end.is_some())).await;
    }

    /// Closes all open connections in turn, and returns the logs.
    async fn close(self) -> Observation {
        let mut logs = Vec::new();
        for ScheduledClient { name, client, .. } in self.clients {
            logs.push((name, client.close().await));
        }
        Observation { unconnected: self.unconnected, ..self.others.clone().observation(logs) }
    }
}

/// Waits until a time, and for as long again as the machine was held up meanwhile.
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
