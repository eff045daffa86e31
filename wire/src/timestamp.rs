//! Wall-clock time as ECMAScript prints it.
//!
//! The epoch of a world is the wall-clock time at zero on its clock. A timestamp on the wire is the epoch plus an [`Instant`],
//! printed as by `Date.prototype.toISOString` (ECMA-262, 21.4.4.36).

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::{SignedDuration, Unit};
use serde::{Serialize, Serializer};

use crate::Instant;

/// The wall-clock time of a world's [`Instant::EPOCH`], in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch(jiff::Timestamp);

impl Epoch {
    /// Returns the wall-clock time at `instant`. The last time of a world is in the year 9999 or before.
    #[must_use]
    pub fn at(self, instant: Instant) -> Timestamp {
        // Saturates: no sum of an epoch and a time of a world is out of range, but a caller may add any time.
        let after = SignedDuration::try_from(instant.since_epoch()).unwrap_or(SignedDuration::MAX);
        Timestamp(self.0.saturating_add(after).unwrap_or(jiff::Timestamp::MAX))
    }

    /// Cuts fractions below a millisecond off: time values of ECMAScript are whole milliseconds (ECMA-262, 21.4.1.1).
    fn floored(timestamp: jiff::Timestamp) -> Self {
        let whole = jiff::TimestampRound::new().smallest(Unit::Millisecond).mode(jiff::RoundMode::Floor);
        Self(timestamp.round(whole).unwrap_or(timestamp))
    }
}

/// The first and the last epoch that can be read. A world may last a century, and timestamps end with the year 9999.
const FIRST: &str = "0000-01-01T00:00:00Z";
const LAST: &str = "9899-01-01T00:00:00Z";

/// An epoch can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {}", self.expected())]
pub struct EpochError(EpochProblem);

/// The problem of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EpochProblem {
    /// The text is no time at all.
    Form,
    /// The text is a date alone.
    NoTime,
    /// The offset from UTC is missing.
    NoOffset,
    /// The time is before the first epoch, or after the last.
    Range,
}

impl EpochError {
    /// Returns what was expected, and why the text is not that.
    #[must_use]
    pub fn expected(self) -> String {
        format!("a time like 2025-12-01T00:00:00Z (RFC 3339), from {FIRST} to {LAST}{}", self.why())
    }

    fn why(self) -> &'static str {
        match self.0 {
            EpochProblem::Form => "",
            EpochProblem::NoTime => "; it has no time of day",
            EpochProblem::NoOffset => "; it has no offset from UTC, such as Z or +08:00",
            EpochProblem::Range => "; it is not in this range",
        }
    }
}

impl EpochProblem {
    /// Returns the problem of a text that is no timestamp.
    fn of(text: &str) -> Self {
        let has_time = |text: &str| text.contains(['T', 't', ' ']);
        // Splits the offset off, the last part: Z, or a sign and a time.
        let offset = text.len().checked_sub("+08:00".len()).and_then(|at| text.split_at_checked(at));
        let (local, has_offset) = match (text.strip_suffix(['Z', 'z']), offset) {
            (Some(local), _) => (local, true),
            (None, Some((local, offset))) if has_time(local) && offset.starts_with(['+', '-']) => (local, true),
            (None, _) => (text, false),
        };
        // Looks for a sign, which only years beyond the four digits of RFC 3339 have.
        let has_sign = local.starts_with(['+', '-']);
        // Reads the text as a local time: if that succeeds, only the offset or the range can be wrong.
        match local.parse::<jiff::civil::DateTime>() {
            Ok(_) if !has_time(local) => Self::NoTime,
            Ok(_) if !has_offset => Self::NoOffset,
            Ok(_) => Self::Range,
            Err(_) if has_sign && has_offset => Self::Range,
            Err(_) => Self::Form,
        }
    }
}

impl From<SystemTime> for Epoch {
    /// Cuts fractions below a millisecond off.
    fn from(time: SystemTime) -> Self {
        Self::floored(time.try_into().unwrap_or(jiff::Timestamp::MAX))
    }
}

impl FromStr for Epoch {
    type Err = EpochError;

    /// Reads an RFC 3339 time; fractions below a millisecond are cut off.
    fn from_str(text: &str) -> Result<Self, EpochError> {
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| EpochError(EpochProblem::of(text)))?;
        // Compares the rounded time, which is the epoch.
        let [first, last] = [FIRST, LAST].map(|end| end.parse::<jiff::Timestamp>().expect("a timestamp"));
        let epoch = Self::floored(timestamp);
        if (first..=last).contains(&epoch.0) { Ok(epoch) } else { Err(EpochError(EpochProblem::Range)) }
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
        for (text, why) in [
            ("", ""),
            ("yesterday", ""),
            ("1764547200", ""),
            ("2025-13-01T00:00:00Z", ""),
            ("2025-12-01T25:00:00Z", ""),
            ("2025-12-01", "; it has no time of day"),
            ("2025-12-01T00:00:00", "; it has no offset from UTC, such as Z or +08:00"),
            ("2025-12-01 00:00:00", "; it has no offset from UTC, such as Z or +08:00"),
            ("9899-01-01T00:00:00.001Z", "; it is not in this range"),
            ("9999-12-31T23:59:59Z", "; it is not in this range"),
            ("9999-12-31T23:59:59+08:00", "; it is not in this range"),
            ("0000-01-01T00:00:00+08:00", "; it is not in this range"),
            ("-000001-12-31T00:00:00Z", "; it is not in this range"),
            ("+012345-01-01T00:00:00Z", "; it is not in this range"),
        ] {
            let error = text.parse::<Epoch>().expect_err(text).to_string();
            let expected = "expected a time like 2025-12-01T00:00:00Z (RFC 3339), \
                            from 0000-01-01T00:00:00Z to 9899-01-01T00:00:00Z";
            assert_eq!(error, format!("{expected}{why}"), "{text}");
        }
    }

    #[test]
    fn a_world_that_begins_as_late_as_can_be_has_all_its_timestamps() {
        let century = crate::TIME_MAX.since_epoch();
        for (text, printed) in
            [("0000-01-01T00:00:00Z", "0100-01-01T00:00:00.000Z"), ("9899-01-01T00:00:00Z", "9999-01-02T00:00:00.000Z")]
        {
            assert_eq!(epoch(text).at(Instant::EPOCH + century).to_string(), printed);
        }
        let late = epoch("9899-01-01T00:00:00Z").at(Instant::EPOCH + Duration::MAX);
        assert!(late.to_string().starts_with("9999-12-30T22:00:00"), "{late}");
    }
}
