//! The code of the guide `docs/rust-client.md`, which shows parts of this file word for word.

use std::time::Duration;

use eventsource_stream::Eventsource;
use futures_util::StreamExt;
use onbeat::Server;
use onbeat::server::EventFields;

#[tokio::test]
async fn a_countdown_ends() {
    let server = Server::start().await.unwrap();
    server.route(r#"{"path": "/down", "steps": [{"data": "{{seq}}", "times": 3, "every_ms": 60000}]}"#).await.unwrap();

    let response = reqwest::get(server.url("/down")).await.unwrap();
    server.advance(Duration::from_secs(120)).await.unwrap();

    let events: Vec<_> = response.bytes_stream().eventsource().map(|event| event.unwrap().data).collect().await;
    assert_eq!(events, ["1", "2", "3"]);
}

const CHAT: &str = r#"
    [[route]]
    path = "/chat"
    steps = [{ open = true }]
"#;

/// Returns the last message of a stream that ends somehow.
async fn last_message(url: String) -> String {
    let mut events = reqwest::get(url).await.unwrap().bytes_stream().eventsource();
    let mut message = String::new();
    while let Some(Ok(event)) = events.next().await {
        message = event.data;
    }
    message
}

#[tokio::test]
async fn half_a_message_is_not_shown() {
    let server = Server::builder().routes(CHAT).start().await.unwrap();
    let client = tokio::spawn(last_message(server.url("/chat")));

    let chat = server.connected("/chat", 1).await.unwrap().remove(0);
    chat.send(EventFields::new().id("1").data("Hello")).await.unwrap();
    chat.send("data: Hel").await.unwrap();
    chat.cut().await.unwrap();

    assert_eq!(client.await.unwrap(), "Hello");
}

#[test]
fn the_guide_shows_these_tests() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rust-client.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let shown: Vec<_> =
        guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().expect("an end")).collect();
    assert_eq!(shown.len(), 2);
    for code in shown {
        assert!(include_str!("guide.rs").contains(code), "no test has\n{code}");
    }
    // The problems that the guide shows are those of a snapshot.
    let problems = guide.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("problems");
    let refusals = concat!(env!("CARGO_MANIFEST_DIR"), "/../snapshots/server-refusals.snap");
    let refusals = std::fs::read_to_string(refusals).expect("the snapshot");
    assert!(refusals.contains(problems), "no refusal is\n{problems}");
}
