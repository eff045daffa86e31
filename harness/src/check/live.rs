//! The check of a server over TCP, in real time.

mod address;
mod plan;
mod reach;
mod scenes;
mod watch;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all};
use futures_util::{FutureExt, StreamExt, stream};
use onbeat_server::clock::epoch_today;
use onbeat_wire::How;
use onbeat_wire::recording::Fact;
use parking_lot::{Mutex, MutexGuard};
use tokio::task::JoinSet;

use self::plan::Plan;
use self::reach::{reach, trouble};
use self::watch::{look_for_stalls, probe};
use super::application::{self, Reading};
use super::headers::ExtraHeaders;
use super::hint::Cause;
use super::noise::Noise;
use super::pulse::Pulse;
use super::seen::{Seen, judge};
use super::tag::{MARK, Tag};
use super::target::{Live, Target};
use super::{Scope, exchange, play};
use crate::fixtures::format::Exchange;
use crate::fixtures::golden::order_of_stream;
use crate::judge::case::Case;
use crate::judge::evidence::Evidence;
use crate::judge::scene::Scene;
use crate::judge::selection::NoSuchCase;
use crate::judge::timeline::{Timeline, timeline};
use crate::judge::verdict::{Hint, Outcome, Report, Verdict, verdicts};
use crate::player::Bounds;

/// A server over TCP, and how it is judged.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The address: `http://HOST:PORT`, perhaps with a path before those of the endpoints; or just `HOST:PORT`.
    pub url: String,
    /// The headers that every request has besides.
    pub headers: ExtraHeaders,
    /// How late an event may be.
    pub tolerance: Duration,
    /// How many times as fast as real time the server's clock runs.
    pub scale: NonZeroU32,
}

/// Why a server can't be judged at all.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The URL is wrong.
    #[error("failed to read the URL {url:?}: {why}")]
    Url {
        /// As it was given.
        url: String,
        /// The mistake.
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
    /// The clock is too fast for a check in real time.
    #[error(
        "expected a scale of at most {SCALE_MAX}, got {0}: of a faster clock a real one can't tell what comes when"
    )]
    TooFast(NonZeroU32),
    /// The selection is wrong.
    #[error(transparent)]
    NoSuchCase(#[from] NoSuchCase),
}

/// Shows how far a check has come.
pub trait Progress {
    /// Notes how long the check of a conforming server takes at most.
    fn planned(&self, length: Duration);
    /// Notes the time that has passed, and how many of all parts are done.
    fn passed(&self, time: Duration, done: usize, of: usize);
}

/// Of a clock that is faster, heartbeats come less than 30 ms apart, and what a scene waits for is lost among them.
const SCALE_MAX: u32 = 1000;
/// The time within which a stream has to begin.
const BEGIN_MAX: Duration = Duration::from_secs(10);
/// A request that failed is sent again as often, if the answer came soon: a reset may have overtaken it.
const ATTEMPTS: usize = 3;
const SOON: Duration = Duration::from_secs(5);
/// What comes late is waited for again so often: it must be late each time to count.
const CONFIRMATIONS: usize = 2;
/// A busy machine holds up so few writes of a scene at most, or such a part of them.
const LATE_FEW: usize = 4;
const LATE_PART_MAX: usize = 4;
/// The bounds of a client of a scene, and of `/sse`, where strangers may say a lot.
const SCENE_BOUNDS: Bounds = Bounds { bytes_max: 1 << 20, entries_max: 1 << 13 };
const SSE_BOUNDS: Bounds = Bounds { bytes_max: 1 << 22, entries_max: 1 << 15 };
/// A check that takes so much longer than planned is broken off.
const OVERTIME_MAX: Duration = Duration::from_secs(20);
/// How often progress is told.
const TICK: Duration = Duration::from_millis(100);

/// Judges the server by the fixtures, over real sockets: all streams at the same time, scenes one after another. When `stop`
/// is ready, the check is broken off, and reported as far as it has come.
///
/// # Errors
///
/// If the URL is wrong, nobody listens there, or the selection names no case.
pub async fn check_live(
    remote: &Remote,
    scope: &Scope,
    progress: &impl Progress,
    stop: impl Future<Output = ()>,
) -> Result<Report, Unreachable> {
    let golden = scope.golden();
    scope.cases.among(&golden.cases)?;
    if remote.scale.get() > SCALE_MAX {
        return Err(Unreachable::TooFast(remote.scale));
    }
    let live = reach(remote).await?;
    let mut watch = JoinSet::new();
    watch.spawn(look_for_stalls(Arc::clone(&live.clock), live.stalls.clone()));
    let inspection = Inspection::new(remote, scope.behind_proxy, &live, &golden.cases);
    let plan = Plan::new(&golden, scope, &live.pace);
    progress.planned(plan.length);
    let trouble = {
        tokio::select! {
            biased;
            () = inspection.perform(&plan) => None,
            why = trouble(&live) => Some(why),
            () = stop => Some("the check was told to end before its time".to_owned()),
            () = inspection.overtime(plan.length) => Some(format!("the check was not over {OVERTIME_MAX:?} after its time, and was broken off")),
            () = probe(live.clone()) => unreachable!("it probes for ever"),
            () = inspection.tell(progress, plan.parts()) => unreachable!("it is told for ever"),
        }
    };
    let Findings { mut evidence, mut timelines, pulses, .. } = inspection.findings.into_inner();
    scope.explain(&mut evidence);
    timelines.sort_by_key(|timeline| order_of_stream(&timeline.name));
    let verdicts = verdicts(&evidence, |id| scope.cases.has(id), trouble.as_deref());
    let hint = hint(remote, scope, &golden.cases, &verdicts, &pulses);
    let mut report = Report { target: live.url.clone(), verdicts, timelines, trouble, hint };
    report.texts_mut().for_each(|text| remote.headers.hide(text));
    Ok(report)
}

/// Returns the likeliest cause of all failures, if there is one.
fn hint(remote: &Remote, scope: &Scope, cases: &[Case], verdicts: &[Verdict], pulses: &[Pulse]) -> Option<Hint> {
    let mut failed = verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Fail).peekable();
    failed.peek()?;
    let cause = Cause::of_times(pulses, remote.scale).or_else(|| {
        let hop_by_hop = |verdict: &Verdict| cases.iter().any(|case| case.id == verdict.id && case.hop_by_hop);
        (!scope.behind_proxy && failed.all(hop_by_hop)).then_some(Cause::OnlyConnections)
    });
    cause.map(Hint::from)
}

/// One check being made.
struct Inspection<'a> {
    behind_proxy: bool,
    live: &'a Live,
    cases: &'a [Case],
    application: reqwest::Client,
    base: String,
    tag: Tag,
    findings: Mutex<Findings<'a>>,
}

/// All findings so far.
struct Findings<'a> {
    evidence: Evidence<'a>,
    timelines: Vec<Timeline>,
    pulses: Vec<Pulse>,
    /// The number of parts that are done.
    parts: usize,
    /// How long the repeated parts took.
    repeated: Duration,
}

impl<'a> Inspection<'a> {
    fn new(remote: &Remote, behind_proxy: bool, live: &'a Live, cases: &'a [Case]) -> Self {
        let application = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .default_headers(remote.headers.map())
            .build()
            .expect("a client without TLS asks nothing of the machine");
        // Nobody else's check has it: two processes of one machine differ in their ids, two machines in the time.
        let now: String = epoch_today().to_string().chars().filter(char::is_ascii_digit).collect();
        let tag = Tag::new(format!("{MARK}{now}-{}-", std::process::id()));
        let base = live.url.clone();
        let findings = Findings {
            evidence: Evidence::new(cases),
            timelines: Vec::new(),
            pulses: Vec::new(),
            parts: 0,
            repeated: Duration::ZERO,
        };
        let findings = Mutex::new(findings);
        Self { behind_proxy, live, cases, application, base, tag, findings }
    }

    fn findings(&self) -> MutexGuard<'_, Findings<'a>> {
        self.findings.lock()
    }

    /// Waits until a check of this length takes too long, also for a machine that was held up and for what was repeated.
    async fn overtime(&self, length: Duration) {
        let start = self.live.clock.now();
        // A server whose timers drift takes a quarter more at most.
        let due = start + length * 5 / 4 + OVERTIME_MAX;
        let mut until = due;
        while self.live.clock.now() < until {
            self.live.clock.sleep_until(until).await;
            until = due + self.findings().repeated + self.live.held_up(start, until).min(OVERTIME_MAX);
        }
    }

    /// Notes that a part is repeated, and how long the repetition takes.
    fn repeated(&self, time: Duration) {
        self.findings().repeated += time;
    }

    /// Allows for the time of a scene that is about to be played again: during a long scene the check would be broken off.
    fn allow_repeat(&self, scene: &Scene) {
        self.repeated(self.live.pace.takes(scene.length_ms) * 5 / 4 + self.live.pace.patience);
    }

    /// Shows the progress, for ever.
    async fn tell(&self, progress: &impl Progress, of: usize) {
        let start = self.live.clock.now();
        loop {
            progress.passed(self.live.clock.now() - start, self.findings().parts, of);
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

    /// Does all that the clients of `/sse` notice, one part after another; at last watches `/sse` itself.
    async fn noticed(&self, plan: &Plan<'_>) {
        if !plan.noticed.is_empty() {
            self.exchanges(&plan.noticed).await;
            self.live.settle().await;
        }
        for scene in &plan.short {
            self.scene(scene).await;
        }
        let mut beside: Vec<LocalBoxFuture<()>> = Vec::new();
        if let Some(scene) = &plan.sse {
            beside.push(self.stream(scene, Noise::Anybody).boxed_local());
        }
        for scene in &plan.long {
            beside.push(self.long_scene(scene).boxed_local());
        }
        join_all(beside).await;
    }

    /// Adds the evidence of a part that is done.
    fn finished(&self, evidence: impl IntoIterator<Item = Evidence<'a>>, timeline: Option<Timeline>) {
        let mut findings = self.findings();
        evidence.into_iter().for_each(|evidence| findings.evidence.add(evidence));
        findings.timelines.extend(timeline);
        findings.parts += 1;
    }

    /// Judges a stream; again, if the machine was too busy for a decision, or may have held up the writes that came late.
    async fn stream(&self, scene: &Scene, noise: Noise) {
        let mut seen = self.watch(scene, noise).await;
        let mut evidence = self.judge(scene, &seen);
        if evidence.is_undecided() {
            self.allow_repeat(scene);
            seen = self.watch(scene, noise).await;
            evidence = self.judge(scene, &seen);
        }
        self.findings().pulses.push(Pulse::take(scene, &seen, &self.live.pace));
        let timeline = timeline(scene, &seen.observation(), &self.live.pace);
        let again = async || self.judge(scene, &self.watch(scene, noise).await);
        let evidence = self.confirmed(scene, evidence, again).await;
        self.finished([evidence], Some(timeline));
    }

    /// Plays a scene again as long as anything is late, and keeps only the lateness that is found each time: a busy machine
    /// does not hold up the same writes again. Where many writes are late, the machine is no excuse.
    async fn confirmed(
        &self,
        scene: &Scene,
        mut evidence: Evidence<'a>,
        again: impl AsyncFn() -> Evidence<'a>,
    ) -> Evidence<'a> {
        let writes = scene.lines.iter().filter(|(_, line)| matches!(line.fact, Fact::Write(_))).count();
        for _ in 0..CONFIRMATIONS {
            if !(1..=(writes / LATE_PART_MAX).max(LATE_FEW)).contains(&evidence.late_places()) {
                break;
            }
            self.allow_repeat(scene);
            evidence.confirm_lateness(&again().await);
        }
        evidence
    }

    fn judge(&self, scene: &Scene, seen: &Seen) -> Evidence<'a> {
        judge(self.cases, scene, seen, &self.live.pace, &self.live.stalls.lock())
    }

    /// Watches a stream twice at the same time: raw, and as an application does.
    async fn watch(&self, scene: &Scene, noise: Noise) -> Seen {
        let text: usize = scene.lines.iter().map(|(_, line)| line.written().len()).sum();
        let bounds = match noise {
            Noise::None => Bounds { bytes_max: 8 * text + (1 << 16), entries_max: 4 * scene.lines.len() + 64 },
            Noise::Strangers | Noise::Anybody => SSE_BOUNDS,
        };
        let dispatched = Arc::new(Mutex::new(Reading::default()));
        let url = format!("{}/{}", self.base, scene.name());
        let ended = AtomicBool::new(false);
        let watched = async {
            application::watch(self.application.clone(), url, bounds, Arc::clone(&dispatched)).await;
            ended.store(true, Ordering::Relaxed);
        };
        let raw = async {
            let logs = play::play(&mut self.live.clone(), scene, &Tag::default(), noise, bounds).await;
            // The application's stream may have begun later.
            let events = scene.lines.iter().filter(|(_, line)| matches!(line.fact, Fact::Event(_))).count();
            let given_up = self.live.clock.now() + self.live.pace.patience;
            while self.live.clock.now() < given_up
                && !ended.load(Ordering::Relaxed)
                && own_events(&dispatched, noise) < events
            {
                self.live.clock.sleep_until(self.live.clock.now() + TICK).await;
            }
            logs
        };
        let (raw, watched) = (std::pin::pin!(raw), std::pin::pin!(watched));
        let logs = match futures_util::future::select(raw, watched).await {
            futures_util::future::Either::Left((logs, _)) => logs,
            futures_util::future::Either::Right(((), raw)) => raw.await,
        };
        let dispatched = dispatched.lock().clone().outcome();
        Seen { logs, tag: Tag::default(), noise, others: Some(0), dispatched: Some(dispatched) }
    }

    /// Performs requests side by side.
    async fn exchanges(&self, exchanges: &[&Exchange]) {
        if exchanges.is_empty() {
            return;
        }
        let evidence = stream::iter(exchanges).map(|exchange| self.exchange(exchange)).buffer_unordered(16);
        self.finished(evidence.collect::<Vec<_>>().await, None);
    }

    /// Performs a request; again, if the answer failed at once, or did not come in time.
    async fn exchange(&self, wanted: &Exchange) -> Evidence<'a> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let start = self.live.clock.now();
            let log = exchange::perform(&mut self.live.clone(), wanted, self.cases).await;
            let evidence = exchange::judge(self.cases, wanted, log.as_ref());
            let soon = self.live.clock.now() - start < SOON;
            let is_over = log.and_then(|log| log.first_exchange()?.end).is_some_and(|(_, how)| how != How::Closed);
            if evidence.is_clean() || attempts == ATTEMPTS || !soon && is_over {
                return evidence;
            }
        }
    }
}

/// Returns how many events of the stream itself an application has dispatched.
fn own_events(reading: &Mutex<Reading>, noise: Noise) -> usize {
    let reading = reading.lock();
    reading.dispatched.events.iter().filter(|event| noise.may_be_own(event)).count()
}
