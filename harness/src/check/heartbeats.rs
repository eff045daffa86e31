//! The heartbeats of `/sse`, which recur whatever else happens.

use crate::judge::recurring::Recurring;

/// The heartbeat of `/sse`. How long a scene takes is up to the machine, so that more may fall due than a fixture has.
pub(super) const HEARTBEAT: Recurring = Recurring { request: "GET /sse ", write: "heartbeat:\n\n", period_ms: 30_000 };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::golden::Golden;
    use crate::judge::scene::Kind;

    #[test]
    fn the_heartbeat_is_that_of_the_fixture() {
        let checks = |id: &'static str| move |case: &String| case == id;
        let golden = Golden::read();
        let lines = || golden.streams.iter().flat_map(|scene| &scene.lines).map(|(_, line)| line);
        let periodic = lines().filter(|line| line.cases.iter().any(checks("sse.heartbeat-period")));
        let heartbeats: Vec<_> = periodic.map(|line| (line.at_ms, line.written())).collect();
        assert_eq!(heartbeats, [1, 2].map(|n| (n * HEARTBEAT.period_ms, HEARTBEAT.write)));
        let greeting = |scene: &&crate::judge::scene::Scene| {
            scene.lines.iter().any(|(_, line)| line.cases.iter().any(checks("sse.heartbeat-period")))
        };
        let scene = golden.streams.iter().find(greeting).expect("a stream with heartbeats");
        assert!(matches!(&scene.lines[0].1.kind, Kind::Request { text } if text.starts_with(HEARTBEAT.request)));
    }
}
