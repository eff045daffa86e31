//! What is measured, and what is made of it over all rounds.

use std::fmt;

/// What is measured, in this order. The processor time is the server's own, in the bursts.
pub(crate) const FIGURES: [&str; 9] = [
    "memory per client, greeted (KiB)",
    "memory per client, after all (KiB)",
    "a broadcast to the last client, median (ms)",
    "a broadcast to the last client, slowest (ms)",
    "burst, pipelined (events/s)",
    "burst, pipelined (deliveries/s)",
    "burst, each answered (events/s)",
    "burst, each answered (deliveries/s)",
    "processor time per delivery (µs)",
];

/// One value for each of [`FIGURES`]; nothing for what this machine does not tell.
pub(crate) type Figures = [Option<f64>; FIGURES.len()];

/// The median of each figure.
pub(crate) fn medians(rounds: &[Figures]) -> Figures {
    std::array::from_fn(|figure| median(rounds.iter().filter_map(|round| round[figure]).collect()))
}

pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().wrapping_sub(1) / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// A number with three digits or more, or `n/a`.
pub(crate) struct Column(pub(crate) Option<f64>);

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => write!(f, "{:>10}", "n/a"),
            Some(value) if value < 10.0 => write!(f, "{value:>10.2}"),
            Some(value) if value < 100.0 => write!(f, "{value:>10.1}"),
            Some(value) => write!(f, "{value:>10.0}"),
        }
    }
}
