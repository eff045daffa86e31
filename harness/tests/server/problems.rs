//! The texts of refusals, which are part of the product.

use std::time::Duration;

use onbeat::Server;
use onbeat::server::{EventFields, Fault, ResetOptions, ServerError};

use crate::snapshot::assert_snapshot;

const WRONG_ROUTES: &str = r#"
    [[route]]
    path = "/chat"
    steps = [
      { evnt = "start" },
      { data = "{{nwo}}" },
    ]

    [[route]]
    path = "/news"
    steps = [{ subscribe = "nws" }]

    [channel.news]
    history = -1
"#;

#[tokio::test]
async fn every_refusal_says_what_was_expected_what_came_and_what_to_do() {
    let builder = || Server::builder().patience(Duration::ZERO);
    let server = builder().routes(
        r#"
        [[route]]
        path = "/chat"
        steps = [{ open = true }]
        [[scenario.offline.route]]
        path = "/chat"
        status = 503
        [channel.news]
    "#,
    );
    let server = server.start().await.expect("a server");
    let _chat = reqwest::get(server.url("/chat")).await.expect("an answer");
    let chat = server.connected("/chat", 1).await.expect("a client").remove(0);
    let _typo = reqwest::get(server.url("/caht?a=b")).await.expect("an answer");

    let mut told = String::new();
    let mut tell = |what: &str, error: Option<ServerError>| {
        let error = error.unwrap_or_else(|| panic!("{what} was not refused"));
        let text = error.to_string().replace(&server.addr().to_string(), "ADDR");
        assert_eq!(format!("{error:?}"), error.to_string());
        told.push_str(&format!("== {what}: {:?}\n{text}\n", error.kind()));
    };
    tell("start with wrong routes", builder().routes(WRONG_ROUTES).start().await.err());
    tell("start with a file that is not there", builder().routes_file("nowhere.toml").start().await.err());
    tell("start with a scenario that is not there", builder().scenario("offline").start().await.err());
    tell("start with a wrong epoch", builder().epoch("yesterday").start().await.err());
    tell("route with a typo", server.route("pth = \"/a\"\nbody = \"x\"").await.err());
    tell("route with a channel", server.route("[channel.news]\nhistory = 3").await.err());
    tell("delete_route", server.delete_route(9).await.err());
    tell("connected to a path that nobody asks for", server.connected("POST /chat?x=1", 1).await.err());
    tell("connected to no path", server.connected("chat", 1).await.err());
    tell("connected to a glob", server.connected("/v1/*", 1).await.err());
    tell("connected by a method in lower case", server.connected("post /chat", 1).await.err());
    tell("connected to a path without a route", server.connected("/caht", 1).await.err());
    tell("connected to nobody", server.connected("/chat", 0).await.err());
    tell("subscribed", server.subscribed("news", 2).await.err());
    tell("subscribed to no channel", server.subscribed("nws", 2).await.err());
    tell("publish to no channel", server.publish("nws", "data: x\n\n").await.err());
    tell("publish nothing", server.publish("news", "").await.err());
    tell("publish an event without fields", server.publish("news", EventFields::new()).await.err());
    tell("send an event of two lines", chat.send(EventFields::new().event("a\nb")).await.err());
    tell("fault with a wrong status", server.fault("/chat", Fault::status(99)).await.err());
    tell("fault with a wrong path", server.fault("chat", Fault::cut()).await.err());
    tell("fault with a wrong size", server.fault("/chat", Fault::split(0)).await.err());
    tell("delete_fault", server.delete_fault(9).await.err());
    tell("advance by half a millisecond", server.advance(Duration::from_micros(500)).await.err());
    tell("advance by a year", server.advance(Duration::from_secs(31_536_000)).await.err());
    tell("reset to no scenario", server.reset_with(ResetOptions::new().scenario("ofline")).await.err());
    chat.cut().await.expect("an open stream");
    tell("cut a second time", chat.cut().await.err());
    let addr = server.addr();
    drop(server);
    let error = chat.send("x").await.expect_err("the server has ended");
    told.push_str(&format!(
        "== send after the end: {:?}\n{}\n",
        error.kind(),
        error.to_string().replace(&addr.to_string(), "ADDR")
    ));
    assert_snapshot!("server-refusals", told);
}
