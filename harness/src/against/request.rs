//! The request of a recording, as it is sent again.

#[cfg(feature = "live")]
mod to_server;

use bytes::Bytes;
use onbeat_wire::is_connection_field;
use onbeat_wire::jsonl::Problem;
use onbeat_wire::recording::Body;

use crate::check::ExtraHeaders;
use crate::record::Secrets;

/// Fields that the address of the server decides, or the framing of the body.
const OWN_FIELDS: [&str; 3] = ["host", "content-length", "expect"];
/// A value of so many `x` and nothing else is a secret that the recorder left out.
const MASK_MIN: usize = 4;

/// The request of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReplayRequest {
    pub(super) method: String,
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The names of the headers and query parameters whose values the recorder left out.
    pub(super) masked: Vec<String>,
}

impl ReplayRequest {
    /// Reads the request out of the text of a head.
    ///
    /// # Errors
    ///
    /// If the text is no head of a request, or the body is incomplete.
    pub(super) fn read(text: &str, body: Option<&Body>) -> Result<Self, Problem> {
        let head = text.trim_end_matches(['\r', '\n']);
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let words: Vec<&str> = first.split(' ').collect();
        let [method, target, version] = words[..] else {
            return Err(Problem::field(
                "text",
                format_args!("METHOD TARGET HTTP/1.1 as the first line, got {first:?}"),
            ));
        };
        let is_plain = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain(method) || !is_plain(target) || !version.starts_with("HTTP/1.") {
            return Err(Problem::field(
                "text",
                format_args!("METHOD TARGET HTTP/1.1 as the first line, got {first:?}"),
            ));
        }
        if body.is_some_and(|body| body.is_cut) {
            return Err(Problem::field(
                "body.cut",
                "the whole body: the recorder kept the beginning alone, so that the request can't be sent again; put the \
                 whole body here, and delete the key",
            ));
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            // Appends a line that begins with a space to the field before (RFC 9112, 5.2).
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), headers.last_mut()) {
                *value += &format!(" {}", line.trim());
                continue;
            }
            let Some((name, value)) = line.split_once(':').filter(|(name, _)| is_plain(name)) else {
                return Err(Problem::field("text", format_args!("header lines like Name: value, got {line:?}")));
            };
            if value.chars().any(|char| char.is_control() && char != '\t') {
                return Err(Problem::field("text", format_args!("a header without control characters, got {line:?}")));
            }
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        // Counts the line ends behind the last header: a head ends with an empty line (RFC 9112, 2.1).
        if text[head.len()..].matches('\n').count() < 2 {
            let expected = "an empty line at the end of the head, got none: end the text with \\r\\n\\r\\n";
            return Err(Problem::field("text", expected));
        }
        let body = body.map(|body| body.bytes.clone()).unwrap_or_default();
        let masked = headers.iter().filter(|(name, value)| is_masked(name, value)).map(|(name, _)| name.clone());
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
        let parameters = parameters.filter(|(name, value)| is_masked(name, value)).map(|(name, _)| format!("?{name}"));
        let masked = masked.chain(parameters).collect();
        Ok(Self { method: method.to_owned(), target: origin_form(target), headers, body, masked })
    }

    /// Returns the fields to send: the recorded fields, and further ones, which replace the recorded fields of the same names.
    /// Left out are the fields that the connection decides, and the secrets that the recorder left out.
    pub(crate) fn fields(&self, more: &ExtraHeaders) -> Vec<(String, String)> {
        let more: Vec<(String, String)> = more.pairs().collect();
        let is_given = |name: &str| more.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let is_own =
            |name: &str| is_connection_field(name) || OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name));
        let kept = self.headers.iter().filter(|(name, value)| {
            // Keeps `content-length: 0` of a request without a body.
            let says_empty = name.eq_ignore_ascii_case("content-length") && value == "0" && self.body.is_empty();
            says_empty || !is_own(name) && !is_given(name) && !is_masked(name, value)
        });
        kept.cloned().chain(more.iter().cloned()).collect()
    }
}

impl ReplayRequest {
    /// Returns the bytes of the request to an application in a lab: for the recorded host, unless another is given.
    pub(super) fn in_lab(&self, more: &ExtraHeaders) -> Bytes {
        let fields = self.fields(more);
        let host = |fields: &[(String, String)]| {
            fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value.clone())
        };
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if host(&fields).is_none() {
            // Adds the recorded host, which the fields leave out for a server with an address of its own.
            head += &format!("host: {}\r\n", host(&self.headers).unwrap_or_else(|| "onbeat".into()));
        }
        for (name, value) in &fields {
            head += &format!("{name}: {value}\r\n");
        }
        // Frames the body anew, since the fields leave out the recorded length.
        if !self.body.is_empty() {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        [head.as_bytes(), b"\r\n", &self.body].concat().into()
    }
}

/// Returns the path and the query of a target, without a scheme and a host.
fn origin_form(target: &str) -> String {
    // Takes only a short word before `://` for a scheme, since a query may have a URL as well.
    let Some((_, rest)) = target.split_once("://").filter(|(scheme, _)| scheme.len() <= "https".len()) else {
        return target.to_owned();
    };
    rest.find(['/', '?']).map_or_else(|| "/".to_owned(), |at| rest[at..].to_owned())
}

/// Returns whether the recorder may have left out a secret within a text.
pub(super) fn has_mask(text: &str) -> bool {
    text.contains(&"x".repeat(MASK_MIN))
}

/// Returns whether the recorder left out the value of a header or a query parameter.
pub(super) fn is_masked(name: &str, value: &str) -> bool {
    let only_x = !value.is_empty() && value.bytes().all(|byte| byte == b'x');
    only_x && (value.len() >= MASK_MIN || Secrets::default().covers(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_told() {
        for (text, told) in [
            ("", "expected METHOD TARGET HTTP/1.1 as the first line, got \"\""),
            ("GET /a b HTTP/1.1\r\n\r\n", "expected METHOD TARGET HTTP/1.1"),
            ("GET / HTTP/2\r\n\r\n", "expected METHOD TARGET HTTP/1.1"),
            ("GET / HTTP/1.1\r\nno header\r\n\r\n", "expected header lines like Name: value, got \"no header\""),
            ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "expected a header without control characters"),
            ("GET / HTTP/1.1\r\nA: b\r\n", "expected an empty line at the end of the head, got none"),
            ("GET / HTTP/1.1", "expected an empty line at the end of the head, got none"),
        ] {
            let problem = ReplayRequest::read(text, None).expect_err(text).at(2).to_string();
            assert!(problem.starts_with("line 2, field \"text\": ") && problem.contains(told), "{problem}");
        }
        let body = Body { bytes: Bytes::from_static(b"a"), is_cut: true };
        let problem = ReplayRequest::read("POST / HTTP/1.1\r\n\r\n", Some(&body)).expect_err("cut").at(2).to_string();
        assert!(problem.starts_with("line 2, field \"body.cut\": expected the whole body"), "{problem}");
    }
}
