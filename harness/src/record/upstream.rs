//! Where the recorded server is, as a URL says.

use std::fmt;

use reqwest::Url;

/// The address of the recorded server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub(super) is_tls: bool,
    /// The name or the IP address; an IPv6 address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `Host`.
    pub(super) authority: String,
    /// The path that comes before each request's own; empty, or without a slash at the end.
    pub(super) path: String,
}

/// A text that is no URL of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL like http://localhost:8000/chat, {0}")]
pub struct WrongUrl(String);

impl Upstream {
    /// Reads the URL of one resource; returns the server, and the request target. The scheme may be left out for HTTP.
    ///
    /// # Errors
    ///
    /// If the text is no URL with `http` or `https`, or has a user name in it.
    pub fn read_with_target(text: &str) -> Result<(Self, String), WrongUrl> {
        let url = parse(text)?;
        let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok((Self::new(&url, ""), target))
    }

    /// Reads the URL of a server. A path in the URL comes before the path of each request.
    ///
    /// # Errors
    ///
    /// If the text is no URL with `http` or `https`, or has a user name, a query or a fragment in it.
    pub fn read(text: &str) -> Result<Self, WrongUrl> {
        // Each request has a query of its own, so that a query here could only be lost.
        let url = parse(text)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(WrongUrl("and nothing after the path; each request brings its own query".into()));
        }
        Ok(Self::new(&url, url.path().trim_end_matches('/')))
    }

    fn new(url: &Url, path: &str) -> Self {
        let host = url.host_str().unwrap_or_default();
        Self {
            is_tls: url.scheme() == "https",
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port_or_known_default().unwrap_or(80),
            authority: url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
            path: path.to_owned(),
        }
    }

    /// Returns the URL of a request target on the server.
    pub(super) fn url_of(&self, target: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}{target}", self.authority)
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url_of(&self.path))
    }
}

fn parse(text: &str) -> Result<Url, WrongUrl> {
    let text = text.trim();
    // The text itself stays out of every message, since a password may be in it.
    let has_scheme = text.contains("://");
    if text.is_empty() || text.starts_with(['/', ':', '?', '#']) {
        return Err(WrongUrl("got no host".into()));
    }
    let with_scheme = if has_scheme { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&with_scheme).map_err(|error| WrongUrl(format!("got another text ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(WrongUrl(format!("got {}://", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(WrongUrl("and no user name in it: send -H 'Authorization: Basic …' instead".into()));
    }
    if url.port() == Some(0) {
        return Err(WrongUrl("and a port from 1 to 65535, got 0".into()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tells_the_server_and_the_target() {
        for (text, url, target, port) in [
            ("http://localhost:8000/chat?a=1", "http://localhost:8000", "/chat?a=1", 8000),
            ("localhost:8000", "http://localhost:8000", "/", 8000),
            ("https://api.example.com/v1/chat#top", "https://api.example.com", "/v1/chat", 443),
            ("http://[::1]:3000/a b", "http://[::1]:3000", "/a%20b", 3000),
        ] {
            let (upstream, got) = Upstream::read_with_target(text).expect(text);
            assert_eq!((upstream.to_string().as_str(), got.as_str(), upstream.port), (url, target, port));
        }
        let upstream = Upstream::read("https://api.example.com/v1/").expect("a URL");
        assert_eq!(upstream.to_string(), "https://api.example.com/v1");
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        for (text, said) in [
            ("", "got no host"),
            ("/chat", "got no host"),
            ("http://", "got another text (empty host)"),
            ("ws://localhost", "got ws://"),
            ("http://me:secret@localhost", "no user name in it"),
            ("me:secret@localhost", "no user name in it"),
            ("http://me:secret@localhost:port", "got another text (invalid port number)"),
            ("localhost:0", "a port from 1 to 65535"),
        ] {
            let error = Upstream::read(text).expect_err(text).to_string();
            assert!(error.contains(said) && !error.contains("secret"), "{text}: {error}");
        }
        assert!(Upstream::read("http://localhost/?a=1").expect_err("a query").to_string().contains("own query"));
    }
}
