//! `onbeat check` from outside: verdicts, reports, lists of known failures, and targets over real sockets.

mod served;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use self::served::Served;

fn onbeat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onbeat")).args(arguments).output().expect("onbeat runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A file of this test run, which is not there yet.
fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may be there from a run before.
    let _ = std::fs::remove_file(&path);
    path
}

/// A server that answers every request with these bytes, and closes the connection; its URL.
fn answering(answer: &'static (impl AsRef<[u8]> + Sync + ?Sized)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    // It ends with the test's process.
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.expect("a connection");
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                // A client that only tries the connection sends nothing, and needs no answer.
                if matches!(socket.read(&mut request), Ok(1..)) {
                    let _ = socket.write_all(answer.as_ref());
                }
            });
        }
    });
    url
}

/// The verdicts of a report in jsonl, by id.
fn verdicts(output: &Output) -> Vec<(String, String)> {
    let lines = text(&output.stdout).lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let word = |verdict: &Value, key: &str| verdict[key].as_str().expect("a word").to_owned();
    lines.map(|verdict| (word(&verdict, "id"), word(&verdict, "verdict"))).collect()
}

fn last_line(output: &Output) -> &str {
    text(&output.stdout).lines().last().expect("a summary")
}

#[test]
fn the_embedded_server_conforms() {
    let output = onbeat(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let last = text(&output.stdout).lines().last().expect("a summary");
    assert!(last.starts_with("conforms: ") && last.contains(" 0 fail; 0 differ as they may; 0 were skipped"), "{last}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_scaled_server_conforms_over_real_sockets() {
    let served = Served::start(&["--clock", "scaled:20"]);
    let url = format!("http://{}", served.addr);
    let output = onbeat(&["check", &url, "--scale", "20", "--tolerance", "2s", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(verdicts(&output).iter().all(|(_, verdict)| verdict == "pass" || verdict == "observed"));
}

#[test]
fn a_selection_leaves_the_rest_out() {
    let output = onbeat(&["check", "--only", "stream-text.*,sse.greeting", "--skip", "*.done", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(0));
    for (id, verdict) in verdicts(&output) {
        let chosen = (id.starts_with("stream-text.") || id == "sse.greeting") && id != "stream-text.done";
        assert_eq!(verdict, if chosen { "pass" } else { "skipped" }, "{id}");
    }
    let misspelled = onbeat(&["check", "--only", "stream-txt.*"]);
    assert_eq!(misspelled.status.code(), Some(2));
    assert!(text(&misspelled.stderr).contains("no case matches \"stream-txt.*\""), "{}", text(&misspelled.stderr));
}

#[test]
fn a_quick_check_leaves_out_what_takes_longer_than_10_s() {
    let output = onbeat(&["check", "--quick", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(0));
    let skipped: Vec<_> = verdicts(&output).into_iter().filter(|(_, verdict)| verdict == "skipped").collect();
    let ids: Vec<&str> = skipped.iter().map(|(id, _)| id.as_str()).collect();
    for id in ["sse.heartbeat", "sse.heartbeat-period", "sse-data.done", "stream-json.alert", "stream-json.end"] {
        assert!(ids.contains(&id), "{id} is not among {ids:?}");
    }
    for id in ["sse.greeting", "sse-data.period", "stream-text.done", "fan-out.order", "requests.paths"] {
        assert!(!ids.contains(&id), "{id} is among {ids:?}");
    }
}

#[test]
fn what_fails_is_told_and_can_be_expected() {
    // In the contract's time a server that runs twice as fast is early everywhere.
    let served = Served::start(&["--clock", "scaled:2"]);
    let url = format!("http://{}", served.addr);
    let arguments = ["check", &url, "--only", "stream-text.*,requests.options"];
    let list = file("known-failures.txt");
    let list = list.to_str().expect("UTF-8");

    let output = onbeat(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("FAIL  stream-text.character-period"), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains(" ms too early"), "{}", text(&output.stdout));

    let written = onbeat(&[&arguments[..], &["--write-expect-failures", list]].concat());
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
    assert!(last_line(&written).starts_with("conforms but for "), "{}", last_line(&written));
    let expected = onbeat(&[&arguments[..], &["--expect-failures", list]].concat());
    assert_eq!(expected.status.code(), Some(0), "{}", text(&expected.stdout));
    assert!(last_line(&expected).starts_with("conforms but for "), "{}", last_line(&expected));

    std::fs::write(list, "requests.options # it was broken once\n").expect("a writable file");
    let stale = onbeat(&[&arguments[..], &["--expect-failures", list]].concat());
    assert_eq!(stale.status.code(), Some(1));
    assert!(text(&stale.stderr).contains("requests.options is listed, but does not fail any more"));
    assert!(text(&stale.stderr).contains("stream-text.character-period fails, and is not listed"));
    assert!(last_line(&stale).starts_with("does not conform: "), "{}", last_line(&stale));
}

#[test]
fn every_report_tells_known_failures_as_the_exit_code_does() {
    let served = Served::start(&["--clock", "scaled:2"]);
    let url = format!("http://{}", served.addr);
    let (list, junit, html) = (file("known.txt"), file("known.xml"), file("known.html"));
    let [list, junit, html] = [&list, &junit, &html].map(|path| path.to_str().expect("UTF-8"));
    let arguments = ["check", &url, "--only", "stream-text.*,requests.options", "--format", "jsonl"];
    let arguments = [&arguments[..], &["--junit", junit, "--html", html]].concat();
    // How often each word is said in the jsonl, and what the others say.
    let told = |output: &Output| {
        let verdicts = verdicts(output);
        let count = |word: &str| verdicts.iter().filter(|(_, verdict)| verdict == word).count();
        let counts = ["fail", "known-failure", "stale"].map(count);
        let xml = std::fs::read_to_string(junit).expect("written");
        let report = quick_junit::Report::deserialize_from_str(&xml).expect("JUnit");
        assert_eq!(report.failures, counts[0] + counts[2], "{xml}");
        assert_eq!(xml.matches("<skipped message=\"known failure: ").count(), counts[1]);
        assert_eq!(xml.matches("type=\"stale\"").count(), counts[2]);
        assert_eq!(output.status.code(), Some(i32::from(report.failures > 0)));
        assert_eq!(report.errors, 0);
        let page = std::fs::read_to_string(html).expect("written");
        assert_eq!(page.contains(">Conforms"), report.failures == 0);
        counts
    };
    let [failed, 0, 0] = told(&onbeat(&arguments)) else { panic!("nothing is listed yet") };
    assert!(failed > 0);
    let write = told(&onbeat(&[&arguments[..], &["--write-expect-failures", list]].concat()));
    let read = told(&onbeat(&[&arguments[..], &["--expect-failures", list]].concat()));
    assert_eq!((write[0], write[2], read[0], read[2]), (0, 0, 0, 0));
    assert!(write[1] > 0 && read[1] > 0);
    std::fs::write(list, "requests.options\n").expect("a writable file");
    let [unlisted, 0, 1] = told(&onbeat(&[&arguments[..], &["--expect-failures", list]].concat())) else {
        panic!("requests.options holds")
    };
    assert!(unlisted > 0);
}

/// A server that must not be asked for anything: its URL, and how many connections there have been.
fn untouched() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    // It ends with the test's process.
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, connections)
}

#[test]
fn what_cannot_be_read_or_written_is_told_before_the_first_connection() {
    let (url, connections) = untouched();
    let folder = file("reports");
    // It may be there from a run before.
    let _ = std::fs::create_dir(&folder);
    let (old, list, typo) = (folder.join("old.xml"), folder.join("list.txt"), folder.join("typo.txt"));
    std::fs::write(&old, "<old/>").expect("a writable file");
    std::fs::write(&list, "requests.options\n").expect("a writable file");
    std::fs::write(&typo, "# one\nstream-txt.done\n").expect("a writable file");
    let path = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    let (missing, below) = (path(folder.join("missing").join("x")), path(old.join("x")));
    let [folder, list, typo, new] = [folder.clone(), list, typo, folder.join("new.xml")].map(path);
    let old = path(old);
    for (option, file, told) in [
        ("--junit", &missing, "; create the folder "),
        ("--html", &missing, "failed to write "),
        ("--write-expect-failures", &missing, "failed to write "),
        ("--junit", &folder, "failed to write "),
        ("--html", &below, "failed to write "),
        ("--expect-failures", &missing, "failed to read "),
        ("--expect-failures", &folder, "failed to read "),
        ("--expect-failures", &typo, "line 2: \"stream-txt.done\" is no case; the nearest is stream-text.done"),
    ] {
        let output = onbeat(&["check", &url, option, file]);
        assert_eq!(output.status.code(), Some(2), "{option} {file}");
        assert!(text(&output.stderr).contains(told), "{option} {file}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "");
    }
    let twice = onbeat(&["check", &url, "--junit", &new, "--html", &new]);
    assert!(twice.status.code() == Some(2) && text(&twice.stderr).contains("twice"), "{}", text(&twice.stderr));
    let itself = onbeat(&["check", &url, "--junit", &list, "--expect-failures", &list]);
    assert!(itself.status.code() == Some(2) && text(&itself.stderr).contains("another path"));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    // A wrong file leaves a right one as it was, and a server that is not there leaves all.
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    assert_eq!(onbeat(&["check", &format!("http://{free}"), "--junit", &old, "--html", &new]).status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&old).expect("it is there"), "<old/>");
    assert!(!Path::new(&new).exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_no_results() {
    let output = onbeat(&["check", "--only", "stream-text.*", "--junit", "/dev/full"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(last_line(&output).starts_with("conforms: "), "{}", last_line(&output));
    assert!(text(&output.stderr).contains("failed to write /dev/full: "), "{}", text(&output.stderr));
}

#[test]
fn reports_are_written_for_ci_and_for_a_browser() {
    let (junit, html) = (file("report.xml"), file("report.html"));
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let output = onbeat(&["check", "--junit", &path(&junit), "--html", &path(&html)]);
    assert_eq!(output.status.code(), Some(0));
    let report = quick_junit::Report::deserialize_from_str(&std::fs::read_to_string(&junit).expect("written"));
    let report = report.expect("JUnit");
    let cases: usize = report.test_suites.iter().map(|suite| suite.test_cases.len()).sum();
    assert_eq!(cases, verdicts(&onbeat(&["check", "--format", "jsonl"])).len());
    assert!(report.timestamp.is_some() && report.time.is_some_and(|time| time > Duration::ZERO));
    assert!(report.test_suites.iter().all(|suite| suite.timestamp.is_some() && suite.time.is_some()));
    let cases = || report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    assert!(cases().all(|case| case.time.is_some()));
    let lasts = |name: &str| report.test_suites.iter().find(|suite| suite.name.as_str() == name).and_then(|it| it.time);
    assert!(lasts("sse") > lasts("stream-text") && lasts("stream-text") > Some(Duration::ZERO), "{:?}", lasts("sse"));
    let html = std::fs::read_to_string(&html).expect("written");
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.contains("<svg") && html.contains("stream-json"),
        "{html:.200}"
    );
    let unwritable = onbeat(&["check", "--junit", "/nowhere/report.xml"]);
    assert_eq!(unwritable.status.code(), Some(2));
    assert!(text(&unwritable.stderr).contains("failed to write /nowhere/report.xml: "), "{}", text(&unwritable.stderr));
}

#[test]
fn what_is_no_such_server_is_told_at_once() {
    for (answer, told) in [
        ("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", "expected 200, got 500"),
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", "got 302 (a redirect to /login)"),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
            "expected text/event-stream, got text/html",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
            "got one encoded as gzip",
        ),
        ("SSH-2.0-OpenSSH_9.6\r\n", "expected a response head, got \"SSH-2.0-OpenSSH_9.6"),
        ("", "the server closed the connection without an answer"),
    ] {
        let output = onbeat(&["check", &answering(answer)]);
        assert_eq!(output.status.code(), Some(1), "{answer:?}");
        assert!(text(&output.stderr).contains(told), "{answer:?}: {}", text(&output.stderr));
    }
}

/// The head of an event stream in chunks.
const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Bytes that a server may send, and that break clients.
#[test]
fn no_stream_makes_the_check_panic_or_hang() {
    let chunks = |chunks: &[&[u8]]| {
        let chunks = chunks.iter().map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        [STREAM.as_bytes(), &chunks.collect::<Vec<_>>().concat(), b"0\r\n\r\n"].concat()
    };
    let long = |text: &str, bytes: usize| text.repeat(bytes / text.len()).into_bytes();
    let (mark, many) = ("\u{feff}".as_bytes(), 1 << 18);
    let answers = [
        ("a mark alone", chunks(&[mark])),
        ("a mark in two chunks", chunks(&[&mark[..1], &mark[1..], b"data: a\n\n"])),
        ("two marks", chunks(&[mark, mark, b"data: a\n\n"])),
        ("LF", chunks(&[b"data: a\n\n", &long("\n", many)])),
        ("CR", chunks(&[b"data: a\n\n", &long("\r", many)])),
        ("comments", chunks(&[b"data: a\n\n", &long(":\n", many)])),
        ("a line", chunks(&[b"data: a\n\n", &long("a", 3 * many), b"\n\n"])),
        ("an id", chunks(&[b"data: a\n\nid: ", &long("7", many), &long("\n", many)])),
        ("no UTF-8", chunks(&[b"\xff", &long("data: a\n\n", many)])),
    ];
    let check = |(name, answer): (&str, Vec<u8>)| {
        let url = answering(Box::leak(answer.into_boxed_slice()));
        let output = onbeat(&["check", &url, "--quick", "--only", "dynamic-counter.*"]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{name}: {}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with("onbeat check: "), "{name}");
    };
    // Most of a check is waiting, so all wait side by side.
    std::thread::scope(|scope| {
        for answer in answers {
            scope.spawn(|| check(answer));
        }
    });
}

#[test]
fn a_url_that_leads_nowhere_is_an_error() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    for (url, told) in [
        (format!("http://{free}"), "is the server running?"),
        ("http://nowhere.invalid".into(), "failed to connect to http://nowhere.invalid"),
        ("http://nowhere.invalid".into(), "(port 80)"),
        (free.to_string(), "is the server running?"),
        ("https://127.0.0.1".into(), "onbeat check does not speak TLS"),
        ("3000".into(), "write http://localhost:3000"),
        ("http://127.0.0.1/?x=1".into(), "expected nothing after the path: write http://127.0.0.1"),
        ("http://me:sesame@127.0.0.1".into(), "write http://127.0.0.1, and send them with --header"),
    ] {
        let output = onbeat(&["check", &url]);
        assert_eq!(output.status.code(), Some(2), "{url}");
        assert!(text(&output.stderr).contains(told), "{url}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{url}");
        assert!(!text(&output.stderr).contains("sesame"), "{url}");
    }
}

/// Stands between a check and a server: gives on all that comes, but for answers to requests without this line.
fn wanting(token: &'static str, served: &Served) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (addr, server) = (listener.local_addr().expect("an address"), served.addr);
    // It ends with the test's process.
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("a connection");
            std::thread::spawn(move || give_on(token, client, server));
        }
    });
    addr.to_string()
}

/// Gives on each request of a connection that has the line. Any other is refused.
fn give_on(token: &str, mut client: TcpStream, server: SocketAddr) {
    let upstream = TcpStream::connect(server).expect("a connection");
    let (mut answers, mut back) = (upstream.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
    std::thread::spawn(move || {
        // Whoever leaves first ends it.
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let (mut heads, mut read) = (String::new(), [0; 4096]);
    while let Ok(length @ 1..) = client.read(&mut read) {
        heads += &String::from_utf8_lossy(&read[..length]);
        // Requests of several heads at once come whole, since none of them has a body.
        if !heads.ends_with("\r\n\r\n") {
            continue;
        }
        if heads.matches("\r\n\r\n").count() != heads.matches(token).count() {
            let refused = format!("HTTP/1.1 401 Unauthorized\r\nX-Wanted: {token}\r\nContent-Length: 0\r\n\r\n");
            // It may have left.
            let _ = client.write_all(refused.as_bytes());
            break;
        }
        if (&upstream).write_all(std::mem::take(&mut heads).as_bytes()).is_err() {
            break;
        }
    }
    let _ = upstream.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}

#[test]
fn a_header_is_sent_with_every_request() {
    let served = Served::start(&[]);
    let addr = wanting("authorization: Bearer open-sesame", &served);
    let only =
        ["--only", "stream-text.*,requests.options,requests.too-large,requests.http-1.0,fan-out.count", "--quick"];
    let token = "Authorization: Bearer open-sesame";
    let output = onbeat(&[&["check", &addr, "-H", token, "--tolerance", "10s"], &only[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));

    let output = onbeat(&[&["check", &addr], &only[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("expected 200, got 401; if the server wants a token"),
        "{}",
        text(&output.stderr)
    );

    for (header, told) in
        [("open-sesame", "expected 'Name: value'"), ("Content-Length: 5", "decides about this one itself")]
    {
        let output = onbeat(&["check", &addr, "--header", header]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{header}");
        assert!(
            text(&output.stderr).contains(told) && !text(&output.stderr).contains("sesame"),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_secret_that_a_server_tells_again_is_not_printed() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/x; token=open-sesame\r\nContent-Length: 0\r\n\r\n";
    let output = onbeat(&["check", &answering(answer), "--header", "Authorization: Bearer open-sesame"]);
    assert_eq!(output.status.code(), Some(1));
    let told = [text(&output.stdout), text(&output.stderr)].concat();
    assert!(told.contains("text/x; token=[hidden]") && !told.contains("sesame"), "{told}");
}

#[test]
fn a_server_with_a_page_at_its_root_conforms() {
    let served = Served::start(&["--control"]);
    let output = onbeat(&["check", &served.addr.to_string(), "--only", "requests.*", "--tolerance", "10s", "--quick"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_media_type_is_read_without_regard_to_case() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream\r\n\r\ndata: no such server\n\n";
    let output = onbeat(&["check", &answering(answer), "--only", "stream-text.status,stream-text.content-type"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_clock_that_stands_still_or_runs_at_another_speed_is_told_before_all_that_follows() {
    for (clock, told) in [
        ("manual", "The server's clock stands still: "),
        ("scaled:2", "Most likely it is scaled: check with `--scale 2`, or"),
    ] {
        let served = Served::start(&["--clock", clock]);
        let only = "stream-json.*,dynamic-counter.*,sse-data.*";
        let output = onbeat(&["check", &served.addr.to_string(), "--quick", "--only", only]);
        assert_eq!(output.status.code(), Some(1), "{clock}");
        let words = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(told), "{clock}: {words}");
        assert!(!words.contains("expected data"), "{clock}: {words}");
    }
}

#[test]
fn a_clock_that_is_too_fast_to_be_judged_is_an_error() {
    let output = onbeat(&["check", "http://127.0.0.1:9", "--scale", "1001"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected a scale of at most 1000, got 1001"), "{}", text(&output.stderr));
}

/// Each case by what is said of it, for a check of this server.
fn failures(url: &str, arguments: &[&str]) -> Vec<(String, String)> {
    let output = onbeat(&[&["check", url, "--format", "jsonl"], arguments].concat());
    verdicts(&output).into_iter().filter(|(_, verdict)| verdict == "fail").collect()
}

#[test]
fn a_quick_check_of_a_scaled_server_counts_nothing_past_the_cut() {
    let served = Served::start(&["--clock", "scaled:100"]);
    let url = format!("http://{}", served.addr);
    assert_eq!(failures(&url, &["--quick", "--scale", "100", "--tolerance", "2s"]), []);
}

#[test]
fn heartbeats_that_fall_due_during_a_scene_are_no_mistake_at_any_scale() {
    let served = Served::start(&["--clock", "scaled:1000"]);
    let url = format!("http://{}", served.addr);
    assert_eq!(failures(&url, &["--scale", "1000", "--tolerance", "2s", "--only", "fan-out.*,sse.*"]), []);
}

#[test]
fn two_checks_of_one_server_do_not_fail_each_other() {
    let served = Served::start(&["--clock", "scaled:20"]);
    let url = format!("http://{}", served.addr);
    let check = || failures(&url, &["--scale", "20", "--tolerance", "2s", "--only", "fan-out.*"]);
    std::thread::scope(|scope| {
        let both = [scope.spawn(check), scope.spawn(check)];
        for check in both {
            assert_eq!(check.join().expect("it ends"), []);
        }
    });
}

#[test]
fn a_check_that_is_told_to_end_reports_what_is_known_by_then() {
    let served = Served::start(&["--control"]);
    let url = format!("http://{}", served.addr);
    let mut check = Command::new(env!("CARGO_BIN_EXE_onbeat"));
    let check = check.args(["check", &url, "--quick"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let check = check.expect("onbeat runs");
    // The streams are under way, so the signal comes in the middle.
    while !connections(&served).contains("streaming") {}
    let told = Command::new("kill").args(["-TERM", &check.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
    let output = check.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("the check was told to end before its time"), "{}", text(&output.stdout));
}

/// Returns what a server says of its connections.
fn connections(served: &Served) -> String {
    let mut socket = TcpStream::connect(served.addr).expect("the server listens");
    let request = "GET /__onbeat/connections HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}
