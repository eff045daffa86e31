//! `onbeat routes`: files of routes, checked from outside.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::folder;
use crate::support::{asked, play_model, seen};

/// A recording, under the name that the documentation uses.
const RECORDING: &str = r#"{"kind":"recording","format":1,"onbeat":"0.2.0","from":"http://127.0.0.1:8000/chat","framing":"chunked"}
{"t_ms":0,"kind":"request","text":"POST /chat HTTP/1.1\r\nHost: onbeat\r\n\r\n","body":{"text":"{}"}}
{"t_ms":412,"kind":"head","status":200,"headers":[["content-type","text/event-stream"]]}
{"t_ms":455,"kind":"write","text":"data: hello\n\n"}
{"t_ms":9000,"kind":"end","how":"cut"}
"#;

/// Returns a folder with these files, and a recording.
fn folder_with_recording(name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let files: Vec<_> = files.iter().copied().chain([("chat.jsonl", RECORDING.as_bytes())]).collect();
    folder(&format!("check-{name}"), &files)
}

fn onbeat(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_onbeat"));
    program.args(arguments).current_dir(folder).output().expect("onbeat runs")
}

/// Checks that a command prints this on stdout and on stderr, and ends with this exit code.
#[track_caller]
fn assert_prints(folder: &Path, arguments: &[&str], code: i32, stdout: &str, stderr: &str) {
    let output = onbeat(folder, arguments);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let printed = (text(output.stdout), text(output.stderr));
    assert_eq!((printed.0.as_str(), printed.1.as_str()), (stdout, stderr), "{arguments:?}");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}");
}

const GOOD: &[u8] = b"onbeat = 1\n[[route]]\npath = \"/a\"\nplay = \"chat.jsonl\"\n[channel.news]\n\
    [[scenario.off.route]]\npath = \"/a\"\nresponse = [{ status = 503 }, { status = 500 }]\n";

#[test]
fn a_good_file_is_told_in_a_line() {
    let folder = folder_with_recording("good", &[("good.toml", GOOD), ("empty.toml", b"onbeat = 1")]);
    let line = "good.toml: 2 routes, 1 channel, 1 scenario\nempty.toml: 0 routes\n";
    assert_prints(&folder, &["routes", "check", "good.toml", "empty.toml"], 0, line, "");
    let line = "{\"file\":\"good.toml\",\"routes\":2,\"responses\":3,\"channels\":1,\"scenarios\":1}\n";
    assert_prints(&folder, &["routes", "check", "good.toml", "--format", "jsonl"], 0, line, "");
}

#[test]
fn all_problems_of_all_files_are_told_with_exit_code_2() {
    let one = b"onbeat = 1\n[[route]]\npath = \"/a\"\nplay = \"chat.json\"\nstatsu = 3\n";
    let folder =
        folder_with_recording("bad", &[("one.toml", one), ("two.toml", b"onbeat = 1\n\xff"), ("good.toml", GOOD)]);
    let said = "one.toml:4: route[0].play: expected a file that can be read, got chat.json: No such file or directory \
                (os error 2): did you mean chat.jsonl?\n\
                one.toml:5: route[0]: expected a known key, got statsu: did you mean status?\n\
                two.toml:2: expected UTF-8, got a byte at column 1 that is none\n";
    let line = "good.toml: 2 routes, 1 channel, 1 scenario\n";
    assert_prints(&folder, &["routes", "check", "one.toml", "two.toml", "good.toml"], 2, line, said);
    let said = "two.toml:2: expected UTF-8, got a byte at column 1 that is none\nonbeat: two.toml has 1 problem\n";
    assert_prints(&folder, &["serve", "--routes", "two.toml", "--addr", "127.0.0.1:0"], 2, "", said);
}

#[test]
fn a_program_gets_an_object_for_each_file_with_the_problems_of_the_file() {
    let wrong = b"onbeat = 1\n[[route]]\npath = \"a\"\nstatus = 99\n";
    let folder = folder_with_recording("jsonl", &[("wrong.toml", wrong), ("good.toml", GOOD)]);
    let lines = "{\"file\":\"wrong.toml\",\"problems\":[\
        {\"line\":3,\"field\":\"route[0].path\",\"problem\":\"expected a path like /v1/chat, of at most 2048 visible ASCII characters, without a query, got \\\"a\\\"\"},\
        {\"line\":4,\"field\":\"route[0].status\",\"problem\":\"expected a whole number from 200 to 599, got 99\"}]}\n\
        {\"file\":\"good.toml\",\"routes\":2,\"responses\":3,\"channels\":1,\"scenarios\":1}\n";
    assert_prints(&folder, &["routes", "check", "wrong.toml", "good.toml", "--format", "jsonl"], 2, lines, "");
}

#[test]
fn what_is_no_routes_file_is_refused_in_plain_words() {
    let utf_16: Vec<u8> = "onbeat = 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = format!("onbeat = 1\nroute = {}", "[".repeat(100_000));
    let dots = format!("onbeat = 1\nroute{} = 1", ".a".repeat(100_000));
    let long = "# long\n".repeat(2_000_000);
    let files: [(&str, &[u8], &str); 5] = [
        ("utf-16.toml", &utf_16, "utf-16.toml:1: expected UTF-8, got UTF-16"),
        ("deep.toml", deep.as_bytes(), "deep.toml:2: expected TOML: arrays and tables nest too deep"),
        ("dots.toml", dots.as_bytes(), "dots.toml:2: expected TOML: arrays and tables nest too deep"),
        (
            "long.toml",
            long.as_bytes(),
            "long.toml: expected a file that can be read, got long.toml: it is longer than 2 MiB; play long",
        ),
        ("log.toml", RECORDING.as_bytes(), "log.toml:1: expected TOML, got JSON"),
    ];
    let folder = folder_with_recording("strange", &files.map(|(name, bytes, _)| (name, bytes)));
    for (name, _, said) in files.into_iter().chain([
        (".", &[][..], ".: expected a file that can be read, got .: Is a directory"),
        ("logs.toml", &[], "logs.toml: expected a file that can be read, got logs.toml: No such file or directory"),
    ]) {
        let output = onbeat(&folder, &["routes", "check", name]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.starts_with(said), "{name}: {stderr}");
        assert_eq!(output.status.code(), Some(2), "{name}");
    }
}

#[test]
fn the_schema_is_printed_as_it_is() {
    let schema = onbeat_routes::SCHEMA;
    assert_prints(Path::new("."), &["routes", "schema"], 0, schema, "");
}

#[test]
fn the_documented_routes_file_is_right() {
    let page = include_str!("../../../docs/routes.md");
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a file");
    let folder = folder_with_recording("documented", &[("chat.toml", block.as_bytes())]);
    let line = "chat.toml: 3 routes, 1 channel, 1 scenario\n";
    assert_prints(&folder, &["routes", "check", "chat.toml"], 0, line, "");
}

#[test]
fn the_documented_routes_are_served_as_the_documentation_says() {
    let page = include_str!("../../../docs/routes.md");
    let block = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a file");
    let folder = folder_with_recording("served", &[("chat.toml", block.as_bytes())]);
    let model = || onbeat_routes::read_file(&folder.join("chat.toml")).unwrap_or_else(|problems| panic!("{problems}"));
    let chat = play_model(model(), None, async |lab| {
        let body = r#"{"stream":true,"model":"gpt-4o"}"#;
        let client = asked(lab, "POST", "/v1/chat/completions", "", body).await;
        seen(lab, client, 10_000).await
    });
    let expected = "412 200 content-type: text/event-stream; transfer-encoding: chunked;\n\
        455 \"data: hello\\n\\n\"\n9000 cut off by the server\n";
    assert_eq!(chat, expected);
    let feed = |scenario| {
        play_model(model(), scenario, async |lab| {
            let client = asked(lab, "GET", "/feed", "", "").await;
            seen(lab, client, 1100).await
        })
    };
    let ticks = "0 \": hi\\n\\n\"\n\
        50 \"event: tick\\nid: 1\\ndata: {\\\"at\\\":\\\"2025-12-01T00:00:00.050Z\\\"}\\n\\n\"\n\
        1050 \"event: tick\\nid: 2\\ndata: {\\\"at\\\":\\\"2025-12-01T00:00:01.050Z\\\"}\\n\\n\"\n\
        1100 closed by the client\n";
    assert_eq!(feed(None).split_once('\n').map(|(_, body)| body), Some(ticks));
    let offline = feed(Some("offline"));
    assert!(offline.starts_with("0 503 ") && offline.contains("retry-after: 1;"), "{offline}");
}

#[test]
fn the_documentation_names_every_key_of_the_form() {
    let schema: serde_json::Value = serde_json::from_str(onbeat_routes::SCHEMA).expect("JSON");
    let page = include_str!("../../../docs/routes.md");
    let named: Vec<&str> = page
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .flat_map(|code| code.split(|char: char| !char.is_ascii_alphanumeric() && char != '_'))
        .collect();
    let tables = schema["$defs"].as_object().expect("tables").values().chain([&schema]);
    let keys: Vec<_> =
        tables.filter_map(|table| table["properties"].as_object()).flat_map(|keys| keys.keys()).collect();
    assert!(keys.len() > 50, "{keys:?}");
    for key in keys {
        assert!(named.contains(&key.as_str()), "docs/routes.md does not name {key}");
    }
}
