//! Tokens of an application.

use std::fmt;
use std::sync::Arc;

use arcgis_auth_core::{
    AppLogin, Body, Clock, CredentialKind, Error, Origin, Request, SystemClock, Token, TokenSource,
    Transport, TrustPolicy,
};
use futures_util::future::{BoxFuture, FutureExt};

use super::endpoint::{Answer, OAuthEndpoint};
use super::error::OAuthError;
use super::reply::Refused;
use crate::discovery::trust_of;
use crate::minted::minted;
use crate::stats::Counters;

/// Makes tokens for an application, for a [`TokenCache`](arcgis_auth_core::TokenCache): OAuth's grant
/// `client_credentials`. There is no refresh token: a new one is asked for when the old one ends.
///
/// Nothing is sent before the first [`mint`](TokenSource::mint). Id and secret travel in the form of a
/// POST to the portal's own `oauth2/token`, never in a URL.
///
/// A wrong id or secret is [`Error::InvalidCredentials`], which the cache remembers; every other
/// refusal is an [`Error::Mint`] with an [`OAuthError`].
///
/// ```no_run
/// use std::sync::Arc;
/// use arcgis_auth_core::{AppLogin, Error, Portal, TokenCache, TokenSession, Transport};
/// use arcgis_auth_http::ClientCredentials;
///
/// fn session(transport: Arc<dyn Transport>) -> Result<TokenSession, Error> {
///     let app = AppLogin::new("client-id", "secret", Portal::arcgis_online()?)?;
///     let tokens = TokenCache::new(ClientCredentials::new(app, Arc::clone(&transport))?);
///     Ok(TokenSession::new(transport, Arc::new(tokens)))
/// }
/// ```
pub struct ClientCredentials {
    app: AppLogin,
    endpoint: OAuthEndpoint,
    trust: TrustPolicy,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
}

impl ClientCredentials {
    /// Tokens of `app`, asked for over `transport`, which should retry and follow redirects but must
    /// not attach tokens.
    ///
    /// # Errors
    ///
    /// [`Error::Untrusted`] for a portal that can be reached by plain `http` only.
    pub fn new(app: AppLogin, transport: Arc<dyn Transport>) -> Result<Self, Error> {
        Ok(Self {
            endpoint: OAuthEndpoint::new(app.portal(), transport)?,
            trust: trust_of(app.portal()),
            app,
            clock: Arc::new(SystemClock::new()),
            counters: Arc::default(),
        })
    }

    /// Lets the tokens go to another origin too: a server of the same organisation.
    #[must_use]
    pub fn with_trusted(mut self, origin: Origin) -> Self {
        self.trust = self.trust.with_origin(origin);
        self
    }

    /// Sets the clock that expiry is measured on.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(crate) fn with_counters(mut self, counters: Arc<Counters>) -> Self {
        self.counters = counters;
        self
    }

    async fn mint_now(&self) -> Result<Token, Error> {
        let form = Request::read(self.endpoint.url().clone())
            .with_body(Body::Form)
            .with_param("grant_type", "client_credentials")
            .with_param("client_id", self.app.client_id())
            .with_secret_param("client_secret", self.app.client_secret().clone())
            .with_param("expiration", self.app.expiration_minutes().to_string());
        let at = self.endpoint.at();
        match self.endpoint.ask(form).await? {
            Answer::Token(reply) => {
                let token = reply
                    .token(self.clock.now())
                    .map_err(|error| Error::mint(at, error))?;
                minted(&self.counters, "client_credentials", self.endpoint.url());
                Ok(token)
            }
            Answer::Refused(Refused::Secret | Refused::Client, error) => {
                Err(Error::InvalidCredentials {
                    endpoint: at,
                    credential: self.kind(),
                    reason: error.message().to_owned(),
                })
            }
            Answer::Refused(_, error) => Err(Error::mint(at, OAuthError::Refused(error))),
        }
    }
}

impl TokenSource for ClientCredentials {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        async move { self.mint_now().await }.boxed()
    }

    fn kind(&self) -> CredentialKind {
        CredentialKind::App
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("app", &self.app)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
