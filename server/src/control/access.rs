//! Who may ask for control: whoever is on this machine, or has the token; and no page that happens to be open there.
//!
//! A web page can send requests to a loopback address, from any origin, and by rebinding its own host name to it. So without
//! a token the `Host` must be a name that the server has, a foreign `Origin` must be named, and bodies must be what no plain
//! form can send. A page that rebinds its name does not know the token: with one, any `Host` will do.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    AUTHORIZATION, ORIGIN,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::fields::shown;
use super::refusal::Refusal;

/// Names that only this machine answers to.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Who may ask.
#[derive(Clone)]
pub struct Access {
    /// Names that the server has beside those of loopback: the one that it was told to listen on, and others.
    hosts: Vec<Authority>,
    token: Option<String>,
    origins: Vec<String>,
}

/// Control would be open to whom it should not, or to nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Without a token, everybody on the network could drive the server.
    #[error(
        "failed to open the control interface on {0}, which other machines reach: give a --control-token, or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// A token that can't be sent.
    #[error("expected a token of visible ASCII characters, such as `openssl rand -hex 16` prints")]
    Token,
    /// What no `Origin` header can be.
    #[error(
        "expected an origin as browsers send it, like http://localhost:5173, without a path and without the port 80 of http or 443 of https, got {0:?}"
    )]
    Origin(String),
    /// What no `Host` header can be, or too much.
    #[error(
        "expected a name or an address as in a Host header, like host.docker.internal or web:3000, without a scheme, a path or a wildcard, got {0:?}"
    )]
    Host(String),
}

impl Access {
    /// Access to a server that listens on these addresses, which were given as `host`.
    ///
    /// # Errors
    ///
    /// If one of the addresses is no loopback address and there is no token, or the token or an origin is none.
    pub fn new(
        addrs: &[SocketAddr],
        host: &str,
        token: Option<String>,
        origins: &[String],
    ) -> Result<Self, AccessError> {
        let exposed = addrs.iter().find(|addr| !addr.ip().to_canonical().is_loopback());
        if let Some(addr) = exposed.filter(|_| token.is_none()) {
            return Err(AccessError::Exposed(*addr));
        }
        if token.as_ref().is_some_and(|token| token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(AccessError::Token);
        }
        let origins =
            origins.iter().map(|origin| parse_origin(origin).ok_or_else(|| AccessError::Origin(origin.clone())));
        let origins = origins.collect::<Result<_, _>>()?;
        Ok(Self { hosts: parse_host(host).into_iter().collect(), token, origins })
    }

    /// The same, also by these names: each for any port, or for the one behind it.
    ///
    /// # Errors
    ///
    /// If one is no name or address.
    pub fn with_hosts(mut self, hosts: &[String]) -> Result<Self, AccessError> {
        for host in hosts {
            self.hosts.push(parse_host(host).ok_or_else(|| AccessError::Host(host.clone()))?);
        }
        Ok(self)
    }

    /// Whether a request was meant for this server, by somebody who may; returns the foreign origin that asks, if there
    /// is one.
    pub(super) fn origin(&self, request: &Request) -> Result<Option<HeaderValue>, Refusal> {
        let headers = request.headers();
        let host = self.host(request.uri(), headers)?;
        let origin = single(headers, "origin")?.map(str::to_ascii_lowercase);
        let named = origin.as_ref().filter(|origin| self.origins.contains(origin));
        if named.is_some() {
            return Ok(headers.get(ORIGIN).cloned());
        }
        if let Some(origin) = origin
            && origin != format!("http://{host}")
        {
            let reason = format!("{origin} is another origin than http://{host}: name it with --control-origin");
            return Err(Refusal::new(StatusCode::FORBIDDEN, "origin", reason));
        }
        let site = single(headers, "sec-fetch-site")?;
        if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            let reason = "the request comes from a page of another origin: name it with --control-origin";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "origin", reason));
        }
        Ok(None)
    }

    /// The host that the request is for, if it is this one. With a token that is any, since only who knows the token is
    /// answered.
    pub(super) fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, Refusal> {
        let refuse = |reason: String| Refusal::new(StatusCode::FORBIDDEN, "host", reason);
        let host = single(headers, "host")?.ok_or_else(|| refuse("expected a Host header".into()))?;
        for host in [Some(host), uri.authority().map(Authority::as_str)].into_iter().flatten() {
            let authority = host.parse::<Authority>().ok().filter(is_host_and_port);
            if authority.is_some_and(|authority| self.token.is_some() || self.is_here(&authority)) {
                continue;
            }
            let other = self.hosts.iter().map(Authority::as_str).filter(|other| !LOOPBACK.contains(other));
            let known = LOOPBACK.into_iter().chain(other).collect::<Vec<_>>().join(", ");
            let remedy = match parse_host(host) {
                Some(host) => format!(
                    "start the server with --control-host {}, or with a --control-token, by which any Host is accepted",
                    shown(host.host())
                ),
                None => "it is no name or address".into(),
            };
            return Err(refuse(format!("expected one of {known}, got {}: {remedy}", shown(host))));
        }
        Ok(host.to_ascii_lowercase())
    }

    fn is_here(&self, host: &Authority) -> bool {
        let is_loopback = address(host).map_or(host.host().eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback());
        is_loopback || self.hosts.iter().any(|known| is_same_host(known, host))
    }

    /// Whether the request has the token, if one is needed.
    pub(super) fn token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        let refuse = |reason| Err(Refusal::new(StatusCode::UNAUTHORIZED, "authorization", reason));
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return refuse("expected one header `Authorization: Bearer TOKEN`");
        };
        let (scheme, given) = line.as_bytes().split_at_checked(7).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return refuse("expected the scheme Bearer");
        }
        let given = given.trim_ascii_start();
        if bool::from(given.ct_eq(token.as_bytes())) { Ok(()) } else { refuse("the token is wrong") }
    }
}

/// The one value of a header, if it is there.
fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    match (value.map(HeaderValue::to_str).transpose(), values.next()) {
        (Ok(value), None) => Ok(value),
        _ => Err(Refusal::new(StatusCode::FORBIDDEN, name, format!("expected one {name} header, in ASCII"))),
    }
}

/// Whether this is a host, perhaps with a port, and nothing else: no user, and no rest behind an IPv6 address.
fn is_host_and_port(authority: &Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host());
    port.is_some_and(|port| port.is_empty() || port.starts_with(':') && authority.port_u16().is_some())
}

/// A host, with a port or for any port.
fn parse_host(text: &str) -> Option<Authority> {
    let authority = text.parse::<Authority>().ok().filter(is_host_and_port)?;
    let is_plain = !authority.host().is_empty() && !text.contains(['*', '%', ',']);
    is_plain.then_some(authority)
}

/// The address that a host is, if it is one.
fn address(host: &Authority) -> Option<IpAddr> {
    let address = host.host().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.ok().map(|address| address.to_canonical())
}

/// Whether `host` is the one that is `known`, on its port if that has one; 80 goes without saying.
fn is_same_host(known: &Authority, host: &Authority) -> bool {
    let is_same_name = match (address(known), address(host)) {
        (Some(known), Some(host)) => known == host,
        (None, None) => known.host().eq_ignore_ascii_case(host.host()),
        _ => false,
    };
    is_same_name && known.port_u16().is_none_or(|port| port == host.port_u16().unwrap_or(80))
}

/// An origin as browsers send it, which leaves out the scheme's own port (RFC 6454, 6.2).
fn parse_origin(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let authority: Authority = rest.parse().ok().filter(is_host_and_port)?;
    let is_usual_port = matches!((scheme, authority.port_u16()), ("http", Some(80)) | ("https", Some(443)));
    let plain = !rest.contains(['/', '?', '#', '*']) && !authority.host().is_empty() && !is_usual_port;
    let scheme_is_plain = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (plain && scheme_is_plain).then(|| text.to_ascii_lowercase())
}

/// The answer to `OPTIONS`; a named origin may then send what it wants to.
pub(super) fn preflight(request: &HeaderMap, named: Option<&HeaderValue>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(origin) = named {
        let headers = response.headers_mut();
        let_read(headers, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        if request.contains_key("access-control-request-private-network") {
            headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
        }
    }
    response
}

/// Lets a page of this origin read the answer.
pub(super) fn let_read(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    const LOCAL: &str = "127.0.0.1:3000";

    fn access(addr: &str, host: &str, token: Option<&str>) -> Result<Access, AccessError> {
        let addr = addr.parse().expect("an address");
        Access::new(&[addr], host, token.map(str::to_owned), &["http://Named:5173".to_owned()])
    }

    fn request(headers: &[(&str, &str)]) -> Request {
        let builder =
            headers.iter().fold(Request::builder().uri("/x"), |builder, (name, value)| builder.header(*name, *value));
        builder.body(Body::empty()).expect("a request")
    }

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        for addr in [LOCAL, "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(access(addr, "localhost", None).is_ok(), "{addr}");
        }
        for addr in ["0.0.0.0:1", "192.168.0.1:1", "[::]:1", "[::ffff:10.0.0.1]:1"] {
            assert!(matches!(access(addr, "x", None), Err(AccessError::Exposed(_))), "{addr}");
            assert!(access(addr, "x", Some("secret")).is_ok(), "{addr}");
        }
        for token in ["", "two words", "ümlaut", "line\n"] {
            assert!(matches!(access(LOCAL, "x", Some(token)), Err(AccessError::Token)), "{token}");
        }
    }

    #[test]
    fn an_origin_has_a_scheme_and_a_host_and_nothing_else() {
        for origin in ["http://localhost:5173", "https://a.example", "http://[::1]:1", "chrome-extension://abc"] {
            assert_eq!(parse_origin(origin).as_deref(), Some(origin));
        }
        for wrong in ["", "null", "*", "localhost", "http://", "http://*", "http://a/", "http://a/b", "http://u@a"]
            .into_iter()
            .chain(["http://a:80", "https://a:443", "http://a:99999", "http://a:b", "http://[::1]x"])
        {
            assert_eq!(parse_origin(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_host_must_be_one_of_this_server() {
        let local = access(LOCAL, "localhost", None).expect("fine");
        let ok = |access: &Access, host: &str| access.origin(&request(&[("host", host)])).is_ok();
        for host in ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "127.0.0.2", "[::1]:3000", "localhost:1"] {
            assert!(ok(&local, host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.0.1",
            "0.0.0.0",
            "[::]",
            "",
            "localhost@evil.example",
            "evil.example@localhost",
            "localhost.",
            "localhost:",
            "localhost:99999",
            "127.0.0.1:abc",
            "[::1].evil.example",
            "[::1]x",
            "[::1",
            "127.1",
            "2130706433",
        ] {
            assert!(!ok(&local, host), "{host}");
        }
        assert!(local.origin(&request(&[])).is_err());
        assert!(local.origin(&request(&[("host", "localhost"), ("host", "localhost")])).is_err());
        let named = access(LOCAL, "Backend", None).expect("fine");
        assert!(ok(&named, "backend:3000") && ok(&named, "localhost") && !ok(&named, "evil.example"));
        let mut absolute = request(&[("host", "localhost")]);
        *absolute.uri_mut() = Uri::from_static("http://evil.example/__onbeat/clock");
        assert!(local.origin(&absolute).is_err());
    }

    #[test]
    fn a_host_can_be_named_for_any_port_or_for_one() {
        let hosts = ["Web", "host.docker.internal:3000", "my_service:80", "[fd00::1]", "172.17.0.1:9"];
        let named = access(LOCAL, "localhost", None).and_then(|access| access.with_hosts(&hosts.map(str::to_owned)));
        let named = named.expect("names");
        let ok = |host: &str| named.origin(&request(&[("host", host)])).is_ok();
        for host in ["web", "WEB:1", "Host.Docker.Internal:3000", "my_service", "my_service:80", "[FD00:0::1]:5"]
            .into_iter()
            .chain(["172.17.0.1:9", "localhost:7"])
        {
            assert!(ok(host), "{host}");
        }
        for host in ["web.", "a.web", "web.evil.example", "web@evil.example", "evil.example@web", "172.17.0.1"]
            .into_iter()
            .chain(["host.docker.internal", "host.docker.internal:3001", "my_service:81", "[fd00::2]"])
        {
            assert!(!ok(host), "{host}");
        }
        for wrong in
            ["", "*", "*.example", "http://web", "web/", "a b", "u@web", "web:", "web:x", "web:99999", "a,b", "web%"]
        {
            let refused = access(LOCAL, "localhost", None).and_then(|access| access.with_hosts(&[wrong.to_owned()]));
            assert!(matches!(refused, Err(AccessError::Host(host)) if host == wrong), "{wrong}");
        }
    }

    #[test]
    fn who_has_the_token_may_use_any_name_and_a_preflight_has_none() {
        let access = access("0.0.0.0:3000", "x", Some("s3cret")).expect("fine");
        for host in ["web:3000", "evil.example", "192.168.0.1"] {
            assert_eq!(access.origin(&request(&[("host", host)])), Ok(None), "{host}");
            let own = [("host", host), ("origin", &*format!("http://{host}"))];
            assert_eq!(access.origin(&request(&own)), Ok(None), "{host}");
            let foreign = [("host", host), ("origin", "http://other:1")];
            assert!(access.origin(&request(&foreign)).is_err(), "{host}");
            let named = [("host", host), ("origin", "http://named:5173")];
            assert!(access.origin(&request(&named)).is_ok_and(|origin| origin.is_some()), "{host}");
        }
        assert!(access.origin(&request(&[("host", "no host")])).is_err());
        assert!(access.origin(&request(&[])).is_err());
    }

    #[test]
    fn a_page_of_another_origin_must_be_named() {
        let local = access(LOCAL, "localhost", None).expect("fine");
        let from = |headers: &[(&str, &str)]| {
            let headers = [&[("host", "localhost:3000")], headers].concat();
            local.origin(&request(&headers)).map(|origin| origin.is_some())
        };
        assert_eq!(from(&[]), Ok(false));
        assert_eq!(from(&[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")]), Ok(false));
        assert_eq!(from(&[("sec-fetch-site", "none")]), Ok(false));
        assert_eq!(from(&[("origin", "http://named:5173"), ("sec-fetch-site", "cross-site")]), Ok(true));
        for refused in [
            &[("origin", "http://evil.example")][..],
            &[("origin", "http://localhost:3001")],
            &[("origin", "https://localhost:3000")],
            &[("origin", "http://127.0.0.1:3000")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "http://named:5173"), ("origin", "http://evil.example")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(from(refused).is_err_and(|refusal| refusal.status == StatusCode::FORBIDDEN), "{refused:?}");
        }
    }

    #[test]
    fn a_token_must_be_right_and_sent_as_a_bearer() {
        let access = access(LOCAL, "localhost", Some("s3cret")).expect("fine");
        let with = |lines: &[&str]| {
            let headers: Vec<_> = lines.iter().map(|line| ("authorization", *line)).collect();
            access.token(request(&headers).headers())
        };
        assert_eq!(with(&["Bearer s3cret"]), Ok(()));
        assert_eq!(with(&["bearer  s3cret"]), Ok(()));
        for wrong in [
            &[][..],
            &["Bearer "],
            &["Bearer"],
            &["Bearer s3cre"],
            &["Bearer s3cret "],
            &["Bearer s3crets"],
            &["Basic s3cret"],
            &["s3cret"],
            &["Bearer s3cret", "Bearer s3cret"],
        ] {
            assert!(with(wrong).is_err_and(|refusal| refusal.status == StatusCode::UNAUTHORIZED), "{wrong:?}");
        }
    }
}
