//! Logs and traces that somebody has cut or edited, or that a shell has recoded: they are read, or refused with the line
//! and the field; nothing panics, takes for ever, or blames the server.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use onbeat::log_replay::LoggedWorld;
use onbeat::simulate::{History, Simulator, histories};
use onbeat::world_lab::WorldServer;
use proptest::prelude::*;

const LOG: &str = include_str!("log.jsonl");
const TRACE: &str = include_str!("failed-histories.jsonl");

/// What the program makes of a file on its stdin.
fn given(arguments: &[&str], file: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onbeat"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("onbeat runs");
    // It may not read a file to its end that it refuses.
    let _ = child.stdin.take().expect("a pipe").write_all(file);
    child.wait_with_output().expect("it ends")
}

#[track_caller]
fn assert_is_refused(arguments: &[&str], file: &[u8], said: &str) {
    let output = given(arguments, file);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains(said), "{error}");
    assert!(output.stdout.is_empty() && error.lines().count() == 1, "{error}");
}

#[test]
fn a_log_is_read_from_stdin_whatever_ends_its_lines() {
    let crlf = LOG.replace('\n', "\r\n");
    for log in [
        LOG.to_owned(),
        format!("\u{feff}{LOG}"),
        format!("{LOG}\n"),
        format!("{LOG}\n \n\r\n"),
        LOG.trim_end().to_owned(),
        crlf.clone(),
        format!("\u{feff}{crlf}\r\n"),
    ] {
        let output = given(&["replay", "--log", "-"], log.as_bytes());
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("89 writes, 31000 ms: the same to the byte"), "{said}");
    }
}

#[test]
fn another_encoding_is_refused_in_plain_words() {
    let units = || LOG.encode_utf16();
    let little: Vec<u8> = [0xfeff].into_iter().chain(units()).flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = [0xfeff].into_iter().chain(units()).flat_map(u16::to_be_bytes).collect();
    for arguments in [["replay", "--log", "-"], ["simulate", "--again", "-"]] {
        for file in [&little, &big, &little[2..].to_vec()] {
            assert_is_refused(&arguments, file, "failed to read stdin: line 1: expected UTF-8, got UTF-16");
        }
        assert_is_refused(&arguments, b"{}\n\"\xff\"", "stdin: line 2: expected UTF-8, got a byte at column 2");
    }
}

#[test]
fn a_wrong_log_is_refused_with_the_line_and_the_field() {
    let line = |number: usize, from: &str, to: &str| -> String {
        let edited = |(at, line): (usize, &str)| {
            let edited = if at + 1 == number { line.replacen(from, to, 1) } else { line.to_owned() };
            assert!(at + 1 != number || edited != line, "{line}");
            edited + "\n"
        };
        LOG.lines().enumerate().map(edited).collect()
    };
    for (log, said) in [
        (String::new(), "expected a log, as GET /__onbeat/log answers it; it is empty"),
        ("\n\n".into(), "it is empty"),
        (
            "hello\n".into(),
            "expected a log, as GET /__onbeat/log answers it; line 1: expected a JSON object, got hello",
        ),
        ("{}\n".into(), "line 1: missing field `t_ms`"),
        (LOG.lines().skip(1).map(|line| format!("{line}\n")).collect(), "line 1, field \"kind\": expected log"),
        (line(1, "\"seed\":\"7\"", "\"seed\":\"x\""), "line 1, field \"seed\": expected a whole number from 0"),
        (line(1, "\"mailbox\":1024", "\"mailbox\":0"), "line 1, field \"mailbox\": expected a whole number from 1"),
        (
            line(1, "2025-12-01T", "9999-12-31T"),
            "line 1, field \"epoch\": expected a time like 2025-12-01T00:00:00Z (RFC 3339), from 0000-01-01T00:00:00Z to \
             9899-01-01T00:00:00Z; it is not in this range",
        ),
        (line(1, "manual", "wound up"), "line 1, field \"clock\": expected real, scaled or manual"),
        (
            line(2, "\"t_ms\":0", "\"t_ms\":-1"),
            "line 2, field \"t_ms\": expected a whole number from 0 on, got integer `-1`",
        ),
        (
            line(2, "\"t_ms\":0", "\"t_ms\":1.5"),
            "line 2, field \"t_ms\": expected a whole number from 0 on, got floating point",
        ),
        (
            line(2, "\"t_ms\":0", "\"t_ms\":1e30"),
            "line 2, field \"t_ms\": expected a whole number from 0 on, got floating point",
        ),
        (
            line(2, "\"t_ms\":0", "\"t_ms\":9999999999999999"),
            "line 2, field \"t_ms\": expected a whole number from 0 to 3155760000000, got 9999999999999999",
        ),
        (line(2, "\"GET\"", "\"GET /\""), "line 2, field \"method\": expected a method of HTTP"),
        (line(2, "\"/sse\"", "\"/sse\\r\\nx: y\""), "line 2, field \"target\": expected a request target"),
        (line(2, "HTTP/1.1", "HTTP/3"), "line 2, field \"version\": expected HTTP/1.0 or HTTP/1.1"),
        (line(2, "\"onbeat\"", "7"), "line 2, field \"headers[0][1]\": expected a string, got integer `7`"),
        (line(2, "\"onbeat\"", "\"a\\nb\""), "line 2, field \"headers[0]\": expected the name and the value"),
        (line(3, "\"status\":200", "\"status\":70000"), "line 3, field \"status\": expected a whole number"),
        (
            line(3, "\"status\":200", "\"status\":7"),
            "line 3, field \"status\": expected a whole number from 100 to 999",
        ),
        (
            line(4, "\"request\":0", "\"request\":4294967295"),
            "line 4: expected request 4294967295 of connection 0 before",
        ),
        (line(4, "\"text\"", "\"base64\""), "line 4, field \"base64\": expected bytes in base64"),
        (line(4, "\"text\"", "\"test\""), "line 4, field \"test\": unknown field `test`, expected `text` or `base64`"),
        (line(5, "\"times\":1", "\"times\":-1"), "line 5, field \"fault\": expected a fault; times: expected a whole"),
        (line(7, "\"connection\":1", "\"connection\":0"), "line 7, field \"request\": expected no second request 0"),
        (
            line(7, "\"kind\":\"request\"", "\"kind\":\"log\""),
            "line 7, field \"headers\": unknown field `headers`, expected one of `version`, `seed`",
        ),
        (
            line(7, "\"kind\":\"request\"", "\"kind\":\"ask\""),
            "line 7, field \"kind\": expected the kind of a line, such as head or write, got \"ask\"",
        ),
        (line(7, "\"method\"", "\"text\""), "line 7, field \"headers\": unknown field `headers`, expected `text`"),
        (line(104, "data: pushed\\n\\n", ""), "line 104, field \"text\": expected at least one byte"),
        (line(104, "\"connection\":0,", ""), "line 104: missing field `connection`"),
        (line(104, "\"text\"", "\"base64\""), "line 104, field \"base64\": expected bytes in base64"),
        (LOG.repeat(2), "line 108: expected no second line of kind log"),
        (format!("{LOG}{}", "[".repeat(100_000)), "line 108: expected a JSON object, got [[["),
        (
            format!("{LOG}{{\"t_ms\":0,\"kind\":\"fault\",\"fault\":{}", "[".repeat(100_000)),
            "line 108, field \"fault\": expected JSON: ",
        ),
    ] {
        assert_is_refused(&["replay", "--log", "-"], log.as_bytes(), said);
    }
}

/// A log of a manual clock with these lines.
fn log(lines: &[&str]) -> String {
    let first = r#"{"t_ms":0,"kind":"log","version":1,"seed":"7","epoch":"2025-12-01T00:00:00.000Z","clock":"manual","mailbox":1024,"dropped":0}"#;
    [&[first], lines].concat().join("\n")
}

const REQUEST: &str = r#"{"t_ms":0,"kind":"request","connection":0,"request":0,"method":"GET","target":"/sse","version":"HTTP/1.1","headers":[["host","x"]]}"#;

#[test]
fn a_log_that_reaches_a_century_ends_at_once() {
    let close = r#"{"t_ms":3155760000000,"kind":"close","connection":0,"how":"end"}"#;
    let end = r#"{"t_ms":3155760000000,"kind":"end","connection":0,"request":0,"how":"closed"}"#;
    let fault = |fault| format!(r#"{{"t_ms":0,"kind":"fault","id":1,"fault":{{"path":"/sse",{fault}}}}}"#);
    for lines in [&[REQUEST, end][..], &[&fault(r#""kind":"coalesce","writes":1000"#), REQUEST, end]] {
        let said =
            format!("line {}, field \"t_ms\": expected a time until which the log tells what happens", lines.len() + 1);
        assert_is_refused(&["replay", "--log", "-"], log(lines).as_bytes(), &said);
    }
    // Nobody is connected: a century in which nothing happens.
    let output = given(&["replay", "--log", "-"], log(&[close]).as_bytes());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_log_that_is_true_is_replayed_however_little_it_tells_of_the_time() {
    let stall = r#"{"t_ms":0,"kind":"fault","id":1,"fault":{"path":"/sse","kind":"stall"}}"#;
    let head = r#"{"t_ms":0,"kind":"head","connection":0,"request":0,"status":200,"headers":[["content-type","text/event-stream"],["cache-control","no-cache"],["access-control-allow-origin","*"]]}"#;
    // Seventy days of heartbeats that are not written.
    let end = r#"{"t_ms":6048000000,"kind":"end","connection":0,"request":0,"how":"closed"}"#;
    let output = given(&["replay", "--log", "-"], log(&[stall, REQUEST, head, end]).as_bytes());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_log_that_ends_early_is_replayed_as_far_as_it_goes() {
    let whole = include_str!("log.jsonl");
    for (end, _) in whole.match_indices('\n') {
        let output = given(&["replay", "--log", "-"], &whole.as_bytes()[..=end]);
        assert_eq!(output.status.code(), Some(0), "{} lines: {output:?}", whole[..=end].lines().count());
    }
}

#[test]
fn a_log_that_leaves_out_more_than_a_machine_can_hold_is_refused() {
    let headers = vec![r#"["a","x…[65536 bytes left out]"]"#; 100].join(",");
    let head = format!(r#"{{"t_ms":0,"kind":"head","connection":0,"request":0,"status":200,"headers":[{headers}]}}"#);
    let lines = [&[REQUEST][..], &[head.as_str(); 100]].concat();
    let said = "at most 268435456 bytes left out in all lines together";
    assert_is_refused(&["replay", "--log", "-"], log(&lines).as_bytes(), said);
}

#[test]
fn a_trace_that_was_edited_so_that_it_cannot_be_is_refused() {
    let trace = TRACE.lines().next().expect("a line");
    for (from, to, said) in [
        (
            "\"together_ms\":1",
            "\"together_ms\":0",
            "field \"history.clients[0].together_ms\": expected a whole number from 1",
        ),
        ("\"piece_bytes\":4096", "\"piece_bytes\":0", "field \"history.clients[0].piece_bytes\": expected a whole"),
        ("\"piece_bytes\":4096", "\"piece_bytes\":18446744073709551615", "field \"history.clients[0].piece_bytes\""),
        ("\"window_bytes\":65536", "\"window_bytes\":0", "field \"history.clients[0].window_bytes\""),
        ("\"latency_ms\":0", "\"latency_ms\":18446744073709551615", "field \"history.clients[0].latency_ms\""),
        (
            "\"jitter_ms\":0",
            "\"jitter_ms\":-1",
            "field \"history.clients[0].jitter_ms\": expected a whole number from 0 on, got",
        ),
        (
            "\"again\":null",
            "\"again\":0",
            "field \"history.clients[0].again\": expected a client before this one, got 0",
        ),
        ("\"again\":null", "\"agian\":null", "unknown field `agian`"),
        ("\"connections_max\":65536", "\"connections_max\":0", "field \"history.connections_max\": expected a whole"),
        ("\"mailbox_events_max\":1024", "\"mailbox_events_max\":0", "field \"history.mailbox_events_max\""),
        ("\"at_ms\":0", "\"at_ms\":5", "field \"history.deeds[0].at_ms\": expected a whole number from 0 to 1, got 5"),
        ("\"client\":0", "\"client\":9", "field \"history.deeds[0].client\": expected the number of a client, below 1"),
        ("\"number\":1", "\"number\":18446744073709551615", "field \"history.deeds[0].what.Ask.asked.number\""),
        ("\"text\":0", "\"text\":99", "field \"history.deeds[0].what.Ask.asked.text\""),
        ("\"end_ms\":1", "\"end_ms\":18446744073709551615", "field \"history.end_ms\": expected a whole number from 0"),
        ("\"HalfClose\"", "{\"Jump\":{\"ms\":18446744073709551615}}", "field \"history.deeds[1].what.Jump.ms\""),
        (
            "\"HalfClose\"",
            "{\"Garbage\":\"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\"}",
            "what.Garbage\": expected one of",
        ),
        (
            "\"HalfClose\"",
            "{\"Garbage\":\"GET /sse\"}",
            "deeds[1].what\": expected no garbage of a client that has sent",
        ),
        (
            "\"HalfClose\"",
            "\"Pause\"",
            "deeds[1].what\": expected a pause only of a client whose first request is for /sse",
        ),
        ("\"HalfClose\"", "\"Fly\"", "field \"history.deeds[1].what\": unknown variant `Fly`"),
        ("\"history\":{", "\"histroy\":{", "line 1: expected a line of a trace: a history, or what a client saw"),
        ("}],\"end_ms\":1}}", "", "line 1"),
    ] {
        let edited = trace.replacen(from, to, 1);
        assert_ne!(edited, trace, "{from}");
        assert_is_refused(&["simulate", "--again", "-"], edited.as_bytes(), said);
    }
    assert_is_refused(&["simulate", "--again", "-"], b"", "is not a trace of onbeat simulate");
}

/// Something that an editor, a shell or a full disk does to a file of lines.
#[derive(Clone, Debug)]
enum Edit {
    /// Cuts the file off.
    Cut(usize),
    /// Takes a line away, doubles it, or moves it to the end.
    Drop(usize),
    Double(usize),
    Move(usize),
    /// Puts another value in place of one that follows a colon, in a line.
    Value(usize, usize, &'static str),
    /// Takes a byte away.
    Byte(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let values = "0 1 -1 2 7 64 999 1000 30000 65537 4294967296 18446744073709551615 18446744073709551616 1.5 1e400 \
                  null true \"\" \"x\" \"\\ud800\" [] {} [[[[[[]]]]]]";
    let values: Vec<&str> = values.split_whitespace().collect();
    let any = 0..usize::MAX;
    prop_oneof![
        1 => any.clone().prop_map(Edit::Cut),
        1 => any.clone().prop_map(Edit::Drop),
        1 => any.clone().prop_map(Edit::Double),
        1 => any.clone().prop_map(Edit::Move),
        8 => (any.clone(), any.clone(), prop::sample::select(values)).prop_map(|(a, b, value)| Edit::Value(a, b, value)),
        2 => any.prop_map(Edit::Byte),
    ]
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut text = text.to_owned();
    for edit in edits {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.is_empty() {
            break;
        }
        let count = lines.len();
        match edit {
            Edit::Cut(at) => {
                let (at, _) = text.char_indices().nth(at % text.chars().count()).expect("within");
                text.truncate(at);
                continue;
            }
            Edit::Byte(at) => {
                let (at, _) = text.char_indices().nth(at % text.chars().count()).expect("within");
                text.remove(at);
                continue;
            }
            Edit::Drop(at) => drop(lines.remove(at % count)),
            Edit::Double(at) => lines.insert(at % count, lines[at % count].clone()),
            Edit::Move(at) => {
                let line = lines.remove(at % count);
                lines.push(line);
            }
            Edit::Value(at, which, value) => {
                let line = &mut lines[at % count];
                let colons: Vec<usize> = line.match_indices("\":").map(|(at, _)| at + 2).collect();
                if let Some(start) = colons.get(which % colons.len().max(1)) {
                    let length = line[*start..].find([',', '}', ']']).unwrap_or(0);
                    line.replace_range(*start..start + length, value);
                }
            }
        }
        text = lines.join("\n") + "\n";
    }
    text
}

proptest! {
    #[test]
    fn whatever_is_done_to_a_log_it_is_refused_or_replayed(edits in prop::collection::vec(edit(), 1..4)) {
        match LoggedWorld::parse(&edited(LOG, &edits)) {
            Ok(logged) => drop(logged.replay(None)),
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.contains("line") || error.contains("empty"), "{error}");
            }
        }
    }

    #[test]
    fn whatever_is_done_to_a_trace_it_is_refused_or_holds(
        seed in 0..500_u64,
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        let history = serde_json::json!({ "history": History::new(seed) });
        for trace in [TRACE.to_owned(), format!("{history}\n")] {
            match histories(&edited(&trace, &edits)) {
                Err(error) => prop_assert!(error.to_string().starts_with("line "), "{error}"),
                Ok(histories) => {
                    let simulator = Simulator::new(WorldServer::embedded());
                    for history in histories {
                        if let Err(failure) = simulator.replay(history) {
                            prop_assert!(false, "the server is blamed for an edit:\n{failure}");
                        }
                    }
                }
            }
        }
    }
}
