//! Headers that the user adds to every request, such as a token.

use axum::http::{HeaderName, HeaderValue};
use onbeat_wire::is_connection_field;
use onbeat_wire::printable::CLIPPED;

/// The fields that frame a request. The check and the recorder set them, and the fields of a single connection.
const FRAMING: [&str; 2] = ["content-length", "expect"];

/// Fields that ask for another answer than the answer of the contract. The check sets them, or leaves them out on purpose.
const OF_CONTRACT: [&str; 7] = [
    "accept-encoding",
    "access-control-request-headers",
    "content-type",
    "if-modified-since",
    "if-none-match",
    "last-event-id",
    "range",
];

/// A field is a secret if the name contains a secret word.
const SECRET_WORDS: [&str; 12] =
    ["auth", "cookie", "cred", "csrf", "jwt", "key", "pass", "secret", "session", "sid", "signature", "token"];

/// A shorter value is not hidden: a report would lose words that are not secret.
const SECRET_CHARS_MIN: usize = 6;

/// The text in place of a secret.
const HIDDEN: &str = "[hidden]";

/// Headers for every request of a check.
#[derive(Clone, Debug, Default)]
pub struct ExtraHeaders {
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// A header that can't be sent. The message does not show the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrongHeader {
    /// There is no colon.
    #[error("failed to read a header: expected 'Name: value', as in 'Authorization: Bearer TOKEN', got no colon")]
    NoColon,
    /// The name is not a field name.
    #[error("failed to read the header {0:?}: expected a name of letters, digits and dashes before the colon")]
    Name(String),
    /// The value can't be sent.
    #[error("failed to read the header {0}: expected a value on one line, without control characters")]
    Value(String),
    /// The check, or the recorder, decides about the field.
    #[error("failed to take the header {0}: expected another one, since onbeat decides about this one itself")]
    Reserved(String),
}

impl ExtraHeaders {
    /// Reads headers, each as `Name: value`.
    ///
    /// # Errors
    ///
    /// If a text is not a header, or the header must not be set.
    pub fn read(texts: &[String]) -> Result<Self, WrongHeader> {
        Self::read_except(texts, &OF_CONTRACT)
    }

    /// Reads headers for the requests of recordings, which ask for the answer of the recording, whatever that is.
    ///
    /// # Errors
    ///
    /// If a text is not a header, or the header must not be set.
    pub fn read_for_recordings(texts: &[String]) -> Result<Self, WrongHeader> {
        Self::read_except(texts, &[])
    }

    /// Reads headers, except fields that frame a request or are about a single connection, and these reserved fields.
    fn read_except(texts: &[String], reserved: &[&str]) -> Result<Self, WrongHeader> {
        let fields: Result<Vec<_>, WrongHeader> = texts.iter().map(|text| field(text, reserved)).collect();
        Ok(Self { fields: fields? })
    }

    /// Returns the headers as names and values.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
    }

    /// Replaces every secret in a text, and the beginning of a secret before the place where the text was clipped.
    pub(crate) fn hide(&self, text: &mut String) {
        for secret in self.secrets() {
            if text.contains(&secret) {
                *text = text.replace(&secret, HIDDEN);
            }
            let starts: Vec<&str> =
                secret.char_indices().skip(SECRET_CHARS_MIN).map(|(start, _)| &secret[..start]).collect();
            for end in [Some(text.len()), text.rfind(CLIPPED)].into_iter().flatten() {
                let clipped = starts.iter().rfind(|start| text[..end].ends_with(**start) && !is_scheme(start));
                if let Some(start) = clipped {
                    text.replace_range(end - start.len()..end, HIDDEN);
                }
            }
        }
    }

    /// Returns the values of secret fields, and the parts of each: of `Bearer abc` also `abc`, of `a=b; c=d` also `b`. Longer
    /// secrets come first.
    fn secrets(&self) -> Vec<String> {
        let secret = self.fields.iter().filter(|(_, value)| value.is_sensitive());
        // Hides the parts of a value as well: a server may repeat the token without the scheme.
        let mut secrets: Vec<String> = secret
            .map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .flat_map(|value| {
                let parts = value.split([' ', ';', ',']).flat_map(|part| {
                    let value = part.split_once('=').map_or("", |(_, value)| value.trim_end_matches('='));
                    [part.to_owned(), value.to_owned()]
                });
                parts.chain([value.clone()]).collect::<Vec<_>>()
            })
            .filter(|secret| secret.chars().count() >= SECRET_CHARS_MIN && !is_scheme(secret))
            .collect();
        // Hides longer secrets first: a part hidden before would leave the rest of the secret in the text.
        secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        secrets
    }
}

/// Returns whether a text is a scheme of `Authorization`, which is no secret.
fn is_scheme(text: &str) -> bool {
    ["Bearer", "Digest"].contains(&text.trim_end())
}

/// The headers in the forms of a check over real sockets.
#[cfg(feature = "live")]
impl ExtraHeaders {
    /// Returns the value of `Host`, if given.
    pub(super) fn host(&self) -> Option<&str> {
        self.fields.iter().rfind(|(name, _)| name == "host").and_then(|(_, value)| value.to_str().ok())
    }

    /// Returns all headers but `Host`, as lines of a request's head.
    pub(super) fn lines(&self) -> String {
        let line = |(name, value): &(HeaderName, HeaderValue)| {
            format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()))
        };
        self.fields.iter().filter(|(name, _)| name != "host").map(line).collect()
    }

    /// Returns all headers for the client of an application.
    pub(super) fn map(&self) -> axum::http::HeaderMap {
        self.fields.iter().cloned().collect()
    }
}

/// Checks that users may set a field, by the name in any case: that the field does not frame a request, and is not about a
/// single connection.
///
/// # Errors
///
/// If the field frames a request, or is about a single connection.
pub(crate) fn check_free(name: &str) -> Result<(), WrongHeader> {
    let is_framing = FRAMING.iter().any(|framing| framing.eq_ignore_ascii_case(name));
    if is_framing || is_connection_field(name) { Err(WrongHeader::Reserved(name.to_owned())) } else { Ok(()) }
}

fn field(text: &str, reserved: &[&str]) -> Result<(HeaderName, HeaderValue), WrongHeader> {
    let (name, value) = text.split_once(':').ok_or(WrongHeader::NoColon)?;
    // Shows only the beginning, since there may be a text of any length before the first colon.
    let shown = || name.chars().take(60).collect::<String>();
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| WrongHeader::Name(shown()))?;
    if reserved.contains(&name.as_str()) {
        return Err(WrongHeader::Reserved(shown()));
    }
    check_free(name.as_str()).map_err(|_| WrongHeader::Reserved(shown()))?;
    let value = value.trim_matches([' ', '\t']);
    let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| WrongHeader::Value(shown()))?;
    value.set_sensitive(SECRET_WORDS.iter().any(|word| name.as_str().contains(word)));
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use onbeat_wire::printable::clipped;

    use super::*;

    fn read(texts: &[&str]) -> Result<ExtraHeaders, WrongHeader> {
        ExtraHeaders::read(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn headers_are_sent_as_they_were_given() {
        let headers = read(&["Authorization: Bearer a:b=", "X-Name:  J\u{f6}rg\t", "x-empty:", "Host: app.local"]);
        let headers = headers.expect("headers");
        assert_eq!(headers.lines(), "authorization: Bearer a:b=\r\nx-name: J\u{f6}rg\r\nx-empty: \r\n");
        assert_eq!(headers.host(), Some("app.local"));
        assert_eq!(headers.map().len(), 4);
        let twice = read(&["Cookie: a=1", "Cookie: b=2"]).expect("headers");
        assert_eq!((twice.lines().lines().count(), twice.map().len()), (2, 2));
    }

    #[test]
    fn what_is_no_header_is_refused_without_showing_its_value() {
        for (text, told) in [
            ("sesame-open", "expected 'Name: value'"),
            ("", "expected 'Name: value'"),
            (": sesame", "expected a name"),
            ("Authorization : sesame", "\"Authorization \""),
            ("X Y: sesame", "expected a name"),
            ("X-A\r\nX-B: sesame", "expected a name"),
            ("X-A: sesame\r\nX-B: c", "expected a value on one line"),
            ("X-A: sesame\u{0}", "expected a value on one line"),
            ("Content-Length: 5", "onbeat decides about this one itself"),
            ("CONNECTION: close", "onbeat decides about this one itself"),
        ] {
            let why = read(&[text]).expect_err(text).to_string();
            assert!(why.contains(told) && !why.contains("sesame"), "{text:?}: {why}");
        }
    }

    #[test]
    fn secrets_are_hidden_and_nothing_else_is() {
        let headers =
            read(&["Authorization: Bearer open-sesame", "Cookie: a=1; sid=cookie-monster", "X-Tenant: acme-corp"]);
        let headers = headers.expect("headers");
        let mut text = "got Bearer open-sesame (open-sesame), a=1, cookie-monster, acme-corp, Bearer".to_owned();
        headers.hide(&mut text);
        assert_eq!(text, "got [hidden] ([hidden]), a=1, [hidden], acme-corp, Bearer");
        assert!(!format!("{headers:?}").contains("sesame"));
    }

    #[test]
    fn a_secret_that_was_clipped_is_hidden() {
        let headers = read(&["Authorization: Bearer open-sesame"]).expect("headers");
        for (text, told) in [
            ("got open-sesam", "got [hidden]"),
            ("got open-s", "got [hidden]"),
            ("got open-", "got open-"),
            ("got Bearer open-s", "got [hidden]"),
            ("got open-sesa… (7 characters more)", "got [hidden]… (7 characters more)"),
            ("got open-sesa and more", "got open-sesa and more"),
        ] {
            let mut hidden = text.to_owned();
            headers.hide(&mut hidden);
            assert_eq!(hidden, told, "{text}");
        }
        // Any length that is left of a secret.
        for kept in 0..40 {
            let mut text = clipped(format!("{}open-sesame, and more", "a".repeat(50)), 80 - kept);
            headers.hide(&mut text);
            assert!(!text.contains("open-s"), "{text}");
        }
    }
}
