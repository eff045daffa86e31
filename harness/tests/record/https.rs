//! TLS: whom the recorder trusts, and servers that speak only HTTP/2.
//!
//! The certificates in `tls/` are for `localhost`, by a root of their own, and valid for a century.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use onbeat_wire::How;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::proxied::Proxied;
use super::support::{chunked, end, lines, onbeat, read_to_end, server, writes};

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/record/tls/ca.pem");

type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// Starts a server that speaks these protocols by TLS.
fn tls_server(protocols: &[&str], handle: impl Fn(&mut TlsStream) + Send + Sync + 'static) -> SocketAddr {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("both versions").with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate], key).expect("a pair");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    server(move |socket| {
        let connection = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
        let mut stream = StreamOwned::new(connection, socket);
        // Without a common protocol the handshake fails with the first bytes.
        if stream.conn.complete_io(&mut stream.sock).is_ok() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                std::io::Read::read_exact(&mut stream, &mut byte).expect("a head");
                head.push(byte[0]);
            }
            handle(&mut stream);
        }
    })
}

fn record(addr: SocketAddr, arguments: &[&str]) -> Result<Vec<super::support::RecordedLine>, String> {
    let output = onbeat(&[&["record", &format!("https://localhost:{}/chat", addr.port())], arguments].concat());
    match output.status.code() {
        Some(0) => Ok(lines(std::str::from_utf8(&output.stdout).expect("UTF-8"))),
        code => Err(format!("{code:?} {}", String::from_utf8_lossy(&output.stderr))),
    }
}

#[test]
fn a_check_against_a_recording_speaks_tls_as_the_recorder_does() {
    let addr = tls_server(&["http/1.1"], |stream| {
        stream.write_all(&chunked([&b"data: 1\n\n"[..]])).expect("a reader");
    });
    let file = super::support::folder("https-against").join("chat.jsonl");
    let file = file.to_str().expect("UTF-8");
    let url = format!("https://localhost:{}", addr.port());
    let recorded = onbeat(&["record", &url, "--cacert", CA, "-o", file]);
    assert_eq!(recorded.status.code(), Some(0), "{}", String::from_utf8_lossy(&recorded.stderr));
    let checked = onbeat(&["check", &url, "--against", file, "--cacert", CA]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
    let untrusted = onbeat(&["check", &url, "--against", file]);
    assert_eq!(untrusted.status.code(), Some(2));
}

#[test]
fn a_stream_by_tls_is_recorded_where_the_root_is_trusted() {
    let addr = tls_server(&["h2", "http/1.1"], |stream| {
        for piece in chunked([&b"data: 1\n\n"[..], b"data: 2\n\n"]).chunks(7) {
            stream.write_all(piece).expect("a reader");
        }
    });
    let recorded = record(addr, &["--cacert", CA]).expect("recorded");
    assert_eq!((writes(&recorded), end(&recorded)), (vec![&b"data: 1\n\n"[..], b"data: 2\n\n"], How::Complete));
    let said = record(addr, &[]).expect_err("the system does not trust the root");
    assert!(said.starts_with("Some(2)") && said.contains("give the root with --cacert FILE"), "{said}");
}

#[test]
fn a_server_that_closes_without_a_farewell_of_tls_ends_as_without_tls() {
    for (head, how) in [("", How::Complete), ("Transfer-Encoding: chunked\r\n", How::Cut)] {
        let body = if head.is_empty() { "abc" } else { "3\r\nabc\r\n" };
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}");
        let addr = tls_server(&[], move |stream| stream.write_all(answer.as_bytes()).expect("a reader"));
        let recorded = record(addr, &["--cacert", CA]).expect("recorded");
        assert_eq!((writes(&recorded), end(&recorded)), (vec![&b"abc"[..]], how));
    }
}

#[test]
fn a_server_that_speaks_only_http_2_is_told() {
    let said = record(tls_server(&["h2"], |_| ()), &["--cacert", CA]).expect_err("HTTP/2");
    assert!(said.starts_with("Some(2)") && said.contains("speaks only HTTP/2: record through a proxy"), "{said}");
}

#[test]
fn the_proxy_speaks_tls_to_the_server() {
    let addr = tls_server(&["http/1.1"], |stream| {
        stream.write_all(&chunked([&b"data: 1\n\n"[..]])).expect("a reader");
        stream.conn.send_close_notify();
        stream.conn.complete_io(&mut stream.sock).expect("a reader");
    });
    let proxied = Proxied::with(&format!("https://localhost:{}", addr.port()), &["--cacert", CA]);
    let mut client = proxied.connect();
    client.write_all(b"GET /chat HTTP/1.1\r\nHost: a\r\n\r\n").expect("a reader");
    assert_eq!(read_to_end(&mut client), Ok(chunked([&b"data: 1\n\n"[..]])));
    assert_eq!(writes(&proxied.recording("0001-GET-chat.jsonl: 200, 1 write, complete")), [b"data: 1\n\n"]);
}
