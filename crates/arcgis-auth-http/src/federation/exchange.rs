//! Tokens for one server, from the portal.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arcgis_auth_core::http::HeaderValue;
use arcgis_auth_core::http::header::REFERER;
use arcgis_auth_core::{
    Body, CredentialKind, Error, Origin, Outcome, Refresh, Request, ServiceError, Token,
    TokenPlacement, TokenSource, TrustPolicy, Url,
};
use futures_util::future::{BoxFuture, FutureExt};

use super::Hub;
use crate::discovery::own_address;
use crate::generated_token;
use crate::minted::minted;

/// The life to ask for; the portal may give less, and its answer counts.
const MINUTES: &str = "60";

/// A server that cannot be federated with anything: `.invalid` is nobody's (RFC 2606).
const NOBODY: &str = "https://server.invalid/arcgis";

/// What the portal says to a request for a server's token.
pub(super) enum Exchanged {
    Token(Token),
    /// The server is not the portal's, or the portal knows no such request.
    Denied(ServiceError),
    /// The portal's own token is not good any more.
    Stale,
}

impl Hub {
    fn token_url(&self) -> Result<Url, Error> {
        let path = "sharing/rest/generateToken";
        own_address(&self.portal, path, "the token endpoint")
    }

    /// The portal's token at this moment.
    pub(super) async fn portal_token(&self) -> Result<Token, Error> {
        let token = self.provider.token().await?;
        token.ok_or_else(|| Error::mint(self.portal.origin().clone(), NoPortalToken))
    }

    /// Asks the portal to exchange its `token` for one of the server at `root`.
    pub(super) async fn exchange(&self, token: &Token, root: &str) -> Result<Exchanged, Error> {
        let url = self.token_url()?;
        let at = Origin::of(&url)?;
        let referer = match token.referer() {
            Some(referer) => referer.to_owned(),
            None => self.portal.to_string(),
        };
        let mut form = Request::read(url.clone())
            .with_body(Body::Form)
            .with_max_answer(generated_token::LONGEST_REPLY)
            .with_param("f", "json")
            .with_param("request", "getToken")
            .with_param("serverUrl", root)
            .with_param("client", "referer")
            .with_param("referer", referer.as_str())
            .with_param("expiration", MINUTES)
            .with_token(token.clone(), TokenPlacement::FormBody);
        if let Ok(value) = HeaderValue::from_str(&referer) {
            form = form.with_header(REFERER, value);
        }
        let response = match self.transport.send(form).await {
            Ok(response) => response,
            Err(error @ Error::Config(_)) => return Err(error),
            Err(Error::Unauthorized(_)) => return Ok(Exchanged::Stale),
            Err(error) => return Err(Error::mint(at, error)),
        };
        if let Some(error) = response.verdict().error().cloned() {
            return match response.outcome() {
                Outcome::TokenRefused(_) => Ok(Exchanged::Stale),
                Outcome::Busy { .. } | Outcome::Transient | Outcome::TooBig => {
                    Err(Error::mint(at, error))
                }
                _ => Ok(Exchanged::Denied(error)),
            };
        }
        let fresh = generated_token::read(response, self.clock.now())
            .map_err(|reply| Error::mint(at, reply))?;
        minted(&self.counters, "server", &url);
        Ok(Exchanged::Token(fresh.with_referer(referer)))
    }

    /// As [`exchange`](Self::exchange) of the present token, which is renewed once if it is stale.
    pub(super) async fn exchange_now(&self, root: &str) -> Result<Exchanged, Error> {
        let token = self.portal_token().await?;
        match self.exchange(&token, root).await? {
            Exchanged::Stale => {}
            other => return Ok(other),
        }
        match self.provider.refresh(Refresh::Rejected(&token)).await? {
            Some(fresh) if !fresh.is_same(&token) => self.exchange(&fresh, root).await,
            _ => Ok(Exchanged::Stale),
        }
    }

    /// Whether the portal gives tokens for its own servers only: one that has a token for a server
    /// that cannot exist says nothing by having one.
    pub(super) async fn is_discerning(&self) -> Result<bool, Error> {
        let asked = self.discerning.get_or_try_init(|| async {
            Ok::<_, Error>(match self.exchange_now(NOBODY).await? {
                Exchanged::Denied(_) => true,
                Exchanged::Token(_) => {
                    tracing::warn!(target: "arcgis::federation", portal = %self.portal, "the portal gives tokens for servers that it does not know");
                    false
                }
                Exchanged::Stale => false,
            })
        });
        asked.await.copied()
    }
}

/// The portal's provider has no token.
#[derive(Debug, thiserror::Error)]
#[error("there is no token of the portal to ask with")]
struct NoPortalToken;

/// The portal takes its own token back.
#[derive(Debug, thiserror::Error)]
#[error("the portal does not take its own token")]
struct StaleToken;

/// Makes tokens for the server at one root.
pub(super) struct ServerTokens {
    hub: Arc<Hub>,
    root: String,
    trust: TrustPolicy,
    /// The token that showed that the server is the portal's.
    first: Mutex<Option<Token>>,
}

impl ServerTokens {
    pub(super) fn new(hub: Arc<Hub>, root: &str, first: Token) -> Result<Self, Error> {
        Ok(Self {
            hub,
            trust: trust_in(root)?,
            root: root.to_owned(),
            first: Mutex::new(Some(first)),
        })
    }

    async fn mint_now(&self) -> Result<Token, Error> {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(token) = first {
            return Ok(token);
        }
        let at = self.hub.portal.origin().clone();
        match self.hub.exchange_now(&self.root).await? {
            Exchanged::Token(token) => Ok(token),
            Exchanged::Denied(error) => Err(Error::mint(at, error)),
            Exchanged::Stale => Err(Error::mint(at, StaleToken)),
        }
    }
}

/// The origin of a server, and no other.
pub(super) fn trust_in(root: &str) -> Result<TrustPolicy, Error> {
    let url = Url::parse(root)
        .map_err(|error| arcgis_auth_core::ConfigError::InvalidUrl(error.to_string()))?;
    Ok(TrustPolicy::bound_to(Origin::of(&url)?))
}

impl TokenSource for ServerTokens {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        async move { self.mint_now().await }.boxed()
    }

    fn kind(&self) -> CredentialKind {
        self.hub.provider.kind()
    }
}

impl fmt::Debug for ServerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerTokens({})", self.root)
    }
}
