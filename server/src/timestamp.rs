//! Wall-clock time as ECMAScript prints it.
//!
//! A world's epoch is the wall-clock time at which its clock stood at zero; every timestamp on the wire is the epoch
//! plus an [`Instant`], printed as `Date.prototype.toISOString` does (ECMA-262, 21.4.4.36).

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Unit};
use serde::{Serialize, Serializer};

use crate::clock::Instant;

/// The wall-clock time of a world's [`Instant::EPOCH`], in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(jiff::Timestamp);

impl Epoch {
    /// The machine's wall-clock time, for a server that runs in real time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one look at the machine's calendar, before a world begins")]
    pub fn today() -> Self {
        Self::rounded(jiff::Timestamp::now())
    }

    /// The wall-clock time at `instant`. Times past the year 9999 stay at its end.
    #[must_use]
    pub fn at(self, instant: Instant) -> Timestamp {
        let after = SignedDuration::try_from(instant.since_epoch()).unwrap_or(SignedDuration::MAX);
        Timestamp(self.0.saturating_add(after).unwrap_or(jiff::Timestamp::MAX))
    }

    /// ECMAScript's time values are whole milliseconds (ECMA-262, 21.4.1.1).
    fn rounded(timestamp: jiff::Timestamp) -> Self {
        let whole = jiff::TimestampRound::new().smallest(Unit::Millisecond).mode(jiff::RoundMode::Floor);
        Self(timestamp.round(whole).unwrap_or(timestamp))
    }
}

/// An epoch that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("expected a time like 2025-12-01T00:00:00Z (RFC 3339): {0}")]
pub struct EpochError(jiff::Error);

impl FromStr for Epoch {
    type Err = EpochError;

    /// Reads an RFC 3339 time; fractions below a millisecond are cut off.
    fn from_str(text: &str) -> Result<Self, EpochError> {
        text.parse().map(Self::rounded).map_err(EpochError)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at(Instant::EPOCH).fmt(f)
    }
}

/// A wall-clock time; prints like `2025-12-01T00:00:01.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(jiff::Timestamp);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn epoch(text: &str) -> Epoch {
        text.parse().expect("a valid epoch")
    }

    #[test]
    fn timestamps_have_three_decimals_and_end_in_z() {
        let epoch = epoch("2025-12-01T00:00:00Z");
        for (nanos, printed) in [
            (0, "2025-12-01T00:00:00.000Z"),
            (1_000_000_000, "2025-12-01T00:00:01.000Z"),
            (1_500_000_000, "2025-12-01T00:00:01.500Z"),
            (50_999_999, "2025-12-01T00:00:00.050Z"),
            (86_400_000_000_000, "2025-12-02T00:00:00.000Z"),
        ] {
            assert_eq!(epoch.at(Instant::EPOCH + Duration::from_nanos(nanos)).to_string(), printed);
        }
    }

    #[test]
    fn an_epoch_is_read_in_any_offset_and_printed_in_utc() {
        assert_eq!(epoch("2025-12-01T08:00:00.25+08:00").to_string(), "2025-12-01T00:00:00.250Z");
        assert_eq!(epoch("1969-12-31T23:59:59.9999Z").to_string(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_bad_epoch_says_what_was_expected() {
        for text in ["", "yesterday", "2025-12-01", "2025-12-01T00:00:00"] {
            let error = text.parse::<Epoch>().expect_err(text).to_string();
            assert!(error.starts_with("expected a time like 2025-12-01T00:00:00Z"), "{error}");
        }
    }

    #[test]
    fn time_past_the_last_year_stays_at_its_end() {
        let late = epoch("9999-12-30T00:00:00Z").at(Instant::EPOCH + Duration::MAX);
        assert!(late.to_string().starts_with("9999-12-30T22:00:00"), "{late}");
    }
}
