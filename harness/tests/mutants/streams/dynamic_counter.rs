//! Mutants of `/dynamic-counter`.

use onbeat_server::endpoints::dynamic_counter;

use super::{without, write};
use crate::kit::{Mutant, each, mutant, replaced, retimed, script};

pub(crate) fn mutants() -> Vec<Mutant> {
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
