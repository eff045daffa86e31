//! Secrets: values kept off the disk. As many `x` replace each value, so that lengths stay the same.

use bytes::Bytes;
use onbeat_control::{Redaction, RedactionError};
use onbeat_wire::{header_bytes, header_text};

/// The least length of a secret to look for in responses: to replace every `x` or `1` would ruin a body.
const KNOWN_BYTES_MIN: usize = 8;

/// The names of secrets: headers, query parameters, fields of forms and keys of JSON.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Redaction);

impl Secrets {
    /// Returns the usual names, and further names.
    ///
    /// # Errors
    ///
    /// If a text can't be a name.
    pub fn new(names: &[String]) -> Result<Self, RedactionError> {
        Redaction::of(names).map(Self)
    }

    /// Returns whether the values with a name are secrets.
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.0.covers(name)
    }

    /// Returns a URL without the secrets in its query.
    pub(super) fn url(&self, url: &str) -> String {
        self.0.url(url.into()).into_owned()
    }

    /// Returns the head of a request without secrets.
    pub(super) fn head(&self, head: &str) -> String {
        let mut name = "";
        let lines = head.split_inclusive('\n').enumerate().map(|(number, line)| {
            let (text, end) = line.split_at(line.trim_end_matches(['\r', '\n']).len());
            match text.split_once(':') {
                _ if number == 0 => {
                    let words: Vec<String> = text.split(' ').map(|word| self.url(word)).collect();
                    format!("{}{end}", words.join(" "))
                }
                // Takes a line that begins with a space for a part of the field before (RFC 9112, 5.2).
                _ if text.starts_with([' ', '\t']) => format!("{}{end}", self.0.header(name, text.into())),
                Some((field, value)) => {
                    name = field;
                    let (space, value) = value.split_at(value.len() - value.trim_start().len());
                    format!("{field}:{space}{}{end}", self.0.header(name, value.into()))
                }
                None => line.to_owned(),
            }
        });
        lines.collect()
    }

    /// Returns the fields of a response without secrets.
    pub(super) fn headers(&self, headers: Vec<(String, String)>, known: &KnownSecrets) -> Vec<(String, String)> {
        let hidden = headers.into_iter().map(|(name, value)| {
            let value = self.0.header(&name, value.into()).into_owned();
            let value = header_text(&known.hide(header_bytes(&value).into()));
            (name, value)
        });
        hidden.collect()
    }

    /// Returns the body of a request without secrets, if the body is a form or JSON.
    pub(super) fn body(&self, content_type: &str, body: Bytes) -> Bytes {
        self.0.body(content_type, body)
    }
}

/// The values of the secrets in one request, which a server may send back.
#[derive(Debug, Default)]
pub(super) struct KnownSecrets(Vec<Vec<u8>>);

impl KnownSecrets {
    /// Returns the secrets in the head of a request.
    pub(super) fn of(secrets: &Secrets, head: &str) -> Self {
        let mut values = Vec::new();
        let (line, fields) = head.split_once('\n').unwrap_or((head, ""));
        let query = line.split_once('?').map_or("", |(_, query)| query.split([' ', '#']).next().unwrap_or_default());
        // Asks the redaction whether a value is a secret: the `-` before the value makes every replacement visible.
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            if secrets.url(&format!("?{name}=-{value}")) != format!("?{name}=-{value}") {
                values.push(value);
            }
        }
        for (name, value) in fields.lines().filter_map(|field| field.split_once(':')) {
            if secrets.0.covers(name) {
                // Takes the parts as well: of `Bearer abc` also `abc`, of `a=b; c=d` also `b` and `d`.
                let parts = value.split([' ', ';', ',']);
                values.extend(parts.flat_map(|part| [part, part.split_once('=').map_or("", |(_, value)| value)]));
                values.push(value.trim());
            }
        }
        let mut values: Vec<Vec<u8>> = values.into_iter().map(header_bytes).collect();
        values.retain(|value| value.len() >= KNOWN_BYTES_MIN);
        // Replaces longer values first, since a value may be a part of another.
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self(values)
    }

    /// Returns the bytes with every known secret replaced.
    pub(super) fn hide(&self, bytes: Bytes) -> Bytes {
        let mut hidden: Option<Vec<u8>> = None;
        for value in &self.0 {
            let found: Vec<usize> = memchr::memmem::find_iter(hidden.as_deref().unwrap_or(&bytes), value).collect();
            for start in found {
                let bytes = hidden.get_or_insert_with(|| bytes.to_vec());
                bytes[start..start + value.len()].fill(b'x');
            }
        }
        hidden.map_or(bytes, Bytes::from)
    }
}

/// Returns the value of a field in the head of a request.
pub(super) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(&["X-Room".to_owned(), "msg".to_owned()]).expect("names")
    }

    #[test]
    fn the_head_of_a_request_has_no_secrets() {
        let head = "POST /chat?token=abc&a=1&msg=hi HTTP/1.1\r\nHost: a\r\nAUTHORIZATION:  Bearer abc\r\n folded\r\n\
                    Cookie:a=b\r\nX-Room: 7\r\nReferer: http://a/?key=abc\r\nX-Api-Key: k\r\nAccept: */*\r\n\r\n";
        let hidden = "POST /chat?token=xxx&a=1&msg=xx HTTP/1.1\r\nHost: a\r\nAUTHORIZATION:  xxxxxxxxxx\r\nxxxxxxx\r\n\
                      Cookie:xxx\r\nX-Room: x\r\nReferer: http://a/?key=xxx\r\nX-Api-Key: x\r\nAccept: */*\r\n\r\n";
        assert_eq!(secrets().head(head), hidden);
    }

    #[test]
    fn a_form_and_json_have_no_secrets() {
        let form = secrets().body("application/x-www-form-urlencoded", Bytes::from_static(b"user=me&password=hunter2"));
        assert_eq!(form, "user=me&password=xxxxxxx");
        let json = secrets().body("application/json", Bytes::from_static(b"{\"model\":\"m\",\"api_key\":\"sk-1\"}"));
        assert_eq!(json, "{\"model\":\"m\",\"api_key\":\"xxxx\"}");
        let no_text = secrets().body("", Bytes::from_static(b"\xff{\"token\":\"a\"}"));
        assert_eq!(no_text, &b"\xff{\"token\":\"x\"}"[..]);
    }

    #[test]
    fn a_secret_that_the_server_sends_back_is_hidden() {
        let head = "GET /?token=query-secret&a=not-a-secret HTTP/1.1\r\nAuthorization: Bearer bearer-secret\r\n\
                    Cookie: sid=cookie-secret; b=2\r\n\r\n";
        let known = KnownSecrets::of(&secrets(), head);
        let echo = "query-secret bearer-secret Bearer bearer-secret cookie-secret not-a-secret";
        let hidden = "xxxxxxxxxxxx xxxxxxxxxxxxx xxxxxxxxxxxxxxxxxxxx xxxxxxxxxxxxx not-a-secret";
        assert_eq!(known.hide(echo.into()), hidden);
        let headers = vec![("set-cookie".to_owned(), "a=b".to_owned()), ("x-echo".into(), "bearer-secret".into())];
        let expected = [("set-cookie".to_owned(), "xxx".to_owned()), ("x-echo".into(), "xxxxxxxxxxxxx".into())];
        assert_eq!(secrets().headers(headers, &known), expected);
    }
}
