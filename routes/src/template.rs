//! Text with placeholders, such as `{{now}}`, filled in when the text is due.
//!
//! The placeholders are a closed list: a test that needs more sends its own writes.

use std::fmt::{self, Write};

use onbeat_faults::form::shown;
use onbeat_server::random::Random;
use onbeat_wire::{Timestamp, stringify};

use crate::nearest_name::nearest;
use crate::request::{Request, RequestPart};

/// The names of the placeholders beside the parts of a request.
const NAMES: [&str; 7] = ["now", "t_ms", "seq", "random", "uuid", "pick", "json"];
/// The parts of a request, as a message lists them.
const PARTS: [&str; 6] = ["method", "path", "body", "query.NAME", "header.NAME", "/pointer"];
/// The words of `random`, as a message tells them.
const RANDOM: &str = "random FROM TO or random FROM TO DECIMALS, with FROM at most TO, both from -1e15 to 1e15, DECIMALS from 0 \
                      to 15, and with DECIMALS 0 a whole number from FROM to TO";
/// The most decimal places of a random number.
const DECIMALS_MAX: u32 = 15;

/// A text with placeholders.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Now,
    TimeMs,
    Seq,
    /// A number from the first up to the second, with all decimal places or so many.
    Random(f64, f64, Option<u32>),
    Uuid,
    Pick(Vec<String>),
    Part(RequestPart),
    Json(RequestPart),
}

/// The moment at which a text is due.
#[derive(Debug)]
pub struct Moment<'a> {
    /// The request that is answered.
    pub request: &'a Request,
    /// The wall-clock time.
    pub now: Timestamp,
    /// The time of the world in milliseconds.
    pub t_ms: u64,
    /// The number of the chunk, among those with a number, or of the event in its channel.
    pub seq: u64,
    /// The random values.
    pub random: &'a mut Random,
}

/// A wrong placeholder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {got}")]
pub struct TemplateError {
    expected: String,
    got: String,
}

impl Template {
    /// Reads a text. `\{{` stands for two braces.
    ///
    /// # Errors
    ///
    /// If a placeholder is unknown, has wrong arguments, or does not end.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(start) = rest.find("{{") {
            let before = &rest[..start];
            rest = &rest[start + 2..];
            // Looks for the escape first, since `\\{{{` is an escaped pair before a brace.
            if let Some(before) = before.strip_suffix('\\') {
                literal += before;
                literal += "{{";
                continue;
            }
            literal += before;
            // Leaves the first of three braces to the text, as in an object of JSON: `{{{json /user}}}`.
            if let Some(behind) = rest.strip_prefix('{') {
                literal.push('{');
                // Steps back to the last two braces, which may begin a placeholder.
                rest = &text[text.len() - behind.len() - 2..];
                continue;
            }
            let Some((inside, after)) = split_at_end(rest) else {
                let got = format!("{{{{{}", shown(rest));
                let expected = "a placeholder that ends with }} (a literal {{ is written \\{{)".into();
                return Err(TemplateError { expected, got });
            };
            // Ends the literal before a placeholder; escaped braces are part of a literal, not pieces of their own.
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(piece(inside)?);
            rest = after;
        }
        literal += rest;
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces })
    }

    /// Returns a template without placeholders.
    #[must_use]
    pub fn literal(text: impl Into<String>) -> Self {
        Self { pieces: vec![Piece::Text(text.into())] }
    }

    /// Returns the text, if there are no placeholders.
    #[must_use]
    pub fn constant(&self) -> Option<String> {
        let text = |piece: &Piece| if let Piece::Text(text) = piece { Some(text.clone()) } else { None };
        self.pieces.iter().map(text).collect()
    }

    /// Returns whether the text has the placeholder `{{seq}}`.
    #[must_use]
    pub fn uses_seq(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Seq))
    }

    /// Returns the text at this moment.
    #[must_use]
    pub fn render(&self, moment: &mut Moment<'_>) -> String {
        let mut text = String::new();
        self.pieces.iter().for_each(|piece| piece.render(moment, &mut text));
        text
    }
}

impl Piece {
    /// Adds the piece at this moment to a text.
    fn render(&self, moment: &mut Moment<'_>, text: &mut String) {
        let request = moment.request;
        match self {
            Self::Text(literal) => text.push_str(literal),
            Self::Now => add(text, moment.now),
            Self::TimeMs => add(text, moment.t_ms),
            Self::Seq => add(text, moment.seq),
            Self::Random(from, to, decimals) => text.push_str(&random(*from, *to, *decimals, moment.random)),
            Self::Uuid => text.push_str(&uuid(moment.random)),
            Self::Pick(choices) => {
                // Draws exactly one random value, however many choices there are.
                let number = moment.random.next_below(choices.len() as u64);
                let choice = usize::try_from(number).ok().and_then(|number| choices.get(number));
                text.push_str(choice.map_or("", String::as_str));
            }
            Self::Part(part) => text.push_str(&request.text(part).unwrap_or_default()),
            Self::Json(part) => match request.json(part) {
                Some(json) => add(text, json),
                None => text.push_str("null"),
            },
        }
    }
}

/// Adds a value to a text.
fn add(text: &mut String, value: impl fmt::Display) {
    write!(text, "{value}").expect("a text takes whatever is written");
}

/// Returns a random number as ECMAScript prints it, rounded to decimal places as `Math.round` does: half up. Without decimal
/// places each whole number comes as often, also both ends.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
fn random(from: f64, to: f64, decimals: Option<u32>, random: &mut Random) -> String {
    match decimals {
        None => stringify(&(from + (to - from) * random.next_unit())),
        Some(0) => {
            // Draws from the whole numbers instead of rounding, which would halve the chance of both ends.
            let (first, last) = (from.ceil(), to.floor());
            let number = random.next_below((last - first).max(0.0) as u64 + 1);
            format!("{:.0}", first + number as f64)
        }
        Some(decimals) => {
            let scale = 10_f64.powi(decimals.cast_signed());
            let number = from * scale + (to - from) * scale * random.next_unit();
            stringify(&((number + 0.5).floor() / scale))
        }
    }
}

/// Returns a random UUID (RFC 9562, 5.4).
fn uuid(random: &mut Random) -> String {
    let mut digits = || random.next_below(1 << 32);
    let (a, b, c, d) = (digits(), digits(), digits(), digits());
    // Sets version 4 and the variant, and leaves 122 random bits.
    let (b, c) = (b & 0xffff_0fff | 0x4000, c & 0x3fff_ffff | 0x8000_0000);
    format!("{a:08x}-{:04x}-{:04x}-{:04x}-{:04x}{d:08x}", b >> 16, b & 0xffff, c >> 16, c & 0xffff)
}

/// Reads what stands between the braces.
fn piece(inside: &str) -> Result<Piece, TemplateError> {
    let wrong = |expected: &str| TemplateError { expected: expected.into(), got: format!("{{{{{}}}}}", shown(inside)) };
    let words = words(inside).ok_or_else(|| wrong("quotes that end"))?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let known = || [&NAMES[..], &PARTS].concat();
    match words[..] {
        ["now"] => Ok(Piece::Now),
        ["t_ms"] => Ok(Piece::TimeMs),
        ["seq"] => Ok(Piece::Seq),
        ["uuid"] => Ok(Piece::Uuid),
        ["random", ref bounds @ ..] => random_of(bounds).ok_or_else(|| wrong(RANDOM)),
        ["pick", ref choices @ ..] if !choices.is_empty() => {
            Ok(Piece::Pick(choices.iter().map(ToString::to_string).collect()))
        }
        ["pick"] => Err(wrong("pick and one word or more")),
        ["json", part] => RequestPart::named(part)
            .map(Piece::Json)
            .ok_or_else(|| wrong(&format!("json and one of {}", PARTS.join(", ")))),
        ["json", ..] => Err(wrong(&format!("json and one of {}", PARTS.join(", ")))),
        [name] if RequestPart::named(name).is_some() => {
            RequestPart::named(name).map(Piece::Part).ok_or_else(|| wrong("a part"))
        }
        [name] if name.starts_with('/') => Err(wrong("a JSON pointer with ~0 for ~ and ~1 for /")),
        [name, _, ..] if NAMES.contains(&name) || RequestPart::named(name).is_some() => {
            Err(wrong(&format!("{name} alone, without further words")))
        }
        [name, ..] => {
            let expected = nearest(name, known()).map_or_else(
                || format!("one of {}", known().join(", ")),
                |nearest| format!("a placeholder, such as {{{{{nearest}}}}}"),
            );
            Err(wrong(&expected))
        }
        [] => Err(wrong(&format!("one of {}", known().join(", ")))),
    }
}

/// Splits a text at the first `}}` outside of quotes.
fn split_at_end(text: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    let end = text.char_indices().find(|(at, char)| {
        is_quoted ^= *char == '"';
        !is_quoted && text[*at..].starts_with("}}")
    });
    // Ends at the first braces if quotes never end: `piece` then tells the problem of the quotes.
    let end = end.map(|(at, _)| at).or_else(|| text.find("}}"))?;
    Some((&text[..end], &text[end + 2..]))
}

/// Reads the bounds of `random`.
fn random_of(bounds: &[&str]) -> Option<Piece> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.abs() <= 1e15);
    let (from, to, decimals) = match bounds {
        [from, to] => (from, to, None),
        [from, to, decimals] => (from, to, Some(decimals.parse().ok().filter(|decimals| *decimals <= DECIMALS_MAX)?)),
        _ => return None,
    };
    let (from, to) = (number(from)?, number(to)?);
    // Refuses a range without a whole number, such as 0.2 to 0.8, where a whole number is asked for.
    let is_empty = from > to || decimals == Some(0) && from.ceil() > to.floor();
    (!is_empty).then_some(Piece::Random(from, to, decimals))
}

/// Returns the words of a text; words in quotes are one word. Returns nothing if quotes do not end.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            // Takes everything up to the next quote, also spaces and braces.
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use onbeat_server::random::Seed;
    use onbeat_wire::Instant;

    use super::*;
    use crate::request::tests::request;

    fn rendered(text: &str) -> Vec<String> {
        let request = request("POST", "/chat?user=ann", &[("x-key", "k")], r#"{"prompt":"say \"hi\"","n":2}"#);
        let epoch: onbeat_wire::Epoch = "2025-12-01T00:00:00Z".parse().expect("an epoch");
        let template = Template::parse(text).expect(text);
        let mut random = Random::new(Seed(42), 0, 0);
        let mut render = |seq| {
            let mut moment =
                Moment { request: &request, now: epoch.at(Instant::EPOCH), t_ms: 1500, seq, random: &mut random };
            template.render(&mut moment)
        };
        (1..=200).map(&mut render).collect()
    }

    #[test]
    fn every_placeholder_is_filled_in() {
        for (text, expected) in [
            ("plain {a} }} text", "plain {a} }} text"),
            (r"\{{now}}", "{{now}}"),
            ("{{now}}", "2025-12-01T00:00:00.000Z"),
            ("{{ t_ms }}/{{seq}}", "1500/1"),
            ("{{method}} {{path}} {{query.user}} {{header.x-key}} {{header.none}}.", "POST /chat ann k ."),
            ("{{/prompt}} {{json /prompt}} {{json /n}} {{json /none}}", r#"say "hi" "say \"hi\"" 2 null"#),
            ("{{json query.user}}", r#""ann""#),
            ("{{body}}", r#"{"prompt":"say \"hi\"","n":2}"#),
            ("{{pick one}}", "one"),
            ("{{pick \"a }} b\"}}", "a }} b"),
            ("{{{seq}}}", "{1}"),
            (r#"{"a":{{{json /n}}}}"#, r#"{"a":{2}}"#),
            (r#"{"a":{"b":{{json /n}}}}"#, r#"{"a":{"b":2}}"#),
            ("{{pick \"two words\"}}", "two words"),
            ("{{random 3 3 0}}", "3"),
            ("", ""),
        ] {
            assert_eq!(rendered(text)[0], expected, "{text}");
        }
    }

    #[test]
    fn random_numbers_fill_their_range() {
        let dice: std::collections::BTreeSet<_> = rendered("{{random 1 6 0}}").into_iter().collect();
        assert_eq!(dice.into_iter().collect::<Vec<_>>(), ["1", "2", "3", "4", "5", "6"]);
        for text in rendered("{{random -1 1 2}}") {
            let number: f64 = text.parse().expect("a number");
            assert!((-1.0..=1.0).contains(&number) && text.trim_start_matches('-').len() <= 4, "{text}");
        }
        let all = rendered("{{random 0 100}}");
        assert!(all.iter().all(|text| text.parse::<f64>().is_ok_and(|number| (0.0..100.0).contains(&number))));
        assert_eq!(rendered("{{random 0 100}}"), all);
        let picked: std::collections::BTreeSet<_> = rendered("{{pick a b c}}").into_iter().collect();
        assert_eq!(picked.len(), 3);
    }

    #[test]
    fn a_random_number_follows_a_rule_that_any_language_can_follow() {
        let mut random = Random::new(Seed(42), 0, 0);
        for (one_decimal, plain) in rendered("{{random 0 100 1}}").iter().zip(rendered("{{random -1 1}}")) {
            let unit = random.next_unit();
            assert_eq!(*one_decimal, stringify(&((unit * 1000.0 + 0.5).floor() / 10.0)));
            assert_eq!(plain, stringify(&(unit * 2.0 - 1.0)));
        }
    }

    #[test]
    fn a_uuid_is_random_and_of_version_4() {
        let uuids = rendered("{{uuid}}");
        for uuid in &uuids {
            let groups: Vec<_> = uuid.split('-').map(str::len).collect();
            assert_eq!(groups, [8, 4, 4, 4, 12], "{uuid}");
            assert!(uuid.as_bytes()[14] == b'4' && "89ab".contains(char::from(uuid.as_bytes()[19])), "{uuid}");
        }
        assert_ne!(uuids[0], uuids[1]);
    }

    #[test]
    fn a_wrong_placeholder_is_told_with_the_nearest_one() {
        for (text, said) in [
            ("{{nwo}}", "expected a placeholder, such as {{now}}, got {{nwo}}"),
            ("{{randm 1 2}}", "expected a placeholder, such as {{random}}, got {{randm 1 2}}"),
            ("{{/a~2}}", "expected a JSON pointer with ~0 for ~ and ~1 for /, got {{/a~2}}"),
            ("{{uuid 4}}", "expected uuid alone, without further words, got {{uuid 4}}"),
            ("{{query.a b}}", "expected query.a alone, without further words, got {{query.a b}}"),
            ("{{pick}}", "expected pick and one word or more, got {{pick}}"),
            ("{{pick \"a}}", "expected quotes that end, got {{pick \"a}}"),
            ("a {{now", r"expected a placeholder that ends with }} (a literal {{ is written \{{), got {{now"),
        ] {
            assert_eq!(Template::parse(text).expect_err(text).to_string(), said);
        }
        for text in ["{{random 1}}", "{{random 2 1}}", "{{random 0 NaN}}", "{{random 0.2 0.8 0}}", "{{random 0 1 16}}"]
        {
            let told = Template::parse(text).expect_err(text).to_string();
            assert_eq!(told, format!("expected {RANDOM}, got {text}"));
        }
        for text in ["{{}}", "{{json}}", "{{json x}}", "{{json /~}}", "{{now now}}", "{{query.}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
