//! The address of a server, as a URL tells it.

use std::fmt;
use std::net::Ipv6Addr;

use reqwest::Url;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    pub(crate) is_tls: bool,
    /// The name or the IP address; an IPv6 address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Host`.
    pub(crate) authority: String,
    /// The path before the path of each request; empty, or without a slash at the end.
    pub(crate) path: String,
}

impl ServerUrl {
    /// Reads the URL of a server, or just a host and a port.
    ///
    /// # Errors
    ///
    /// If the text is not such a URL, or the URL has a user name, a query or a fragment: the expected text, and what to
    /// write.
    pub fn read(text: &str) -> Result<Self, String> {
        let (url, server) = parse(text)?;
        // Refuses a query, which would be lost: each request has a query of its own.
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("expected nothing after the path: write {server}"));
        }
        Ok(server)
    }

    /// Reads the URL of one resource. Returns the server, without a path, and the request target.
    ///
    /// # Errors
    ///
    /// If the text is not such a URL, or the URL has a user name: the expected text, and what to write.
    pub fn read_with_target(text: &str) -> Result<(Self, String), String> {
        let (url, server) = parse(text)?;
        let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok((Self { path: String::new(), ..server }, target))
    }

    /// Returns the URL of a request target on the server.
    pub(crate) fn url_of(&self, target: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}{target}", self.authority)
    }

    /// Returns the URL for an error message, with the port even where the URL leaves the port out.
    pub(crate) fn with_port(&self) -> String {
        if self.authority.ends_with(&format!(":{}", self.port)) {
            self.to_string()
        } else {
            format!("{self} (port {})", self.port)
        }
    }
}

/// Writes the URL in one spelling.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url_of(&self.path))
    }
}

fn parse(text: &str) -> Result<(Url, ServerUrl), String> {
    // Keeps the text itself out of every message, since the text may have a password.
    let Some(text) = with_scheme(text.trim())? else {
        return Err("expected a host, like http://localhost:3000".into());
    };
    let url = Url::parse(&text)
        .map_err(|error| format!("expected a host and perhaps a port, like http://localhost:3000 ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("expected http:// or https://, got {}://", url.scheme()));
    }
    let host = url.host_str().unwrap_or_default();
    let server = ServerUrl {
        is_tls: url.scheme() == "https",
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: url.port_or_known_default().unwrap_or(80),
        // Leaves the default port out, as URLs and `Host` do.
        authority: url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
        path: url.path().trim_end_matches('/').to_owned(),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "expected no name and password in it: write {server}, and send them with --header 'Authorization: Basic …'"
        ));
    }
    if server.port == 0 {
        return Err("expected a port from 1 to 65535, got 0".into());
    }
    Ok((url, server))
}

/// Returns the text with `http://` in front, if the text has no scheme; no text if the text has no host.
fn with_scheme(text: &str) -> Result<Option<String>, String> {
    let lower = text.to_ascii_lowercase();
    if text.is_empty() || text.starts_with(['/', ':', '?', '#']) && text.parse::<Ipv6Addr>().is_err() {
        return Ok(None);
    }
    // Refuses a lone port, which a URL parser takes for a host, and a lone IPv6 address, which it takes for a host with a port.
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("expected a host before the port: write http://localhost:{text}"));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("expected an IPv6 address in brackets, and a port: write http://[{text}]:3000"));
    }
    let has_scheme = scheme_length(text) > 0 || lower.starts_with("http:") || lower.starts_with("https:");
    Ok(Some(if has_scheme { text.to_owned() } else { format!("http://{text}") }))
}

/// Returns the length of the scheme and of `://` at the beginning of a text; 0 if there is no scheme.
fn scheme_length(text: &str) -> usize {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    // Passes over a `://` in a query, behind a host.
    scheme.filter(|scheme| !scheme.contains([':', '/', '?', '#', '@'])).map_or(0, |scheme| scheme.len() + 3)
}

/// Returns the text for an error message, without a password.
pub(crate) fn without_userinfo(text: &str) -> String {
    // Looks for a password even in a text that is no URL, and behind any number of slashes, as a URL parser does.
    let lower = text.to_ascii_lowercase();
    let scheme = ["http:", "https:"].into_iter().find(|scheme| lower.starts_with(scheme));
    let scheme = scheme.map_or_else(|| scheme_length(text), str::len);
    let start = text.len() - text[scheme..].trim_start_matches(['/', '\\']).len();
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    match text[start..end].rfind('@') {
        Some(at) => format!("{}…{}", &text[..start], &text[start + at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_however_it_is_written() {
        for (text, url, host, port) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000", "127.0.0.1", 3000),
            ("localhost:3000", "http://localhost:3000", "localhost", 3000),
            ("LocalHost:3000", "http://localhost:3000", "localhost", 3000),
            ("127.0.0.1:3000", "http://127.0.0.1:3000", "127.0.0.1", 3000),
            ("HTTP://localhost:3000/", "http://localhost:3000", "localhost", 3000),
            ("http://localhost:3000///", "http://localhost:3000", "localhost", 3000),
            ("http:localhost:3000", "http://localhost:3000", "localhost", 3000),
            ("http://localhost", "http://localhost", "localhost", 80),
            ("localhost", "http://localhost", "localhost", 80),
            ("localhost:80", "http://localhost", "localhost", 80),
            ("http-server:3000", "http://http-server:3000", "http-server", 3000),
            ("localhost:3000/api/", "http://localhost:3000/api", "localhost", 3000),
            ("[::1]:3000", "http://[::1]:3000", "::1", 3000),
            ("http://[::1]:3000", "http://[::1]:3000", "::1", 3000),
            ("[::1]", "http://[::1]", "::1", 80),
            (" http://localhost:3000 ", "http://localhost:3000", "localhost", 3000),
        ] {
            let address = ServerUrl::read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(
                (address.to_string().as_str(), address.host.as_str(), address.port),
                (url, host, port),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_told_with_what_to_write() {
        for (text, told) in [
            ("", "expected a host, like http://localhost:3000"),
            ("/sse", "expected a host, like http://localhost:3000"),
            (":3000", "expected a host, like http://localhost:3000"),
            ("3000", "write http://localhost:3000"),
            ("http://", "expected a host and perhaps a port"),
            ("localhost:", ""),
            ("localhost:port", "(invalid port number)"),
            ("localhost:65536", "(invalid port number)"),
            ("localhost:0", "expected a port from 1 to 65535, got 0"),
            ("::1", "write http://[::1]:3000"),
            ("ws://localhost:3000", "expected http:// or https://, got ws://"),
            ("file:///etc/passwd", "expected http:// or https://, got file://"),
            ("localhost:3000/?x=1", "expected nothing after the path: write http://localhost:3000"),
            ("http://localhost:3000/api#top", "write http://localhost:3000/api"),
            ("http://me:secret@localhost:3000", "write http://localhost:3000, and send them with --header"),
            ("me@localhost:3000", "write http://localhost:3000, and send them with --header"),
            ("me:secret@localhost", "write http://localhost, and send them with --header"),
            ("http://me:secret@localhost:port", "(invalid port number)"),
            ("http://localhost/?a=1", "expected nothing after the path"),
        ] {
            match ServerUrl::read(text) {
                Ok(address) => assert!(told.is_empty(), "{text}: {address}"),
                Err(why) => assert!(!told.is_empty() && why.contains(told) && !why.contains("secret"), "{text}: {why}"),
            }
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (text, shown) in [
            ("http://me:secret@localhost/a@b", "http://…@localhost/a@b"),
            ("me:se@cret@localhost", "…@localhost"),
            ("http:/me:secret@localhost", "http:/…@localhost"),
            ("HTTPS:///me:secret@localhost", "HTTPS:///…@localhost"),
            ("me:secret@localhost/to?url=http://there", "…@localhost/to?url=http://there"),
            ("http://localhost/a@b", "http://localhost/a@b"),
            ("localhost:port", "localhost:port"),
        ] {
            assert_eq!(without_userinfo(text), shown);
        }
    }

    #[test]
    fn a_resource_is_a_server_and_a_target() {
        for (text, url, target, port) in [
            ("http://localhost:8000/chat?a=1", "http://localhost:8000", "/chat?a=1", 8000),
            ("localhost:8000", "http://localhost:8000", "/", 8000),
            ("localhost:8000/to?url=http://there", "http://localhost:8000", "/to?url=http://there", 8000),
            ("https://api.example.com/v1/chat#top", "https://api.example.com", "/v1/chat", 443),
            ("http://[::1]:3000/a b", "http://[::1]:3000", "/a%20b", 3000),
        ] {
            let (server, got) = ServerUrl::read_with_target(text).expect(text);
            assert_eq!((server.to_string().as_str(), got.as_str(), server.port), (url, target, port));
        }
        let server = ServerUrl::read("https://api.example.com/v1/").expect("a URL");
        assert_eq!((server.to_string().as_str(), server.is_tls), ("https://api.example.com/v1", true));
    }
}
