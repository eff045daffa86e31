//! The check of the embedded server, in virtual time.

use super::noise::Noise;
use super::seen::{Seen, judge};
use super::tag::Tag;
use super::target::Embedded;
use super::{Scope, application, exchange, play};
use crate::fixtures;
use crate::judge::evidence::Evidence;
use crate::judge::pace::Pace;
use crate::judge::scene::Scene;
use crate::judge::selection::NoSuchCase;
use crate::judge::stalls::Stalls;
use crate::judge::timeline::timeline;
use crate::judge::verdict::{Report, verdicts};
use crate::lab::{self, Application, Overdue, Setup};
use crate::player::Bounds;

/// Judges `application` by the fixtures, each scene in a world of its own.
///
/// # Errors
///
/// If the selection names no case.
///
/// # Panics
///
/// If the application panics, or never lets go of a connection.
pub fn check_embedded(application: &Application, scope: &Scope) -> Result<Report, NoSuchCase> {
    let golden = scope.golden();
    scope.cases.among(&golden.cases)?;
    let mut evidence = Evidence::new(&golden.cases);
    scope.explain(&mut evidence);
    let mut timelines = Vec::new();
    let setup = fixtures::setup();
    let wanted = |scene: &&Scene| scope.cases.has_any(scene.lines.iter().flat_map(|(_, line)| &line.notes.cases));
    for scene in golden.streams.iter().filter(wanted) {
        let scene = scene.clone().until(scope.watched_ms());
        let mut seen = see(application, &scene, &setup);
        let response = seen.observation().first_response();
        seen.dispatched = response.map(|(response, _)| application::dispatch(&response.writes));
        timelines.push(timeline(&scene, &seen.observation(), &Pace::exact()));
        evidence.add(judge(&golden.cases, &scene, &seen, &Pace::exact(), &Stalls::default()));
    }
    for scene in golden.scenes.iter().filter(wanted).filter(|scene| scene.length_ms <= scope.watched_ms()) {
        let seen = see(application, scene, &setup);
        evidence.add(judge(&golden.cases, scene, &seen, &Pace::exact(), &Stalls::default()));
    }
    for request in golden.requests.iter().filter(|request| scope.cases.has_any(&request.cases)) {
        let log = lab::run_with(&setup, application, async |lab| {
            let mut target = Embedded { lab, pace: Pace::exact() };
            exchange::perform(&mut target, request, &golden.cases).await
        });
        evidence.add(exchange::judge(&golden.cases, request, settled(log).as_ref()));
    }
    let verdicts = verdicts(&evidence, |id| scope.cases.has(id), None);
    Ok(Report { target: "the embedded server, in virtual time".into(), verdicts, timelines, trouble: None, hint: None })
}

fn see(application: &Application, scene: &Scene, setup: &Setup) -> Seen {
    let tag = Tag::default();
    let logs = lab::run_with(setup, application, async |lab| {
        let mut target = Embedded { lab, pace: Pace::exact() };
        play::play(&mut target, scene, &tag, Noise::None, Bounds { bytes_max: 1 << 20, entries_max: 1 << 12 }).await
    });
    Seen { logs: settled(logs), tag, noise: Noise::None, others: Some(0), dispatched: None }
}

fn settled<T>(outcome: Result<T, Overdue>) -> T {
    outcome.unwrap_or_else(|overdue| panic!("the application never lets go of a connection: {overdue}"))
}
