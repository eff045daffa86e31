//! Text with placeholders, such as `{"at":"{{now}}"}`.

mod parse;
mod placeholder;

use onbeat_server::random::Random;
use onbeat_wire::{Timestamp, stringify};
use serde_json::Value;

pub use self::parse::TemplateError;
use self::placeholder::Placeholder;
use crate::request::Request;

/// A text, whose placeholders are filled in when the text is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// Text as it is, at least one character.
    Text(String),
    /// A value that is known when the text is due.
    Placeholder(Placeholder),
}

/// The sources of the values that a template is filled with.
#[derive(Debug)]
pub struct Moment<'a> {
    /// The request that the response answers; for an event of a channel, the request that publishes the event.
    pub request: &'a Request,
    /// The wall-clock time at which the text is due.
    pub now: Timestamp,
    /// The time of the world at which the text is due, in milliseconds.
    pub t_ms: u64,
    /// The number of the chunk or the event, from 1.
    pub seq: u64,
    /// The random values of the response.
    pub random: &'a mut Random,
}

impl Template {
    /// Reads a text with placeholders.
    ///
    /// # Errors
    ///
    /// If a placeholder is not known, has wrong arguments, or has no end.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        parse::pieces(text).map(|pieces| Self { pieces })
    }

    /// Returns whether the text has the placeholder `seq`.
    #[must_use]
    pub fn uses_seq(&self) -> bool {
        self.pieces.contains(&Piece::Placeholder(Placeholder::Seq))
    }

    /// Returns the text, if it is always the same; `None` if it has placeholders.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns the text with the values of this moment.
    pub fn render(&self, moment: &mut Moment<'_>) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Placeholder(placeholder) => placeholder.render(moment, &mut text),
            }
        }
        text
    }
}

impl Placeholder {
    /// Adds the value of this moment to a text.
    fn render(&self, moment: &mut Moment<'_>, text: &mut String) {
        match self {
            Self::Now => text.push_str(&moment.now.to_string()),
            Self::TMs => text.push_str(&moment.t_ms.to_string()),
            Self::Seq => text.push_str(&moment.seq.to_string()),
            Self::Random(range) => text.push_str(&range.draw(moment.random)),
            Self::Uuid => text.push_str(&uuid(moment.random)),
            Self::Pick(words) => text.push_str(pick(words, moment.random)),
            Self::Text(part) => text.push_str(&moment.request.text(part).unwrap_or_default()),
            Self::Json(part) => text.push_str(&stringify(&moment.request.json(part).unwrap_or(Value::Null))),
        }
    }
}

/// Draws a UUID of version 4 (RFC 9562, 5.4): 32 bits from each of four values.
fn uuid(random: &mut Random) -> String {
    let bits = (0..4).fold(0, |bits, _| bits << 32 | u128::from(random.next_below(1 << 32)));
    let (version, variant) = (0x4_u128 << 76, 0b10_u128 << 62);
    let bits = bits & !(0xf << 76) & !(0b11 << 62) | version | variant;
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Draws a word, as `words[Math.floor(Math.random() * words.length)]` does.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "few words")]
fn pick<'a>(words: &'a [String], random: &mut Random) -> &'a str {
    let drawn = (random.next_unit() * words.len() as f64) as usize;
    words.get(drawn).map_or("", String::as_str)
}

#[cfg(test)]
mod tests;
