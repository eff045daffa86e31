//! The check of an application in a lab by the fixtures, in virtual time.

use std::future::IntoFuture;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::exact::ExactCheck;
use super::play::{self, EXACT_BOUNDS};
use super::{CasePatterns, CheckError, InLab, OtherClients, Scope, Target, requests};
use crate::judge::{Pace, Report};
use crate::lab::Lab;

/// A check of an application by the fixtures: `.await` does the check. The options are those of `onbeat check`.
#[derive(Clone, Debug)]
#[must_use = "a check is done by `.await`"]
pub struct CheckContract {
    lab: Lab,
    cases: CasePatterns,
    quick: bool,
    behind_proxy: bool,
}

impl Lab {
    /// Begins to hold the application against the fixtures: the contract of the tutorial server, as `onbeat check` does. All
    /// scenarios are played one after another, in some minutes of virtual time; timestamps have to follow tokio's time. The
    /// contract counts clients: no client of the test may be connected. All clients of the check have left when the report
    /// comes.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # let app = Router::new().route("/stream-text", get(|| async { "no stream" }));
    /// onbeat::lab(app, async |lab| {
    ///     let report = lab.check_contract().only("stream-text.*").await.unwrap();
    ///     assert!(!report.conforms(), "{report}");
    /// });
    /// ```
    pub fn check_contract(&self) -> CheckContract {
        CheckContract { lab: self.clone(), cases: CasePatterns::default(), quick: false, behind_proxy: false }
    }
}

impl CheckContract {
    /// Judges the cases alone that match an id or a glob, such as `stream-text.*`. Several calls select several.
    pub fn only(mut self, id: impl Into<String>) -> Self {
        self.cases.only.push(id.into());
        self
    }

    /// Leaves out the cases that match an id or a glob.
    pub fn skip(mut self, id: impl Into<String>) -> Self {
        self.cases.skip.push(id.into());
        self
    }

    /// Leaves out what takes longer than 10 s of virtual time.
    pub fn quick(self) -> Self {
        Self { quick: true, ..self }
    }

    /// Leaves out what the server under the application decides, such as chunks and connections.
    pub fn behind_proxy(self) -> Self {
        Self { behind_proxy: true, ..self }
    }

    async fn check(self) -> Result<Report, CheckError> {
        let Self { lab, cases, quick, behind_proxy } = self;
        let scope = Scope { cases: cases.selection()?, quick, behind_proxy };
        let golden = scope.contract()?;
        let mut target = InLab { lab, pace: Pace::exact_since_any_epoch() };
        let mut check = ExactCheck::new(&golden, &scope, target.pace.clone());
        let others = OtherClients::default();
        for stream in &golden.streams {
            let seen = play::play(&mut target, stream, &others, EXACT_BOUNDS).await;
            check.stream(stream, seen);
            // Waits until the clients have left, since the next scenario counts the clients.
            target.settle().await;
        }
        for scenario in &golden.scenes {
            let seen = play::play(&mut target, scenario, &others, EXACT_BOUNDS).await;
            check.scenario(scenario, &seen);
            target.settle().await;
        }
        for request in &golden.requests {
            let log = requests::perform(&mut target, request, &golden.cases).await;
            check.request(request, log.as_ref());
            target.settle().await;
        }
        Ok(check.report(&scope, IN_LAB))
    }
}

/// The name of an application in reports.
pub(crate) const IN_LAB: &str = "the application in the lab, in virtual time";

impl IntoFuture for CheckContract {
    type Output = Result<Report, CheckError>;
    type IntoFuture = LocalBoxFuture<'static, Result<Report, CheckError>>;

    fn into_future(self) -> Self::IntoFuture {
        self.check().boxed_local()
    }
}
