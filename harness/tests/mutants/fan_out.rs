//! Mutants of the hub and of the two endpoints that send events.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Method};
use parking_lot::Mutex;

use crate::kit::{
    Mutant, answers, delayed, each, half_closed_clients_are_served, is_event, mutant, queries, queries_of, replaced,
    requests, responses, writes,
};

const SSE: &str = "/sse";
const BROADCAST: &str = "/broadcast-text";
const HEARTBEAT: &str = "/send-heartbeat";

/// The part of a query that is not its first message.
fn pairs(query: &str) -> Vec<&str> {
    query.split('&').collect()
}

/// Mutants of the events themselves.
pub(crate) fn of_events() -> Vec<Mutant> {
    vec![
        mutant("fan-out.broadcast", "another type of event", replaced(SSE, "event: broadcast", "event: message")),
        mutant("fan-out.broadcast", "text in place of msg", replaced(SSE, "{\"msg\"", "{\"text\"")),
        mutant("fan-out.broadcast-without-msg", "another text", replaced(SSE, "广播消息 ", "broadcast ")),
        mutant(
            "fan-out.heartbeat-comment",
            "a space after the colon",
            each(SSE, |write| if write == ":\n\n" { ": \n\n".into() } else { write.into() }),
        ),
        mutant("fan-out.heartbeat-message", "another type of event", replaced(SSE, "event: heartbeat", "event: ping")),
        mutant(
            "fan-out.chunks",
            "event and data in one write",
            writes(SSE, |_| {
                let mut held = String::new();
                move |write: &str| {
                    if write.starts_with("event:") {
                        held = write.into();
                        return vec![];
                    }
                    vec![std::mem::take(&mut held) + write]
                }
            }),
        ),
        mutant("fan-out.order", "a broadcast overtakes a heartbeat", overtaken()),
        mutant("fan-out.escaping", "slashes escaped", each(SSE, |write| write.replace('/', "\\/"))),
        mutant("fan-out.escaping", "U+2028 escaped", replaced(SSE, "\u{2028}", "\\u2028")),
        mutant(
            "fan-out.escaping",
            "< > & escaped, as Go does",
            each(SSE, |write| write.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")),
        ),
        mutant("json.spelling", "non-ASCII escaped", each(SSE, |write| write.replace("你好", "\\u4f60\\u597d"))),
    ]
}

/// Mutants of who hears what, when, and in which order.
pub(crate) fn of_the_hub() -> Vec<Mutant> {
    vec![
        mutant(
            "fan-out.everyone",
            "the last client is skipped",
            writes(SSE, |number| {
                move |write: &str| if number == 1 && is_event(write) { vec![] } else { vec![write.to_owned()] }
            }),
        ),
        mutant(
            "fan-out.everyone",
            "events are sent twice",
            writes(SSE, |_| {
                let mut held = String::new();
                move |write: &str| match () {
                    () if write.starts_with("event:") => {
                        held = write.into();
                        vec![held.clone()]
                    }
                    () if held.is_empty() => vec![write.to_owned()],
                    () => vec![write.to_owned(), std::mem::take(&mut held), write.to_owned()],
                }
            }),
        ),
        mutant(
            "fan-out.everyone",
            "an event is lost now and then",
            writes(SSE, |_| {
                let mut events = 0;
                move |write: &str| {
                    events += usize::from(write.starts_with("event:"));
                    if events % 5 == 3 && is_event(write) && write != ":\n\n" { vec![] } else { vec![write.to_owned()] }
                }
            }),
        ),
        mutant(
            "fan-out.order",
            "the second client gets pairs of events in reverse",
            writes(SSE, |number| {
                let mut held: Vec<String> = Vec::new();
                move |write: &str| {
                    if number != 1 || !is_event(write) {
                        return vec![write.to_owned()];
                    }
                    held.push(write.to_owned());
                    if held.len() < 4 {
                        return vec![];
                    }
                    held.rotate_left(2);
                    std::mem::take(&mut held)
                }
            }),
        ),
        mutant(
            "fan-out.at-once",
            "events after a second",
            delayed(SSE, |write| Duration::from_millis(if write.starts_with("event:") { 1000 } else { 0 })),
        ),
        mutant("fan-out.late-joiner", "who joins late gets what was missed", history()),
        mutant("fan-out.half-close", "a half-closed client is served on", half_closed_clients_are_served()),
        mutant(
            "fan-out.beside-heartbeats",
            "no heartbeat after an event",
            writes(SSE, |_| {
                let mut heard = false;
                move |write: &str| {
                    heard |= is_event(write);
                    if heard && write == "heartbeat:\n\n" { vec![] } else { vec![write.to_owned()] }
                }
            }),
        ),
    ]
}

/// Every client begins with the events of the one before it.
fn history() -> onbeat::world_lab::WorldServer {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    writes(SSE, move |number| {
        let log = Arc::clone(&log);
        move |write: &str| {
            let mut log = log.lock();
            let greets = write.contains("message");
            if number == 0 && greets {
                log.clear();
            }
            if number == 0 && is_event(write) {
                log.push(write.to_owned());
            }
            let missed = if greets && number > 0 { log.clone() } else { vec![] };
            [write.to_owned()].into_iter().chain(missed).collect()
        }
    })
}

/// A heartbeat whose message is a number comes after the event that follows.
fn overtaken() -> onbeat::world_lab::WorldServer {
    writes(SSE, |_| {
        let (mut event, mut held) = (None, Vec::new());
        move |write: &str| {
            if write.starts_with("event:") {
                event = Some(write.to_owned());
                return vec![];
            }
            let whole: Vec<String> = event.take().into_iter().chain([write.to_owned()]).collect();
            let is_numbered =
                write.contains("\"timestamp\"") && ('0'..='9').any(|n| write.ends_with(&format!("\"{n}\"}}\n\n")));
            if is_numbered {
                held = whole;
                return vec![];
            }
            whole.into_iter().chain(std::mem::take(&mut held)).collect()
        }
    })
}

/// Mutants of what the asker is told.
pub(crate) fn of_answers() -> Vec<Mutant> {
    let number = |answer: &str, key: &str| -> u64 {
        let (_, after) = answer.split_once(&format!("\"{key}\":")).expect("the key is there");
        after.split([',', '}']).next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let most = Arc::new(Mutex::new(0));
    vec![
        mutant(
            "fan-out.broadcast-answer",
            "no charset",
            responses(|asked, response| {
                if asked.path == BROADCAST {
                    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
                }
            }),
        ),
        mutant(
            "fan-out.broadcast-answer",
            "keys in another order",
            answers(BROADCAST, move |answer| {
                format!("{{\"ok\":true,\"clients\":{},\"sent\":{}}}", number(answer, "clients"), number(answer, "sent"))
            }),
        ),
        mutant(
            "fan-out.heartbeat-answer",
            "no removed",
            answers(HEARTBEAT, |answer| answer.replace(",\"removed\":0", "")),
        ),
        mutant(
            "fan-out.heartbeat-answer",
            "clients as text",
            answers(HEARTBEAT, |answer| {
                answer.replace("\"clients\":", "\"clients\":\"").replace(",\"removed\"", "\",\"removed\"")
            }),
        ),
        mutant(
            "fan-out.cors",
            "no CORS header on the answers",
            responses(|asked, response| {
                if [BROADCAST, HEARTBEAT].contains(&asked.path.as_str()) {
                    response.headers_mut().remove("access-control-allow-origin");
                }
            }),
        ),
        mutant(
            "fan-out.count",
            "one client too many",
            answers(BROADCAST, move |answer| {
                let clients = number(answer, "clients");
                answer.replace(&format!("\"clients\":{clients}"), &format!("\"clients\":{}", clients + 1))
            }),
        ),
        mutant(
            "fan-out.count",
            "no fewer clients than one",
            answers(HEARTBEAT, |answer| answer.replace("\"clients\":0", "\"clients\":1")),
        ),
        mutant(
            "fan-out.count",
            "sent is what came before",
            answers(BROADCAST, move |answer| {
                let sent = number(answer, "sent");
                answer.replace(&format!("\"sent\":{sent}"), &format!("\"sent\":{}", sent.saturating_sub(1)))
            }),
        ),
        mutant(
            "fan-out.leaver",
            "clients are counted before the removal",
            answers(HEARTBEAT, move |answer| {
                let clients = number(answer, "clients");
                let mut most = most.lock();
                *most = clients.max(*most);
                answer.replace(&format!("\"clients\":{clients}"), &format!("\"clients\":{most}"))
            }),
        ),
    ]
}

/// Mutants of how a query is read.
pub(crate) fn of_queries() -> Vec<Mutant> {
    vec![
        mutant(
            "fan-out.repeated-msg",
            "an array flattened to its first",
            queries(|query| {
                let mut seen = false;
                let first = |pair: &&str| !pair.starts_with("msg=") || !std::mem::replace(&mut seen, true);
                pairs(query).into_iter().filter(first).collect::<Vec<_>>().join("&")
            }),
        ),
        mutant(
            "fan-out.repeated-msg",
            "an array joined with commas",
            each(SSE, |write| {
                write.replace("[\"", "\"").replace("\"]", "\"").replace("\",\"b", ",b").replace("b\",\"\"", "b,\"")
            }),
        ),
        mutant("fan-out.decoding", "+ stays", queries(|query| query.replace('+', "%2B"))),
        mutant(
            "fan-out.decoding",
            "a heartbeat's message is decoded twice",
            queries_of(HEARTBEAT, |query| query.replace("%25", "%")),
        ),
        mutant("fan-out.decoding", "keys are not decoded", queries(|query| query.replace("%6Dsg", "other"))),
        mutant("fan-out.decoding", "a semicolon separates", queries(|query| query.replace(";msg=b", "&x=b"))),
        mutant(
            "fan-out.undecodable",
            "a stray % is dropped",
            queries(|query| query.replace("%zz", "zz").replace("%4%", "4%")),
        ),
        mutant(
            "fan-out.undecodable",
            "one U+FFFD for a run of bytes",
            each(SSE, |write| write.replace("\u{fffd}\u{fffd}", "\u{fffd}")),
        ),
        mutant(
            "fan-out.other-keys",
            "msg[x] is msg",
            queries(|query| query.replace("msg[x]", "msg").replace("msg[]", "msg")),
        ),
        mutant(
            "fan-out.other-keys",
            "msg[] is msg in a heartbeat",
            queries_of(HEARTBEAT, |query| query.replace("[]", "")),
        ),
        mutant("fan-out.other-keys", "keys are not case-sensitive", queries(|query| query.replace("MSG", "msg"))),
        mutant(
            "fan-out.thousand-pairs",
            "all pairs are read",
            queries(|query| {
                let pairs = pairs(query);
                if pairs.len() > 1000 { pairs[1000..].join("&") } else { query.into() }
            }),
        ),
        mutant(
            "fan-out.thousand-pairs",
            "999 pairs are read",
            queries(|query| {
                let pairs = pairs(query);
                pairs[..pairs.len().min(999)].join("&")
            }),
        ),
        mutant(
            "fan-out.head",
            "HEAD does nothing",
            requests(|request| {
                if request.method() == Method::HEAD && request.uri().path() != "/stream-text" {
                    *request.uri_mut() = "/nothing".parse().expect("a target");
                }
            }),
        ),
    ]
}
