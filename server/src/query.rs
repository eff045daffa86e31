//! Reads a query string as Node's `querystring.parse` does, the parser of Express 5.

use serde::Serialize;

/// How many pairs are read, empty ones included.
const PAIRS_MAX: usize = 1000;

/// A message to fan out: the values of `msg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Message {
    /// `msg=a`: a string in the JSON; never empty.
    One(String),
    /// `msg=a&msg=b`: an array in the JSON, even if all strings are empty.
    Many(Vec<String>),
}

impl Message {
    /// Returns the message in a query string; `None` if `msg` is missing or empty.
    #[must_use]
    pub fn from_query(query: &str) -> Option<Self> {
        let pairs = query.split('&').take(PAIRS_MAX).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut values: Vec<String> =
            pairs.filter(|(key, _)| decode(key) == "msg").map(|(_, value)| decode(value)).collect();
        // Takes one empty value for no message, and several values for a list, even if all are empty.
        match values.len() {
            0 => None,
            1 => values.pop().filter(|value| !value.is_empty()).map(Self::One),
            _ => Some(Self::Many(values)),
        }
    }
}

/// Undoes percent-encoding: `+` is a space, a `%` without two hex digits stays unchanged, and bytes that are not UTF-8
/// become U+FFFD, one for each maximal subpart (Unicode, 3.9).
#[must_use]
pub fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        // Reads an escape only where two hex digits follow the percent sign.
        let escaped = match (byte, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(if byte == b'+' { b' ' } else { byte }));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Message {
        Message::One(text.into())
    }

    fn many(texts: &[&str]) -> Message {
        Message::Many(texts.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_query_is_read_as_node_reads_it() {
        for (query, message) in [
            ("", None),
            ("msg", None),
            ("msg=", None),
            ("MSG=a", None),
            ("msg[x]=1", None),
            ("msg[]=1", None),
            ("=msg", None),
            ("msg=a", Some(one("a"))),
            ("msg=a=b", Some(one("a=b"))),
            ("msg==", Some(one("="))),
            ("&&x=1&msg=a&&", Some(one("a"))),
            ("%6Dsg=k", Some(one("k"))),
            ("m+sg=a", None),
            ("msg=a+b%2Bc", Some(one("a b+c"))),
            ("msg=%zz%4%41%", Some(one("%zz%4A%"))),
            ("msg=%E4%BD%A0", Some(one("你"))),
            ("msg=%ff%c3%28", Some(one("\u{fffd}\u{fffd}("))),
            ("msg=%ED%A0%80", Some(one("\u{fffd}\u{fffd}\u{fffd}"))),
            ("msg=%F0%9F%98", Some(one("\u{fffd}"))),
            ("msg=%0D%0Adata:", Some(one("\r\ndata:"))),
            ("msg=a&msg=b", Some(many(&["a", "b"]))),
            ("msg=&msg=", Some(many(&["", ""]))),
            ("msg&msg", Some(many(&["", ""]))),
            ("msg=a&%6dsg=b&x=&msg", Some(many(&["a", "b", ""]))),
        ] {
            assert_eq!(Message::from_query(query), message, "{query}");
        }
    }

    #[test]
    fn a_thousand_pairs_are_read_and_no_more() {
        assert_eq!(Message::from_query(&format!("{}msg=a", "x&".repeat(999))), Some(one("a")));
        assert_eq!(Message::from_query(&format!("{}msg=a", "x&".repeat(1000))), None);
        assert_eq!(Message::from_query(&format!("{}msg=a", "&".repeat(1000))), None);
    }
}
