//! The options of a lab.

use std::time::Duration;

use super::Lab;
use super::application::Application;
use super::run;

/// The options of a lab, each with a default.
///
/// ```
/// # use axum::{Router, routing::get};
/// # use onbeat::{LabOptions, secs};
/// # let app = Router::new().route("/", get(|| async { "hello" }));
/// LabOptions::new().patience(secs(86_400)).run(app, async |lab| {
///     assert_eq!(lab.get("/").await.text(), "hello");
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabOptions {
    pub(super) patience: Duration,
    pub(super) real_time_limit: Duration,
    pub(super) allows_panics: bool,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self { patience: Duration::from_secs(3600), real_time_limit: Duration::from_secs(60), allows_panics: false }
    }
}

impl LabOptions {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much virtual time may pass while the test waits for something; an hour by default. An
    /// [`advance`](Lab::advance) is no wait, and may be longer.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sets how much of the machine's time may pass without anything happening; a minute by default. `Duration::MAX` is no
    /// limit.
    #[must_use]
    pub fn real_time_limit(self, limit: Duration) -> Self {
        Self { real_time_limit: limit, ..self }
    }

    /// Lets panics of the application pass that the application, or tokio, catches. Otherwise the test fails at the end.
    #[must_use]
    pub fn allow_panics(self) -> Self {
        Self { allows_panics: true, ..self }
    }

    /// Runs `test` as [`lab`](super::lab()) does, with these options.
    ///
    /// # Panics
    ///
    /// As [`lab`](super::lab()) does.
    pub fn run<T>(&self, application: impl Application, test: impl AsyncFnOnce(Lab) -> T) -> T {
        self.run_with(async |_| application, test)
    }

    /// Runs `test` as [`lab_with`](super::lab_with) does, with these options.
    ///
    /// # Panics
    ///
    /// As [`lab`](super::lab()) does.
    pub fn run_with<A, T>(&self, build: impl AsyncFnOnce(Lab) -> A, test: impl AsyncFnOnce(Lab) -> T) -> T
    where
        A: Application,
    {
        run::run(self, build, test)
    }
}
