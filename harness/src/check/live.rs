//! The check of a server over TCP, in real time.

mod plan;
mod reach;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all};
use futures_util::{FutureExt, StreamExt, stream};
use onbeat_server::clock::Clock;
use onbeat_server::timestamp::Epoch;
use tokio::task::JoinSet;

use self::plan::Plan;
use self::reach::{reach, trouble};
use super::application::{self, Dispatched};
use super::evidence::Evidence;
use super::judge::{Noise, Seen, judge};
use super::pace::Stalls;
use super::play::Accounts;
use super::responses::got;
use super::tag::Tag;
use super::target::{Live, Target};
use super::timeline::{Timeline, timeline};
use super::verdict::{Report, verdicts};
use super::{NoSuchCase, Selection, exchange, play};
use crate::client::Bounds;
use crate::fixtures::format::{Case, Exchange};
use crate::fixtures::golden::{Golden, Scene};

/// A server over TCP, and how it is judged.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Where it is: `http://HOST:PORT`, perhaps with a path before those of the endpoints.
    pub url: String,
    /// How late an event may be.
    pub tolerance: Duration,
    /// How many times as fast as the contract's its clock runs.
    pub scale: NonZeroU32,
}

/// Why a server can't be judged at all.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The URL is none that can be checked.
    #[error("failed to read the URL {url:?}: {why}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody listens there.
    #[error("failed to connect to {url}: {why}; is the server running?")]
    Connect {
        /// As it was given.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// The selection is wrong.
    #[error(transparent)]
    NoSuchCase(#[from] NoSuchCase),
}

/// Told of how far a check has come.
pub trait Progress {
    /// It will take so long at most, if the server conforms.
    fn planned(&self, length: Duration);
    /// It has taken so long, and so many of so many parts are done.
    fn passed(&self, time: Duration, done: usize, of: usize);
}

/// A server whose streams have not begun by then is none.
const BEGIN_MAX: Duration = Duration::from_secs(10);
/// A failed part is tried again as often: strangers may have come or gone, or a reset have overtaken an answer.
const ATTEMPTS: usize = 3;
/// What a client of a scene, and of `/sse`, takes in: strangers may say a lot.
const SCENE_BOUNDS: Bounds = Bounds { bytes_max: 1 << 20, notes_max: 1 << 13 };
const SSE_BOUNDS: Bounds = Bounds { bytes_max: 1 << 22, notes_max: 1 << 15 };
/// A check that takes so much longer than planned is broken off.
const OVERTIME_MAX: Duration = Duration::from_secs(20);
/// A stream is watched raw, and by an application.
const WATCHERS: u64 = 2;
/// How often progress is told, and stalls are looked for.
const TICK: Duration = Duration::from_millis(100);
const STALL_TICK: Duration = Duration::from_millis(10);
const STALL_MIN: Duration = Duration::from_millis(15);

/// Judges the server by the fixtures, over real sockets: all streams at the same time, scenes one after another.
///
/// # Errors
///
/// If the URL is wrong, nobody listens there, or the selection names no case.
pub async fn check_live(
    remote: &Remote,
    selection: &Selection,
    progress: &impl Progress,
) -> Result<Report, Unreachable> {
    let golden = Golden::read();
    if let Some(pattern) = selection.misspelled(&golden.cases) {
        return Err(NoSuchCase(pattern.as_str().into()).into());
    }
    let live = reach(remote).await?;
    let stalls = Arc::new(Mutex::new(Stalls::default()));
    let mut watch = JoinSet::new();
    watch.spawn(look_for_stalls(Arc::clone(&live.clock), Arc::clone(&stalls)));
    let inspection = Inspection::new(remote, &live, &golden.cases, stalls);
    let plan = Plan::new(&golden, selection, &live.pace);
    progress.planned(plan.length);
    let trouble = {
        // A server whose timers drift takes a quarter more at most.
        let overtime = live.clock.sleep_until(live.clock.now() + plan.length * 5 / 4 + OVERTIME_MAX);
        tokio::select! {
            biased;
            () = inspection.perform(&plan) => None,
            why = trouble(&live) => Some(why),
            () = overtime => Some(format!("the check was not over {OVERTIME_MAX:?} after its time, and was broken off")),
            () = inspection.tell(progress, plan.parts()) => unreachable!("it is told for ever"),
        }
    };
    let Findings { evidence, mut timelines, .. } =
        inspection.findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    timelines.sort_by_key(|timeline| Scene::order(&timeline.name));
    let verdicts = verdicts(&evidence, |id| selection.has(id), trouble.as_deref());
    Ok(Report { target: remote.url.clone(), verdicts, timelines, trouble })
}

/// Notes when nothing of this process ran: what came then may have been in time.
async fn look_for_stalls(clock: Arc<dyn Clock>, stalls: Arc<Mutex<Stalls>>) {
    loop {
        let due = clock.now() + STALL_TICK;
        clock.sleep_until(due).await;
        let now = clock.now();
        if now - due > STALL_MIN {
            stalls.lock().unwrap_or_else(PoisonError::into_inner).note(due, now);
        }
    }
}

/// One check being made.
struct Inspection<'a> {
    live: &'a Live,
    cases: &'a [Case],
    stalls: Arc<Mutex<Stalls>>,
    application: reqwest::Client,
    base: String,
    tag: Tag,
    findings: Mutex<Findings<'a>>,
}

/// What has been found so far.
struct Findings<'a> {
    evidence: Evidence<'a>,
    timelines: Vec<Timeline>,
    /// So many parts are done.
    parts: usize,
}

impl<'a> Inspection<'a> {
    fn new(remote: &Remote, live: &'a Live, cases: &'a [Case], stalls: Arc<Mutex<Stalls>>) -> Self {
        let application = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .build()
            .expect("a client without TLS asks nothing of the machine");
        // Nobody else's check has it: two processes of one machine differ in their ids, two machines in the time.
        let now: String = Epoch::today().to_string().chars().filter(char::is_ascii_digit).collect();
        let tag = Tag::new(format!("onbeat-{now}-{}-", std::process::id()));
        let base = remote.url.trim_end_matches('/').to_owned();
        let findings = Findings { evidence: Evidence::new(cases), timelines: Vec::new(), parts: 0 };
        let findings = Mutex::new(findings);
        Self { live, cases, stalls, application, base, tag, findings }
    }

    /// Tells how far it has come, for ever.
    async fn tell(&self, progress: &impl Progress, of: usize) {
        let start = self.live.clock.now();
        loop {
            progress.passed(
                self.live.clock.now() - start,
                self.findings.lock().unwrap_or_else(PoisonError::into_inner).parts,
                of,
            );
            self.live.clock.sleep_until(self.live.clock.now() + TICK).await;
        }
    }

    async fn perform(&self, plan: &Plan<'_>) {
        let mut lanes: Vec<LocalBoxFuture<()>> = Vec::new();
        for scene in &plan.streams {
            lanes.push(self.stream(scene, Noise::None).boxed_local());
        }
        lanes.push(self.exchanges(&plan.apart).boxed_local());
        lanes.push(self.noticed(plan).boxed_local());
        join_all(lanes).await;
    }

    /// What the clients of `/sse` notice, one after another; at last `/sse` itself.
    async fn noticed(&self, plan: &Plan<'_>) {
        if !plan.noticed.is_empty() {
            self.exchanges(&plan.noticed).await;
            self.live.settle().await;
        }
        for scene in &plan.short {
            self.scene(scene).await;
        }
        let alone = self.clients().await == 0;
        let watchers = if plan.sse.is_some() { WATCHERS } else { 0 };
        let mut beside: Vec<LocalBoxFuture<()>> = Vec::new();
        if let Some(scene) = &plan.sse {
            beside.push(self.stream(scene, Noise::Anybody).boxed_local());
        }
        for scene in &plan.long {
            beside.push(self.long_scene(scene, alone.then_some(watchers)).boxed_local());
        }
        join_all(beside).await;
    }

    /// A part is done.
    fn finished(&self, evidence: impl IntoIterator<Item = Evidence<'a>>, timeline: Option<Timeline>) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        evidence.into_iter().for_each(|evidence| findings.evidence.add(evidence));
        findings.timelines.extend(timeline);
        findings.parts += 1;
    }

    fn stalls(&self) -> Stalls {
        self.stalls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Watches a stream twice at the same time: raw, and as an application does.
    async fn stream(&self, scene: &Scene, noise: Noise) {
        let text: usize = scene.lines.iter().map(|(_, line)| line.written().len()).sum();
        let bounds = match noise {
            Noise::None => Bounds { bytes_max: 8 * text + (1 << 16), notes_max: 4 * scene.lines.len() + 64 },
            Noise::Strangers | Noise::Anybody => SSE_BOUNDS,
        };
        let dispatched = Arc::new(Mutex::new(Dispatched::default()));
        let path = format!("/{}", scene.path.trim_start_matches("streams/").trim_end_matches(".jsonl"));
        let url = format!("{}{path}", self.base);
        let watched = application::watch(self.application.clone(), url, bounds, Arc::clone(&dispatched));
        let raw = async {
            let accounts = play::play(&mut self.live.clone(), scene, &Tag::default(), bounds).await;
            // The application's stream began at the same time, or nearly.
            self.live.settle().await;
            accounts
        };
        let (raw, watched) = (std::pin::pin!(raw), std::pin::pin!(watched));
        let accounts = match futures_util::future::select(raw, watched).await {
            futures_util::future::Either::Left((accounts, _)) => accounts,
            futures_util::future::Either::Right(((), raw)) => raw.await,
        };
        let dispatched = dispatched.lock().unwrap_or_else(PoisonError::into_inner).clone().outcome();
        let seen = Seen { accounts, tag: Tag::default(), noise, others: Some(0), dispatched: Some(dispatched) };
        let evidence = judge(self.cases, scene, &seen, &self.live.pace, &self.stalls());
        self.finished([evidence], Some(timeline(scene, &seen, &self.live.pace)));
    }

    /// Plays a scene; again, if it failed and strangers may have had a part in it.
    async fn scene(&self, scene: &Scene) {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let before = self.clients().await;
            let accounts = play::play(&mut self.live.clone(), scene, &self.tag, SCENE_BOUNDS).await;
            let noise = if before == 0 { Noise::None } else { Noise::Strangers };
            let evidence = self.judge(scene, accounts, noise, Some(before));
            if evidence.is_clean() || attempts == ATTEMPTS || before == 0 && self.clients().await == 0 {
                self.finished([evidence], None);
                return;
            }
        }
    }

    /// Plays a scene beside so many clients of our own. It is too long to be played again, so its counts are judged only
    /// if nobody else is there.
    async fn long_scene(&self, scene: &Scene, others: Option<u64>) {
        let given_up = self.live.clock.now() + BEGIN_MAX;
        while let Some(ours) = others
            && self.live.clock.now() < given_up
            && self.clients().await < ours
        {
            self.live.clock.sleep_until(self.live.clock.now() + TICK).await;
        }
        let accounts = play::play(&mut self.live.clone(), scene, &self.tag, SCENE_BOUNDS).await;
        self.finished([self.judge(scene, accounts, Noise::Strangers, others)], None);
    }

    fn judge(&self, scene: &Scene, accounts: Accounts, noise: Noise, others: Option<u64>) -> Evidence<'a> {
        let seen = Seen { accounts, tag: self.tag.clone(), noise, others, dispatched: None };
        judge(self.cases, scene, &seen, &self.live.pace, &self.stalls())
    }

    /// How many clients of `/sse` the server has; none if it does not say.
    async fn clients(&self) -> u64 {
        let mut live = self.live.clone();
        let Ok(mut client) = live.connect(Bounds { bytes_max: 1 << 16, notes_max: 64 }).await else { return 0 };
        client.expect("GET");
        client.send(live.address("GET /send-heartbeat HTTP/1.1\r\nHost: onbeat\r\n\r\n").as_bytes()).await;
        tokio::select! {
            biased;
            () = client.responses(1) => {}
            () = live.clock.sleep_until(live.clock.now() + live.pace.patience_for_effects) => {}
        }
        let account = client.close().await;
        let answer = got(&account).into_iter().next().map(|got| got.body()).unwrap_or_default();
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        answer["clients"].as_u64().unwrap_or_default()
    }

    /// Performs requests side by side.
    async fn exchanges(&self, exchanges: &[&Exchange]) {
        if exchanges.is_empty() {
            return;
        }
        let evidence = stream::iter(exchanges).map(|exchange| self.exchange(exchange)).buffer_unordered(16);
        self.finished(evidence.collect::<Vec<_>>().await, None);
    }

    /// Performs a request; again, if it failed at once.
    async fn exchange(&self, wanted: &Exchange) -> Evidence<'a> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let start = self.live.clock.now();
            let account = exchange::perform(&mut self.live.clone(), wanted, self.cases).await;
            let evidence = exchange::judge(self.cases, wanted, account.as_ref());
            let quick = self.live.clock.now() - start < Duration::from_secs(1);
            if evidence.is_clean() || attempts == ATTEMPTS || !quick {
                return evidence;
            }
        }
    }
}
