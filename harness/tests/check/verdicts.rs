//! Which cases are judged, and what is said of a server that conforms, or differs.

use crate::served::Served;
use crate::support::{answering, onbeat, text, verdicts};

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
fn a_media_type_is_read_without_regard_to_case() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream\r\n\r\ndata: no such server\n\n";
    let output = onbeat(&["check", &answering(answer), "--only", "stream-text.status,stream-text.content-type"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}
