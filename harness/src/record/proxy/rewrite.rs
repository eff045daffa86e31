//! The head of a request, as the server gets it.

use onbeat_wire::RequestHead;

use crate::server_url::ServerUrl;

/// Returns the target and the head for the server: `Host` names the server, and the path of the server's URL comes first.
/// All other bytes stay as they were.
pub(super) fn rewritten(head: &RequestHead, upstream: &ServerUrl) -> (String, Vec<u8>) {
    let target = target(&head.target, &upstream.path);
    let mut lines = head.raw.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let end: &[u8] = if first.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
    let mut bytes = format!("{} {target} HTTP/1.{}", head.method, head.minor_version).into_bytes();
    bytes.extend_from_slice(end);
    let host = format!("Host: {}", upstream.authority);
    let mut has_host = false;
    for line in lines {
        let is_host = line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"host:"));
        let is_last = line == end;
        // Adds a missing `Host` before the blank line: HTTP/1.0 asks for none, but the server may need the name.
        if (is_host || is_last) && !has_host {
            has_host = true;
            bytes.extend([host.as_bytes(), end].concat());
        }
        // Drops every `Host` of the client, also a second.
        if !is_host {
            bytes.extend_from_slice(line);
        }
    }
    (target, bytes)
}

/// Returns the target for the server. A client that was told of a proxy sends whole URLs (RFC 9112, 3.2.2).
fn target(target: &str, path: &str) -> String {
    let path_and_query = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => &rest[rest.find(['/', '?']).unwrap_or(rest.len())..],
        _ => target,
    };
    match path_and_query {
        "*" => "*".to_owned(),
        rest if rest.starts_with('/') => format!("{path}{rest}"),
        rest => format!("{path}/{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use onbeat_wire::{RequestPart, Requests};

    use super::*;

    fn for_server(head: &str, url: &str) -> (String, String) {
        let mut requests = Requests::default();
        requests.push(head.as_bytes());
        let Ok(Some(RequestPart::Head(head))) = requests.next_part() else { panic!("a head") };
        let (target, bytes) = rewritten(&head, &ServerUrl::read(url).expect("a URL"));
        (target, String::from_utf8(bytes).expect("UTF-8"))
    }

    #[test]
    fn only_the_target_and_the_host_change() {
        let (target, head) = for_server(
            "POST /chat?a=1 HTTP/1.1\r\nX-A:  b \r\nhost: localhost:9000\r\nCookie: a=b\r\n\r\n",
            "https://api.example.com/v1/",
        );
        assert_eq!(target, "/v1/chat?a=1");
        assert_eq!(head, "POST /v1/chat?a=1 HTTP/1.1\r\nX-A:  b \r\nHost: api.example.com\r\nCookie: a=b\r\n\r\n");
        let (_, head) = for_server("GET / HTTP/1.0\n\n", "localhost:8000");
        assert_eq!(head, "GET / HTTP/1.0\nHost: localhost:8000\n\n");
    }

    #[test]
    fn a_target_is_a_path_for_the_server() {
        for (target, expected) in [
            ("/", "/v1/"),
            ("http://localhost:9000/a?b", "/v1/a?b"),
            ("http://localhost:9000", "/v1/"),
            ("/a?u=http://b/c", "/v1/a?u=http://b/c"),
            ("*", "*"),
        ] {
            let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(for_server(&head, "http://localhost/v1").0, expected);
        }
    }
}
