//! Whom a TLS connection trusts: whom this system trusts, so that a network's own authority counts as it does for other
//! programs here (`SSL_CERT_FILE` and `SSL_CERT_DIR` count too). Where the system names nobody, Mozilla's list does.

use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The settings for connections to addresses that the user chose.
pub(super) fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate that this system trusts could not be read");
    }
    let roots: Vec<Certificate<'static>> =
        found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let roots = if roots.is_empty() { RootCerts::WebPki } else { RootCerts::from(roots) };
    TlsConfig::builder().root_certs(roots).build()
}
