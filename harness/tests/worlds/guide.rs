//! The code of the guide `docs/rust-worlds.md`, which shows parts of this file word for word.

use onbeat::{ClientRequest, Worlds};

mod my_app {
    pub(super) fn router() -> axum::Router {
        crate::applications::Notifications::new().router()
    }
}

#[test]
fn nothing_breaks_in_random_worlds() {
    Worlds::new(my_app::router) // a new application for each world
        .request(ClientRequest::get("/notes").same_for_all().ordered_ids().backlog_max(16 * 1024))
        .draw(|draws| ClientRequest::post("/notes").body(format!("note {}", draws.below(1000))))
        .each_stream("ids rise", |stream| stream.ids().is_sorted_by_key(|id| id.parse::<u64>().unwrap()))
        .seeds(0..200)
        .run();
}

#[test]
fn the_guide_shows_this_test() {
    let page =
        |path: &str| std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).expect("a page");
    let guide = page("docs/rust-worlds.md");
    let block = |language: &str| {
        let begin = format!("```{language}\n");
        let block = guide.split(&begin).nth(1).and_then(|rest| rest.split("```").next());
        block.expect("a block").to_owned()
    };
    assert!(include_str!("guide.rs").contains(&block("rust")));
    assert!(page("snapshots/worlds-lost-event.snap").contains(&block("text")));
}
