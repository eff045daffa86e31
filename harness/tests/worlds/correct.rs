//! Four correct applications, 300 worlds each: no false alarm.

use onbeat::{ClientRequest, Draws, Explored, Response, Worlds};

use crate::applications::{Notifications, chat, jobs, ticker};

/// Draws a question of a few words.
fn question(draws: &mut Draws) -> ClientRequest {
    let words: Vec<&str> = (0..=draws.below(6)).map(|_| draws.one_of(&["hi", "你好", "🦀", "naïve"])).collect();
    ClientRequest::post("/chat").json(format!(r#"{{"prompt":"{}"}}"#, words.join(" "))).same_for_all()
}

/// Returns whether the ids rise by one.
fn ids_rise(stream: &Response) -> bool {
    let ids: Vec<u64> = stream.events().iter().filter_map(|event| event.id.parse().ok()).collect();
    ids.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

fn holds(explored: &Explored) {
    assert!(explored.worlds == 300 && explored.events > 300, "{explored}");
}

#[test]
fn a_ticker_holds() {
    let worlds = Worlds::new(ticker)
        .request(ClientRequest::get("/ticks").same_for_all().ordered_ids().backlog_max(8192))
        .each_stream("ids rise", ids_rise)
        .deterministic()
        .seeds(0..300);
    holds(&worlds.run());
}

#[test]
fn a_token_stream_holds() {
    let worlds = Worlds::new(chat)
        .draw(question)
        .request(ClientRequest::post("/chat").body("no JSON"))
        .each_stream("[DONE] comes last", |stream| {
            let data = stream.data();
            let done = data.iter().position(|data| data == "[DONE]");
            assert!(done.is_none_or(|done| done + 1 == data.len()), "{data:?}");
        })
        .deterministic()
        .seeds(0..300);
    holds(&worlds.run());
}

#[test]
fn notifications_hold() {
    let worlds = Worlds::with_state(async |_| {
        let notifications = Notifications::new();
        (notifications.router(), notifications)
    })
    .request(ClientRequest::get("/notes").same_for_all().ordered_ids().backlog_max(2048))
    .draw(|draws| ClientRequest::post("/notes").body(format!("note {}", draws.below(1000))))
    .each_stream("ids rise", ids_rise)
    .invariant("no receiver is left", |world| world.state().sender.receiver_count() == 0)
    .deterministic()
    .seeds(0..300);
    holds(&worlds.run());
}

#[test]
fn the_progress_of_a_job_holds() {
    let worlds = Worlds::with(async |_| jobs().await)
        .request(ClientRequest::post("/job"))
        .get("/job/progress")
        .each_stream("ten percents at a time", |stream| {
            let percents: Vec<u8> = stream.data().iter().filter_map(|data| data.parse().ok()).collect();
            percents.iter().all(|percent| percent % 10 == 0 && *percent <= 100)
        })
        .deterministic()
        .seeds(0..300);
    holds(&worlds.run());
}
