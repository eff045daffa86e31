//! The request of a recording, as it is sent to a server with a URL.

use std::time::Duration;

use super::{MoreHeaders, ReplayRequest};
use crate::record::OneRequest;
use crate::server_url::ServerUrl;

impl ReplayRequest {
    /// Returns the request to a server, with further headers, which replace the recorded ones of the same names.
    pub(in crate::against) fn to(&self, server: &ServerUrl, more: &MoreHeaders, watched: Duration) -> OneRequest {
        OneRequest {
            method: self.method.clone(),
            target: self.target_at(server),
            headers: self.fields(more),
            body: self.body.to_vec(),
            watched: Some(watched),
        }
    }

    /// Returns the target on a server whose URL has a path. The path comes before the target, unless it is the target.
    fn target_at(&self, server: &ServerUrl) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        if path.trim_end_matches('/') == server.path || !self.target.starts_with('/') {
            self.target.clone()
        } else {
            format!("{}{}", server.path, self.target)
        }
    }
}

#[cfg(test)]
mod tests {
    use onbeat_wire::recording::RawRequest;

    use super::*;
    use crate::check::ExtraHeaders;

    fn request(text: &str) -> ReplayRequest {
        let recorded = RawRequest { text: text.to_owned() }.parts();
        recorded
            .and_then(|recorded| ReplayRequest::of(recorded, None))
            .unwrap_or_else(|problem| panic!("{text}: {}", problem.at(1)))
    }

    fn sent(text: &str, url: &str, headers: &[&str]) -> (String, Vec<String>) {
        let headers: Vec<String> = headers.iter().map(|text| (*text).to_owned()).collect();
        let headers = ExtraHeaders::read_for_recordings(&headers).expect("headers");
        let request = request(text);
        let headers = MoreHeaders::of(&headers, [&request].into_iter());
        let one = request.to(&ServerUrl::read(url).expect("a URL"), &headers, Duration::ZERO);
        (one.target, one.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect())
    }

    #[test]
    fn the_host_the_framing_and_the_secrets_of_a_recording_are_not_sent() {
        let text = "POST /chat?a=1 HTTP/1.1\r\nHost: old:1\r\nAccept: text/event-stream\r\nAuthorization: xxxxxxxxx\r\n\
                    Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nX-Room: 7\r\n\r\n";
        let (target, headers) = sent(text, "localhost:3000", &["X-Room: 8", "Authorization: Bearer a"]);
        assert_eq!(target, "/chat?a=1");
        assert_eq!(headers, ["Accept: text/event-stream", "x-room: 8", "authorization: Bearer a"]);
        assert_eq!(request(text).masked, ["Authorization"]);
        assert_eq!(request("GET /?token=xxx&a=x HTTP/1.1\r\nX-Flag: x\r\n\r\n").masked, ["?token"]);
    }

    #[test]
    fn a_header_in_place_of_a_secret_is_sent_with_the_requests_that_had_the_secret() {
        let [with, without] =
            ["Cookie: xxxxxxxx\r\n", ""].map(|line| request(&format!("GET / HTTP/1.1\r\n{line}\r\n")));
        let given = ["Cookie: sid=7".to_owned(), "X-Room: 8".to_owned()];
        let given = ExtraHeaders::read_for_recordings(&given).expect("headers");
        let names = |request: &ReplayRequest, all: &[&ReplayRequest]| -> Vec<String> {
            let headers = MoreHeaders::of(&given, all.iter().copied());
            let sent = request.to(&ServerUrl::read("a").expect("a URL"), &headers, Duration::ZERO);
            sent.headers.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&with, &[&with, &without]), ["cookie", "x-room"]);
        assert_eq!(names(&without, &[&with, &without]), ["x-room"]);
        // Without any secret in its place a header belongs to all requests.
        assert_eq!(names(&without, &[&without]), ["cookie", "x-room"]);
    }

    #[test]
    fn the_path_of_the_url_comes_before_the_target_unless_it_is_the_target() {
        for (target, url, expected) in [
            ("/chat", "localhost:3000", "/chat"),
            ("/chat?a=1", "localhost:3000/api/", "/api/chat?a=1"),
            ("/chat?a=1", "localhost:3000/chat", "/chat?a=1"),
            ("http://old/chat", "localhost:3000", "/chat"),
            ("http://old", "localhost:3000", "/"),
            ("http://old?a=1", "localhost:3000", "/?a=1"),
            ("/http://example.com/feed", "localhost:3000", "/http://example.com/feed"),
            ("/feed?of=http://example.com/", "localhost:3000", "/feed?of=http://example.com/"),
            ("*", "localhost:3000/api", "*"),
        ] {
            assert_eq!(sent(&format!("GET {target} HTTP/1.1\r\n\r\n"), url, &[]).0, expected, "{target} {url}");
        }
    }
}
