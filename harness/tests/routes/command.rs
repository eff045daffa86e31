//! `onbeat routes`, from outside: what the command prints, and how the command exits.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// A new folder with these files.
fn folder(name: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("routes-command-{name}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).expect("a file");
    }
    folder
}

fn onbeat(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onbeat")).args(arguments).current_dir(folder).output().expect("onbeat runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

const CHAT: &[u8] = br#"onbeat = 1
[[route]]
path = "/a"
steps = [{ subscribe = "news" }]
[[route]]
path = "/b"
play = "b.sse"
[channel.news]
[scenario.busy]
[[scenario.busy.route]]
path = "/a"
status = 503
"#;

const WRONG: &[u8] = b"onbeat = 1\n[[route]]\npath = \"a\"\nplay = \"c.sse\"\n[chanel.news]\n";

#[test]
fn good_files_are_told_by_what_they_have() {
    let folder = folder("good", &[("chat.toml", CHAT), ("b.sse", b"data: x\n\n"), ("empty.toml", b"onbeat = 1\n")]);
    let output = onbeat(&folder, &["routes", "check", "chat.toml", "empty.toml"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_eq!(text(&output.stdout), "chat.toml: 2 routes, 1 channel, 1 scenario\nempty.toml: 0 routes\n");
    let output = onbeat(&folder, &["routes", "check", "chat.toml", "--format", "jsonl"]);
    let line = r#"{"file":"chat.toml","routes":2,"channels":1,"scenarios":1,"problems":[]}"#;
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), format!("{line}\n").as_str()));
}

#[test]
fn all_problems_of_all_files_are_told_and_the_exit_code_is_2() {
    let folder =
        folder("wrong", &[("chat.toml", CHAT), ("b.sse", b""), ("wrong.toml", WRONG), ("bytes.toml", b"\n\xff")]);
    let files = ["wrong.toml", "chat.toml", "bytes.toml", "none.toml"];
    let output = onbeat(&folder, &[&["routes", "check"][..], &files].concat());
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), "chat.toml: 2 routes, 1 channel, 1 scenario\n"));
    let expected = "wrong.toml:3: route[0].path: expected a path like /v1/chat, in ASCII, without a query, got \"a\"\n\
        wrong.toml:4: route[0].play: expected a file that can be read, got c.sse: No such file or directory (os error 2): \
        did you mean b.sse?\n\
        wrong.toml:5: expected a known key, got chanel: did you mean channel?\n\
        bytes.toml:2: expected UTF-8, got the byte 0xFF in column 1: save the file as UTF-8\n\
        none.toml: expected a routes file that can be read: No such file or directory (os error 2)\n";
    assert_eq!(text(&output.stderr), expected);

    let output = onbeat(&folder, &[&["routes", "check", "--format", "jsonl"][..], &files].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), ""));
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((&lines[0]["file"], lines[0].get("routes")), (&json!("wrong.toml"), None));
    let problem = json!({"line": 5, "field": "", "problem": "expected a known key, got chanel: did you mean channel?"});
    assert_eq!((lines[0]["problems"].as_array().map(Vec::len), &lines[0]["problems"][2]), (Some(3), &problem));
    assert_eq!((&lines[1]["routes"], &lines[1]["problems"]), (&json!(2), &json!([])));
    assert_eq!(lines[3]["problems"][0]["line"], Value::Null);
}

#[test]
fn a_server_with_a_wrong_file_tells_every_problem_and_does_not_listen() {
    let many = format!("onbeat = 1\n{}", "[[route]]\npath = \"no path\"\nstatus = 99\n".repeat(60));
    let folder = folder("served", &[("wrong.toml", WRONG), ("many.toml", many.as_bytes())]);
    let served = onbeat(&folder, &["serve", "--addr", "127.0.0.1:0", "--routes", "wrong.toml"]);
    let checked = onbeat(&folder, &["routes", "check", "wrong.toml"]);
    assert_eq!((served.status.code(), text(&served.stdout)), (Some(2), ""));
    assert_eq!((text(&served.stderr), served.status.code()), (text(&checked.stderr), checked.status.code()));
    let served = onbeat(&folder, &["serve", "--addr", "127.0.0.1:0", "--routes", "many.toml"]);
    assert_eq!(text(&served.stderr).lines().count(), 101);
    assert!(text(&served.stderr).ends_with("\nand 20 more\n"));
}

#[test]
fn what_has_no_end_is_no_routes_file_and_is_not_played() {
    let folder = folder("endless", &[("play.toml", b"onbeat = 1\n[[route]]\npath = \"/a\"\nplay = \"/dev/zero\"\n")]);
    for (file, said) in [
        ("/dev/zero", "/dev/zero: expected a routes file that can be read: it is a device or a pipe\n"),
        (".", ".: expected a routes file that can be read: it is a folder\n"),
        (
            "play.toml",
            "play.toml:4: route[0].play: expected a file that can be read, got /dev/zero: it is a device or a pipe\n",
        ),
    ] {
        assert_eq!(text(&onbeat(&folder, &["routes", "check", file]).stderr), said);
    }
}

#[test]
fn the_schema_is_printed() {
    let output = onbeat(Path::new("."), &["routes", "schema"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), onbeat_routes::SCHEMA));
}
