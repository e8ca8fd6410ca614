use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::{Error, Result};

/// A certificate authority made for this run: what it signs is trusted by clients that are given its PEM, and by nobody else.
///
/// ```
/// use arcgis_testkit::{CertificateAuthority, Testkit};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = CertificateAuthority::new()?;
/// let portal = Testkit::builder()
///     .tls_for(["www.arcgis.com"])
///     .signed_by(&authority)
///     .public_origin("https://www.arcgis.com")
///     .start()
///     .await?;
/// assert_eq!(portal.origin(), "https://www.arcgis.com");
/// assert_eq!(portal.ca_pem(), Some(authority.pem()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CertificateAuthority {
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
    pem: String,
}

/// A certificate by which a client makes itself known, and its key.
#[derive(Clone)]
pub struct ClientIdentity {
    certificate_pem: String,
    key_pem: String,
}

type Made<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

impl CertificateAuthority {
    /// A new authority with a key of its own.
    ///
    /// # Errors
    /// The key or the certificate could not be made.
    pub fn new() -> Result<Self> {
        Self::make().map_err(Error::Tls)
    }

    fn make() -> Made<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "ArcGIS test service CA");
        let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        Ok(Self {
            pem: issuer.pem(),
            issuer: Arc::new(issuer),
        })
    }

    /// The authority's certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a client of this name.
    ///
    /// # Errors
    /// The key or the certificate could not be made.
    pub fn client_identity(&self, name: &str) -> Result<ClientIdentity> {
        self.identity(name).map_err(Error::Tls)
    }

    fn identity(&self, name: &str) -> Made<ClientIdentity> {
        let mut client = CertificateParams::default();
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        client.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let certificate = client.signed_by(&key, &self.issuer)?;
        Ok(ClientIdentity {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A certificate for a server of these names, and its key.
    pub(crate) fn server(
        &self,
        names: Vec<String>,
    ) -> Made<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let mut server = CertificateParams::new(names)?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server
            .distinguished_name
            .push(DnType::CommonName, "ArcGIS test service");
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok((certificate.der().clone(), key))
    }
}

impl ClientIdentity {
    /// The certificate as PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The key as PEM (PKCS #8).
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }
}

/// The key is left out.
impl std::fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateAuthority")
            .finish_non_exhaustive()
    }
}

/// The key is left out.
impl std::fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientIdentity").finish_non_exhaustive()
    }
}
