//! The address of a server, read from a URL.

use std::fmt;
use std::net::Ipv6Addr;

use reqwest::Url;

/// The address of a server that speaks plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The name or the IP address; an IPv6 address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `Host`.
    pub(super) authority: String,
    /// The prefix of each path; empty, or without a slash at the end.
    pub(super) prefix: String,
}

impl Address {
    /// Reads a URL, or just a host and a port.
    ///
    /// # Errors
    ///
    /// If the text is not such an address: the expected text, and what to write.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some(text) = with_scheme(text)? else {
            return Err("expected a host, like http://localhost:3000".into());
        };
        let url = Url::parse(&text)
            .map_err(|error| format!("expected a host and perhaps a port, like http://localhost:3000 ({error})"))?;
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(80);
        let prefix = url.path().trim_end_matches('/');
        // The default port stands neither in the URL nor in `Host`.
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let plain = format!("http://{authority}{prefix}");
        match url.scheme() {
            "http" => {}
            "https" => {
                return Err("expected http://, since onbeat check does not speak TLS: give the address at which the \
                            server itself takes plain HTTP"
                    .into());
            }
            scheme => return Err(format!("expected http://, got {scheme}://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "expected no name and password in it: write {plain}, and send them with --header 'Authorization: Basic …'"
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("expected nothing after the path: write {plain}"));
        }
        if port == 0 {
            return Err("expected a port from 1 to 65535, got 0".into());
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port, authority, prefix: prefix.to_owned() })
    }

    /// Returns the URL for an error message, with the port even where the URL leaves the port out.
    pub(super) fn with_port(&self) -> String {
        if self.authority.ends_with(&format!(":{}", self.port)) {
            self.to_string()
        } else {
            format!("{self} (port {})", self.port)
        }
    }
}

/// Returns the text with `http://` in front, if the text has no scheme; no text if the text has no host.
fn with_scheme(text: &str) -> Result<Option<String>, String> {
    let lower = text.to_ascii_lowercase();
    if text.is_empty() || text.starts_with(['/', ':', '?', '#']) && text.parse::<Ipv6Addr>().is_err() {
        return Ok(None);
    }
    // A URL parser would take a port for a host, and an IPv6 address for a host with a port.
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("expected a host before the port: write http://localhost:{text}"));
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("expected an IPv6 address in brackets, and a port: write http://[{text}]:3000"));
    }
    let has_scheme = text.contains("://") || lower.starts_with("http:") || lower.starts_with("https:");
    Ok(Some(if has_scheme { text.to_owned() } else { format!("http://{text}") }))
}

/// Writes the URL in one spelling.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

/// Returns the text for an error message, without a password.
pub(super) fn without_userinfo(text: &str) -> String {
    // A text that is not a URL may have a password all the same.
    let start = text.find("://").map_or(0, |at| at + 3);
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
            let address = Address::read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
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
            ("https://localhost:3000", "onbeat check does not speak TLS"),
            ("HTTPS://localhost", "onbeat check does not speak TLS"),
            ("ws://localhost:3000", "expected http://, got ws://"),
            ("file:///etc/passwd", "expected http://, got file://"),
            ("localhost:3000/?x=1", "expected nothing after the path: write http://localhost:3000"),
            ("http://localhost:3000/api#top", "write http://localhost:3000/api"),
            ("http://me:secret@localhost:3000", "write http://localhost:3000, and send them with --header"),
            ("me@localhost:3000", "write http://localhost:3000, and send them with --header"),
        ] {
            match Address::read(text) {
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
            ("http://localhost/a@b", "http://localhost/a@b"),
            ("localhost:port", "localhost:port"),
        ] {
            assert_eq!(without_userinfo(text), shown);
        }
    }
}
