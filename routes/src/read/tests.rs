use std::path::Path;
use std::sync::Arc;

use onbeat_faults::form;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::{Problems, read_route, read_routes, read_text};
use crate::model::{Content, Model};

/// A file with almost every key of the form. Where the order of keys matters, the keys are sorted, as those of JSON are.
const GOOD: &str = r#"#:schema routes.schema.json
onbeat = 1

[[route]]
method = "POST"
path = "/v1/*/completions"
match = { "/model" = "gpt-*", "/stream" = true, body = "*", "header.x-user" = "a", "query.n" = 2 }
[[route.response]]
wait_ms = 5
status = 503
retry_after_s = 1
headers = { "x-accel-buffering" = "no", "x-at" = "{{now}}" }
[[route.response]]
play = "read.rs"
bytes = 100
every_ms = 10
after = "last-event-id"
heartbeat = { every_ms = 15000, times = 3, comment = "{{t_ms}}" }
fault = [{ kind = "cut", from = { write = 12 } }, { kind = "split", bytes = 3 }]

[[route]]
path = "/feed"
steps = [
  { comment = "hi", wait_ms = 50 },
  { event = "tick", id = "{{seq}}", retry = 5, data = '{"v":{{random 0 100 1}}}', times = 20, every_ms = 1000 },
  { send = "{{uuid}} {{pick a b}}\n" }, { send_b64 = "8J+Y" }, { wait_ms = 1 },
  { subscribe = ["news"], history = "all", heartbeat = { after_silence_ms = 1, send = ":\n\n" } },
  { end = "cut" },
]

[channel.news]
history = 100
publish = { method = "PUT", path = "/news", status = 202, data = "{{json /text}}" }

[scenario.offline]
[[scenario.offline.route]]
path = "/feed"
response = [{ body = "off" }]
"#;

fn read(text: &str) -> Result<Model, Problems> {
    read_text("a.toml", text, &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

/// Reads a text, which may be wrong in any way. Each problem has a line of the text and says what was expected.
fn read_anything(text: &str) -> Result<(), TestCaseError> {
    let Err(problems) = read(text) else { return Ok(()) };
    let lines = text.lines().count().max(1);
    prop_assert!(problems.count() > 0);
    for line in problems.lines() {
        let number = line.strip_prefix("a.toml:").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        // Allows the line after the last, where a text that breaks off lacks a value.
        prop_assert!(
            number.is_some_and(|number| (1..=lines + 1).contains(&number)) || line.starts_with("and "),
            "{line}"
        );
    }
    Ok(())
}

#[test]
fn a_file_with_every_key_is_read() {
    let model = read(GOOD).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((model.routes.len(), model.channels.len(), model.scenarios.len()), (2, 1, 1));
    assert_eq!(model.routes[0].responses.len(), 2);
    for (name, lists) in super::KEYS {
        for key in lists.iter().copied().flatten().filter(|key| !matches!(**key, "exchange" | "open" | "heartbeat_ms"))
        {
            assert!(GOOD.contains(key), "{name}.{key}");
        }
    }
}

#[test]
fn a_route_reads_back_from_the_form_in_which_it_is_listed() {
    let model = read(GOOD).unwrap_or_else(|problems| panic!("{problems}"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for route in model.routes {
        let again =
            read_route(Value::clone(&route.form), Some(&folder)).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(format!("{again:?}"), format!("{route:?}"));
    }
}

#[test]
fn a_form_without_routes_has_one_problem_with_what_came() {
    for (form, told) in [
        (json!({}), "expected routes, an array of routes, but it is missing"),
        (json!({"routes": 5}), "routes: expected an array with at most 10000 routes, got 5"),
        (
            json!({"routes": vec![0; 10_001]}),
            "routes: expected an array with at most 10000 routes, got an array of 10001",
        ),
        (json!([]), "expected a table, got an array of 0"),
    ] {
        assert_eq!(read_routes(form, None).expect_err(told).to_string(), told);
    }
}

#[test]
fn a_route_that_is_never_reached_is_found_among_ten_thousand() {
    let routes: String = (0..9_999).map(|n| format!("[[route]]\npath = \"/{n}\"\nstatus = 200\n")).collect();
    let text = format!("onbeat = 1\n{routes}[[route]]\nmethod = \"HEAD\"\npath = \"/7\"\nstatus = 200");
    assert_eq!(
        read(&text).expect_err("the first route for /7 answers").to_string(),
        "a.toml:29999: route[9999]: expected a route that is reached: the route in line 23 answers all of its requests"
    );
}

#[test]
fn responses_that_play_the_same_file_in_the_same_way_share_the_content() {
    let play = |keys: &str| format!("[[route.response]]\nplay = \"read.rs\"\n{keys}\n");
    let text = [play("bytes = 5"), play("bytes = 6"), play("bytes = 5\nstatus = 201")].concat();
    let model = read(&format!("onbeat = 1\n[[route]]\npath = \"/a\"\n{text}")).expect("a good file");
    let played: Vec<_> = model.routes[0]
        .responses
        .iter()
        .map(|response| if let Content::Play(played) = &response.content { played } else { panic!("a file") })
        .collect();
    assert!(Arc::ptr_eq(played[0], played[2]) && !Arc::ptr_eq(played[0], played[1]));
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_not_followed_at_run_time() {
    let folder = std::env::temp_dir().join(format!("onbeat-routes-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("inside")).expect("a folder");
    std::fs::write(folder.join("secret.sse"), "data: 1\n\n").expect("a file");
    std::os::unix::fs::symlink("../secret.sse", folder.join("inside/link.sse")).expect("a link");
    let form = |play: &str| serde_json::json!({ "path": "/a", "play": play });
    let inside = folder.join("inside");
    let refused = read_route(form("link.sse"), Some(&inside)).expect_err("a link out of the folder");
    assert!(refused.to_string().contains("in the folder of the routes file or below"), "{refused}");
    assert!(read_route(form("./inside/../secret.sse"), Some(&folder)).is_err());
    assert!(read_route(form("secret.sse"), Some(&folder)).is_ok());
    for no_file in [".", "inside", "/dev/zero"] {
        assert!(read_route(form(no_file), Some(&folder)).is_err(), "{no_file}");
    }
    std::fs::remove_dir_all(folder).expect("the folder is there");
}

proptest! {
    #[test]
    fn a_text_that_breaks_off_anywhere_has_problems_with_lines_or_is_a_file(at: Index) {
        let cut = at.index(GOOD.len());
        read_anything(&GOOD[..cut])?;
    }

    #[test]
    fn a_character_in_place_of_another_leads_to_problems_with_lines(at: Index, char in any::<char>()) {
        let at = at.index(GOOD.len());
        let text = format!("{}{char}{}", &GOOD[..at], &GOOD[at + 1..]);
        read_anything(&text)?;
    }

    #[test]
    fn swapped_words_lead_to_problems_with_lines(one: Index, other: Index) {
        let mut words: Vec<&str> = GOOD.split_inclusive([' ', '\n', '"', '=', '{', '[']).collect();
        let (one, other) = (one.index(words.len()), other.index(words.len()));
        words.swap(one, other);
        read_anything(&words.concat())?;
    }

    #[test]
    fn lines_in_another_order_lead_to_problems_with_lines(from: Index, to: Index) {
        let mut lines: Vec<&str> = GOOD.split_inclusive('\n').collect();
        let line = lines.remove(from.index(lines.len()));
        lines.insert(to.index(lines.len()), line);
        read_anything(&lines.concat())?;
    }

    #[test]
    fn any_value_in_place_of_another_is_no_panic(at: Index, value in json()) {
        let model = read(GOOD).unwrap_or_else(|problems| panic!("{problems}"));
        for route in model.routes {
            let text = route.form.to_string();
            let words: Vec<&str> = text.split_inclusive([',', ':', '{', '[']).collect();
            let at = at.index(words.len());
            let text = [&words[..at].concat(), &value, &words[at + 1..].concat()].map(String::as_str).concat();
            if let Ok(form) = form::parse(text.as_bytes())
                && let Err(problems) = read_route(form, None)
            {
                prop_assert!(problems.count() > 0 && !problems.to_string().is_empty());
            }
        }
    }
}

/// Returns pieces of JSON, some of which fit anywhere.
fn json() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "null,",
        "-1,",
        "1e300,",
        "[],",
        "{},",
        "\"\",",
        "true,",
        "\"{{x\",",
        "{\"a\":1},",
        "[[[]]],",
        "\"a\":",
        "{",
        "[",
    ])
    .prop_map(str::to_owned)
}
