//! The names of a server in a `Host` header or an option.

use std::net::IpAddr;

use axum::http::uri::Authority;

/// Returns whether an authority is a host, perhaps with a port, and nothing else: no user, and no rest behind an IPv6 address.
pub(super) fn is_host_and_port(authority: &Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host());
    port.is_some_and(|port| port.is_empty() || port.starts_with(':') && authority.port_u16().is_some())
}

/// Reads a host, with a port or for any port.
pub(super) fn parse_host(text: &str) -> Option<Authority> {
    let authority = text.parse::<Authority>().ok().filter(is_host_and_port)?;
    // Refuses wildcards and lists, which would match no host.
    let is_plain = !authority.host().is_empty() && !text.contains(['*', '%', ',']);
    is_plain.then_some(authority)
}

/// Returns whether only this machine answers to a host: `localhost`, also with the dot of the DNS root, or a loopback address.
pub(super) fn is_loopback(host: &Authority) -> bool {
    let name = host.host().strip_suffix('.').unwrap_or(host.host());
    address(host).map_or(name.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
}

/// Returns the address in a host, unless the host is a name.
fn address(host: &Authority) -> Option<IpAddr> {
    let address = host.host().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    // Turns an IPv4 address mapped into IPv6 into plain IPv4, so that both spellings are the same address.
    address.ok().map(|address| address.to_canonical())
}

/// Returns whether `host` is `known`, on the same port if `known` has a port. A host without a port is on port 80.
pub(super) fn is_same_host(known: &Authority, host: &Authority) -> bool {
    let is_same_name = match (address(known), address(host)) {
        (Some(known), Some(host)) => known == host,
        (None, None) => known.host().eq_ignore_ascii_case(host.host()),
        _ => false,
    };
    is_same_name && known.port_u16().is_none_or(|port| port == host.port_u16().unwrap_or(80))
}
