//! The player: what clients do, what they log, and the exchanges in the log.

use bytes::Bytes;
use onbeat::player::{Action, ClientLog, HttpExchange, LogEntry};
use onbeat_wire::recording::LeftHow;
use onbeat_wire::{Head, How, Instant, What};

use crate::support::{listener, ms, play, writes};

#[test]
fn a_client_that_pauses_sees_later_what_came_meanwhile() {
    let seen = play(async |lab| {
        let mut client = listener(lab, "/sse").await;
        client.act(Action::Pause).await;
        lab.until(ms(60_000)).await;
        assert_eq!(client.transcript().writes().count(), 1, "a greeting");
        client.act(Action::Resume).await;
        lab.until(ms(90_000)).await;
        writes(&client.close().await.into_transcript())
    });
    assert_eq!(seen.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 60_000, 60_000, 90_000]);
}

#[test]
fn a_client_that_has_left_does_nothing_more_and_keeps_its_log() {
    for how in [LeftHow::Closed, LeftHow::Reset] {
        play(async |lab| {
            let mut client = listener(lab, "/sse").await;
            client.act(Action::Leave(how)).await;
            let log = client.log();
            assert!(!client.is_connected() && client.is_over());
            client.get("/broadcast-text").await;
            client.act(Action::Leave(LeftHow::Closed)).await;
            client.until(|_| false).await;
            assert_eq!(client.close().await, log);
            assert_eq!(log.left_at(), Some(Instant::EPOCH));
        });
    }
}

#[test]
fn the_head_of_a_request_that_is_cut_decides_whether_the_response_has_a_body() {
    let log = play(async |lab| {
        let mut client = lab.connect();
        let bytes = Bytes::from_static(b"HE");
        client.act(Action::Request { method: "HEAD".into(), bytes }).await;
        client.send(b"AD /broadcast-text HTTP/1.1\r\nHost: onbeat\r\n\r\n").await;
        client.get("/nothing").await;
        client.responses(2).await;
        client.close().await
    });
    let statuses: Vec<u16> = log.exchanges().iter().map(HttpExchange::status).collect();
    assert_eq!(statuses, [200, 404]);
}

fn get() -> LogEntry {
    LogEntry::Did(Action::plain_request("GET", "/", &[]))
}

fn head(status: u16) -> LogEntry {
    LogEntry::Saw(What::Head(Head { minor_version: 1, status, headers: Vec::new() }))
}

fn write(text: &'static str) -> LogEntry {
    LogEntry::Saw(What::Write(Bytes::from_static(text.as_bytes())))
}

fn end(how: How) -> LogEntry {
    LogEntry::Saw(What::End(how))
}

/// Returns each exchange of a log with these entries: whether there was a request, the status, the body, the end, and
/// whether reading broke off.
fn exchanges(entries: Vec<LogEntry>) -> Vec<(bool, u16, String, Option<How>, bool)> {
    let log = ClientLog { entries: entries.into_iter().map(|entry| (Instant::EPOCH, entry)).collect() };
    let shown = |exchange: HttpExchange| {
        let body = String::from_utf8(exchange.body()).expect("text");
        let (status, how) = (exchange.status(), exchange.end.map(|(_, how)| how));
        (exchange.is_asked, status, body, how, exchange.broken.is_some())
    };
    log.exchanges().into_iter().map(shown).collect()
}

#[test]
fn responses_come_in_the_order_of_their_requests() {
    let entries =
        vec![get(), get(), head(200), write("a"), write("b"), end(How::Complete), get(), head(404), end(How::Complete)];
    let expected = [
        (true, 200, "ab".into(), Some(How::Complete), false),
        (true, 404, String::new(), Some(How::Complete), false),
        (true, 0, String::new(), None, false),
    ];
    assert_eq!(exchanges(entries), expected);
}

#[test]
fn an_interim_response_is_none_and_the_rest_of_a_request_is_no_other() {
    let entries = vec![get(), LogEntry::Did(Action::Send(Bytes::new())), head(100), head(200), end(How::Complete)];
    assert_eq!(exchanges(entries), [(true, 200, String::new(), Some(How::Complete), false)]);
}

#[test]
fn a_response_that_nobody_asked_for_is_an_exchange_of_its_own() {
    let entries = vec![get(), head(200), end(How::Complete), head(400), write("no"), end(How::Cut)];
    let expected =
        [(true, 200, String::new(), Some(How::Complete), false), (false, 400, "no".into(), Some(How::Cut), false)];
    assert_eq!(exchanges(entries), expected);
}

#[test]
fn a_connection_that_the_server_closes_ends_one_response_and_leaves_the_next_without_an_answer() {
    let closed = LogEntry::ServerClosed;
    let leave = LogEntry::Did(Action::Leave(LeftHow::Closed));
    let entries = vec![get(), get(), head(200), end(How::Cut), closed, get(), leave, end(How::Closed)];
    let expected = [
        (true, 200, String::new(), Some(How::Cut), false),
        (true, 0, String::new(), None, true),
        (true, 0, String::new(), None, true),
    ];
    assert_eq!(exchanges(entries), expected);
}

#[test]
fn what_can_t_be_read_breaks_the_response_under_way() {
    let entries = vec![get(), head(200), end(How::Complete), get(), head(200), LogEntry::Unreadable("x".into())];
    let expected = [(true, 200, String::new(), Some(How::Complete), false), (true, 200, String::new(), None, true)];
    assert_eq!(exchanges(entries), expected);
}
