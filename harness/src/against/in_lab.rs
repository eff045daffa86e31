//! The check of an application in a lab by recordings, in virtual time.

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::accept::NextRecording;
use super::body::Measure;
use super::cases::cases;
use super::compare::CompareRules;
use super::files::Recordings;
use super::lab_player::LabPlayer;
use super::results::{CheckResults, PlayedRound};
use super::schedule::rounds;
use super::times::TimeRules;
use crate::check::{CasePatterns, CheckError, ExtraHeaders, IN_LAB};
use crate::judge::{Measured, Report, Stalls};
use crate::lab::Lab;
use crate::record::Recording;

/// How late a write may be, where the recording was made over sockets.
const TOLERANCE: Duration = Duration::from_millis(250);

/// A check of an application by recordings: `.await` does the check. The options are those of `onbeat check --against`.
#[derive(Clone, Debug)]
#[must_use = "a check is done by `.await`"]
pub struct CheckAgainst {
    lab: Lab,
    path: PathBuf,
    cases: CasePatterns,
    headers: Vec<String>,
    events: bool,
    one_by_one: bool,
    accept: bool,
    tolerance: Duration,
    watched: Option<Duration>,
}

impl Lab {
    /// Begins to hold the application against the recording in a file, or all recordings (`*.jsonl`) in a folder, as `onbeat
    /// check --against` does. A relative path begins in the folder of the package.
    ///
    /// Each recorded request is sent again at its recorded time, and each client leaves at its recorded time. A recording of
    /// [`Response::recording`](crate::Response::recording) or [`Lab::recording`] is exact to the millisecond; one over sockets
    /// has a [tolerance](CheckAgainst::tolerance). All clients of the check have left when the report comes.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # let router = || Router::new().route("/hello", get(|| async { "hello" }));
    /// # let path = std::env::temp_dir().join("onbeat-doc-check-against").join("hello.jsonl");
    /// # let app = router();
    /// // Once:
    /// onbeat::lab(app, async |lab| {
    ///     let response = lab.get("/hello").await;
    ///     response.recording().save(&path).unwrap();
    /// });
    /// # let app = router();
    /// // From then on:
    /// onbeat::lab(app, async |lab| {
    ///     lab.check_against(&path).await.unwrap().assert_conforms();
    /// });
    /// ```
    pub fn check_against(&self, path: impl AsRef<Path>) -> CheckAgainst {
        CheckAgainst {
            lab: self.clone(),
            path: path.as_ref().to_owned(),
            cases: CasePatterns::default(),
            headers: Vec::new(),
            events: false,
            one_by_one: false,
            accept: false,
            tolerance: TOLERANCE,
            watched: None,
        }
    }
}

impl CheckAgainst {
    /// Judges the lines alone that match an id or a glob, such as `chat.jsonl:4` or `chat.jsonl:*`. Several calls select
    /// several.
    pub fn only(mut self, id: impl Into<String>) -> Self {
        self.cases.only.push(id.into());
        self
    }

    /// Leaves out the lines that match an id or a glob.
    pub fn skip(mut self, id: impl Into<String>) -> Self {
        self.cases.skip.push(id.into());
        self
    }

    /// Sends a header in place of a recorded one. A header that the recorder left out, such as `authorization`, is sent with the
    /// requests that had it, and any other header with all requests.
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.push(format!("{name}: {}", value.as_ref()));
        self
    }

    /// Compares the dispatched events, or the lines of other streams, however they come in chunks.
    pub fn events(self) -> Self {
        Self { events: true, ..self }
    }

    /// Plays the recordings of a folder one by one, instead of all at once.
    pub fn one_by_one(self) -> Self {
        Self { one_by_one: true, ..self }
    }

    /// Sets how late a write may be where the recording was made over sockets; 250 ms by default.
    pub fn tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// Sets how long to watch each response; without it as long as the recording lasts.
    pub fn watch_for(self, watched: Duration) -> Self {
        Self { watched: Some(watched), ..self }
    }

    /// Writes what comes into the recordings in which something differs: they keep `vary` and `may`, without the rules that what
    /// comes breaks. The report has what differed.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # let path = std::env::temp_dir().join("onbeat-doc-accept").join("hello.jsonl");
    /// # let app = Router::new().route("/hello", get(|| async { "hello" }));
    /// # onbeat::lab(app, async |lab| lab.get("/hello").await.recording().save(&path).unwrap());
    /// # let app = Router::new().route("/hello", get(|| async { "good evening" }));
    /// onbeat::lab(app, async |lab| {
    ///     let report = lab.check_against(&path).accept().await.unwrap();
    ///     assert!(!report.conforms());
    ///     lab.check_against(&path).await.unwrap().assert_conforms();
    /// });
    /// ```
    pub fn accept(self) -> Self {
        Self { accept: true, ..self }
    }

    async fn check(self) -> Result<Report, CheckError> {
        let is_part = self.events || self.watched.is_some() || !self.cases.are_all();
        if self.accept && is_part {
            return Err(CheckError::AcceptsPart);
        }
        let recordings = Recordings::read(&self.path).map_err(CheckError::Recordings)?;
        let contracts = &recordings.contracts;
        let headers = ExtraHeaders::read_for_recordings(&self.headers)?;
        let (cases, selected) = (cases(contracts), self.cases.selection()?);
        selected.among(&cases, Measured::Recordings)?;
        let measure = if self.events { Measure::Events } else { Measure::Chunks };
        let times = TimeRules { tolerance: self.tolerance, scale: 1 };
        let rules = CompareRules { measure, behind_proxy: false, times, in_lab: true };
        let (lab, watched) = (&self.lab, self.watched);
        let player = LabPlayer { lab, contracts, headers: &headers, rules, watched };
        let mut results = CheckResults::new(&cases, contracts);
        for mut round in rounds(contracts, self.one_by_one) {
            // Sends only the requests of recordings with a selected line.
            round.retain(|planned| planned.of(contracts).0.is_selected(&selected));
            if round.is_empty() {
                continue;
            }
            let played = player.round(&round).await;
            results.add(contracts, &PlayedRound::new(contracts, played, &cases, &rules, &Stalls::default()));
        }
        let (mut report, accepted) = results.report(contracts, IN_LAB.to_owned(), &selected, None);
        // Hides the secrets among the given headers, which findings may quote.
        report.texts_mut().for_each(|text| headers.hide(text));
        if self.accept {
            accept(&recordings, &report, accepted)?;
        }
        Ok(report)
    }
}

/// Writes what came into the files in which something differs.
fn accept(recordings: &Recordings, report: &Report, accepted: Vec<Option<NextRecording>>) -> Result<(), CheckError> {
    let mut failed = Vec::new();
    for ((path, count), next) in recordings.paths.iter().zip(recordings.failing_lines(report)).zip(accepted) {
        match next {
            // Leaves a recording without findings as it is, byte for byte.
            _ if count == 0 => {}
            Some(next) => failed.extend(Recording::new(next.lines).save(path).err().map(|error| error.to_string())),
            None => failed.push(format!(
                "{} stays as it was: expected each response to come to its end, got one that did not; check without `accept` to \
                 see which",
                path.display()
            )),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(CheckError::Recordings(failed.join("\n"))) }
}

impl IntoFuture for CheckAgainst {
    type Output = Result<Report, CheckError>;
    type IntoFuture = LocalBoxFuture<'static, Result<Report, CheckError>>;

    fn into_future(self) -> Self::IntoFuture {
        self.check().boxed_local()
    }
}
