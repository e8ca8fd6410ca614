//! HTTP basic authentication, for web tiers that want it beside or instead of an ArcGIS token.

use std::fmt;
use std::sync::Arc;

use arcgis_auth_core::http::HeaderValue;
use arcgis_auth_core::http::header::AUTHORIZATION;
use arcgis_auth_core::{
    ConfigError, Error, ExposeSecret, Origin, Request, Response, SecretString, Transport,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::{BoxFuture, FutureExt};

use crate::twin::is_secure_twin;

/// A [`Transport`] around a transport that signs in at the web tier of servers by HTTP basic
/// authentication (RFC 7617, in UTF-8).
///
/// Each user name and password is bound to one origin. It goes to that origin and to the same server
/// by `https` (see [`Redirect`](crate::Redirect)), and nowhere else, whoever redirects there: this
/// stands inside [`Redirect`](crate::Redirect), so that each step is looked at anew. A request
/// that brings an `Authorization` of its own keeps it. An ArcGIS token goes along in
/// `X-Esri-Authorization`.
///
/// Digest, NTLM and Kerberos (integrated Windows authentication) are not spoken.
#[derive(Clone)]
pub struct BasicAuth {
    inner: Arc<dyn Transport>,
    logins: Vec<(Origin, HeaderValue)>,
}

impl BasicAuth {
    /// Signs nobody in yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>) -> Self {
        Self {
            inner,
            logins: Vec::new(),
        }
    }

    /// Signs in at `origin`. A later login for the same origin takes the place of an earlier one.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a user name that is empty or has a colon in it.
    pub fn with_login(
        mut self,
        origin: Origin,
        user: &str,
        password: &SecretString,
    ) -> Result<Self, Error> {
        if user.is_empty() {
            return Err(ConfigError::EmptyUser.into());
        }
        if user.contains(':') {
            return Err(ConfigError::InvalidOption {
                option: "basic_auth",
                problem: "a user name with a colon cannot be sent".to_owned(),
            }
            .into());
        }
        let plain = SecretString::from(format!("{user}:{}", password.expose_secret()));
        let encoded = SecretString::from(STANDARD.encode(plain.expose_secret()));
        let mut value = HeaderValue::from_str(&format!("Basic {}", encoded.expose_secret()))
            .map_err(|_| ConfigError::InvalidHeader("the login"))?;
        value.set_sensitive(true);
        self.logins.retain(|(known, _)| *known != origin);
        self.logins.push((origin, value));
        Ok(self)
    }

    fn login_for(&self, there: &Origin) -> Option<&HeaderValue> {
        let exact = self.logins.iter().find(|(origin, _)| origin == there);
        let login = exact.or_else(|| {
            let twin = |(origin, _): &&(Origin, HeaderValue)| is_secure_twin(origin, there);
            self.logins.iter().find(twin)
        });
        login.map(|(_, value)| value)
    }
}

impl Transport for BasicAuth {
    fn send(&self, mut request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            if !self.logins.is_empty() && !request.headers().contains_key(AUTHORIZATION) {
                if let Some(value) = self.login_for(&Origin::of(request.url())?) {
                    request = request.with_header(AUTHORIZATION, value.clone());
                }
            }
            self.inner.send(request).await
        }
        .boxed()
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<_> = self.logins.iter().map(|(origin, _)| origin).collect();
        f.debug_struct("BasicAuth")
            .field("origins", &origins)
            .finish_non_exhaustive()
    }
}
