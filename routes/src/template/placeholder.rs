//! The placeholders of a template, and numbers drawn from a range.

use onbeat_server::random::Random;
use onbeat_wire::stringify;

use crate::request::RequestPart;

/// A value that is known when the text is due.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Placeholder {
    /// `now`: the wall-clock time, like `2025-12-01T00:00:01.000Z`.
    Now,
    /// `t_ms`: the time of the world in milliseconds.
    TMs,
    /// `seq`: the number of the chunk or the event, from 1.
    Seq,
    /// `random A B` and `random A B DECIMALS`: a number from a range.
    Random(Range),
    /// `uuid`: a UUID of version 4.
    Uuid,
    /// `pick A B …`: one of some words.
    Pick(Vec<String>),
    /// The text of a part of the request, such as `query.user`; nothing if the request has no such part.
    Text(RequestPart),
    /// `json PART`: a part of the request as JSON; `null` if the request has no such part.
    Json(RequestPart),
}

/// A range of numbers, as the placeholder `random` names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    from: f64,
    to: f64,
    decimals: Option<u8>,
}

/// The most decimals of a random number.
pub(super) const DECIMALS_MAX: u8 = 15;
/// The greatest number of a range. Whole numbers up to here are exact.
const NUMBER_MAX: f64 = 9_007_199_254_740_991.0;

impl Range {
    /// Returns a range.
    ///
    /// # Errors
    ///
    /// If there is no number in the range. The error says what was expected.
    pub(super) fn new(from: f64, to: f64, decimals: Option<u8>) -> Result<Self, &'static str> {
        let in_bounds = |number: f64| number.abs() <= NUMBER_MAX;
        if !in_bounds(from) || !in_bounds(to) {
            return Err("numbers from -9007199254740991 to 9007199254740991");
        }
        if from > to {
            return Err("the lower number first");
        }
        if decimals == Some(0) && (from.fract() != 0.0 || to.fract() != 0.0) {
            return Err("whole numbers, since the result has no decimals");
        }
        Ok(Self { from, to, decimals })
    }

    /// Draws a number: `from` is included, and `to` only with decimals. Prints as ECMAScript does.
    pub(super) fn draw(self, random: &mut Random) -> String {
        let Self { from, to, decimals } = self;
        let unit = random.next_unit();
        let number = match decimals {
            None => from + (to - from) * unit,
            // Each whole number is as likely as any other, the two ends included.
            Some(0) => (from + ((to - from + 1.0) * unit).floor()).min(to),
            // Scales before adding, as `Math.round(unit * 1000) / 10` does.
            Some(decimals) => {
                let scale = 10_f64.powi(i32::from(decimals));
                (from * scale + (to - from) * scale * unit + 0.5).floor() / scale
            }
        };
        stringify(&number)
    }
}
