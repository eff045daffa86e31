//! TLS: the trusted roots, and failures in plain words.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls_native_certs::load_native_certs;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error, RootCertStore};

/// Returns a connector for HTTP/1.1, which trusts the roots in a PEM file, or without a file the roots of the system.
pub(super) fn connector(roots: Option<&Path>) -> Result<TlsConnector, String> {
    let mut store = RootCertStore::empty();
    if let Some(path) = roots {
        let failed = |why: String| format!("failed to read {}: {why}", path.display());
        let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let roots = roots.map_err(|error| failed(format!("expected certificates in PEM: {error}")))?;
        for root in roots {
            store.add(root).map_err(|error| failed(format!("expected the certificates of roots: {error}")))?;
        }
        if store.is_empty() {
            return Err(failed("expected certificates in PEM (-----BEGIN CERTIFICATE-----), got none".into()));
        }
    } else {
        // Passes over certificates of the system that can't be parsed; a file of the user has to be right.
        store.add_parsable_certificates(load_native_certs().certs);
        if store.is_empty() {
            return Err("expected root certificates on this system, got none: install them (the package \
                            ca-certificates), or give a file with --cacert"
                .into());
        }
    }
    // Asks for HTTP/1.1 by name, since some servers choose HTTP/2 without a list of protocols.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of both versions of TLS");
    let mut config = config.with_root_certificates(store).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Returns the name that the certificate of the server must have.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|_| format!("expected a name for a certificate, got {host}"))
}

/// Returns why a handshake failed, and what to do next.
pub(super) fn explained(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            "expected a server that speaks HTTP/1.1, got one that refuses it, and so speaks only HTTP/2: record through a \
             proxy such as nginx, or let the server speak HTTP/1.1 as well"
                .into()
        }
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "expected a certificate by a known root, got one by another: give the root with --cacert FILE".into()
        }
        Some(Error::InvalidCertificate(wrong)) => format!("expected a valid certificate, got another: {wrong}"),
        Some(Error::InvalidMessage(_)) => "expected TLS, got other bytes: is it an http:// URL?".into(),
        _ => error.to_string(),
    }
}
