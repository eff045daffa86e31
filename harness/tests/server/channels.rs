//! Channels, scenarios and resets.

use onbeat::Server;
use onbeat::server::{EventFields, ResetOptions, RouteOrigin};

use crate::support::EventClient;

const NEWS: &str = r#"
    [[route]]
    path = "/news"
    steps = [{ subscribe = "news", history = "all" }]

    [channel.news]
    history = 2

    [[scenario.offline.route]]
    path = "/news"
    status = 503
"#;

#[tokio::test]
async fn an_event_goes_to_all_subscribers_and_is_kept_for_later_ones() {
    let server = Server::builder().routes(NEWS).start().await.expect("a server");
    let mut early = EventClient::open(&server, "/news").await;
    let channel = server.subscribed("news", 1).await.expect("a subscriber");
    assert_eq!((channel.subscribers, channel.kept), (1, 0));
    for data in ["one", "two", "three"] {
        let published = server.publish("news", EventFields::new().data(data)).await.expect("a channel");
        assert_eq!(published.clients, 1);
    }
    assert_eq!(early.all_data(3).await, ["one", "two", "three"]);
    let mut late = EventClient::open(&server, "/news").await;
    assert_eq!(late.all_data(2).await, ["two", "three"]);
    let channels = server.channels().await.expect("a server");
    assert_eq!((channels[0].name.as_str(), channels[0].events, channels[0].kept), ("news", 3, 2));
}

#[tokio::test]
async fn a_reset_begins_a_new_world_with_another_scenario_and_back() {
    let server = Server::builder().routes(NEWS).start().await.expect("a server");
    server.route(r#"{"path": "/more", "body": "more"}"#).await.expect("a route");
    let mut client = EventClient::open(&server, "/news").await;
    let reset = server.reset_with(ResetOptions::new().scenario("offline").seed(7)).await.expect("a scenario");
    assert_eq!((reset.now_ms, reset.ended), (0, 1));
    assert!(client.next().await.is_none());
    let status = async || reqwest::get(server.url("/news")).await.expect("an answer").status().as_u16();
    assert_eq!(status().await, 503);
    let origins: Vec<_> = server.routes().await.expect("a server").iter().map(|route| route.origin).collect();
    assert_eq!(origins, [RouteOrigin::Scenario, RouteOrigin::Started]);
    assert!(server.log().await.expect("a server").text().contains(r#""seed":"7""#));
    server.reset().await.expect("a server");
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn routes_are_replaced_and_deleted() {
    let server = Server::start().await.expect("a server");
    let body = async || reqwest::get(server.url("/a")).await.expect("an answer").text().await.expect("a body");
    let ids = server.route("[[route]]\npath = \"/a\"\nbody = \"1\"\n[[route]]\npath = \"/b\"\nbody = \"2\"").await;
    assert_eq!(ids.expect("routes"), [2, 1]);
    assert_eq!(body().await, "1");
    server.route(r#"{"path": "/a", "body": "3"}"#).await.expect("a route");
    assert_eq!(body().await, "3");
    assert_eq!(server.delete_route(3).await.expect("a route").requests, 1);
    server.replace_routes(r#"{"route": [{"path": "/a", "body": "4"}]}"#).await.expect("routes");
    assert_eq!(body().await, "4");
    assert_eq!(server.delete_routes().await.expect("a server").len(), 1);
    assert_eq!(body().await, "no route matches GET /a: there is no route\n");
}

#[tokio::test]
async fn of_several_routes_all_are_added_or_none() {
    let many = |numbers: std::ops::Range<u32>| {
        let routes: Vec<_> = numbers.map(|number| format!(r#"{{"path": "/{number}", "status": 204}}"#)).collect();
        format!(r#"{{"route": [{}]}}"#, routes.join(","))
    };
    let server = Server::start().await.expect("a server");
    server.route(many(0..9_999)).await.expect("room");
    let refused = server.route(many(9_999..10_001)).await.expect_err("no room for the second");
    assert!(refused.to_string().ends_with("delete some with Server::delete_routes"), "{refused}");
    assert_eq!(server.routes().await.expect("a server").len(), 9_999);
    assert!(!server.log().await.expect("a server").text().contains("/9999\""));
    assert_eq!(server.route(many(9_999..10_000)).await.expect("room").len(), 1);
}

#[tokio::test]
async fn several_routes_are_in_the_log_in_the_order_in_which_they_were_added() {
    let server = Server::start().await.expect("a server");
    let routes = r#"{"route": [{"path": "/same", "method": "GET", "body": "first"}, {"path": "/same", "method": "*", "body": "second"}]}"#;
    // The first route comes first, and so is added last.
    assert_eq!(server.route(routes).await.expect("room").len(), 2);
    let log = server.log().await.expect("a server");
    let places = ["second", "first"].map(|body| log.text().find(&format!("\"body\":\"{body}\"")).expect("a line"));
    assert!(places[0] < places[1], "{}", log.text());
}

#[tokio::test]
async fn the_built_in_streams_are_there_if_asked_for() {
    let server = Server::builder().built_in_streams().start().await.expect("a server");
    let mut client = EventClient::open(&server, "/sse").await;
    assert_eq!(client.data().await, r#"{"message": "连接成功"}"#);
}
