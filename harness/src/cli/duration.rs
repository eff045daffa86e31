//! Durations in the arguments of the command line.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Virtual time ends here: a century.
const DURATION_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);
/// The expected form; a day has 24 hours, and a week seven days.
const EXPECTED: &str = "expected a time like 250ms, 95s, 10m, 1h 30m or 7d";

/// Reads a time in whole milliseconds, from 0 to a century.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let days_are_24_hours = SpanRelativeTo::days_are_24_hours();
    let duration = text.parse::<Span>().and_then(|span| span.to_duration(days_are_24_hours));
    // Tells a number without a unit apart, the usual slip.
    let duration = duration.map_err(|_| match text.trim().parse::<f64>() {
        Ok(_) => format!("{EXPECTED}; it has no unit"),
        Err(_) => EXPECTED.to_owned(),
    })?;
    let is_in_range = duration >= SignedDuration::ZERO && duration.unsigned_abs() <= DURATION_MAX;
    let has_whole_ms = duration.subsec_nanos() % 1_000_000 == 0;
    if is_in_range && has_whole_ms {
        return Ok(duration.unsigned_abs());
    }
    Err(format!("{EXPECTED}, in whole milliseconds, from 0 to 36500d (a century)"))
}

/// Reads how long a response is watched, which is more than no time.
pub(super) fn parse_watched(text: &str) -> Result<Duration, String> {
    let watched = parse_duration(text)?;
    if watched.is_zero() { Err(format!("{EXPECTED}, and longer than 0")) } else { Ok(watched) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_several() {
        for (text, seconds) in [
            ("95s", 95),
            ("1m 35s", 95),
            ("1m35s", 95),
            ("10m", 600),
            ("24h", 86_400),
            ("1d", 86_400),
            ("1d 12h", 129_600),
            ("2w", 1_209_600),
            ("36500d", 3_153_600_000),
            ("876000h", 3_153_600_000),
            ("PT10M", 600),
            ("P1D", 86_400),
            ("2 days", 172_800),
            ("1.5h", 5400),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_refused_in_our_own_words() {
        for wrong in
            ["", " ", "95", "1.5", "s", "-1s", "1s ago", "1us", "1.5ms", "soon", "36501d", "5300w", "1mo", "1y"]
                .into_iter()
                .chain(["1000000000h", "99999999999999999999999s", "NaN", "1e3s", "inf", "一天", "1d\u{1b}[31m"])
        {
            let error = parse_duration(wrong).expect_err(wrong);
            assert!(error.starts_with("expected a time like 250ms, 95s, 10m, 1h 30m or 7d"), "{wrong}: {error}");
            assert!(!error.contains("jiff") && error.len() < 120, "{wrong}: {error}");
        }
        assert!(parse_watched("0ms").expect_err("no time").ends_with("and longer than 0"));
        assert_eq!(parse_watched("1ms"), Ok(Duration::from_millis(1)));
        assert!(parse_duration("95").expect_err("no unit").ends_with("it has no unit"));
    }
}
