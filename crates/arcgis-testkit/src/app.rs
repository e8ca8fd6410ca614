/// An application that is registered with the portal, so that it may ask for tokens by OAuth 2.
///
/// ```
/// use arcgis_testkit::{OAuthApp, Security};
///
/// let app = OAuthApp::new("exporter").with_redirect_uri("http://127.0.0.1:8765/callback").with_secret("hush");
/// let security = Security::token("user", "password").app(app);
/// # let _ = security;
/// ```
#[derive(Clone)]
pub struct OAuthApp {
    pub(crate) client_id: String,
    pub(crate) secret: Option<String>,
    redirect_uris: Vec<String>,
    any_loopback_port: bool,
}

/// The redirect that shows the code on a page, to be pasted.
pub(crate) const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

impl OAuthApp {
    /// An application without a secret. Its users may sign in out of band (`urn:ietf:wg:oauth:2.0:oob`); other redirects have to be added.
    #[must_use]
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            secret: None,
            redirect_uris: vec![OUT_OF_BAND.to_owned()],
            any_loopback_port: false,
        }
    }

    /// Gives the application a secret, by which it gets tokens of its own (`client_credentials`).
    #[must_use]
    pub fn with_secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Registers a redirect. It has to match exactly.
    #[must_use]
    pub fn with_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Takes redirects to any port of `http://127.0.0.1`, `http://[::1]` and `http://localhost`, as RFC 8252 asks of servers.
    #[must_use]
    pub fn with_any_loopback_port(mut self) -> Self {
        self.any_loopback_port = true;
        self
    }

    pub(crate) fn may_redirect_to(&self, uri: &str) -> bool {
        if self.redirect_uris.iter().any(|known| known == uri) {
            return true;
        }
        self.any_loopback_port
            && url::Url::parse(uri).is_ok_and(|url| {
                url.scheme() == "http"
                    && matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
            })
    }
}

/// The secret is left out.
impl std::fmt::Debug for OAuthApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthApp")
            .field("client_id", &self.client_id)
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}
