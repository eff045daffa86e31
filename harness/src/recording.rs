//! Recordings: the log of a served world, played again in virtual time.
//!
//! The log tells the seed, the epoch, every request, and everything else that was done to the world. Done again in a lab,
//! at the same times and in the same order, it must lead to the same bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use onbeat_server::backstage::{self, Backstage};
use onbeat_server::clock::Instant;
use onbeat_server::control::{Fields, Refusal, parse_fault};
use onbeat_server::random::Seed;
use onbeat_server::router::router;
use onbeat_server::timestamp::Epoch;
use onbeat_server::world::{Limits, World};
use serde::Deserialize;

use crate::client::Client;
use crate::lab::{self, Application, Lab, Overdue, Setup};
use crate::response::Head;
use crate::transcript::{Entry, How, Transcript, What};

/// The version of the form of the log that is read.
const VERSION: u32 = 1;
/// Fields that frame a message, which the log leaves out.
const FRAMING: [&str; 2] = ["transfer-encoding", "content-length"];

/// What a served world noted.
#[derive(Debug)]
pub struct Recording {
    setup: Setup,
    /// Whether its times are exact, since its clock was a manual one.
    is_exact: bool,
    deeds: Vec<(Duration, Deed)>,
    answers: Answers,
}

/// The answers, by the ordinals of their connection and request.
type Answers = BTreeMap<(u64, u32), Answer>;

#[derive(Debug, Default)]
struct Answer {
    asked: String,
    entries: Vec<Entry>,
}

/// What is done to a world.
#[derive(Debug)]
enum Deed {
    Request { connection: u64, method: String, bytes: Vec<u8> },
    Leave { connection: u64 },
    Close { connection: u64, how: backstage::How },
    Fault(serde_json::Value),
    DeleteFaults(Vec<u64>),
}

/// A log that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It is empty.
    #[error("expected a log, as GET /__onbeat/log answers it; it is empty")]
    Empty,
    /// A line is not what it should be.
    #[error("line {line}: {source}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line does not belong where it is.
    #[error("line {line}: expected {expected}")]
    Order {
        /// Which, from 1.
        line: usize,
        /// What belongs there.
        expected: String,
    },
    /// The log was full before its end.
    #[error("the log was full, and {0} lines of it are missing: reset the server before what is to be replayed")]
    Dropped(u64),
}

/// What came of playing it again.
#[derive(Debug)]
pub struct Replayed {
    /// How many requests there were.
    pub requests: usize,
    /// On how many connections.
    pub connections: usize,
    /// How many writes were the same.
    pub writes: usize,
    /// How much time passed.
    pub time: Duration,
    /// Where it first led to something else.
    pub difference: Option<Difference>,
}

/// Where a replay differs from the log.
#[derive(Debug)]
pub struct Difference {
    connection: u64,
    request: u32,
    asked: String,
    place: usize,
    logged: Option<Entry>,
    replayed: Option<Entry>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection, request, asked, place, logged, replayed } = self;
        writeln!(f, "connection {connection}, request {request} ({asked}) differs from its line {}", place + 1)?;
        for (name, entry) in [("logged", logged), ("replayed", replayed)] {
            match entry {
                Some(entry) => writeln!(f, "{name:>9} {entry}")?,
                None => writeln!(f, "{name:>9} nothing")?,
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Line {
    t_ms: u64,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Kind {
    Log { version: u32, seed: String, epoch: String, clock: String, mailbox: u64, dropped: u64 },
    Request { connection: u64, request: u32, method: String, target: String, version: String, headers: Headers },
    Head { connection: u64, request: u32, status: u16, headers: Headers },
    Write { connection: u64, request: u32, text: Option<String>, base64: Option<String> },
    End { connection: u64, request: u32, how: How },
    Close { connection: u64, how: String },
    Fault { fault: serde_json::Value },
    FaultsDeleted { ids: Vec<u64> },
}

type Headers = Vec<(String, String)>;

impl Recording {
    /// Reads a log.
    ///
    /// # Errors
    ///
    /// If it is none, or not whole.
    pub fn parse(text: &str) -> Result<Self, RecordingError> {
        let mut lines = text.lines().enumerate().map(|(number, text)| {
            let line = number + 1;
            serde_json::from_str::<Line>(text)
                .map_err(|source| RecordingError::Line { line, source })
                .map(|it| (line, it))
        });
        let (_, first) = lines.next().ok_or(RecordingError::Empty)??;
        let mut recording = Self::begin(first.kind)?;
        for numbered in lines {
            let (line, Line { t_ms, kind }) = numbered?;
            let expected = |expected: String| RecordingError::Order { line, expected };
            recording.take_in(Duration::from_millis(t_ms), kind).map_err(expected)?;
        }
        let end = recording.deeds.last().map_or(Duration::ZERO, |(at, _)| *at).max(recording.end());
        recording.setup.deadline = end + Duration::from_secs(60);
        Ok(recording)
    }

    fn begin(first: Kind) -> Result<Self, RecordingError> {
        let expected = |expected: &str| RecordingError::Order { line: 1, expected: expected.to_owned() };
        let Kind::Log { version, seed, epoch, clock, mailbox, dropped } = first else {
            return Err(expected("the line of kind log"));
        };
        if version != VERSION {
            return Err(expected(&format!("version {VERSION}, got {version}: use the onbeat that wrote it")));
        }
        if dropped > 0 {
            return Err(RecordingError::Dropped(dropped));
        }
        let seed = seed.parse().map(Seed).map_err(|_| expected("a seed of 64 bits"))?;
        let epoch: Epoch = epoch.parse().map_err(|_| expected("an epoch like 2025-12-01T00:00:00Z"))?;
        let mut setup = Setup::new(seed, epoch);
        setup.limits = Limits { mailbox_events_max: mailbox, ..setup.limits };
        Ok(Self { setup, is_exact: clock == "manual", deeds: Vec::new(), answers: Answers::new() })
    }

    fn take_in(&mut self, at: Duration, kind: Kind) -> Result<(), String> {
        let entry = |what| Entry { at: Instant::EPOCH + at, what };
        match kind {
            Kind::Log { .. } => return Err("no second line of kind log".into()),
            Kind::Request { connection, request, method, target, version, headers } => {
                let head = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
                let bytes = format!("{method} {target} {version}\r\n{head}\r\n").into_bytes();
                let asked = format!("{method} {target}");
                self.answers.insert((connection, request), Answer { asked, entries: Vec::new() });
                self.deeds.push((at, Deed::Request { connection, method, bytes }));
            }
            Kind::Head { connection, request, status, headers } => {
                let head = Head { minor_version: 1, status, headers };
                self.answer(connection, request)?.push(entry(What::Head(head)));
            }
            Kind::Write { connection, request, text, base64 } => {
                let decoded = base64.map(|base64| BASE64_STANDARD.decode(base64)).transpose();
                let bytes = match (text, decoded) {
                    (Some(text), Ok(None)) => Bytes::from(text),
                    (None, Ok(Some(bytes))) => Bytes::from(bytes),
                    _ => return Err("either text or base64".into()),
                };
                self.answer(connection, request)?.push(entry(What::Write(bytes)));
            }
            Kind::End { connection, request, how } => {
                self.answer(connection, request)?.push(entry(What::End(how)));
                if how == How::Closed {
                    self.deeds.push((at, Deed::Leave { connection }));
                }
            }
            Kind::Close { connection, how } => {
                let how = backstage::How::named(&how).ok_or("end, reset or half")?;
                self.deeds.push((at, Deed::Close { connection, how }));
            }
            Kind::Fault { fault } => {
                parse(&fault).map_err(|refusal| format!("a fault; {refusal}"))?;
                self.deeds.push((at, Deed::Fault(fault)));
            }
            Kind::FaultsDeleted { ids } => self.deeds.push((at, Deed::DeleteFaults(ids))),
        }
        Ok(())
    }

    fn answer(&mut self, connection: u64, request: u32) -> Result<&mut Vec<Entry>, String> {
        let answer = self.answers.get_mut(&(connection, request));
        answer.map(|answer| &mut answer.entries).ok_or_else(|| "its request before it".to_owned())
    }

    /// When the last thing was seen.
    fn end(&self) -> Duration {
        let last = self.answers.values().filter_map(|answer| answer.entries.last()).map(|entry| entry.at);
        last.max().unwrap_or(Instant::EPOCH).since_epoch()
    }

    /// Plays it again, in virtual time, and compares what comes.
    ///
    /// # Errors
    ///
    /// If the world goes on long after the log has ended.
    ///
    /// # Panics
    ///
    /// If the server does.
    pub fn replay(&self) -> Result<Replayed, Overdue> {
        // The lab's own world is left empty: this one has a backstage, and connections join it with their first request.
        let setup = self.setup;
        let observed: Arc<OnceLock<Arc<World>>> = Arc::default();
        let slot = Arc::clone(&observed);
        let application = Application::with_router(move |world| {
            let clock = Arc::clone(world.clock());
            let world = Arc::new(World::new(clock, setup.seed, setup.epoch, setup.limits).with_backstage());
            router(Arc::clone(slot.get_or_init(|| world)))
        });
        let (transcripts, time) = lab::run_with(&setup, &application, async |lab| {
            let world = Arc::clone(observed.get().expect("the lab has made its router"));
            let mut stage =
                Stage { backstage: world.backstage().expect("it was made with one"), clients: BTreeMap::new() };
            let mut transcripts = BTreeMap::new();
            for (at, deed) in &self.deeds {
                if lab.world().clock().now() < Instant::EPOCH + *at {
                    lab.until(*at).await;
                }
                stage.act(lab, deed, &mut transcripts).await;
                lab.settle().await;
            }
            lab.until(self.end()).await;
            for (connection, client) in stage.clients {
                transcripts.insert(connection, client.close().await.into_transcript());
            }
            (transcripts, lab.world().clock().now().since_epoch())
        })?;
        Ok(self.compare(&transcripts, time))
    }

    fn compare(&self, transcripts: &BTreeMap<u64, Transcript>, time: Duration) -> Replayed {
        let connections = self.answers.keys().map(|(connection, _)| connection);
        let connections = connections.collect::<std::collections::BTreeSet<_>>().len();
        let mut replayed = Replayed { requests: self.answers.len(), connections, writes: 0, time, difference: None };
        for ((connection, request), answer) in &self.answers {
            let came = transcripts.get(connection).map(|transcript| response(transcript, *request)).unwrap_or_default();
            let logged = &answer.entries;
            // A response that was under way when the log was read has no end in it.
            let is_open = !matches!(logged.last().map(|last| &last.what), Some(What::End(_)));
            let came = if is_open { without_end(came) } else { came };
            let place = (0..logged.len().max(came.len()))
                .find(|&place| !logged.get(place).zip(came.get(place)).is_some_and(|(a, b)| self.is_same(a, b)));
            replayed.writes += logged.iter().filter(|entry| matches!(entry.what, What::Write(_))).count();
            if let Some(place) = place {
                replayed.difference = Some(Difference {
                    connection: *connection,
                    request: *request,
                    asked: answer.asked.clone(),
                    place,
                    logged: logged.get(place).cloned(),
                    replayed: came.get(place).cloned(),
                });
                return replayed;
            }
        }
        replayed
    }

    fn is_same(&self, logged: &Entry, replayed: &Entry) -> bool {
        let is_in_time = !self.is_exact || logged.at == replayed.at;
        is_in_time
            && match (&logged.what, &replayed.what) {
                (What::Head(logged), What::Head(replayed)) => {
                    let fields = replayed.headers.iter().filter(|(name, _)| !FRAMING.contains(&name.as_str()));
                    logged.status == replayed.status && fields.eq(logged.headers.iter())
                }
                (What::Write(logged), What::Write(replayed)) => logged == replayed,
                // A pipe in memory can't be reset by the server.
                (What::End(How::Reset), What::End(How::Cut)) => true,
                (What::End(logged), What::End(replayed)) => logged == replayed,
                _ => false,
            }
    }
}

fn parse(fault: &serde_json::Value) -> Result<onbeat_server::faults::Fault, Refusal> {
    Fields::from_value(fault.clone()).and_then(parse_fault)
}

/// The `number`th response in a transcript.
fn response(transcript: &Transcript, number: u32) -> Vec<Entry> {
    let mut responses = 0;
    let of_it = transcript.entries.iter().filter(|entry| {
        responses += u32::from(matches!(entry.what, What::Head(_)));
        responses == number + 1
    });
    // A connection that was cut is closed by its client later on.
    let mut over = false;
    let of_it = of_it.take_while(|entry| !std::mem::replace(&mut over, matches!(entry.what, What::End(_))));
    of_it.cloned().collect()
}

fn without_end(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.pop_if(|last| matches!(last.what, What::End(How::Closed)));
    entries
}

/// The clients that play it again.
struct Stage<'a> {
    backstage: &'a Backstage,
    clients: BTreeMap<u64, Client>,
}

impl Stage<'_> {
    async fn act(&mut self, lab: &mut Lab, deed: &Deed, transcripts: &mut BTreeMap<u64, Transcript>) {
        let now = lab.world().clock().now();
        match deed {
            Deed::Request { connection, method, bytes } => {
                let client = self.clients.entry(*connection).or_insert_with(|| lab.connect());
                client.expect(method);
                client.send(bytes).await;
            }
            Deed::Leave { connection } => {
                if let Some(client) = self.clients.remove(connection) {
                    transcripts.insert(*connection, client.close().await.into_transcript());
                }
            }
            Deed::Close { connection, how } => {
                self.backstage.close(now, *connection, *how);
            }
            Deed::Fault(fault) => {
                let fault = parse(fault).expect("it was read before");
                // The log has no fault that there was no room for.
                let _ = self.backstage.add_fault(now, fault);
            }
            Deed::DeleteFaults(ids) => ids.iter().for_each(|id| drop(self.backstage.delete_faults(now, Some(*id)))),
        }
    }
}
