//! The heartbeats of `/sse`, which recur whatever else happens.

use crate::judge::recurring::Recurring;

/// The heartbeat of `/sse`. How long a scene takes is up to the machine, so that more may fall due than a fixture has.
pub(super) const HEARTBEAT: Recurring = Recurring { request: "GET /sse ", write: "heartbeat:\n\n", period_ms: 30_000 };

#[cfg(test)]
mod tests {
    use onbeat_wire::recording::{Fact, RawRequest};

    use super::*;
    use crate::fixtures::golden::Golden;

    #[test]
    fn the_heartbeat_is_that_of_the_fixture() {
        let checks = |id: &'static str| move |case: &String| case == id;
        let golden = Golden::read();
        let lines = || golden.streams.iter().flat_map(|scene| &scene.lines).map(|(_, line)| line);
        let periodic = lines().filter(|line| line.notes.cases.iter().any(checks("sse.heartbeat-period")));
        let heartbeats: Vec<_> = periodic.map(|line| (line.t_ms, line.written())).collect();
        assert_eq!(heartbeats, [1, 2].map(|n| (n * HEARTBEAT.period_ms, HEARTBEAT.write)));
        let greeting = |scene: &&crate::judge::scene::Scene| {
            scene.lines.iter().any(|(_, line)| line.notes.cases.iter().any(checks("sse.heartbeat-period")))
        };
        let scene = golden.streams.iter().find(greeting).expect("a stream with heartbeats");
        assert!(
            matches!(&scene.lines[0].1.fact, Fact::RawRequest(RawRequest { text }) if text.starts_with(HEARTBEAT.request))
        );
    }
}
