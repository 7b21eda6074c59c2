//! HTTP clients and what they trust: rustls with ring, and the certificate authorities of the system.
//!
//! A minimal system has none (Debian's `ca-certificates` is optional), and a client that needs the system's cannot even
//! be made there, plain HTTP or not. There, and only there, Mozilla's list as of the build takes their place, so that
//! everything starts on a fresh machine; whoever narrowed the system's list keeps it.

#![forbid(unsafe_code)]

use std::sync::OnceLock;

use reqwest::{Certificate, ClientBuilder};

/// The beginning of every HTTP client of ours; the rest is its user's.
pub fn client() -> ClientBuilder {
    choose_provider();
    reqwest::Client::builder().tls_certs_merge(extra_certificates())
}

/// The same for a thread that may block, outside any runtime.
pub fn blocking_client() -> reqwest::blocking::ClientBuilder {
    choose_provider();
    reqwest::blocking::Client::builder().tls_certs_merge(extra_certificates())
}

fn extra_certificates() -> impl Iterator<Item = Certificate> {
    extra_roots().iter().filter_map(|der| Certificate::from_der(der).ok())
}

/// Makes ring the process's provider of cryptography; clients and servers of TLS take it from there. The first call
/// decides, and later ones change nothing.
pub fn choose_provider() {
    // Fails when one is there already, which can only be this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Certificates (DER) to trust beside the system's: none where the system has any, else Mozilla's. For clients that
/// are not made by [`client`]. Asked of the system once in a process.
pub fn extra_roots() -> &'static [&'static [u8]] {
    static ROOTS: OnceLock<Vec<&'static [u8]>> = OnceLock::new();
    ROOTS.get_or_init(|| beside(rustls_native_certs::load_native_certs().certs.len()))
}

/// What has to stand beside `system` certificates of the system.
fn beside(system: usize) -> Vec<&'static [u8]> {
    match system {
        0 => webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mozillas_list_stands_in_for_an_absent_one_and_for_no_other() {
        let roots = beside(0);
        assert!(roots.len() > 50, "{}", roots.len());
        for der in roots {
            Certificate::from_der(der).unwrap();
        }
        assert!(beside(1).is_empty());
    }

    #[test]
    fn a_client_can_be_made() {
        client().build().unwrap();
        blocking_client().build().unwrap();
    }
}
