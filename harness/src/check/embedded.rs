//! The check of the embedded server, in virtual time.

use super::evidence::Evidence;
use super::judge::{Seen, judge};
use super::noise::Noise;
use super::pace::Pace;
use super::stalls::Stalls;
use super::tag::Tag;
use super::target::Embedded;
use super::verdict::{Report, verdicts};
use super::{NoSuchCase, Selection, application, exchange, play, timeline};
use crate::fixtures;
use crate::fixtures::golden::Scene;
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
pub fn check_embedded(application: &Application, selection: &Selection) -> Result<Report, NoSuchCase> {
    let golden = selection.golden();
    if let Some(pattern) = selection.misspelled(&golden.cases) {
        return Err(NoSuchCase(pattern.as_str().into()));
    }
    let mut evidence = Evidence::new(&golden.cases);
    selection.explain(&mut evidence);
    let mut timelines = Vec::new();
    let setup = fixtures::setup();
    let wanted = |scene: &&Scene| selection.has_any(scene.lines.iter().flat_map(|(_, line)| &line.cases));
    for scene in golden.streams.iter().filter(wanted) {
        let scene = scene.clone().until(selection.watched_ms());
        let mut seen = see(application, &scene, &setup);
        let response = seen.logs.first().and_then(|(_, log)| log.first_exchange());
        seen.dispatched = response.map(|response| application::dispatch(&response.writes));
        timelines.push(timeline::timeline(&scene, &seen, &Pace::exact()));
        evidence.add(judge(&golden.cases, &scene, &seen, &Pace::exact(), &Stalls::default()));
    }
    for scene in golden.scenes.iter().filter(wanted).filter(|scene| scene.length_ms <= selection.watched_ms()) {
        let seen = see(application, scene, &setup);
        evidence.add(judge(&golden.cases, scene, &seen, &Pace::exact(), &Stalls::default()));
    }
    for request in golden.requests.iter().filter(|request| selection.has_any(&request.cases)) {
        let log = lab::run_with(&setup, application, async |lab| {
            let mut target = Embedded { lab, pace: Pace::exact() };
            exchange::perform(&mut target, request, &golden.cases).await
        });
        evidence.add(exchange::judge(&golden.cases, request, settled(log).as_ref()));
    }
    let verdicts = verdicts(&evidence, |id| selection.has(id), None);
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
