//! Mutants of `/sse`.

use std::time::Duration;

use onbeat_server::endpoints::sse;

use crate::kit::{Mutant, delayed, mutant, replaced, retimed, script};

pub(crate) fn mutants() -> Vec<Mutant> {
    let path = sse::STREAM.path;
    vec![
        mutant("sse.greeting", "the greeting without its space", replaced(path, "\"message\": ", "\"message\":")),
        mutant(
            "sse.greeting",
            "the greeting after a second",
            delayed(path, |write| Duration::from_millis(if write.contains("message") { 1000 } else { 0 })),
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
