//! Mutants of the five streams: here the bugs that every stream can have, and in a file each the bugs of one stream.

pub(crate) mod dynamic_counter;
pub(crate) mod sse;
pub(crate) mod sse_data;
pub(crate) mod stream_json;
pub(crate) mod stream_text;

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use onbeat_server::script::Write;

use crate::kit::{Mutant, bytes, endless, mutant, replaced, responses_of, writes};

const STREAMS: [&str; 5] = ["sse", "stream-text", "sse-data", "dynamic-counter", "stream-json"];

/// Returns the mutants that every stream can have.
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
    Write { at: Duration::from_millis(ms), bytes: bytes(text) }
}

fn text(write: &Write) -> &str {
    std::str::from_utf8(&write.bytes).expect("UTF-8")
}

/// Returns the writes with changed texts.
fn changed(writes: Vec<Write>, change: impl Fn(&str) -> String) -> Vec<Write> {
    writes.into_iter().map(|write| Write { at: write.at, bytes: bytes(&change(text(&write))) }).collect()
}

/// Returns the writes without the writes that are left out.
fn without(mut writes: Vec<Write>, is_left_out: impl Fn(&str) -> bool) -> Vec<Write> {
    writes.retain(|write| !is_left_out(text(write)));
    writes
}
