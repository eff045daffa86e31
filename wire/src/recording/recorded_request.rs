//! The head of a recorded request, out of its text (RFC 9112, 2.1).

use super::RawRequest;
use crate::body::content_length;
use crate::jsonl::Problem;

/// The head of a recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// The fields in wire order, names as the client wrote them.
    pub headers: Vec<(String, String)>,
}

impl RawRequest {
    /// Reads the text as a head.
    ///
    /// # Errors
    ///
    /// If the text is no head of a request.
    pub fn parts(&self) -> Result<RecordedRequest, Problem> {
        let head = self.text.trim_end_matches(['\r', '\n']);
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let words: Vec<&str> = first.split(' ').collect();
        let (method, target) = match words[..] {
            [method, target, version]
                if is_plain(method)
                    && is_target(method, target)
                    && !has_controls(target)
                    && version.starts_with("HTTP/1.") =>
            {
                (method.to_owned(), target.to_owned())
            }
            _ => return Err(problem(format_args!("METHOD TARGET HTTP/1.1 as the first line, got {first:?}"))),
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            // Refuses a lone CR, behind which a server might read another header (RFC 9112, 2.2), also in a folded line.
            if has_controls(line) {
                return Err(problem(format_args!("a header without control characters, got {line:?}")));
            }
            // Appends a line that begins with a space to the field before (RFC 9112, 5.2).
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), headers.last_mut()) {
                *value += &format!(" {}", line.trim());
                continue;
            }
            let Some((name, value)) = line.split_once(':').filter(|(name, _)| is_plain(name)) else {
                return Err(problem(format_args!("header lines like Name: value, got {line:?}")));
            };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        // Counts the line ends behind the last header: a head ends with an empty line.
        if self.text[head.len()..].matches('\n').count() < 2 {
            return Err(problem(format_args!(
                "an empty line at the end of the head, got none: end the text with \\r\\n\\r\\n"
            )));
        }
        let wrong = |got| problem(format_args!("one plain Content-Length (RFC 9112, 6.3), got {got}"));
        content_length(&headers).map_err(wrong)?;
        Ok(RecordedRequest { method, target, headers })
    }
}

/// Returns whether a request with this method may have such a target (RFC 9112, 3.2).
fn is_target(method: &str, target: &str) -> bool {
    target.starts_with('/') || target == "*" || target.contains("://") || method == "CONNECT" && !target.is_empty()
}

fn problem(expected: std::fmt::Arguments<'_>) -> Problem {
    Problem::field("text", expected)
}

/// Returns whether a word is neither empty nor has white space or characters outside of ASCII.
pub(super) fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns whether the value of a field has control characters, which no field may have (RFC 9110, 5.5).
pub(super) fn has_controls(value: &str) -> bool {
    value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RecordedRequest, String> {
        RawRequest { text: text.to_owned() }.parts().map_err(|problem| problem.at(2).to_string())
    }

    #[test]
    fn a_head_is_read_with_the_names_as_written() {
        let head = read("POST /a?b=1 HTTP/1.1\r\nHost: x\r\nX-A:  1\r\n 2\r\n\r\n").expect("a head");
        assert_eq!((head.method.as_str(), head.target.as_str()), ("POST", "/a?b=1"));
        let headers: Vec<_> = head.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(headers, ["Host=x", "X-A=1 2"]);
    }

    #[test]
    fn what_is_no_request_is_told() {
        for (text, told) in [
            ("", "expected METHOD TARGET HTTP/1.1 as the first line, got \"\""),
            ("GET /a b HTTP/1.1\r\n\r\n", "expected METHOD TARGET HTTP/1.1"),
            ("GET / HTTP/2\r\n\r\n", "expected METHOD TARGET HTTP/1.1"),
            ("GET a HTTP/1.1\r\n\r\n", "expected METHOD TARGET HTTP/1.1"),
            ("GET / HTTP/1.1\r\nno header\r\n\r\n", "expected header lines like Name: value, got \"no header\""),
            ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "expected a header without control characters"),
            ("GET / HTTP/1.1\r\nA: b\r\n c\rX: y\r\n\r\n", "expected a header without control characters"),
            ("GET / HTTP/1.1\r\nA: b\r\n", "expected an empty line at the end of the head, got none"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "expected one plain Content-Length"),
            ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "(RFC 9112, 6.3), got Content-Length: x"),
            ("GET / HTTP/1.1", "expected an empty line at the end of the head, got none"),
        ] {
            let problem = read(text).expect_err(text);
            assert!(problem.starts_with("line 2, field \"text\": ") && problem.contains(told), "{problem}");
        }
    }
}
