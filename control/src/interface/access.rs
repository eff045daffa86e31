//! Decides which clients may drive the server: programs on this machine, and clients with the token, but no web page that
//! happens to be open.
//!
//! A web page can send requests to a loopback address, from any origin, and also by rebinding a host name. Without a token the
//! `Host` must therefore be a name of the server, and a foreign `Origin` must be named by an option; a body must be JSON,
//! which no plain form can send. With a token any `Host` will do: a page with a rebound name does not know the token.

mod host;
mod origin;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use subtle::ConstantTimeEq;

use self::host::{is_host_and_port, is_loopback, is_same_host, parse_host};
use self::origin::parse_origin;
pub(super) use self::origin::{let_read, preflight};
use super::refusal::Refusal;
use onbeat_faults::form::shown;

/// Names of this machine for itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The clients that may drive a server.
#[derive(Clone)]
pub struct Access {
    /// The names of the server beside [`LOOPBACK`]: the name in `--addr`, and others.
    hosts: Vec<Authority>,
    token: Option<String>,
    origins: Vec<String>,
}

/// Options that would open control to strangers, or to no client at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Without a token, any machine on the network could drive the server.
    #[error(
        "failed to open the control interface on {0}, which other machines reach: give a --control-token, or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// No header can carry the token.
    #[error("expected a token of visible ASCII characters, such as `openssl rand -hex 16` prints")]
    Token,
    /// No `Origin` header has this value.
    #[error(
        "expected an origin as browsers send it, like http://localhost:5173, without a path and without the port 80 of http or 443 of https, got {0:?}"
    )]
    Origin(String),
    /// No `Host` header has this value, or the value stands for too many hosts.
    #[error(
        "expected a name or an address as in a Host header, like host.docker.internal or web:3000, without a scheme, a path or a wildcard, got {0:?}"
    )]
    Host(String),
}

impl Access {
    /// Returns the access to a server that listens on these addresses, which were given as `host`.
    ///
    /// # Errors
    ///
    /// If other machines reach an address and there is no token, or if the token or an origin is malformed.
    pub fn new(
        addrs: &[SocketAddr],
        host: &str,
        token: Option<String>,
        origins: &[String],
    ) -> Result<Self, AccessError> {
        // Demands a token on any address but loopback addresses, the only addresses safe without a token.
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

    /// Returns the same access, also by these names: each for any port, or for the port in the name.
    ///
    /// # Errors
    ///
    /// If a text is neither a name nor an address.
    pub fn with_hosts(mut self, hosts: &[String]) -> Result<Self, AccessError> {
        for host in hosts {
            self.hosts.push(parse_host(host).ok_or_else(|| AccessError::Host(host.clone()))?);
        }
        Ok(self)
    }

    /// Checks that a request is for this server, and not from a foreign page. Returns the foreign origin, if an option names
    /// the origin.
    pub(super) fn origin(&self, request: &Request) -> Result<Option<HeaderValue>, Refusal> {
        let headers = request.headers();
        let host = self.host(request.uri(), headers)?;
        let origin = single(headers, "origin")?.map(str::to_ascii_lowercase);
        // Lets a named origin pass without further checks.
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
        // Looks at `Sec-Fetch-Site` as well, by which a browser names a foreign site even without `Origin`.
        let site = single(headers, "sec-fetch-site")?;
        if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            let reason = "the request comes from a page of another origin: name it with --control-origin";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "origin", reason));
        }
        Ok(None)
    }

    /// Returns the host of a request, if the host is this server. With a token any host will do, since the token decides.
    pub(super) fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, Refusal> {
        let refuse = |reason: String| Refusal::new(StatusCode::FORBIDDEN, "host", reason);
        let host = single(headers, "host")?.ok_or_else(|| refuse("expected a Host header".into()))?;
        // Checks both names of a request in absolute form, which names the host a second time.
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
        is_loopback(host) || self.hosts.iter().any(|known| is_same_host(known, host))
    }

    /// Checks that a request has the token, if there is a token.
    pub(super) fn token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        let refuse = |reason| Err(Refusal::new(StatusCode::UNAUTHORIZED, "authorization", reason));
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        // Refuses two headers, of which neither counts.
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return refuse("expected one header `Authorization: Bearer TOKEN`");
        };
        let (scheme, given) = line.as_bytes().split_at_checked(7).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return refuse("expected the scheme Bearer");
        }
        let given = given.trim_ascii_start();
        // Compares in constant time, so that the time tells nothing about the token.
        if bool::from(given.ct_eq(token.as_bytes())) { Ok(()) } else { refuse("the token is wrong") }
    }
}

/// Returns the value of a header that may be there once.
fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    match (value.map(HeaderValue::to_str).transpose(), values.next()) {
        (Ok(value), None) => Ok(value),
        _ => Err(Refusal::new(StatusCode::FORBIDDEN, name, format!("expected one {name} header, in ASCII"))),
    }
}
