//! Worlds with the routes of a text.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use onbeat::player::Player;
use onbeat::world_lab::{self, Setup, WorldLab, WorldServer};
use onbeat_routes::{Model, Routes, read_text};
use onbeat_server::random::Seed;
use onbeat_server::router::router_with;
use onbeat_wire::{Transcript, What};

/// Returns a folder of this name for one test, with these files.
pub(crate) fn folder<B: AsRef<[u8]>>(name: &str, files: &[(&str, B)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("routes").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, content) in files {
        std::fs::write(folder.join(name), content).expect("a file");
    }
    folder
}

/// Returns the model in a text, which plays files from `folder`.
pub(crate) fn model(text: &str, folder: &Path) -> Model {
    read_text("routes.toml", &format!("onbeat = 1\n{text}"), folder).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Plays `scene` in a fresh world with the routes of a text, and of a scenario.
pub(crate) fn play_model<T>(
    model: Model,
    scenario: Option<&'static str>,
    scene: impl AsyncFnOnce(&mut WorldLab) -> T,
) -> T {
    play_in_world(model, scenario, false, scene)
}

/// Plays `scene` in a fresh world with the routes of a text, and with the built-in endpoints.
pub(crate) fn play_beside_built_in<T>(text: &str, scene: impl AsyncFnOnce(&mut WorldLab) -> T) -> T {
    play_in_world(model(text, Path::new("")), None, true, scene)
}

fn play_in_world<T>(
    model: Model,
    scenario: Option<&'static str>,
    has_built_in: bool,
    scene: impl AsyncFnOnce(&mut WorldLab) -> T,
) -> T {
    let application = WorldServer::with_router(move |world| {
        let routes = Routes::new(Arc::clone(&world), &model, scenario, has_built_in);
        router_with(world, None, Arc::new(routes))
    });
    let setup = Setup::new(Seed(42), "2025-12-01T00:00:00Z".parse().expect("a valid epoch"));
    world_lab::run_with(&setup, &application, scene).expect("the scene ends in time")
}

/// Plays `scene` in a fresh world with the routes of a text.
pub(crate) fn play<T>(text: &str, scene: impl AsyncFnOnce(&mut WorldLab) -> T) -> T {
    play_model(model(text, Path::new("")), None, scene)
}

/// A client that has sent a request, and has seen what comes at once.
pub(crate) async fn asked(lab: &mut WorldLab, method: &str, target: &str, headers: &str, body: &str) -> Player {
    let mut client = lab.connect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let request = format!("{method} {target} HTTP/1.1\r\nHost: onbeat\r\n{headers}{length}\r\n{body}");
    client.send(request.as_bytes()).await;
    lab.settle().await;
    client
}

/// What a client has seen `ms` milliseconds later, when the client leaves.
pub(crate) async fn seen(lab: &mut WorldLab, client: Player, ms: u64) -> String {
    let now = lab.world().clock().now().since_epoch();
    lab.until(now + Duration::from_millis(ms)).await;
    shown(&client.close().await.into_transcript())
}

/// What a `GET` brings within `ms` milliseconds.
pub(crate) fn got(text: &str, target: &str, ms: u64) -> String {
    play(text, async |lab| {
        let client = asked(lab, "GET", target, "", "").await;
        seen(lab, client, ms).await
    })
}

/// The parts of a response, each with its time in milliseconds, up to the end.
pub(crate) fn shown(transcript: &Transcript) -> String {
    let mut text = String::new();
    for entry in &transcript.entries {
        let at = entry.at.as_millis();
        let what = match &entry.what {
            What::Head(head) => {
                let fields = head.headers.iter().map(|(name, value)| format!(" {name}: {value};"));
                format!("{}{}", head.status, fields.collect::<String>())
            }
            What::Write(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            What::End(how) => how.to_string(),
        };
        text += &format!("{at} {what}\n");
        if let What::End(_) = entry.what {
            break;
        }
    }
    text
}
