//! The check of the embedded server, in virtual time.

use super::{Embedded, OtherClients, Scope, application, play, requests};
use crate::fixtures;
use crate::judge::{Evidence, Measured, NoSuchCase, Observation, Pace, Report, Scenario, Stalls, Timeline, judge};
use crate::player::Bounds;
use crate::world_lab::{self, Application, Overdue, Setup};

/// Judges `application` by the fixtures, each scenario in a world of its own.
///
/// # Errors
///
/// If the selection names no case.
///
/// # Panics
///
/// If the application panics, or never lets go of a connection.
pub fn check_embedded(application: &Application, scope: &Scope) -> Result<Report, NoSuchCase> {
    let golden = scope.contract()?;
    let (mut evidence, mut timelines) = (Evidence::new(&golden.cases), Vec::new());
    scope.explain(&mut evidence);
    // Virtual time knows no stall, and no noise: each scenario has a world of its own.
    let (setup, pace, stalls) = (fixtures::setup(), Pace::exact(), Stalls::default());
    for stream in &golden.streams {
        let mut seen = see(application, stream, &setup);
        let response = seen.first_response();
        seen.dispatched = response.map(|(got, _)| application::dispatch(got.writes.iter().map(|(_, bytes)| bytes)));
        timelines.push(Timeline::of(stream, &seen, &pace));
        evidence.add(judge(&golden.cases, stream, &seen, &pace, &stalls));
    }
    for scenario in &golden.scenes {
        let seen = see(application, scenario, &setup);
        evidence.add(judge(&golden.cases, scenario, &seen, &pace, &stalls));
    }
    for request in &golden.requests {
        let log = world_lab::run_with(&setup, application, async |lab| {
            requests::perform(&mut Embedded { lab, pace: pace.clone() }, request, &golden.cases).await
        });
        evidence.add(request.judge(&golden.cases, settled(log).as_ref()));
    }
    let verdicts = evidence.verdicts(|id| scope.cases.has(id), None);
    let target = "the embedded server, in virtual time".into();
    Ok(Report { target, verdicts, timelines, trouble: None, hint: None, by: Measured::Fixtures })
}

fn see(application: &Application, scenario: &Scenario, setup: &Setup) -> Observation {
    let seen = world_lab::run_with(setup, application, async |lab| {
        let mut target = Embedded { lab, pace: Pace::exact() };
        let bounds = Bounds { bytes_max: 1 << 20, entries_max: 1 << 12 };
        play::play(&mut target, scenario, &OtherClients::default(), bounds).await
    });
    settled(seen)
}

fn settled<T>(outcome: Result<T, Overdue>) -> T {
    outcome.unwrap_or_else(|overdue| panic!("the application never lets go of a connection: {overdue}"))
}
