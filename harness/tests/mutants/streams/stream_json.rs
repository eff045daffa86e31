//! Mutants of `/stream-json`.

use onbeat_server::endpoints::stream_json;

use super::{changed, text, without, write};
use crate::kit::{Mutant, each, mutant, replaced, retimed, script};

pub(crate) fn mutants() -> Vec<Mutant> {
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
        mutant(
            "stream-json.measurement",
            "whole numbers",
            each(path, |write| match write.split_once(",\"status\"") {
                Some((before, after)) => format!("{},\"status\"{after}", before.split('.').next().unwrap_or_default()),
                None => write.into(),
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
