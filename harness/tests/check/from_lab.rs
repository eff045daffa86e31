//! Recordings that were made in a lab: played by `onbeat serve --routes`, and held by `onbeat check --against`, over sockets.

use std::path::Path;

use onbeat::{lab, ms};

use crate::scripted::Script;
use crate::served::Served;
use crate::support::{file, last_line, onbeat, text};

/// Serves a recording, as the route file says, and holds the served responses against the recording.
fn served_and_checked(recording: &Path, routes: &str) -> std::process::Output {
    let form = recording.with_extension("toml");
    std::fs::write(&form, format!("onbeat = 1\n{routes}")).expect("a file");
    let served = Served::start(&["--routes", form.to_str().expect("UTF-8")]);
    let url = format!("http://{}", served.addr);
    onbeat(&["check", &url, "--against", recording.to_str().expect("UTF-8")])
}

#[test]
fn a_recording_of_a_lab_is_served_and_held_over_sockets() {
    let path = file("from-lab.jsonl");
    lab(Script::right().application(), async |lab| {
        let tokens = lab.get("/tokens").await;
        tokens.ended().await;
        tokens.recording().save(&path).expect("a file");
    });
    let output =
        served_and_checked(&path, "[[route]]\npath = \"/tokens\"\nresponse = [{ play = \"from-lab.jsonl\" }]\n");
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(last_line(&output).starts_with("conforms: 9 required cases hold"), "{}", last_line(&output));
}

#[test]
fn the_exchanges_of_a_recording_of_a_lab_are_served_one_by_one_and_held_together() {
    let path = file("from-lab-twice.jsonl");
    lab(Script::right().application(), async |lab| {
        let client = lab.client();
        client.get("/tokens").await.ended().await;
        lab.advance(ms(200)).await;
        let _again = client.get("/tokens").header("last-event-id", "3").await;
        lab.advance(ms(100)).await;
        lab.recording().save(&path).expect("a file");
    });
    let routes = "[[route]]\npath = \"/tokens\"\n\
                  response = [{ play = \"from-lab-twice.jsonl\" }, { play = \"from-lab-twice.jsonl\", exchange = 1 }]\n";
    let output = served_and_checked(&path, routes);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(last_line(&output).starts_with("conforms: "), "{}", last_line(&output));
}
