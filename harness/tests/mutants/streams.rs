//! Mutants of the five streams.

use axum::http::{HeaderValue, StatusCode};
use onbeat_server::endpoints::{dynamic_counter, sse, sse_data, stream_json, stream_text};
use onbeat_server::script::Write;

use crate::kit::{Mutant, bytes, delayed, each, endless, mutant, replaced, responses_of, retimed, script, writes};

const STREAMS: [&str; 5] = ["sse", "stream-text", "sse-data", "dynamic-counter", "stream-json"];

/// Those that every stream can have.
pub(crate) fn common() -> Vec<Mutant> {
    STREAMS.into_iter().flat_map(of_any).chain(STREAMS[1..].iter().copied().flat_map(of_any_that_ends)).collect()
}

fn of_any(stream: &'static str) -> Vec<Mutant> {
    let path = &format!("/{stream}");
    let of = |aspect: &str| format!("{stream}.{aspect}");
    vec![
        mutant(
            of("status"),
            "202 in place of 200",
            responses_of(path, |response| {
                *response.status_mut() = StatusCode::ACCEPTED;
            }),
        ),
        mutant(
            of("content-type"),
            "a charset in the MIME type",
            responses_of(path, |response| {
                let with = HeaderValue::from_static("text/event-stream; charset=utf-8");
                response.headers_mut().insert("content-type", with);
            }),
        ),
        mutant(
            of("cache-control"),
            "no Cache-Control",
            responses_of(path, |response| {
                response.headers_mut().remove("cache-control");
            }),
        ),
        mutant(
            of("cors"),
            "no CORS header",
            responses_of(path, |response| {
                response.headers_mut().remove("access-control-allow-origin");
            }),
        ),
        mutant(
            of("chunks"),
            "each write split in two",
            writes(path, |_| {
                |write: &str| {
                    let (start, end) = write.split_at(3);
                    vec![start.to_owned(), end.to_owned()]
                }
            }),
        ),
        mutant(of("line-ends"), "CR LF", replaced(path, "\n", "\r\n")),
        mutant(
            of("no-id"),
            "an id before the data",
            writes(path, |_| {
                let mut number = 0;
                move |write: &str| {
                    number += 1;
                    vec![format!("id: {number}\n"), write.to_owned()]
                }
            }),
        ),
        mutant(of("events"), "two spaces after data:", replaced(path, "data: ", "data:  ")),
    ]
}

fn of_any_that_ends(stream: &'static str) -> Vec<Mutant> {
    let path = &format!("/{stream}");
    let of = |aspect: &str| format!("{stream}.{aspect}");
    vec![
        mutant(of("end"), "left open at the end", endless(path)),
        mutant(
            of("order"),
            "the second write after the third",
            writes(path, |_| {
                let (mut number, mut held) = (0, None);
                move |write: &str| {
                    number += 1;
                    match number {
                        2 => {
                            held = Some(write.to_owned());
                            vec![]
                        }
                        3 => [Some(write.to_owned()), held.take()].into_iter().flatten().collect(),
                        _ => vec![write.to_owned()],
                    }
                }
            }),
        ),
        mutant(
            of("reuse"),
            "Connection: close",
            responses_of(path, |response| {
                response.headers_mut().insert("connection", HeaderValue::from_static("close"));
            }),
        ),
    ]
}

fn write(ms: u64, text: &str) -> Write {
    Write { at: std::time::Duration::from_millis(ms), bytes: bytes(text) }
}

fn text(write: &Write) -> &str {
    std::str::from_utf8(&write.bytes).expect("UTF-8")
}

/// The writes, those changed to which this applies.
fn changed(writes: Vec<Write>, change: impl Fn(&str) -> String) -> Vec<Write> {
    writes.into_iter().map(|write| Write { at: write.at, bytes: bytes(&change(text(&write))) }).collect()
}

/// The writes without those of which this is true.
fn without(mut writes: Vec<Write>, is_left_out: impl Fn(&str) -> bool) -> Vec<Write> {
    writes.retain(|write| !is_left_out(text(write)));
    writes
}

/// Mutants of `/sse`.
pub(crate) fn of_sse() -> Vec<Mutant> {
    let path = sse::STREAM.path;
    vec![
        mutant("sse.greeting", "the greeting without its space", replaced(path, "\"message\": ", "\"message\":")),
        mutant(
            "sse.greeting",
            "the greeting after a second",
            delayed(path, |write| std::time::Duration::from_millis(if write.contains("message") { 1000 } else { 0 })),
        ),
        mutant("sse.heartbeat", "a comment for a heartbeat", replaced(path, "heartbeat:\n\n", ":heartbeat\n\n")),
        mutant("sse.heartbeat", "a bare comment for a heartbeat", replaced(path, "heartbeat:\n\n", ":\n\n")),
        mutant(
            "sse.heartbeat-period",
            "a heartbeat every 15 s",
            script(path, sse::script, |writes| retimed(writes, |_, gap| gap / 2)),
        ),
        mutant(
            "sse.heartbeat-period",
            "a heartbeat at once",
            script(path, sse::script, |writes| retimed(writes, |number, gap| if number == 1 { 0 } else { gap })),
        ),
        mutant(
            "sse.order",
            "a heartbeat before the greeting",
            script(path, sse::script, |mut writes| {
                let greeting = writes[0].bytes.clone();
                writes[0].bytes = std::mem::replace(&mut writes[1].bytes, greeting);
                retimed(writes, |number, gap| match number {
                    1 => 0,
                    2 => 60_000,
                    _ => gap,
                })
            }),
        ),
        mutant(
            "sse.never-ends",
            "cut off after a heartbeat",
            script(path, sse::script, |mut writes| {
                writes.truncate(2);
                writes
            }),
        ),
    ]
}

/// Mutants of `/stream-text`.
pub(crate) fn of_stream_text() -> Vec<Mutant> {
    let (path, own) = (stream_text::STREAM.path, stream_text::script);
    let pause =
        |ms: u64| script(path, own, move |writes| retimed(writes, move |_, gap| if gap == 200 { ms } else { gap }));
    let characters =
        |ms: u64| script(path, own, move |writes| retimed(writes, move |_, gap| if gap == 50 { ms } else { gap }));
    vec![
        mutant("stream-text.character", "indices from 1", replaced(path, "\"charIndex\":0", "\"charIndex\":1")),
        mutant("stream-text.character", "another name for the character", replaced(path, "\"char\":", "\"text\":")),
        mutant(
            "stream-text.chunks",
            "two characters in one write",
            writes(path, |_| {
                let mut held = String::new();
                move |write: &str| {
                    if write.contains("\"charIndex\":1,") {
                        held = write.into();
                        return vec![];
                    }
                    vec![std::mem::take(&mut held) + write]
                }
            }),
        ),
        mutant("stream-text.character-period", "60 ms a character", characters(60)),
        mutant("stream-text.character-period", "49 ms a character", characters(49)),
        mutant(
            "stream-text.character-period",
            "the first after 50 ms",
            script(path, own, |writes| retimed(writes, |number, gap| if number == 0 { 50 } else { gap })),
        ),
        mutant(
            "stream-text.newline",
            "the newline by JSON.stringify",
            each(path, |write| {
                if write.contains("\\n") { write.replace(": \"", ":\"").replace(", ", ",") } else { write.into() }
            }),
        ),
        mutant(
            "stream-text.newline-time",
            "the newline after 200 ms",
            script(path, own, |writes| {
                let newlines: Vec<bool> = writes.iter().map(|write| text(write).contains("\\n\"")).collect();
                retimed(writes, move |number, gap| if newlines[number] { 200 } else { gap })
            }),
        ),
        mutant("stream-text.pause-between-messages", "no pause", pause(0)),
        mutant("stream-text.pause-between-messages", "a pause of 300 ms", pause(300)),
        mutant(
            "stream-text.done",
            "done is missing",
            script(path, own, |writes| without(writes, |text| text.contains("\"done\": true"))),
        ),
        mutant("stream-text.done", "done without its space", replaced(path, "\"done\": true", "\"done\":true")),
        mutant(
            "stream-text.done-time",
            "done with the last newline",
            script(path, own, |writes| {
                let last = writes.len() - 1;
                retimed(writes, move |number, gap| if number == last { 0 } else { gap })
            }),
        ),
    ]
}

/// Mutants of `/sse-data`.
pub(crate) fn of_sse_data() -> Vec<Mutant> {
    let (path, own) = (sse_data::STREAM.path, sse_data::script);
    let period =
        |ms: u64| script(path, own, move |writes| retimed(writes, move |_, gap| if gap == 1000 { ms } else { gap }));
    vec![
        mutant("sse-data.retry", "retry 3000", replaced(path, "retry: 5000", "retry: 3000")),
        mutant(
            "sse-data.retry",
            "no retry",
            script(path, own, |writes| without(writes, |text| text.starts_with("retry"))),
        ),
        mutant("sse-data.period", "a period of 1.1 s", period(1100)),
        mutant("sse-data.period", "a period of 2 s, as a comment says", period(2000)),
        mutant(
            "sse-data.period",
            "the first at once",
            script(path, own, |writes| retimed(writes, |number, gap| if number == 1 { 0 } else { gap })),
        ),
        mutant(
            "sse-data.count",
            "19 updates",
            script(path, own, |writes| without(writes, |text| text.contains("\"id\":20,") && text.contains("value"))),
        ),
        mutant(
            "sse-data.connected",
            "the first update is connecting",
            replaced(path, "\"connected\"", "\"connecting\""),
        ),
        mutant(
            "sse-data.pause",
            "a pause without its event line",
            writes(path, |_| {
                let mut held: Option<String> = None;
                move |write: &str| {
                    let before = held.take();
                    if write.starts_with("event:") {
                        held = Some(write.into());
                        return vec![];
                    }
                    let event = before.filter(|_| !write.contains("pause"));
                    event.into_iter().chain([write.to_owned()]).collect()
                }
            }),
        ),
        mutant(
            "sse-data.value",
            "values up to 1000",
            each(path, |write| match write.split_once("\"value\":") {
                Some((before, after)) => format!("{before}\"value\":1{after}"),
                None => write.into(),
            }),
        ),
        mutant(
            "sse-data.value",
            "values of 0 to 1",
            each(path, |write| match write.split_once("\"value\":") {
                Some((before, after)) => format!("{before}\"value\":0.{}", after.replace('.', "")),
                None => write.into(),
            }),
        ),
        mutant(
            "sse-data.done",
            "done before the last update",
            script(path, own, |mut writes| {
                let last = writes.len() - 3;
                writes[last..].rotate_left(1);
                writes
            }),
        ),
        mutant(
            "sse-data.done",
            "done a second later",
            script(path, own, |writes| {
                let done = writes.len() - 2;
                retimed(writes, move |number, gap| if number == done { 1000 } else { gap })
            }),
        ),
        mutant("json.timestamp", "timestamps with +08:00", replaced(path, "Z\"", "+08:00\"")),
        mutant("json.timestamp", "timestamps without milliseconds", replaced(path, ".000Z", "Z")),
        mutant(
            "json.timestamp",
            "one timestamp for all",
            each(path, |write| match write.split_once("T00:00:") {
                Some((before, after)) => format!("{before}T00:00:01{}", &after[2..]),
                None => write.into(),
            }),
        ),
    ]
}

/// Mutants of `/dynamic-counter`.
pub(crate) fn of_dynamic_counter() -> Vec<Mutant> {
    let (path, own) = (dynamic_counter::STREAM.path, dynamic_counter::script);
    vec![
        mutant(
            "dynamic-counter.period",
            "a period of 0.9 s",
            script(path, own, |writes| retimed(writes, |_, gap| gap * 9 / 10)),
        ),
        mutant(
            "dynamic-counter.count",
            "counts from 1",
            script(path, own, |writes| without(writes, |text| text.contains("\"counter\":0,"))),
        ),
        mutant(
            "dynamic-counter.count",
            "counts to 29",
            script(path, own, |writes| without(writes, |text| text.contains("\"counter\":30,"))),
        ),
        mutant(
            "dynamic-counter.count",
            "counts as text",
            each(path, |write| write.replace("\"counter\":", "\"counter\":\"").replace(",\"ts\"", "\",\"ts\"")),
        ),
        mutant(
            "dynamic-counter.done",
            "done twice",
            script(path, own, |mut writes| {
                writes.push(write(31_000, "data: {\"done\": true}\n\n"));
                writes
            }),
        ),
        mutant(
            "dynamic-counter.done",
            "done at the next tick",
            script(path, own, |writes| {
                let done = writes.len() - 1;
                retimed(writes, move |number, gap| if number == done { 1000 } else { gap })
            }),
        ),
        mutant(
            "json.spelling",
            "keys in another order",
            each(path, |write| {
                let Some(ts) = write.split_once("\"ts\":").map(|(_, ts)| ts.trim_end_matches("}\n\n")) else {
                    return write.into();
                };
                let counter = write.trim_start_matches("data: {").split(',').next().unwrap_or_default();
                format!("data: {{\"ts\":{ts},{counter}}}\n\n")
            }),
        ),
        mutant("json.spelling", "spaces after commas", replaced(path, ",\"ts\"", ", \"ts\"")),
    ]
}

/// Mutants of `/stream-json`.
pub(crate) fn of_stream_json() -> Vec<Mutant> {
    let (path, own) = (stream_json::STREAM.path, stream_json::script);
    vec![
        mutant(
            "stream-json.period",
            "a period of 1.6 s",
            script(path, own, |writes| retimed(writes, |_, gap| if gap == 1500 { 1600 } else { gap })),
        ),
        mutant(
            "stream-json.count",
            "49 measurements",
            script(path, own, |writes| without(writes, |text| text.contains("\"id\":49,"))),
        ),
        mutant(
            "stream-json.count",
            "51 measurements",
            script(path, own, |mut writes| {
                writes.push(write(
                    76_500,
                    "data: {\"id\":50,\"value\":1,\"status\":\"ok\",\"ts\":\"2025-12-01T00:01:16.500Z\"}\n\n",
                ));
                writes
            }),
        ),
        mutant(
            "stream-json.measurement",
            "two decimals",
            each(path, |write| match write.split_once(",\"status\"") {
                Some((before, after)) if before.contains('.') => format!("{before}7,\"status\"{after}"),
                _ => write.into(),
            }),
        ),
        mutant("stream-json.measurement", "another word for ok", replaced(path, "\"ok\"", "\"normal\"")),
        mutant(
            "stream-json.alert",
            "an alert that is no event",
            script(path, own, |writes| without(writes, |text| text.starts_with("event:"))),
        ),
        mutant(
            "stream-json.alert",
            "the event line after the data",
            script(path, own, |mut writes| {
                for at in 0..writes.len() {
                    if text(&writes[at]).starts_with("event:")
                        && !text(&writes[at.saturating_sub(1)]).contains("alert\",")
                    {
                        writes.swap(at, at + 1);
                    }
                }
                writes
            }),
        ),
        mutant(
            "stream-json.alert",
            "the status tested before the increment",
            script(path, own, |writes| {
                changed(without(writes, |text| text.starts_with("event:")), |text| text.replace("\"alert\"", "\"ok\""))
            }),
        ),
        mutant(
            "json.number",
            "50.0",
            each(path, |write| write.replace(",\"status\"", ".0,\"status\"").replace("..", ".")),
        ),
        mutant(
            "json.number",
            "a 0 after the decimals",
            each(path, |write| match write.split_once(",\"status\"") {
                Some((before, after)) if before.contains('.') => format!("{before}0,\"status\"{after}"),
                _ => write.into(),
            }),
        ),
    ]
}
