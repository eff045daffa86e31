//! The addresses on which a command listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// The addresses of a server, and the name or address in the argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addr {
    /// The name or the address in the argument.
    pub(super) host: String,
    /// All addresses of the host, each once.
    pub(super) sockets: Vec<SocketAddr>,
    is_name: bool,
}

/// Reads `HOST:PORT`, and looks up a host that is a name.
pub(super) fn parse(text: &str) -> Result<Addr, String> {
    let wrong = || format!("expected HOST:PORT, like 127.0.0.1:3000 or localhost:3000, got {text:?}");
    // Splits at the last colon, since an IPv6 address has colons.
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_name = address.is_err();
    let sockets = match address {
        Ok(address) => vec![SocketAddr::new(address, port)],
        // Refuses a broken IPv6 address before a lookup, whose error would be about a name.
        Err(_) if host.is_empty() || host.contains([':', '[', ']', '/']) => return Err(wrong()),
        Err(_) => look_up(host, port)?,
    };
    Ok(Addr { host: host.to_owned(), sockets, is_name })
}

/// Returns the addresses of a name. `localhost` is both loopback addresses (RFC 6761, 6.3), whatever a hosts file says; the
/// machine may lack one of the two.
fn look_up(name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if name.eq_ignore_ascii_case("localhost") {
        let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(both.map(|address| SocketAddr::new(address, port)).into());
    }
    let found = (name, port).to_socket_addrs();
    let found = found.map_err(|error| format!("no address is known for the name {name:?}: {error}"))?;
    let mut sockets: Vec<SocketAddr> = Vec::new();
    // Keeps the order of the lookup, the order of preference, and drops duplicates, which some resolvers return.
    for socket in found {
        if !sockets.contains(&socket) {
            sockets.push(socket);
        }
    }
    if sockets.is_empty() { Err(format!("no address is known for the name {name:?}")) } else { Ok(sockets) }
}

impl Addr {
    /// Returns the URL of a server on these addresses: by the name, if the argument has a name.
    pub(super) fn url(&self, addrs: &[SocketAddr]) -> String {
        match addrs.first() {
            Some(first) if self.is_name => format!("http://{}:{}", self.host, first.port()),
            Some(first) => format!("http://{first}"),
            None => unreachable!("a server listens somewhere"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (text, host, sockets, url) in [
            ("127.0.0.1:0", "127.0.0.1", &["127.0.0.1:0"][..], "http://127.0.0.1:0"),
            ("[::1]:3000", "[::1]", &["[::1]:3000"], "http://[::1]:3000"),
            ("localhost:3000", "localhost", &["127.0.0.1:3000", "[::1]:3000"], "http://localhost:3000"),
            ("LocalHost:0", "LocalHost", &["127.0.0.1:0", "[::1]:0"], "http://LocalHost:0"),
        ] {
            let addr = parse(text).expect(text);
            assert_eq!((addr.host.as_str(), addr.url(&addr.sockets).as_str()), (host, url));
            assert_eq!(addr.sockets.iter().map(ToString::to_string).collect::<Vec<_>>(), sockets);
        }
        for wrong in
            ["", "3000", "127.0.0.1", "127.0.0.1:99999", ":3000", "http://localhost:3000", "a:b:1", "localhost:"]
        {
            let error = parse(wrong).expect_err(wrong);
            assert!(error.starts_with("expected HOST:PORT"), "{error}");
        }
    }

    #[test]
    fn a_name_without_an_address_is_refused_in_plain_words() {
        let error = parse("nowhere.invalid:3000").expect_err("reserved to be no name (RFC 6761, 6.4)");
        assert!(error.starts_with("no address is known for the name \"nowhere.invalid\""), "{error}");
    }
}
