//! Faults, as a client meets them.

use std::time::Duration;

use onbeat::Server;
use onbeat::server::{Fault, LineEnds};

use crate::support::{EventClient, PlainClient};

const GREETINGS: &str = r#"
    path = "/feed"
    steps = [{ data = "grüß dich 😀", times = 3, every_ms = 1000 }]
"#;

async fn greeting_server() -> Server {
    let server = Server::start().await.expect("a server");
    server.route(GREETINGS).await.expect("a route");
    server
}

#[tokio::test]
async fn a_stream_is_cut_in_the_middle_of_an_event() {
    let server = greeting_server().await;
    // An event has 26 bytes: the second is cut after "data: g".
    server.fault("/feed", Fault::cut().after_bytes(33)).await.expect("a fault");
    let mut feed = EventClient::open(&server, "/feed").await;
    server.advance(Duration::from_secs(2)).await.expect("a manual clock");
    assert_eq!(feed.data().await, "grüß dich 😀");
    assert!(feed.next().await.expect("an error").is_err(), "a cut is an error of the transport");
    let report = &server.faults().await.expect("a server")[0];
    assert_eq!((report.left, report.met, report.fired), (0, 1, 1));
}

#[tokio::test]
async fn every_character_is_split_and_none_is_lost() {
    let server = greeting_server().await;
    server.fault("/feed", Fault::split(1)).await.expect("a fault");
    let mut feed = EventClient::open(&server, "/feed").await;
    server.advance(Duration::from_secs(2)).await.expect("a manual clock");
    assert_eq!(feed.all_data(3).await, ["grüß dich 😀"; 3]);
    assert!(feed.next().await.is_none());
}

#[tokio::test]
async fn an_answer_is_another_status_as_often_as_was_asked_for() {
    let server = greeting_server().await;
    let unavailable = Fault::status(503).retry_after(Duration::from_secs(2)).times(2);
    server.fault("/feed", unavailable).await.expect("a fault");
    for (status, retry_after) in [(503, Some("2")), (503, Some("2")), (200, None)] {
        let response = reqwest::get(server.url("/feed")).await.expect("an answer");
        let header = response.headers().get("retry-after").map(|value| value.to_str().expect("ASCII"));
        assert_eq!((response.status().as_u16(), header), (status, retry_after));
    }
}

#[test]
fn a_fault_strikes_the_response_under_way_on_a_connection() {
    let server = Server::start().wait().expect("a server");
    server.route(GREETINGS).wait().expect("a route");
    let mut client = PlainClient::ask(&server, "/feed");
    let feed = server.connected("/feed", 1).wait().expect("a client").remove(0);
    feed.fault(Fault::line_ends(LineEnds::Crlf)).wait().expect("a fault");
    server.advance(Duration::from_secs(1)).wait().expect("a manual clock");
    assert_eq!(
        [client.next(), client.next(), client.next()].map(Option::unwrap_or_default),
        ["200", "data: grüß dich 😀\n\n", "data: grüß dich 😀\r\n\r\n",]
    );
}

#[tokio::test]
async fn faults_are_deleted_one_by_one_or_all() {
    let server = greeting_server().await;
    for fault in [Fault::bom(), Fault::stall(), Fault::duplicate()] {
        server.fault("/feed", fault).await.expect("a fault");
    }
    assert_eq!(
        server.delete_fault(2).await.expect("a fault").fault,
        r#"{"path":"/feed","times":1,"kind":"stall","from":{"write":0}}"#
    );
    let deleted = server.delete_faults().await.expect("a server");
    assert_eq!(deleted.iter().map(|report| report.id).collect::<Vec<_>>(), [1, 3]);
    assert!(server.faults().await.expect("a server").is_empty());
}
