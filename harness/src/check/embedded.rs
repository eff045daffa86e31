//! The check of the embedded server, in virtual time.

use super::exact::ExactCheck;
use super::play::{self, EXACT_BOUNDS};
use super::{InLab, OtherClients, Scope, requests};
use crate::fixtures;
use crate::judge::{NoSuchCase, Observation, Pace, Report, Scenario};
use crate::world_lab::{self, Overdue, Setup, WorldServer};

/// Judges `application` by the fixtures, each scenario in a world of its own.
///
/// # Errors
///
/// If the selection names no case.
///
/// # Panics
///
/// If the application panics, or never lets go of a connection.
pub fn check_embedded(application: &WorldServer, scope: &Scope) -> Result<Report, NoSuchCase> {
    let golden = scope.contract()?;
    let (mut check, setup) = (ExactCheck::new(&golden, scope, Pace::exact()), fixtures::setup());
    // Expects no noise either: each scenario has a world of its own.
    for stream in &golden.streams {
        check.stream(stream, see(application, stream, &setup));
    }
    for scenario in &golden.scenes {
        check.scenario(scenario, &see(application, scenario, &setup));
    }
    for request in &golden.requests {
        let log = world_lab::run_with(&setup, application, async |lab| {
            requests::perform(&mut InLab { lab: lab.lab().clone(), pace: Pace::exact() }, request, &golden.cases).await
        });
        check.request(request, settled(log).as_ref());
    }
    Ok(check.report(scope, "the embedded server, in virtual time"))
}

fn see(application: &WorldServer, scenario: &Scenario, setup: &Setup) -> Observation {
    let seen = world_lab::run_with(setup, application, async |lab| {
        let mut target = InLab { lab: lab.lab().clone(), pace: Pace::exact() };
        play::play(&mut target, scenario, &OtherClients::default(), EXACT_BOUNDS).await
    });
    settled(seen)
}

fn settled<T>(outcome: Result<T, Overdue>) -> T {
    outcome.unwrap_or_else(|overdue| panic!("the application never lets go of a connection: {overdue}"))
}
