//! The model: what must be true of every world, whatever happens in it.
//!
//! It knows the history and what the clients saw, and nothing of the server. What the streams say it has from the golden
//! fixtures. Where deeds race, either outcome is right; what is certain it demands.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use onbeat_server::clock::Instant;

use super::history::{Asked, History, What};
use super::play::Outcome;
use crate::account::{Account, Note};
use crate::check::conforms_exactly;
use crate::fixtures::format::{Kind, Line};
use crate::fixtures::golden::Golden;
use crate::replay::Stream;
use crate::transcript::{How, What as Seen, visible};

/// Something that must be true, and is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// What must be true.
    pub(super) invariant: &'static str,
    /// The client that saw it.
    pub(super) client: Option<usize>,
    /// What it saw, and should have seen.
    pub(super) detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.client.map(|client| format!("client {client}: ")).unwrap_or_default();
        write!(f, "{}\n  {who}{}", self.invariant, self.detail)
    }
}

const NO_HTTP: &str = "what comes is HTTP/1.1";
const PREFIX: &str = "a stream is a prefix of what the contract says, at its times";
const WHOLE: &str = "a stream is whole for who stays";
const NOTHING_AFTER: &str = "nothing comes after the end, or after the client left";
const GREETING: &str = "a client of /sse is greeted before all else";
const HEARTBEATS: &str = "a client of /sse hears its own heartbeats, when they are due";
const WHOLE_EVENTS: &str = "an event comes whole, with nothing in between";
const ONCE: &str = "every event reaches each client that is there, once";
const LATE: &str = "nobody hears an event from before or after";
const ORDER: &str = "all clients hear the events in one order";
const COUNTS: &str = "the answers count the clients";
const ANSWERED: &str = "every request is answered";
const KEPT: &str = "nobody who reads is broken off";
const FREED: &str = "the hub is empty when all have left";

/// A response, as a client saw it.
#[derive(Debug, Default)]
struct Response {
    writes: Vec<(Instant, Bytes)>,
    end: Option<(Instant, How)>,
}

/// One client's view of a world.
struct View<'a> {
    client: usize,
    /// Its requests, with the deed that completed each and when.
    asked: Vec<(usize, Asked, Instant)>,
    responses: Vec<Response>,
    /// When it left, and the deed by which, if it did.
    left: Option<(usize, Instant)>,
    /// It sent garbage, so that the server may refuse it.
    garbles: bool,
    /// It reads at once all that comes.
    prompt: bool,
    account: &'a Account,
}

/// What is wrong in a world, if anything is.
pub(super) fn judge(golden: &Golden, history: &History, outcome: &Outcome) -> Option<Violation> {
    let shut_down = history.deeds.iter().position(|deed| deed.what == What::ShutDown);
    let world = World { golden, history, outcome, shut_down };
    let views: Vec<View> = (0..history.links.len()).map(|client| world.view(client)).collect();
    world.violation(&views).err()
}

type Judged = Result<(), Violation>;

struct World<'a> {
    golden: &'a Golden,
    history: &'a History,
    outcome: &'a Outcome,
    shut_down: Option<usize>,
}

impl World<'_> {
    fn view(&self, client: usize) -> View<'_> {
        let account = &self.outcome.accounts[client];
        let deeds = self.history.deeds.iter().enumerate().filter(|(_, deed)| deed.client == client);
        let done = deeds.filter_map(|(at, deed)| Some((at, deed, self.outcome.done[at]?)));
        let (mut asked, mut left, mut garbles, mut pauses) = (Vec::new(), None, false, false);
        for (at, deed, when) in done {
            match &deed.what {
                What::Ask { asked: what, .. } if left.is_none() => asked.push((at, *what, when)),
                What::Close | What::HalfClose | What::Reset => left = left.or(Some((at, when))),
                What::Garbage(_) => garbles = true,
                What::Pause => pauses = true,
                _ => {}
            }
        }
        let prompt = self.history.links[client].is_prompt() && !pauses;
        View { client, asked, responses: responses(account), left, garbles, prompt, account }
    }

    fn violation(&self, views: &[View]) -> Judged {
        if self.outcome.left_behind > 0 {
            return Err(violation(FREED, None, format!("{} are left", self.outcome.left_behind)));
        }
        for view in views {
            if let Some((_, Note::Broken(why))) =
                view.account.notes.iter().find(|(_, note)| matches!(note, Note::Broken(_)))
            {
                return Err(violation(NO_HTTP, Some(view), why.clone()));
            }
        }
        let published = self.published(views);
        for view in views.iter().filter(|view| !view.garbles) {
            for (number, (deed, asked, when)) in view.asked.iter().enumerate() {
                let Some(response) = view.responses.get(number) else {
                    self.unanswered(view, number, *deed, *when)?;
                    break;
                };
                match asked {
                    Asked::Stream(Stream::Sse) => self.heard(view, *deed, *when, response, &published)?,
                    Asked::Stream(stream) => self.streamed(view, number, *stream, *when, response)?,
                    Asked::Broadcast(_) | Asked::Heartbeat(_) | Asked::Comment => {
                        self.counted(views, view, *deed, response)?;
                    }
                    Asked::Nothing => {}
                }
            }
            if view.responses.len() > view.asked.len() {
                return Err(violation(NOTHING_AFTER, Some(view), "more responses than requests".into()));
            }
        }
        order(views)
    }

    /// The deeds that sent a numbered event, by its number; but for those after which the client was gone so soon that they
    /// may be lost: a reset overtakes them, and an answer to the one before may break the connection.
    fn published(&self, views: &[View]) -> BTreeMap<usize, (usize, Instant)> {
        let mut published = BTreeMap::new();
        for view in views.iter().filter(|view| !view.garbles) {
            for (deed, asked, when) in &view.asked {
                let overtaken = view.left.is_some_and(|(left, _)| {
                    self.history.deeds[left].what != What::HalfClose && !self.history.is_before(*deed, left)
                });
                if let (Some(number), false) = (asked.event(), overtaken) {
                    published.insert(number, (*deed, *when));
                }
            }
        }
        published
    }

    /// Whether the server may have been told to end by the time of the deed.
    fn may_be_ending(&self, deed: usize) -> bool {
        self.shut_down.is_some_and(|shut_down| !self.history.is_before(deed, shut_down))
    }

    fn stays(&self, view: &View) -> bool {
        view.left.is_none() && self.shut_down.is_none()
    }

    fn unanswered(&self, view: &View, number: usize, deed: usize, when: Instant) -> Judged {
        // Behind a stream an answer waits for its end, and slow networks may not have brought it.
        let waits = view.asked[..number].iter().any(|(_, asked, _)| matches!(asked, Asked::Stream(_)));
        let settled = when < Instant::EPOCH + Duration::from_millis(self.history.end_ms);
        if view.prompt && self.stays(view) && !waits && settled && !self.may_be_ending(deed) {
            let (_, asked, _) = view.asked[number];
            return Err(violation(ANSWERED, Some(view), format!("{asked:?} was not")));
        }
        Ok(())
    }

    /// A stream other than `/sse`, against the golden one.
    fn streamed(&self, view: &View, number: usize, stream: Stream, asked: Instant, response: &Response) -> Judged {
        let scene = self.golden.streams.iter().find(|scene| scene.path == format!("streams/{stream}.jsonl"));
        let lines = scene.into_iter().flat_map(|scene| &scene.lines).map(|(_, line)| line);
        let lines: Vec<&Line> = lines.filter(|line| matches!(line.kind, Kind::Write { .. })).collect();
        let first = number == 0;
        let epoch: jiff::Timestamp = crate::fixtures::EPOCH.parse().unwrap_or_default();
        for (at, (came, bytes)) in response.writes.iter().enumerate() {
            let Some(line) = lines.get(at) else {
                let detail = format!("{stream} goes on after its end: {}", visible(bytes));
                return Err(violation(NOTHING_AFTER, Some(view), detail));
            };
            let due = asked + Duration::from_millis(line.at_ms);
            let stamp = epoch.saturating_add(jiff::SignedDuration::try_from(due.since_epoch()).unwrap_or_default());
            if !conforms_exactly(line, bytes, stamp.unwrap_or_default()) {
                let detail =
                    format!("{stream}: expected {}, got {}", visible(line.written().as_bytes()), visible(bytes));
                return Err(violation(PREFIX, Some(view), detail));
            }
            if *came < due || (first && view.prompt && *came != due) {
                let detail = format!("{stream}: {} was due at {due:?} and came at {came:?}", visible(bytes));
                return Err(violation(PREFIX, Some(view), detail));
            }
        }
        let length = lines.last().map_or(0, |line| line.at_ms);
        let over = asked + Duration::from_millis(length);
        let end = Instant::EPOCH + Duration::from_millis(self.history.end_ms);
        let whole = response.writes.len() == lines.len() && matches!(response.end, Some((_, How::Complete)));
        if first && view.prompt && self.stays(view) && over < end && !whole {
            let detail =
                format!("{stream} was over at {over:?}; {} of {} writes came", response.writes.len(), lines.len());
            return Err(violation(WHOLE, Some(view), detail));
        }
        Ok(())
    }

    /// `/sse`: the greeting, heartbeats, and the events of the others.
    fn heard(
        &self,
        view: &View,
        joined: usize,
        when: Instant,
        response: &Response,
        published: &BTreeMap<usize, (usize, Instant)>,
    ) -> Judged {
        let heard = hear(view, response)?;
        let cut = response.end.filter(|(_, how)| *how == How::Cut).map(|(at, _)| at);
        // A half-close is answered by a cut, too; where a mailbox may have been full at that instant, nobody knows which.
        let full = self.history.mailbox_events_max < 1024;
        let evicted = cut.is_some_and(|at| view.left.is_none_or(|(_, left)| at < left || full && at == left));
        if evicted && view.prompt && self.shut_down.is_none() && self.history.mailbox_events_max >= 1024 {
            return Err(violation(KEPT, Some(view), "its connection was cut".into()));
        }
        for (number, came) in heard.heartbeats.iter().enumerate() {
            let due = when + Duration::from_secs(30) * u32::try_from(number + 1).unwrap_or(u32::MAX);
            if *came < due || (view.prompt && *came != due) {
                let detail = format!("heartbeat {} was due at {due:?} and came at {came:?}", number + 1);
                return Err(violation(HEARTBEATS, Some(view), detail));
            }
        }
        let end = Instant::EPOCH + Duration::from_millis(self.history.end_ms);
        let stayed = view.left.map_or(end, |(_, left)| left);
        let due = (stayed - when).as_millis().saturating_sub(1) / 30_000;
        let first = view.asked.first().is_some_and(|(deed, ..)| *deed == joined);
        if first && view.prompt && !evicted && self.shut_down.is_none() && (heard.heartbeats.len() as u128) < due {
            let detail = format!("{due} were due, {} came", heard.heartbeats.len());
            return Err(violation(HEARTBEATS, Some(view), detail));
        }
        let mut seen = BTreeSet::new();
        for number in &heard.events {
            if !seen.insert(*number) {
                return Err(violation(ONCE, Some(view), format!("event {number} came twice")));
            }
            let Some((deed, _)) = published.get(number) else { continue };
            let before = self.history.is_before(*deed, joined);
            let after = view.left.is_some_and(|(left, _)| self.history.is_before(left, *deed));
            if before || after {
                return Err(violation(
                    LATE,
                    Some(view),
                    format!("event {number} was sent before or after it was there"),
                ));
            }
        }
        for (number, (deed, _)) in published {
            let there = self.history.is_before(joined, *deed)
                && view.left.is_none_or(|(left, _)| self.history.is_before(*deed, left));
            let sure = there && first && view.prompt && !evicted && !self.may_be_ending(*deed);
            let sent = self.history.deeds[*deed].at_ms < self.history.end_ms;
            if sure && sent && !seen.contains(number) {
                return Err(violation(ONCE, Some(view), format!("event {number} never came")));
            }
        }
        Ok(())
    }

    /// The answer of a fan-out endpoint: as many clients as there can have been.
    fn counted(&self, views: &[View], view: &View, deed: usize, response: &Response) -> Judged {
        if !matches!(response.end, Some((_, How::Complete))) {
            return Ok(());
        }
        let body: Vec<u8> = response.writes.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let (Some(clients), true) = (answer["clients"].as_u64(), answer["ok"].as_bool() == Some(true)) else {
            return Err(violation(COUNTS, Some(view), format!("the answer is {}", visible(&body))));
        };
        let (mut least, mut most) = (0, 0);
        for other in views {
            for (joined, asked, _) in &other.asked {
                if *asked != Asked::Stream(Stream::Sse) {
                    continue;
                }
                let surely_left = other.left.is_some_and(|(left, _)| self.history.is_before(left, deed));
                let surely_joined = self.history.is_before(*joined, deed);
                most += u64::from(!surely_left && !self.history.is_before(deed, *joined));
                let there = other.left.is_none_or(|(left, _)| self.history.is_before(deed, left));
                // Who was evicted is counted no more, and neither is who was told to end.
                let kept = other.prompt && !self.may_be_ending(deed) && self.history.mailbox_events_max >= 1024;
                let first = other.asked.first().is_some_and(|(first, ..)| first == joined);
                least += u64::from(surely_joined && there && kept && first && !other.garbles);
            }
        }
        if !(least..=most).contains(&clients) {
            let detail = format!("{} though there were {least} to {most}", visible(&body));
            return Err(violation(COUNTS, Some(view), detail));
        }
        if answer.get("sent").is_some_and(|sent| sent.as_u64() != Some(clients)) {
            return Err(violation(COUNTS, Some(view), format!("sent is not clients: {}", visible(&body))));
        }
        Ok(())
    }
}

/// What a client of `/sse` heard.
#[derive(Debug, Default)]
struct Heard {
    heartbeats: Vec<Instant>,
    /// The numbers of the events.
    events: Vec<usize>,
}

/// Reads what came, write by write.
fn hear(view: &View, response: &Response) -> Result<Heard, Violation> {
    let mut heard = Heard::default();
    let mut writes = response.writes.iter();
    let Some((_, greeting)) = writes.next() else { return Ok(heard) };
    if greeting != "data: {\"message\": \"连接成功\"}\n\n" {
        return Err(violation(GREETING, Some(view), visible(greeting)));
    }
    while let Some((at, write)) = writes.next() {
        match &write[..] {
            b"heartbeat:\n\n" => heard.heartbeats.push(*at),
            b":\n\n" => {}
            b"event: broadcast\n" | b"event: heartbeat\n" => match writes.next() {
                None => break,
                Some((_, data)) => match number(data) {
                    Some(number) => heard.events.push(number),
                    None => return Err(violation(WHOLE_EVENTS, Some(view), visible(data))),
                },
            },
            _ => return Err(violation(WHOLE_EVENTS, Some(view), visible(write))),
        }
    }
    Ok(heard)
}

/// The number that an event's message bears.
fn number(data: &[u8]) -> Option<usize> {
    let json = data.strip_prefix(b"data: ")?.strip_suffix(b"\n\n")?;
    let data: serde_json::Value = serde_json::from_slice(json).ok()?;
    data["msg"].as_str()?.strip_prefix('n')?.split('.').next()?.parse().ok()
}

/// Whether the events came in one order to all.
fn order(views: &[View]) -> Judged {
    // For each event, those that somebody heard directly after it. In one order there is no way back.
    let mut next: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for view in views.iter().filter(|view| !view.garbles) {
        for (number, (_, asked, _)) in view.asked.iter().enumerate() {
            let (Asked::Stream(Stream::Sse), Some(response)) = (asked, view.responses.get(number)) else { continue };
            for pair in hear(view, response)?.events.windows(2) {
                next.entry(pair[0]).or_default().insert(pair[1]);
            }
        }
    }
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    for after in next.values().flatten() {
        *before.entry(*after).or_default() += 1;
    }
    let mut free: Vec<usize> = next.keys().copied().filter(|event| !before.contains_key(event)).collect();
    while let Some(event) = free.pop() {
        for after in next.remove(&event).unwrap_or_default() {
            let left = before.entry(after).or_default();
            *left -= 1;
            if *left == 0 {
                before.remove(&after);
                free.push(after);
            }
        }
    }
    if before.is_empty() {
        return Ok(());
    }
    Err(violation(ORDER, None, format!("these came in different orders: {:?}", before.keys().collect::<Vec<_>>())))
}

fn responses(account: &Account) -> Vec<Response> {
    let mut responses: Vec<Response> = Vec::new();
    for (at, note) in &account.notes {
        let Note::Saw(seen) = note else { continue };
        match seen {
            Seen::Head(_) => responses.push(Response::default()),
            Seen::Write(bytes) => {
                if let Some(response) = responses.last_mut() {
                    response.writes.push((*at, bytes.clone()));
                }
            }
            Seen::End(how) => {
                if let Some(response) = responses.last_mut() {
                    response.end = response.end.or(Some((*at, *how)));
                }
            }
        }
    }
    responses
}

fn violation(invariant: &'static str, view: Option<&View>, detail: String) -> Violation {
    Violation { invariant, client: view.map(|view| view.client), detail }
}
