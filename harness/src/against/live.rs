//! Plays the exchanges of recordings on a server, in real time, and compares what comes.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use onbeat_wire::{Instant, whole_ms};
use tokio::task::JoinSet;

use super::accept::NextRecording;
use super::cases::cases;
use super::compare::CompareRules;
use super::contract::{RecordingContract, requests};
use super::facts::{ResponseFacts, SeenResponse};
use super::request::MoreHeaders;
use super::results::{CheckResults, PlayedExchange, PlayedRound};
use super::room::Room;
use super::schedule::{PlannedExchange, Round, alone, rounds};
use crate::check::{ExtraHeaders, Progress, look_for_stalls, too_fast};
use crate::judge::{Case, Measured, NoSuchCase, ORDER_REPEATS_MAX, REPEATS_MAX, Report, Selection, SharedStalls};
use crate::record::{ConnectError, Connector, RecordedLine, Secrets, record_once};

/// The time between two looks at the progress.
const TICK: Duration = Duration::from_millis(100);

/// A server that is held against recordings, and how.
pub struct RecordingCheck {
    /// Connects to the server.
    pub connector: Connector,
    /// Further headers: in place of what the recorder left out, or else for all requests.
    pub headers: ExtraHeaders,
    /// The cases that are judged.
    pub cases: Selection,
    /// How exchanges are compared.
    pub rules: CompareRules,
    /// How long each response is watched, if that was asked for.
    pub watched: Option<Duration>,
    /// Whether the recordings are played one by one.
    pub one_by_one: bool,
}

/// The result of a check.
#[derive(Debug)]
pub struct CheckedRecordings {
    /// The verdicts.
    pub report: Report,
    /// For each recording, the next recording; nothing where an exchange did not come to its end.
    pub accepted: Vec<Option<NextRecording>>,
}

/// Why a server can't be held against recordings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotChecked {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The selection is wrong.
    #[error(transparent)]
    NoSuchCase(#[from] NoSuchCase),
    /// The check was told to end.
    #[error("the check was told to end before there was a connection")]
    ToldToEnd,
    /// The clock of the server is too fast for a check in real time.
    #[error("{0}")]
    TooFast(String),
}

/// Holds a server against recordings. When `stop` is ready, the check is broken off, and the report has all that is known by
/// then.
///
/// # Errors
///
/// If no server listens there, `stop` is ready before there is a connection, the selection names no case, or the clock of the server is too fast.
pub async fn check_against(
    check: &RecordingCheck,
    contracts: &[RecordingContract],
    progress: &impl Progress,
    stop: impl Future<Output = ()>,
) -> Result<CheckedRecordings, NotChecked> {
    let cases = cases(contracts);
    check.cases.among(&cases, Measured::Recordings)?;
    too_fast(check.rules.times.scale).map_or(Ok(()), |why| Err(NotChecked::TooFast(why)))?;
    // Connects once before the first round, so that a wrong address is an error, and not a finding in each line.
    let mut stop = pin!(stop);
    tokio::select! {
        biased;
        () = &mut stop => return Err(NotChecked::ToldToEnd),
        tried = check.connector.try_out() => tried?,
    }
    let stalls = SharedStalls::default();
    // Looks for stalls of the machine until the set is dropped, which aborts the task.
    let mut watch = JoinSet::new();
    watch.spawn(look_for_stalls(Arc::clone(check.connector.clock()), stalls.clone()));
    let mut rounds = rounds(contracts, check.one_by_one);
    for round in &mut rounds {
        round.retain(|planned| planned.of(contracts).0.is_selected(&check.cases));
    }
    rounds.retain(|round| !round.is_empty());
    progress.planned(rounds.iter().map(|round| check.length(contracts, round)).sum());

    let mut results = CheckResults::new(&cases, contracts);
    let trouble = {
        let results = parking_lot::Mutex::new(&mut results);
        let work = pin!(async {
            for round in &rounds {
                let played = check.round(contracts, round, &cases, &stalls).await;
                results.lock().add(contracts, &played);
            }
        });
        let shown = pin!(async {
            let clock = check.connector.clock();
            let start = clock.now();
            loop {
                progress.passed(clock.now() - start, results.lock().rounds_done, rounds.len());
                clock.sleep_until(clock.now() + TICK).await;
            }
        });
        tokio::select! {
            biased;
            () = work => None,
            () = &mut stop => Some("the check was told to end before its time".to_owned()),
            () = shown => unreachable!("showing progress has no end"),
        }
    };
    let target = check.connector.upstream().to_string();
    let (mut report, accepted) = results.report(contracts, target, &check.cases, trouble);
    // Hides the secrets among the given headers, which findings may quote.
    report.texts_mut().for_each(|text| check.headers.hide(text));
    Ok(CheckedRecordings { report, accepted })
}

impl RecordingCheck {
    /// Returns how long a round takes at least.
    fn length(&self, contracts: &[RecordingContract], round: &Round) -> Duration {
        let length = |planned: &PlannedExchange| {
            let (_, recorded) = planned.of(contracts);
            let length = Duration::from_millis(recorded.response.length_ms()) / self.rules.times.scale;
            Duration::from_millis(planned.start_ms) / self.rules.times.scale
                + self.watched.map_or(length, |watched| watched.min(length))
        };
        round.iter().map(length).max().unwrap_or_default()
    }

    /// Plays a round, and again where a busy machine, or chance, may explain the evidence.
    async fn round<'c>(
        &self,
        contracts: &[RecordingContract],
        round: &Round,
        cases: &'c [Case],
        stalls: &SharedStalls,
    ) -> PlayedRound<'c> {
        let mut first = self.play_round(contracts, round, cases, stalls).await;
        let writes = round.iter().map(|planned| planned.of(contracts).1.response.writes.len()).sum();
        for _ in 0..REPEATS_MAX {
            if !first.evidence().is_in_doubt(writes) {
                return first;
            }
            first.settle_doubts(self.play_round(contracts, round, cases, stalls).await);
        }
        // Plays each recording alone where others ran beside: one request that is much work for the server holds up all.
        for contract in first.recordings_in_doubt() {
            let alone = alone(round, contract);
            if alone.len() < round.len() {
                first.settle_doubts_alone(self.play_round(contracts, &alone, cases, stalls).await);
            }
        }
        // Plays more often where two timers may have met in the other order by chance each time.
        for _ in 0..ORDER_REPEATS_MAX {
            if !first.evidence().doubts_order_alone() {
                break;
            }
            first.settle_doubts(self.play_round(contracts, round, cases, stalls).await);
        }
        first
    }

    async fn play_round<'c>(
        &self,
        contracts: &[RecordingContract],
        round: &Round,
        cases: &'c [Case],
        stalls: &SharedStalls,
    ) -> PlayedRound<'c> {
        let start = self.connector.clock().now();
        // Compares only after all exchanges, since comparisons would delay what comes.
        let exchanges = join_all(round.iter().map(|planned| self.play(contracts, *planned, start))).await;
        PlayedRound::new(contracts, exchanges, cases, &self.rules, &stalls.lock())
    }

    /// Plays one exchange.
    async fn play(&self, contracts: &[RecordingContract], planned: PlannedExchange, start: Instant) -> PlayedExchange {
        let (_, recorded) = planned.of(contracts);
        let clock = self.connector.clock();
        let due = start + Duration::from_millis(planned.start_ms) / self.rules.times.scale;
        clock.sleep_until(due).await;
        let watched = self.watched(&recorded.response);
        let headers = MoreHeaders::of(&self.headers, requests(contracts));
        let request = recorded.request.to(self.connector.upstream(), &headers, watched);
        let mut room = Room::of(&recorded.response);
        let mut lines: Vec<RecordedLine> = Vec::new();
        let mut is_too_much = false;
        let collect = |line: &RecordedLine| {
            is_too_much |= !room.take(&line.fact);
            if !is_too_much {
                lines.push(line.clone());
            }
            Ok(!is_too_much)
        };
        let never = std::future::pending();
        let played = record_once(&self.connector, &request, &Arc::new(Secrets::default()), never, collect).await;
        let (began, trouble) = match played {
            Ok((summary, malformed)) => {
                let more = "far more came than the recording has, and the rest was not read".to_owned();
                let trouble = malformed.map(|malformed| malformed.to_string());
                (summary.began, trouble.or_else(|| is_too_much.then_some(more)))
            }
            // Takes the due time, since an error does not tell when the request began.
            Err(error) => (due, Some(error.to_string())),
        };
        let seen = SeenResponse { facts: ResponseFacts::of(&lines), began, trouble };
        let watched_ms = whole_ms(watched);
        PlayedExchange { planned, seen, lines, watched_ms }
    }

    /// Returns how long a response is watched at most.
    fn watched(&self, recorded: &ResponseFacts) -> Duration {
        let (length, tolerance) =
            (Duration::from_millis(recorded.length_ms()) / self.rules.times.scale, self.rules.times.tolerance);
        recorded.watch(recorded.usual_watch(length, tolerance), self.watched)
    }
}
