//! Servers that the portal's own token goes to.

use std::fmt;
use std::sync::Arc;

use arcgis_auth_core::{
    CredentialKind, Error, Refresh, Token, TokenCache, TokenProvider, TrustPolicy,
};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Mutex;

use super::Hub;
use super::exchange::{Exchanged, ServerTokens, trust_in};

/// A server that the portal names as its own: the portal's token goes there.
pub(super) struct Vouched {
    hub: Arc<Hub>,
    trust: TrustPolicy,
}

impl Vouched {
    pub(super) fn new(hub: Arc<Hub>, root: &str) -> Result<Self, Error> {
        Ok(Self {
            hub,
            trust: trust_in(root)?,
        })
    }
}

impl TokenProvider for Vouched {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        self.hub.provider.token()
    }

    fn refresh<'a>(&'a self, why: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        self.hub.provider.refresh(why)
    }

    fn reject(&self, token: &Token) {
        self.hub.provider.reject(token);
    }

    fn kind(&self) -> CredentialKind {
        self.hub.provider.kind()
    }
}

impl fmt::Debug for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vouched({:?})", self.trust)
    }
}

/// A server beside the portal. It gets the portal's token while it takes it, and one of its own once
/// it does not: whether a federated server takes the portal's varies.
pub(super) struct NearServer {
    hub: Arc<Hub>,
    root: String,
    trust: TrustPolicy,
    way: Mutex<Way>,
}

#[derive(Clone)]
enum Way {
    /// The portal's token, and an exchange if that is refused.
    Direct,
    /// Tokens of its own.
    Own(Arc<TokenCache<ServerTokens>>),
    /// The portal's token: the portal gives no other.
    DirectOnly,
}

impl NearServer {
    pub(super) fn new(hub: Arc<Hub>, root: &str) -> Result<Self, Error> {
        Ok(Self {
            hub,
            trust: trust_in(root)?,
            root: root.to_owned(),
            way: Mutex::new(Way::Direct),
        })
    }

    async fn rejected(&self, refused: &Token) -> Result<Option<Token>, Error> {
        // Held while it is found out, so that a hundred refusals cost one exchange.
        let mut way = self.way.lock().await;
        match &*way {
            Way::Own(tokens) => {
                let tokens = Arc::clone(tokens);
                drop(way);
                return tokens.refresh(Refresh::Rejected(refused)).await;
            }
            Way::DirectOnly => {
                drop(way);
                return self.hub.provider.refresh(Refresh::Rejected(refused)).await;
            }
            Way::Direct => {}
        }
        match self.hub.provider.token().await? {
            Some(current) if current.is_same(refused) => {}
            // Renewed in the meantime.
            other => return Ok(other),
        }
        match self.hub.exchange(refused, &self.root).await {
            Ok(Exchanged::Token(first)) => {
                let tokens = ServerTokens::new(Arc::clone(&self.hub), &self.root, first)?;
                let cache = TokenCache::with_clock(tokens, Arc::clone(&self.hub.clock));
                let cache = Arc::new(cache);
                *way = Way::Own(Arc::clone(&cache));
                drop(way);
                cache.token().await
            }
            Ok(Exchanged::Denied(error)) => {
                tracing::debug!(target: "arcgis::federation", root = %self.root, %error, "the portal gives no token for this server");
                *way = Way::DirectOnly;
                self.hub.provider.refresh(Refresh::Rejected(refused)).await
            }
            // The portal does not take it either: it is the token, not the server.
            Ok(Exchanged::Stale) | Err(_) => {
                self.hub.provider.refresh(Refresh::Rejected(refused)).await
            }
        }
    }
}

impl TokenProvider for NearServer {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        async move {
            let way = self.way.lock().await.clone();
            match way {
                Way::Own(tokens) => tokens.token().await,
                Way::Direct | Way::DirectOnly => self.hub.provider.token().await,
            }
        }
        .boxed()
    }

    fn refresh<'a>(&'a self, why: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        async move {
            match why {
                Refresh::Rejected(refused) => self.rejected(refused).await,
                forced => {
                    let way = self.way.lock().await.clone();
                    let token = self.hub.provider.refresh(forced).await?;
                    match way {
                        Way::Own(tokens) => tokens.refresh(forced).await,
                        Way::Direct | Way::DirectOnly => Ok(token),
                    }
                }
            }
        }
        .boxed()
    }

    fn reject(&self, token: &Token) {
        // Whosever token it is: of one that it does not have, nobody takes notice.
        self.hub.provider.reject(token);
        if let Ok(Way::Own(tokens)) = self.way.try_lock().as_deref() {
            tokens.reject(token);
        }
    }

    fn kind(&self) -> CredentialKind {
        self.hub.provider.kind()
    }
}

impl fmt::Debug for NearServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NearServer({})", self.root)
    }
}
