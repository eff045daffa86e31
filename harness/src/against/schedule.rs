//! The schedule: which exchanges are played side by side, and when each begins.

use super::contract::{ContractExchange, RecordingContract};

/// A pause in which no exchange was open is left out, except for so much, in milliseconds.
const PAUSE_MS_MAX: u64 = 500;

/// Exchanges that are played side by side.
pub(super) type Round = Vec<PlannedExchange>;

/// An exchange of a recording, by index, and when the request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlannedExchange {
    pub(super) contract: usize,
    pub(super) exchange: usize,
    /// In milliseconds since the beginning of the round, in the time of the recording.
    pub(super) start_ms: u64,
}

impl PlannedExchange {
    /// Returns the recording, and the exchange there.
    pub(super) fn of<'c>(&self, contracts: &'c [RecordingContract]) -> (&'c RecordingContract, &'c ContractExchange) {
        let contract = &contracts[self.contract];
        (contract, &contract.exchanges[self.exchange])
    }

    /// Returns whether the other is the same exchange, whenever the request is sent.
    #[cfg(feature = "live")]
    pub(super) fn is_same_exchange(&self, other: Self) -> bool {
        (self.contract, self.exchange) == (other.contract, other.exchange)
    }
}

/// Returns the rounds, which are played one after another.
///
/// All recordings begin at once, or one by one. The recordings of a proxy keep the order and the overlaps of their timeline in
/// either way; the next run of a proxy, whose timeline begins anew, makes the next round.
pub(super) fn rounds(contracts: &[RecordingContract], one_by_one: bool) -> Vec<Round> {
    let (proxied, others): (Vec<usize>, Vec<usize>) =
        (0..contracts.len()).partition(|index| contracts[*index].at_ms.is_some());
    let others = others.into_iter().map(|index| exchanges(contracts, index, 0));
    let mut rounds: Vec<Round> = if one_by_one { others.collect() } else { vec![others.flatten().collect()] };
    let mut timeline = ProxyTimeline::default();
    for index in proxied {
        let contract = &contracts[index];
        let at_ms = contract.at_ms.unwrap_or_default();
        // Takes a time before the last time for the beginning of the next run of a proxy.
        let is_next_run = timeline.last.is_some_and(|last| at_ms < last);
        if is_next_run {
            timeline = ProxyTimeline::default();
        }
        // Plays the first run beside the other recordings, unless each of those is played by itself.
        if is_next_run || one_by_one && timeline.last.is_none() {
            rounds.push(Vec::new());
        }
        let length_ms = contract.exchanges.iter().map(|exchange| exchange.response.length_ms()).max();
        let start_ms = timeline.place(at_ms, length_ms.unwrap_or_default());
        rounds.last_mut().expect("there is a round by now").extend(exchanges(contracts, index, start_ms));
    }
    rounds.retain(|round| !round.is_empty());
    rounds
}

/// Returns the part of a round that plays one recording, from the first request of the recording on.
#[cfg(feature = "live")]
pub(super) fn alone(round: &Round, contract: usize) -> Round {
    let own = || round.iter().filter(|planned| planned.contract == contract);
    let first_ms = own().map(|planned| planned.start_ms).min().unwrap_or_default();
    own().map(|planned| PlannedExchange { start_ms: planned.start_ms - first_ms, ..*planned }).collect()
}

fn exchanges(contracts: &[RecordingContract], contract: usize, start_ms: u64) -> Round {
    let planned = contracts[contract].exchanges.iter().enumerate();
    planned
        .map(|(exchange, recorded)| PlannedExchange { contract, exchange, start_ms: start_ms + recorded.start_ms })
        .collect()
}

/// The timeline of one run of a proxy, without long pauses. All times are in milliseconds.
#[derive(Debug, Default)]
struct ProxyTimeline {
    /// When the last request began.
    last: Option<u64>,
    /// When the last of the exchanges so far ended.
    open_until: u64,
    /// How much of the time so far is left out.
    left_out: u64,
}

impl ProxyTimeline {
    /// Returns when an exchange begins that was recorded at a time and lasted so long.
    fn place(&mut self, at_ms: u64, length_ms: u64) -> u64 {
        let pause = at_ms.saturating_sub(self.open_until);
        // Leaves out the time before the first request, which is no pause between exchanges.
        let kept = if self.last.is_none() { 0 } else { pause.min(PAUSE_MS_MAX) };
        self.left_out += pause - kept;
        self.last = Some(at_ms);
        self.open_until = self.open_until.max(at_ms.saturating_add(length_ms));
        at_ms - self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(at_ms: Option<u64>, length_ms: u64) -> RecordingContract {
        let at = at_ms.map(|at| format!(",\"at_ms\":{at}")).unwrap_or_default();
        let text = format!(
            "{{\"kind\":\"recording\",\"format\":1,\"onbeat\":\"\",\"from\":\"\"{at}}}\n\
             {{\"t_ms\":0,\"kind\":\"request\",\"text\":\"GET / HTTP/1.1\\r\\n\\r\\n\"}}\n\
             {{\"t_ms\":1,\"kind\":\"head\",\"status\":200,\"headers\":[]}}\n\
             {{\"t_ms\":{length_ms},\"kind\":\"end\",\"how\":\"complete\"}}\n"
        );
        RecordingContract::read("a.jsonl", &text).expect("a recording")
    }

    fn starts(contracts: &[RecordingContract], one_by_one: bool) -> Vec<Vec<u64>> {
        rounds(contracts, one_by_one).iter().map(|round| round.iter().map(|one| one.start_ms).collect()).collect()
    }

    #[test]
    fn recordings_begin_at_once_unless_one_by_one_is_asked_for() {
        let contracts = [contract(None, 100), contract(None, 200)];
        assert_eq!(starts(&contracts, false), [[0, 0]]);
        assert_eq!(starts(&contracts, true), [[0], [0]]);
    }

    #[cfg(feature = "live")]
    #[test]
    fn a_recording_alone_begins_at_once_and_keeps_its_own_pauses() {
        let planned = |contract, start_ms| PlannedExchange { contract, exchange: 0, start_ms };
        let round = vec![planned(0, 0), planned(1, 700), planned(0, 900), planned(1, 1000)];
        assert_eq!(alone(&round, 1), [planned(1, 0), planned(1, 300)]);
    }

    #[test]
    fn the_exchanges_of_a_proxy_overlap_as_they_did_without_long_pauses() {
        let proxied = [(4000, 3000), (5000, 10), (60_000, 100), (60_050, 10)];
        let mut contracts: Vec<_> = proxied.map(|(at_ms, length_ms)| contract(Some(at_ms), length_ms)).into();
        assert_eq!(starts(&contracts, false), [[0, 1000, 3500, 3550]]);
        // The proxy was started again.
        contracts.push(contract(Some(10), 5));
        contracts.push(contract(None, 5));
        assert_eq!(starts(&contracts, false), [vec![0, 0, 1000, 3500, 3550], vec![0]]);
        // Clients of one run stay together: one may listen to what another one sends.
        assert_eq!(starts(&contracts, true), [vec![0], vec![0, 1000, 3500, 3550], vec![0]]);
    }
}
