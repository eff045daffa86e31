//! The code of the guide `docs/rust.md`, which shows parts of this file word for word.

use crate::applications as my_app;
use crate::snapshot::assert_snapshot;
use onbeat::{How, Network, lab, lab_with, ms, secs};

#[test]
fn the_ticker_ticks_every_30_s() {
    onbeat::lab(my_app::ticker(), async |lab| {
        let ticks = lab.get("/ticks").await;
        lab.advance(secs(95)).await;
        assert_eq!(ticks.times_ms(), [0, 30_000, 60_000, 90_000]);
        assert_eq!(ticks.comments().len(), 6);
    });
}

#[test]
fn an_answer_comes_word_for_word() {
    lab(my_app::chat(), async |lab| {
        let mut answer = lab.post("/chat").json(r#"{"prompt":"how are you"}"#).await;
        let first = answer.next_event().await.unwrap();
        assert_eq!((first.at_ms(), first.data.as_str()), (400, r#"{"token":"how"}"#));

        assert_eq!(answer.ended().await, How::Complete);
        assert_eq!(answer.data().last().unwrap(), "[DONE]");
    });
}

#[test]
fn a_client_that_comes_back_gets_what_it_has_missed() {
    let notifications = my_app::Notifications::new();
    lab(notifications.router(), async |lab| {
        let first = lab.get("/notes").await;
        lab.post("/notes").body("one").await;
        first.close().await;
        assert_eq!(notifications.sender.receiver_count(), 0, "the stream has been dropped");

        lab.post("/notes").body("two").await;
        let second = lab.get("/notes").header("last-event-id", "1").await;
        assert_eq!(second.data(), ["two"]);
    });
}

#[test]
fn a_stopped_answer_stops_the_work() {
    lab_with(
        async |_| my_app::jobs().await,
        async |lab| {
            lab.post("/job").await;
            let progress = lab.get("/job/progress").start().await;
            lab.advance(ms(2500)).await;
            progress.reset().await;
            assert!(lab.open().is_empty(), "no handler and no body is left");
            assert_eq!(lab.tasks(), 1, "the job itself goes on");
        },
    );
}

#[test]
fn a_slow_phone_gets_all_words() {
    lab(my_app::chat(), async |lab| {
        let phone = lab.client_over(Network::new().window(256).latency(ms(80)).pace(16, ms(100)));
        let answer = phone.post("/chat").json(r#"{"prompt":"how are you"}"#).await;
        assert_eq!(answer.ended().await, How::Complete);
        assert_eq!(answer.data().len(), 4);
    });
}

#[test]
fn a_failing_test_says_what_came() {
    let message = crate::failures::message(|| {
        lab(my_app::ticker(), async |lab| {
            let mut ticks = lab.get("/tick").await;
            ticks.next_event().await;
        });
    });
    assert_snapshot!("lab-guide-typo", message);
}

#[test]
#[ignore = "records anew"]
fn record() {
    lab(my_app::chat(), async |lab| {
        let answer = lab.post("/chat").json(r#"{"prompt":"how are you"}"#).await;
        answer.ended().await;
        answer.recording().save("tests/recordings/chat.jsonl").unwrap();
    });
}

#[test]
fn the_chat_is_as_recorded() {
    lab(my_app::chat(), async |lab| {
        lab.check_against("tests/recordings/chat.jsonl").await.unwrap().assert_conforms();
    });
}

#[test]
fn a_token_that_comes_a_millisecond_late_is_found() {
    let message = crate::failures::message(|| {
        lab(my_app::slow_chat(ms(51)), async |lab| {
            lab.check_against("tests/recordings/chat.jsonl").await.unwrap().assert_conforms();
        });
    });
    assert_snapshot!("lab-guide-late", message);
}

#[test]
fn the_guides_show_these_tests() {
    let page =
        |path: &str| std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).expect("a page");
    let snapshots = ["lab-guide-typo", "lab-guide-late", "lab-never-comes"];
    let messages: String = snapshots.iter().map(|name| page(&format!("snapshots/{name}.snap"))).collect();
    for (guide, tests) in [("docs/rust.md", 5), ("docs/rust-recordings.md", 2)] {
        let guide = page(guide);
        let blocks = |language: &str| -> Vec<String> {
            let begin = format!("```{language}\n");
            guide.split(&begin).skip(1).map(|rest| rest.split("```").next().expect("an end").to_owned()).collect()
        };
        let shown = blocks("rust");
        assert_eq!(shown.len(), tests);
        for code in shown {
            assert!(include_str!("guide.rs").contains(&code), "no test has\n{code}");
        }
        for line in blocks("text").iter().flat_map(|message| message.lines()).filter(|line| *line != "…") {
            assert!(messages.contains(line), "no snapshot has\n{line}");
        }
    }
}
