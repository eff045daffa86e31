//! Checks against recordings: values that vary, recordings that were made over sockets, selections, and mistakes.

use axum::Router;
use axum::routing::get;
use onbeat::{lab, ms, secs};

use crate::against::file;
use crate::recordings::{checked, forgetful_notes, notes, room};
use crate::scripted::{End, Script};

#[test]
fn what_may_vary_may_vary_in_a_lab_too() {
    let path = file("vary.jsonl");
    let with_value = |value: &str| {
        let mut script = Script::right();
        for write in &mut script.writes {
            write.1 = write.1.replace("\"n\":", &format!("\"run\":\"{value}\",\"n\":"));
        }
        script.application()
    };
    lab(with_value("a1"), async |lab| {
        let tokens = lab.get("/tokens").await;
        tokens.ended().await;
        tokens.recording().save(&path).unwrap();
    });
    let text = checked(with_value("b2"), &path).to_string();
    let hint = r#""vary":[{"pointer":"/run","as":"string"}]"#;
    assert!(text.contains("The same values differ in 3 lines.") && text.replace("\n  ", " ").contains(hint), "{text}");
    let loosened = std::fs::read_to_string(&path).unwrap().replacen("\"exact\"}", &format!("\"exact\",{hint}}}"), 1);
    std::fs::write(&path, loosened).unwrap();
    checked(with_value("b2"), &path).assert_conforms();
}

#[test]
fn what_comes_is_accepted_and_keeps_what_may_vary() {
    let path = file("accept.jsonl");
    let may = "\": ping\\n\\n\",\"may\":true";
    std::fs::write(&path, OVER_SOCKETS.replace("\": ping\\n\\n\"", may)).unwrap();
    let other = || {
        let mut script = Script::right();
        script.writes[2].1 = "data: other\n\n".into();
        script.application()
    };
    lab(other(), async |lab| {
        let part = lab.check_against(&path).skip("accept.jsonl:3").accept().await.unwrap_err().to_string();
        assert!(part.starts_with("expected a whole check to accept what comes"), "{part}");
        assert!(!lab.check_against(&path).accept().await.unwrap().conforms());
        lab.check_against(&path).await.unwrap().assert_conforms();
    });
    let accepted = std::fs::read_to_string(&path).unwrap();
    assert!(accepted.contains(may) && accepted.contains("data: other"), "{accepted}");
    // The request stays as it was recorded, and the times are those of the lab from now on.
    assert!(accepted.contains("Host: 127.0.0.1:8000") && accepted.contains(r#""times":"exact""#), "{accepted}");
}

#[test]
fn what_comes_of_several_clients_is_accepted_exchange_by_exchange() {
    let path = notes("accept-notes.jsonl");
    let before = std::fs::read_to_string(&path).unwrap();
    let accepted = lab(forgetful_notes(), async |lab| lab.check_against(&path).accept().await.unwrap());
    assert!(!accepted.conforms());
    checked(forgetful_notes(), &path).assert_conforms();
    let after = std::fs::read_to_string(&path).unwrap();
    let missing: Vec<&str> = before.lines().filter(|line| !after.contains(line)).collect();
    assert_eq!(missing.len(), 1, "{missing:?}\n{after}");
    assert!(missing[0].contains("data: cake") && after.lines().count() + 1 == before.lines().count(), "{missing:?}");
}

/// A recording as `onbeat record` makes one over sockets, a few milliseconds late all along.
const OVER_SOCKETS: &str = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/tokens","framing":"chunked"}
{"t_ms":0,"kind":"request","text":"GET /tokens HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: onbeat/0.2.0\r\nAccept: */*\r\n\r\n"}
{"t_ms":404,"kind":"head","status":200,"headers":[["content-type","text/event-stream"],["x-room","7"],["transfer-encoding","chunked"],["date","Mon, 01 Dec 2025 00:00:00 GMT"]]}
{"t_ms":404,"kind":"write","text":"retry: 3000\n\n"}
{"t_ms":404,"kind":"write","text":"id: 1\nevent: token\ndata: {\"n\":1,\"text\":\"Hel\"}\n\n"}
{"t_ms":461,"kind":"write","text":"id: 2\nevent: token\ndata: {\"n\":2,\"text\":\"lo\"}\n\n"}
{"t_ms":662,"kind":"write","text":": ping\n\n"}
{"t_ms":1671,"kind":"write","text":"id: 3\nevent: token\n","first_ms":1669}
{"t_ms":1671,"kind":"write","text":"data: {\"n\":3,\"text\":\" you\"}\n\n"}
{"t_ms":1975,"kind":"write","text":"data: [DONE]\n\n"}
{"t_ms":1978,"kind":"end","how":"complete"}
"#;

#[test]
fn a_recording_over_sockets_keeps_its_tolerance_in_a_lab() {
    let path = file("sockets.jsonl");
    std::fs::write(&path, OVER_SOCKETS).unwrap();
    checked(Script::right().application(), &path).assert_conforms();
    let mut late = Script::right();
    late.writes[6].0 += 300;
    late.end = End::Complete(2300);
    let text = checked(late.clone().application(), &path).to_string();
    assert!(text.contains("FAIL  sockets.jsonl:10") && text.contains("ms too late"), "{text}");
    let report = lab(late.application(), async |lab| lab.check_against(&path).tolerance(ms(350)).await.unwrap());
    report.assert_conforms();
    let mut wrong = Script::right();
    wrong.writes[2].1 = "data: other\n\n".into();
    assert!(checked(wrong.application(), &path).to_string().contains("FAIL  sockets.jsonl:6"));
}

#[test]
fn the_recordings_of_a_folder_are_clients_at_once_unless_one_by_one_is_asked_for() {
    let folder = file("folder");
    let record = |name: &str, others: u64| {
        lab(room(), async |lab| {
            let before = lab.get("/room").await;
            let stays = if others == 0 { before } else { lab.get("/room").await };
            lab.advance(secs(1)).await;
            stays.recording().save(folder.join(name)).unwrap();
        });
    };
    // Each was recorded alone: at once, each sees the other.
    record("a.jsonl", 0);
    record("b.jsonl", 0);
    assert!(!checked(room(), &folder).conforms());
    let report = lab(room(), async |lab| lab.check_against(&folder).one_by_one().await.unwrap());
    report.assert_conforms();
    // The second of two clients sees two.
    record("b.jsonl", 1);
    let report = lab(room(), async |lab| lab.check_against(&folder).only("b.jsonl:*").await.unwrap());
    assert!(!report.conforms(), "alone it is one: {report}");
}

#[test]
fn a_selection_and_a_time_limit_judge_a_part() {
    let path = file("part.jsonl");
    lab(Script::right().application(), async |lab| {
        let tokens = lab.get("/tokens").await;
        tokens.ended().await;
        tokens.recording().save(&path).unwrap();
    });
    let mut script = Script::right();
    script.headers[1].1 = "8";
    lab(script.application(), async |lab| {
        assert!(!lab.check_against(&path).await.unwrap().conforms());
        lab.check_against(&path).skip("part.jsonl:3").await.unwrap().assert_conforms();
        lab.check_against(&path).only("part.jsonl:[456]").await.unwrap().assert_conforms();
        let report = lab.check_against(&path).watch_for(secs(1)).skip("part.jsonl:3").await.unwrap();
        assert!(report.conforms() && report.to_string().contains("it needs more time than was given"), "{report}");
    });
}

#[test]
fn mistakes_name_the_file_the_line_and_what_was_expected() {
    let broken = file("broken.jsonl");
    std::fs::write(&broken, OVER_SOCKETS.replace("\"status\":200", "\"status\":\"200\"")).unwrap();
    let sockets = file("mistakes.jsonl");
    std::fs::write(&sockets, OVER_SOCKETS).unwrap();
    let times = file("times.jsonl");
    std::fs::write(&times, OVER_SOCKETS.replacen("\"chunked\"}", "\"chunked\",\"times\":\"rough\"}", 1)).unwrap();
    lab(Script::right().application(), async |lab| {
        let missing = lab.check_against("recordings/missing.jsonl").await.unwrap_err().to_string();
        assert!(missing.starts_with("failed to read recordings/missing.jsonl: No such file"), "{missing}");
        let wrong = lab.check_against(&broken).await.unwrap_err().to_string();
        assert!(wrong.starts_with("failed to read broken.jsonl: line 3, field \"status\": expected "), "{wrong}");
        let rough = lab.check_against(&times).await.unwrap_err().to_string();
        assert!(rough.starts_with("failed to read times.jsonl: line 1, field \"times\": "), "{rough}");
        let typo = lab.check_against(&sockets).only("mistakes.jsonl:99").await.unwrap_err().to_string();
        assert!(typo.contains("no case matches \"mistakes.jsonl:99\": an id is the name of a recording"), "{typo}");
        let pattern = lab.check_against(&sockets).only("[").await.unwrap_err().to_string();
        assert!(pattern.starts_with("failed to read the pattern \"[\": "), "{pattern}");
        let header = lab.check_against(&sockets).header("content-length", "5").await.unwrap_err();
        assert!(header.to_string().contains("onbeat decides about this one itself"), "{header}");
        // What `unwrap` shows is the message.
        assert_eq!(format!("{header:?}"), header.to_string());
        let response = lab.get("/tokens").await;
        let into_a_file = response.recording().save(sockets.join("a.jsonl")).unwrap_err().to_string();
        assert!(into_a_file.contains("mistakes.jsonl"), "{into_a_file}");
    });
}

#[test]
fn a_panic_of_the_application_ends_a_check_in_the_words_of_the_lab() {
    async fn fail() -> &'static str {
        panic!("no such model")
    }
    let path = file("panic.jsonl");
    std::fs::write(&path, OVER_SOCKETS).unwrap();
    let panic = std::panic::catch_unwind(|| checked(Router::new().route("/tokens", get(fail)), &path)).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("the application panicked at work on GET /tokens"), "{message}");
}

#[test]
fn an_error_of_the_application_is_told_where_no_answer_comes() {
    let path = file("error.jsonl");
    std::fs::write(&path, OVER_SOCKETS).unwrap();
    let app = tower::service_fn(async |_: axum::extract::Request| {
        Err::<axum::http::Response<axum::body::Body>, _>(std::io::Error::other("the model is away"))
    });
    let text = lab(app, async |lab| lab.check_against(&path).await.unwrap()).to_string();
    assert!(text.contains("the application failed: the model is away"), "{text}");
}
