//! Whose certificates are trusted.

use std::path::Path;

use anyhow::{Context, ensure};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

const NONE_HERE: &str = "this machine trusts no authority, so no certificate can be verified: name the server's with --cacert \
                         FILE, or install the package ca-certificates";

/// The authorities of a file in PEM, or those of this machine.
///
/// # Errors
/// When there is none.
pub fn authorities(file: Option<&Path>) -> anyhow::Result<RootCertStore> {
    match file {
        Some(file) => of_file(file).with_context(|| format!("--cacert: {}", file.display())),
        None => of_machine(),
    }
}

fn of_file(file: &Path) -> anyhow::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).context("cannot read the file")?;
    for certificate in certificates {
        let certificate = certificate.context("it holds something that is not a certificate in PEM")?;
        store.add(certificate).context("it holds a certificate that cannot be an authority's")?;
    }
    ensure!(!store.is_empty(), "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    Ok(store)
}

fn of_machine() -> anyhow::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // Machines have some that are too old to be read; the others are still good.
    store.add_parsable_certificates(found.certs);
    ensure!(!store.is_empty(), "{NONE_HERE}");
    Ok(store)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_no_file_of_authorities_is_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let error = |path: &Path| format!("{:#}", authorities(Some(path)).unwrap_err());
        assert!(error(Path::new("/nowhere")).contains("/nowhere"));
        assert!(error(file.path()).contains("no certificate in PEM"));
        file.write_all(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(error(file.path()).contains("cannot be an authority's"));
    }
}
