//! Redacts the secrets in a log: the values of headers, query parameters, fields of URL-encoded forms, and
//! JSON keys.
//!
//! An `x` replaces each byte of a text, and a `1` each digit of a number. The length stays, since a request that was too long
//! must be too long in a replay.

use std::borrow::Cow;

use bytes::Bytes;
use onbeat_server::query;

use super::secret_json;

/// Names of secrets. Case, hyphens, underscores and dots do not count: `X-Api-Key` is `xapikey`.
const NAMES: [&str; 23] = [
    "auth",
    "bearer",
    "code",
    "connectsid",
    "cvc",
    "cvv",
    "hmac",
    "key",
    "oauth",
    "otp",
    "pass",
    "passwd",
    "pin",
    "psw",
    "pswd",
    "pwd",
    "session",
    "sid",
    "sig",
    "ssn",
    "ticket",
    "xauth",
    "xsession",
];
/// Ends of names of secrets, such as `access_token`.
const ENDS: [&str; 50] = [
    "accesscode",
    "accesskey",
    "accesskeyid",
    "accountkey",
    "apikey",
    "assertion",
    "authcode",
    "authentication",
    "authkey",
    "authorization",
    "authorizationcode",
    "cardnumber",
    "codeverifier",
    "cookie",
    "credential",
    "credentials",
    "creds",
    "csrf",
    "encryptionkey",
    "functionskey",
    "idtokenhint",
    "jwt",
    "masterkey",
    "mfacode",
    "oauthverifier",
    "onetimecode",
    "otpcode",
    "passcode",
    "passphrase",
    "password",
    "passwordconfirm",
    "passwordconfirmation",
    "passwordhash",
    "privatekey",
    "recoverycode",
    "samlresponse",
    "secret",
    "secretkey",
    "servicekey",
    "sessid",
    "sessionid",
    "sessionkey",
    "signature",
    "signingkey",
    "subscriptionkey",
    "token",
    "totp",
    "userpass",
    "verificationcode",
    "xsrf",
];
/// Names that end like those of secrets, and name none.
const NO_SECRETS: [&str; 1] = ["accesscontrolallowcredentials"];
/// Names of values that decide the answer. A log without these values could not be replayed.
const NEEDED: [&str; 3] = ["accesscontrolrequestheaders", "connection", "msg"];

/// The names of the headers, query parameters, fields of URL-encoded forms, and JSON keys with secrets.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    /// The names beside the usual names, in plain form.
    names: Vec<String>,
}

/// A name without redaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedactionError {
    /// No header or query parameter has such a name.
    #[error("expected the name of a header or of a query parameter, like X-My-Key, got {0:?}")]
    NoName(String),
    /// The log could not be replayed.
    #[error("the answers depend on {0}, so a log without it could not be replayed")]
    Needed(String),
}

impl Redaction {
    /// Redacts these names beside the usual names.
    ///
    /// # Errors
    ///
    /// If a text is no name, or the values with the name decide the answer.
    pub fn with(names: &[String]) -> Result<Self, RedactionError> {
        let redaction = Self::of(names)?;
        match redaction.names.iter().position(|name| NEEDED.contains(&&**name)) {
            Some(needed) => Err(RedactionError::Needed(names[needed].clone())),
            None => Ok(redaction),
        }
    }

    /// Redacts these names beside the usual names, even names whose values decide the answers.
    ///
    /// # Errors
    ///
    /// If no header or query parameter has such a name.
    pub fn of(names: &[String]) -> Result<Self, RedactionError> {
        let checked = names.iter().map(|name| {
            let simple = plain(name);
            let is_name = !simple.is_empty() && !name.contains(['=', '&', '?', '#', ':', ',', '*']);
            let is_name = is_name && !name.chars().any(|c| c.is_whitespace() || c.is_control());
            if is_name { Ok(simple) } else { Err(RedactionError::NoName(name.clone())) }
        });
        Ok(Self { names: checked.collect::<Result<_, _>>()? })
    }

    /// Returns the value of a header as the log shows values.
    #[must_use]
    pub fn header<'a>(&self, name: &str, value: Cow<'a, str>) -> Cow<'a, str> {
        if self.covers(name) { Cow::Owned("x".repeat(value.len())) } else { self.url(value) }
    }

    /// Returns a target, or another text with a query, such as a `Referer`, with the secrets of the query replaced.
    #[must_use]
    pub fn url<'a>(&self, url: Cow<'a, str>) -> Cow<'a, str> {
        let Some((before, after)) = url.split_once('?') else { return url };
        let (query, fragment) = after.split_at(after.find('#').unwrap_or(after.len()));
        let hidden = self.pairs(query.as_bytes());
        if hidden == query.as_bytes() {
            return url;
        }
        Cow::Owned(format!("{before}?{}{fragment}", String::from_utf8_lossy(&hidden)))
    }

    /// Returns the body of a request with the secrets of forms and of JSON replaced. The body may have been cut, even within a
    /// character.
    #[must_use]
    pub fn body(&self, content_type: &str, body: Bytes) -> Bytes {
        let is_form = content_type.to_ascii_lowercase().contains("x-www-form-urlencoded");
        // Reads a form as JSON as well: `curl -d` sends everything under the type of forms by default.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        let body = if is_form && !is_object { self.pairs(&body).into() } else { body };
        secret_json::hide(&body, |name| self.covers(name)).map_or(body, Bytes::from)
    }

    /// Returns the pairs of a query or of a form with the values of secrets replaced. All other bytes stay as sent.
    fn pairs(&self, text: &[u8]) -> Vec<u8> {
        let mut hidden = text.to_vec();
        for pair in hidden.split_mut(|byte| *byte == b'&') {
            let name_bytes = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at_mut(name_bytes);
            if self.covers(&query::decode(&String::from_utf8_lossy(name))) {
                // Keeps the `=`.
                value.iter_mut().skip(1).for_each(|byte| *byte = b'x');
            }
        }
        hidden
    }

    /// Returns whether the values with this name are secrets.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let covers_part = |part: &str| {
            let part = plain(part);
            // Numbers count names: password1, signature-256.
            let usual = part.trim_end_matches(|char: char| char.is_ascii_digit());
            let is_usual = NAMES.contains(&usual) || ENDS.iter().any(|end| usual.ends_with(end));
            is_usual && !NO_SECRETS.contains(&&*part) || self.names.contains(&part)
        };
        // Looks within brackets as well: frameworks write nested values as user[token], and lists as token[].
        covers_part(name) || name.split(['[', ']']).any(covers_part)
    }
}

/// Returns the form in which names are compared.
fn plain(name: &str) -> String {
    name.trim().chars().filter(|c| !matches!(c, '-' | '_' | '.')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_become_as_many_x() {
        let redaction = Redaction::with(&["X-Room".to_owned()]).expect("names");
        for (target, logged) in [
            ("/feed", "/feed"),
            ("/feed?", "/feed?"),
            ("/feed?msg=token&token", "/feed?msg=token&token"),
            ("/feed?token=", "/feed?token="),
            ("/feed?token=abc", "/feed?token=xxx"),
            ("/feed?user[token]=abc&password%5B%5D=d&token%20=e", "/feed?user[token]=xxx&password%5B%5D=x&token%20=x"),
            ("/feed?a=1&ACCESS_TOKEN=a=b%20c&msg=hi", "/feed?a=1&ACCESS_TOKEN=xxxxxxx&msg=hi"),
            ("/feed?%74oken=abc&t+oken=abc", "/feed?%74oken=xxx&t+oken=abc"),
            (
                "/feed?api-key=k&apiKey=kk&sig=s&x_room=7&code=1&jwt=e.y.J",
                "/feed?api-key=x&apiKey=xx&sig=x&x_room=x&code=x&jwt=xxxxx",
            ),
            (
                "/feed?AWSAccessKeyId=a&passphrase=b&xsrf=c&connect.sid=d",
                "/feed?AWSAccessKeyId=x&passphrase=x&xsrf=x&connect.sid=x",
            ),
            ("/feed?max_tokens=5&monkey=1&postcode=9&author=me", "/feed?max_tokens=5&monkey=1&postcode=9&author=me"),
            ("http://a/b?session=1#token=2", "http://a/b?session=x#token=2"),
        ] {
            assert_eq!(redaction.url(target.into()), logged);
        }
        for (name, value, logged) in [
            ("authorization", "Bearer abc", "xxxxxxxxxx"),
            ("proxy-authorization", "a", "x"),
            ("cookie", "a=b", "xxx"),
            ("set-cookie", "a=b", "xxx"),
            ("x-api-key", "k", "x"),
            ("x-csrf-token", "t", "x"),
            ("x-auth-key", "k", "x"),
            ("x-hub-signature-256", "s", "x"),
            ("password2", "p", "x"),
            ("x-is-auth", "1", "1"),
            ("ocp-apim-subscription-key", "k", "x"),
            ("x-room", "7", "x"),
            ("referer", "http://localhost:5173/?token=abc&x=1", "http://localhost:5173/?token=xxx&x=1"),
            ("accept", "text/event-stream", "text/event-stream"),
            ("last-event-id", "7", "7"),
            ("access-control-allow-credentials", "true", "true"),
        ] {
            assert_eq!(redaction.header(name, value.into()), logged, "{name}");
        }
    }

    #[test]
    fn bodies_have_no_secrets_whatever_their_bytes() {
        let redaction = Redaction::default();
        for (content_type, body, logged) in [
            // Ends within a character, as a body that was cut.
            (
                "application/json",
                &b"{\"token\":\"abc\",\"a\":\"\xe4\xbd"[..],
                &b"{\"token\":\"xxx\",\"a\":\"\xe4\xbd"[..],
            ),
            ("application/json", b"{\"token\":\"\xe4\xbd", b"{\"token\":\"xx"),
            // Latin-1.
            ("application/json", b"{\"a\":\"\xfc\",\"key\":12}", b"{\"a\":\"\xfc\",\"key\":11}"),
            ("application/x-www-form-urlencoded", b"a=\xfc&password=a#b&c=d", b"a=\xfc&password=xxx&c=d"),
            ("application/x-www-form-urlencoded", b" {\"key\":\"a&b\"}", b" {\"key\":\"xxx\"}"),
            // `curl -d` sends JSON under the type of forms.
            ("application/x-www-form-urlencoded", b"[{\"token\":\"a=b\"}]", b"[{\"token\":\"xxx\"}]"),
            // Names that are no text of JSON.
            ("application/json", b"{\"f\xfcr_token\":\"abc\"}", b"{\"f\xfcr_token\":\"xxx\"}"),
            ("application/json", b"{\"a\ttoken\":\"abc\"}", b"{\"a\ttoken\":\"xxx\"}"),
            ("application/octet-stream", b"\xff\0\"a\":", b"\xff\0\"a\":"),
        ] {
            assert_eq!(redaction.body(content_type, Bytes::from_static(body)), logged, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn what_decides_the_answers_is_not_redacted() {
        for name in ["", "-", "a b", "a=b", "*"] {
            let error = Redaction::with(&[name.to_owned()]).expect_err(name);
            assert_eq!(error, RedactionError::NoName(name.to_owned()));
        }
        for name in ["msg", "MSG", "Connection"] {
            let error = Redaction::with(&[name.to_owned()]).expect_err(name);
            assert_eq!(error, RedactionError::Needed(name.to_owned()));
        }
    }
}
