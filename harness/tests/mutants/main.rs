//! The harness checks itself: servers with one bug each, and each is caught by the case that names its clause.

mod fan_out;
mod kit;
mod other_requests;
mod simulated;
mod streams;

use std::collections::BTreeSet;

use kit::Mutant;
use onbeat::check::{Scope, check_embedded};
use onbeat::judge::{Outcome, Tier};
use onbeat::simulate::Simulator;
use onbeat::world_lab::WorldServer;

const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../snapshots/mutants");

/// Every case of the contract that must hold.
fn required() -> BTreeSet<String> {
    let report = check_embedded(&WorldServer::embedded(), &Scope::default()).expect("no selection");
    let required = report.verdicts.into_iter().filter(|verdict| verdict.tier == Tier::Required);
    required.map(|verdict| verdict.id).collect()
}

/// Checks each mutant, and returns what fails of it, for people: a snapshot shows how far a bug is seen.
fn caught(mutants: &[Mutant]) -> String {
    let line = |mutant: &Mutant| {
        let report = check_embedded(&mutant.application, &Scope::default()).expect("no selection");
        let failed = report.verdicts.iter().filter(|verdict| verdict.outcome == Outcome::Fail);
        let failed: Vec<&str> = failed.map(|verdict| verdict.id.as_str()).collect();
        let Mutant { name, case, .. } = mutant;
        assert!(failed.contains(&case.as_str()), "{case} does not catch {name:?}; these fail: {failed:?}");
        let others: Vec<&str> = failed.into_iter().filter(|id| id != case).collect();
        let also = if others.is_empty() { String::new() } else { format!("\n    also {}", others.join(", ")) };
        format!("{case}: {name}{also}\n")
    };
    mutants.iter().map(line).collect()
}

macro_rules! assert_snapshot {
    ($name:literal, $text:expr) => {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(SNAPSHOTS);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, $text));
    };
}

macro_rules! assert_caught {
    ($name:literal, $mutants:expr) => {
        assert_snapshot!($name, caught(&$mutants));
    };
}

#[test]
fn what_any_stream_can_get_wrong_is_caught() {
    assert_caught!("of_any_stream", streams::common());
}

#[test]
fn mutants_of_sse_are_caught() {
    assert_caught!("of_sse", streams::sse::mutants());
}

#[test]
fn mutants_of_stream_text_are_caught() {
    assert_caught!("of_stream_text", streams::stream_text::mutants());
}

#[test]
fn mutants_of_sse_data_are_caught() {
    assert_caught!("of_sse_data", streams::sse_data::mutants());
}

#[test]
fn mutants_of_dynamic_counter_are_caught() {
    assert_caught!("of_dynamic_counter", streams::dynamic_counter::mutants());
}

#[test]
fn mutants_of_stream_json_are_caught() {
    assert_caught!("of_stream_json", streams::stream_json::mutants());
}

#[test]
fn mutants_of_events_are_caught() {
    assert_caught!("of_events", fan_out::of_events());
}

#[test]
fn mutants_of_the_hub_are_caught() {
    assert_caught!("of_the_hub", fan_out::of_the_hub());
}

#[test]
fn mutants_of_answers_are_caught() {
    assert_caught!("of_answers", fan_out::of_answers());
}

#[test]
fn mutants_of_queries_are_caught() {
    assert_caught!("of_queries", fan_out::of_queries());
}

#[test]
fn mutants_of_methods_and_paths_are_caught() {
    assert_caught!("of_methods_and_paths", other_requests::of_methods_and_paths());
}

#[test]
fn mutants_of_heads_are_caught() {
    assert_caught!("of_heads", other_requests::of_heads());
}

/// The first world that shows each bug, in its shortest history: a snapshot shows whether that can be taken in at a glance.
fn found(mutants: Vec<Mutant>) -> String {
    const SEEDS_MAX: u64 = 3000;
    let find = |Mutant { name, application, .. }| {
        let simulator = Simulator::new(application);
        let failure = (0..SEEDS_MAX).find_map(|seed| simulator.world(seed).err());
        let failure = failure.unwrap_or_else(|| panic!("{SEEDS_MAX} worlds do not show {name:?}"));
        format!("{name}\n\n{}\n\n{}\n", failure.violation, failure.history)
    };
    mutants.into_iter().map(find).collect()
}

/// The simulation knows nothing of the fixtures' scenes, and finds the bugs of the hub all the same.
#[test]
fn bugs_of_the_hub_are_found_by_simulation() {
    assert_snapshot!("of_the_hub_in_simulation", found(fan_out::of_the_hub()));
}

#[test]
fn bugs_that_no_scene_shows_are_found_by_simulation() {
    assert_snapshot!("of_the_server_in_simulation", found(simulated::of_the_server()));
}

#[test]
fn every_snapshot_belongs_to_a_test() {
    let source = include_str!("main.rs");
    for entry in std::fs::read_dir(SNAPSHOTS).expect("a readable folder") {
        let name = entry.expect("a readable entry").file_name().display().to_string();
        let quoted = format!("\"{}\"", name.trim_end_matches(".snap"));
        assert!(source.contains(&quoted), "no test has {name}: delete it");
    }
}

#[test]
fn every_required_case_catches_a_mutant() {
    let streams = [
        streams::common(),
        streams::sse::mutants(),
        streams::stream_text::mutants(),
        streams::sse_data::mutants(),
        streams::dynamic_counter::mutants(),
        streams::stream_json::mutants(),
    ];
    let fan_out = [fan_out::of_events(), fan_out::of_the_hub(), fan_out::of_answers(), fan_out::of_queries()];
    let mutants = streams.into_iter().chain(fan_out).flatten();
    let mutants = mutants.chain(other_requests::of_methods_and_paths()).chain(other_requests::of_heads());
    let caught: BTreeSet<String> = mutants.map(|mutant| mutant.case).collect();
    let uncaught: Vec<_> = required().into_iter().filter(|case| !caught.contains(case)).collect();
    assert!(uncaught.is_empty(), "no mutant breaks these: {uncaught:?}");
}

#[test]
fn the_embedded_server_conforms_200_times_out_of_200_on_busy_cores() {
    let runs = || {
        for _ in 0..50 {
            let report = check_embedded(&WorldServer::embedded(), &Scope::default()).expect("no selection");
            let wrong = report.verdicts.iter().filter(|verdict| verdict.outcome != Outcome::Pass);
            let wrong: Vec<_> = wrong.map(|verdict| &verdict.id).collect();
            assert!(wrong.is_empty(), "{wrong:?}");
        }
    };
    // More threads than most machines of ours have cores: none of them has time to spare.
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(runs))));
}

/// A server that spells its headers in other ways that mean the same.
fn spelled_otherwise() -> WorldServer {
    const SPELLINGS: [(&str, &str, &str); 7] = [
        ("content-type", "text/event-stream", "Text/Event-Stream ;"),
        ("content-type", "application/json; charset=utf-8", "Application/JSON;Charset=\"UTF-8\""),
        ("cache-control", "no-cache", "No-Cache,"),
        ("connection", "keep-alive", "Keep-Alive"),
        ("access-control-allow-methods", "GET,HEAD,PUT,PATCH,POST,DELETE", "DELETE, POST, PATCH, PUT, HEAD, GET"),
        ("access-control-allow-headers", "x-a, X-B", "X-b,X-A"),
        ("vary", "Access-Control-Request-Headers", "Accept-Encoding, access-control-request-headers"),
    ];
    kit::responses(|_, response| {
        for (name, usual, other) in SPELLINGS {
            if response.headers().get(name).is_some_and(|value| value == usual) {
                response.headers_mut().insert(name, axum::http::HeaderValue::from_static(other));
            }
        }
        response.headers_mut().insert("content-encoding", axum::http::HeaderValue::from_static("Identity"));
    })
}

#[test]
fn headers_that_mean_the_same_conform() {
    let report = check_embedded(&spelled_otherwise(), &Scope::default()).expect("no selection");
    let wrong = report.verdicts.iter().filter(|verdict| verdict.outcome != Outcome::Pass);
    let wrong: Vec<_> = wrong.map(|verdict| (&verdict.id, &verdict.findings)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// What a server breaks is told through a proxy as well, unless the proxy could have done so itself.
#[test]
fn behind_a_proxy_only_what_is_end_to_end_is_judged() {
    let behind_proxy = Scope { behind_proxy: true, ..Scope::default() };
    let failed = |application: &WorldServer| {
        let report = check_embedded(application, &behind_proxy).expect("no selection");
        let failed = report.verdicts.into_iter().filter(|verdict| verdict.outcome == Outcome::Fail);
        failed.map(|verdict| verdict.id).collect::<Vec<_>>()
    };
    assert_eq!(failed(&WorldServer::embedded()), Vec::<String>::new());
    let report = check_embedded(&WorldServer::embedded(), &behind_proxy).expect("no selection");
    let of = |id: &str| report.verdicts.iter().find(|verdict| verdict.id == id).expect("a case");
    assert_eq!(of("fan-out.count").outcome, Outcome::Pass);
    assert_eq!(of("sse.chunks").reason.as_deref(), Some("a proxy in between may change it"));
    // Several writes in one chunk are judged one by one.
    let joined = |change: fn(&str) -> String| {
        kit::streams("/stream-text", move |_, _, body| {
            use futures_util::StreamExt;
            let pairs = body.into_data_stream().map(|write| write.expect("a write")).chunks(2);
            let text = |write: &[u8]| std::str::from_utf8(write).expect("UTF-8").to_owned();
            let joined = pairs.map(move |pair| change(&pair.iter().map(|write| text(write)).collect::<String>()));
            axum::body::Body::from_stream(joined.map(Ok::<_, std::convert::Infallible>))
        })
    };
    let of_bytes = |failed: Vec<String>| -> Vec<String> {
        let timed = |id: &String| id.contains("time") || id.contains("period") || id.contains("pause");
        failed.into_iter().filter(|id| !timed(id)).collect()
    };
    assert_eq!(of_bytes(failed(&joined(str::to_owned))), Vec::<String>::new());
    let swapped = failed(&joined(|pair| {
        let (first, second) = pair.split_at(pair.find("\n\n").map_or(0, |end| end + 2));
        format!("{second}{first}")
    }));
    assert!(swapped.contains(&"stream-text.order".to_owned()), "{swapped:?}");
    // A wrong count is told, as long as nobody has left.
    let counts = kit::answers("/broadcast-text", |body| body.replace("\"clients\":1", "\"clients\":7"));
    assert_eq!(failed(&counts), ["fan-out.count"]);
}
