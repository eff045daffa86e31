//! Reads templates.

use onbeat_wire::printable::printable;

use super::Piece;
use super::placeholder::{DECIMALS_MAX, Placeholder, Range};
use crate::nearest::did_you_mean;
use crate::request::RequestPart;

/// The names of all placeholders; a name that ends in a dot or a slash goes on with a name of the request.
pub(crate) const NAMES: &[&str] =
    &["now", "t_ms", "seq", "random", "uuid", "pick", "json", "method", "path", "body", "query.", "header.", "/"];
/// The number of characters shown of a wrong placeholder.
const SHOWN_CHARS_MAX: usize = 60;

/// A text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{{{{{placeholder}}}}}: {reason}")]
pub struct TemplateError {
    placeholder: String,
    reason: String,
}

/// Splits a text into text and placeholders.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('\\') {
            plain.push_str(before);
            plain.push_str("{{");
            rest = &from[2..];
        } else if from.starts_with("{{{") {
            // Of three braces the first belongs to the text, as in `{{{json /user}}}` in an object of JSON.
            plain.push_str(before);
            plain.push('{');
            rest = &from[1..];
        } else {
            plain.push_str(before);
            let (content, behind) = split_at_end(&from[2..])?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Placeholder(placeholder(content)?));
            rest = behind;
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Splits a text at the first `}}` outside quotes.
fn split_at_end(text: &str) -> Result<(&str, &str), TemplateError> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '}' if !is_quoted && text[at..].starts_with("}}") => return Ok((&text[..at], &text[at + 2..])),
            _ => {}
        }
    }
    let shown = text.split("}}").next().unwrap_or(text);
    let missing = if shown.len() < text.len() { "a \" that ends the quoted word" } else { "}} behind it" };
    Err(error(shown, format!("expected {missing}; a literal {{{{ is written \\{{{{")))
}

/// Reads what stands between the braces.
fn placeholder(content: &str) -> Result<Placeholder, TemplateError> {
    let wrong = |reason: String| error(content, reason);
    let words = words(content).ok_or_else(|| wrong("expected a space between words".into()))?;
    let Some((name, arguments)) = words.split_first() else {
        return Err(wrong("expected a name, such as now; a literal {{ is written \\{{".into()));
    };
    let simple = match name.as_str() {
        "now" => Some(Placeholder::Now),
        "t_ms" => Some(Placeholder::TMs),
        "seq" => Some(Placeholder::Seq),
        "uuid" => Some(Placeholder::Uuid),
        "random" => return random(arguments).map_err(|expected| wrong(format!("expected {expected}"))),
        "pick" if arguments.is_empty() => return Err(wrong("expected words, as in pick red green".into())),
        "pick" => return Ok(Placeholder::Pick(arguments.to_vec())),
        "json" => {
            return json(arguments).ok_or_else(|| {
                wrong("expected json and one part of the request, such as /user/name, query.user or body".into())
            });
        }
        name => RequestPart::parse(name).map(Placeholder::Text),
    };
    match simple {
        None => Err(wrong(unknown(name))),
        Some(_) if !arguments.is_empty() => Err(wrong(format!("expected {name} alone, got arguments"))),
        Some(placeholder) => Ok(placeholder),
    }
}

/// Returns the reason against a name that no placeholder has.
fn unknown(name: &str) -> String {
    let hint = did_you_mean(name, NAMES.iter().copied());
    if hint.is_empty() {
        return format!("expected {}; a literal {{{{ is written \\{{{{", NAMES.join(", "));
    }
    format!("is not known{hint}")
}

/// Reads the arguments of `random`, or returns what was expected.
fn random(arguments: &[String]) -> Result<Placeholder, String> {
    let (from, to, decimals) = match arguments {
        [from, to] => (from, to, None),
        [from, to, decimals] => (from, to, Some(decimals)),
        _ => return Err("two numbers and perhaps a number of decimals, as in random 0 100 1".into()),
    };
    let number = |text: &String| {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| format!("a number, got {text}"))
    };
    let decimals = decimals.map(|text| {
        let number = text.parse::<u8>().ok().filter(|number| *number <= DECIMALS_MAX);
        number.ok_or_else(|| format!("a number of decimals from 0 to {DECIMALS_MAX}, got {text}"))
    });
    Range::new(number(from)?, number(to)?, decimals.transpose()?).map(Placeholder::Random).map_err(str::to_owned)
}

/// Reads the argument of `json`.
fn json(arguments: &[String]) -> Option<Placeholder> {
    let [part] = arguments else { return None };
    RequestPart::parse(part).map(Placeholder::Json)
}

/// Splits a text into words, of which some may be quoted; `None` if a word goes on behind its quotes.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_word(quoted)?,
            None => {
                let (word, behind) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                (word.to_owned(), behind)
            }
        };
        words.push(word);
        rest = behind.trim_start();
        if rest.len() == behind.len() && !rest.is_empty() {
            return None;
        }
    }
    Some(words)
}

/// Splits a quoted word off a text. A backslash escapes the next character.
fn quoted_word(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((word, chars.as_str())),
            '\\' => word.push(chars.next()?),
            char => word.push(char),
        }
    }
}

fn error(placeholder: &str, reason: String) -> TemplateError {
    TemplateError { placeholder: printable(placeholder, SHOWN_CHARS_MAX), reason }
}
