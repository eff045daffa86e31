//! Mutants of `/sse-data`.

use onbeat_server::endpoints::sse_data;

use super::without;
use crate::kit::{Mutant, each, mutant, replaced, retimed, script, writes};

pub(crate) fn mutants() -> Vec<Mutant> {
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
            "values of two decimals",
            each(path, |write| match write.split_once("\"value\":") {
                Some((before, value)) => {
                    let value: f64 = value.trim_end_matches("}\n\n").parse().expect("a number");
                    format!("{before}\"value\":{}}}\n\n", (value * 100.0).round() / 100.0)
                }
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
