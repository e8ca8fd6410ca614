use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::authority::CertificateAuthority;
use crate::error::{Error, Result};

/// How a service is to serve HTTPS.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    pub(crate) names: Vec<String>,
    pub(crate) authority: CertificateAuthority,
    /// Whose certificates clients have to show.
    pub(crate) clients: Option<CertificateAuthority>,
}

impl Tls {
    pub(crate) fn acceptor(self) -> Result<TlsAcceptor> {
        self.make().map_err(Error::Tls)
    }

    fn make(self) -> Result<TlsAcceptor, Box<dyn std::error::Error + Send + Sync>> {
        let (certificate, key) = self.authority.server(self.names)?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.certificate())?;
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
