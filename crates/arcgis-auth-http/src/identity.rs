//! Client certificates: who we are, for web tiers that ask for a certificate (PKI).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arcgis_auth_core::{ConfigError, Error};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::zeroize::Zeroizing;

use crate::tls::invalid;

const OPTION: &str = "client_identity";

/// A client certificate with its private key, for servers whose web tier wants one (mutual TLS, "PKI").
///
/// The certificate is shown to every server that asks for one; the key never leaves this process. It
/// stands beside whatever else signs in: an ArcGIS token goes along in `X-Esri-Authorization`.
///
/// The texts are PEM: the certificate, then its intermediates, and one private key as PKCS#8, PKCS#1
/// (`RSA PRIVATE KEY`) or SEC1 (`EC PRIVATE KEY`). Encrypted keys and PKCS#12 files (`.p12`, `.pfx`)
/// have to be converted first; the error says how.
///
/// A server that asks for the certificate only after it read the request (TLS 1.2 renegotiation, as
/// IIS does where the certificate is wanted for some paths alone) cannot be served: rustls does not renegotiate.
#[derive(Clone)]
pub struct ClientIdentity {
    key: Arc<CertifiedKey>,
}

impl ClientIdentity {
    /// Reads the certificates and the key from one file.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a file that cannot be read or used, with what to do about it.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let pem = read(path)?;
        Self::new(&pem, &pem).map_err(|why| invalid(OPTION, format!("{}: {why}", path.display())))
    }

    /// Reads the certificates from one file and the key from another.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a file that cannot be read or used, with what to do about it.
    pub fn from_pem_files(
        certificates: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        let (certificates, key) = (certificates.as_ref(), key.as_ref());
        Self::new(&read(certificates)?, &read(key)?).map_err(|why| {
            let files = format!("{} and {}", certificates.display(), key.display());
            invalid(OPTION, format!("{files}: {why}"))
        })
    }

    /// The certificates and the key in one text, or in two texts one after the other.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a text that cannot be used, with what to do about it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        Self::new(pem, pem).map_err(|why| invalid(OPTION, why))
    }

    fn new(certificates: &[u8], key: &[u8]) -> Result<Self, &'static str> {
        // First: the header lines of the older form of encryption break the reader of PEM.
        if holds(key, b"BEGIN ENCRYPTED PRIVATE KEY") || holds(key, b"Proc-Type: 4,ENCRYPTED") {
            return Err(
                "the private key is encrypted; decrypt it first, by `openssl pkey -in key.pem \
                 -out plain.pem`, and let nobody else read the result",
            );
        }
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| "a certificate in it is not in PEM format")?;
        if chain.is_empty() {
            return Err(if is_binary(certificates) {
                "this is not PEM; convert a PKCS#12 file (.p12, .pfx) by \
                 `openssl pkcs12 -in id.p12 -out id.pem -nodes`"
            } else {
                "there is no certificate in it"
            });
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| "there is no private key in it (PKCS#8, PKCS#1 or SEC1 in PEM format)")?;
        match CertifiedKey::from_der(chain, key, &ring::default_provider()) {
            Ok(key) => Ok(Self { key: Arc::new(key) }),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err("the private key does not belong to the first certificate")
            }
            Err(_) => Err("the certificate or its private key is broken or of an unknown kind"),
        }
    }

    pub(crate) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }
}

/// The file, wiped from memory when it has been read.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        ConfigError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        }
        .into()
    })
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// DER, which PKCS#12 is too, begins with a sequence.
fn is_binary(text: &[u8]) -> bool {
    text.first() == Some(&0x30)
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity")
            .field("certificates", &self.key.cert.len())
            .finish_non_exhaustive()
    }
}
