//! Tokens for the servers that belong to a portal.

mod exchange;
mod membership;
mod near;
mod owner;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arcgis_auth_core::{
    Clock, CredentialKind, Error, Origin, Portal, Refresh, ServiceError, SystemClock, Token,
    TokenProvider, Transport, TrustPolicy, Url, server_root,
};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::OnceCell;

use crate::stats::Counters;
use near::NearServer;
pub use owner::{is_same_portal, owning_portal};

/// What is known of a server that is not the portal's is remembered for a day.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// What could not be found out is asked again after a minute.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);

/// A portal's tokens, and tokens for the ArcGIS Servers that are federated with it.
///
/// Nothing goes to a server before the *portal* has said that it is one of its own: what a server
/// says of itself proves nothing. By the server's root (all before `/rest/services`):
///
/// 1. The portal itself, and for ArcGIS Online every host of it: the portal's token.
/// 2. Another server at the portal's origin, or at one that the user trusts: the portal's token while
///    the server takes it; once it refuses, a token of the server's own, from the portal.
/// 3. Any other: its `rest/info` is asked for, without a token. If its `owningSystemUrl` is the
///    portal, the portal is asked for a token for that server (`generateToken` with `serverUrl`),
///    which it gives for servers that are federated with it. Only that token goes to the server, and
///    only if the portal does not give one for any name. Where the portal cannot do so but names the server
///    among its own (`portals/self/servers`), the portal's token goes there.
/// 4. Everything else is asked without a token: servers of other portals, stand-alone servers
///    (unless [`with_server`](Self::with_server) has a provider for them), and plain `http` in the network.
///
/// What was found out is remembered for each root, and asked once whatever the number of requests: a
/// server of the portal's for good, any other for a day. It is told through `tracing` as `server looked
/// at` (target `arcgis::federation`, level info, fields `root`, `portal` and `membership`).
///
/// ```no_run
/// use std::sync::Arc;
/// use arcgis_auth_core::{Error, Portal, TokenCache, TokenSession, Transport, UserPassword};
/// use arcgis_auth_http::{Federation, GenerateToken};
///
/// fn session(transport: Arc<dyn Transport>) -> Result<TokenSession, Error> {
///     let portal = Portal::parse("https://gis.example.com/portal")?;
///     let user = UserPassword::new("me", "secret", portal.clone())?;
///     let tokens = TokenCache::new(GenerateToken::new(user, Arc::clone(&transport)));
///     let federation = Federation::new(portal, Arc::new(tokens), Arc::clone(&transport));
///     Ok(TokenSession::new(transport, Arc::new(federation)))
/// }
/// ```
pub struct Federation {
    hub: Arc<Hub>,
    servers: Vec<Arc<dyn TokenProvider>>,
    roots: Mutex<HashMap<String, Arc<Root>>>,
}

/// The portal, and the way there: what all of its servers share.
struct Hub {
    portal: Portal,
    provider: Arc<dyn TokenProvider>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    /// Whether the portal gives server tokens for its own servers only.
    discerning: OnceCell<bool>,
    /// The addresses of the servers that the portal names as its own.
    listed: OnceCell<Vec<String>>,
}

/// What is known of one root. The lock is held while it is found out.
#[derive(Default)]
struct Root(tokio::sync::Mutex<Option<Found>>);

#[derive(Clone)]
struct Found {
    membership: Membership,
    delegate: Option<Arc<dyn TokenProvider>>,
    /// On the monotonic clock; `None` for as long as the process lives.
    until: Option<Duration>,
}

/// How a server stands to the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Membership {
    /// It is the portal, or a host of ArcGIS Online: the portal's token is good there.
    Own,
    /// It shares the portal's origin or is trusted by the user: the portal's token is tried there first.
    Near,
    /// The portal gives tokens for it.
    Federated,
    /// The portal names it among its servers; the portal's token goes there.
    Listed,
    /// A provider was given for it.
    Given,
    /// It says that it belongs to another portal.
    Elsewhere {
        /// The address of that portal.
        portal: String,
    },
    /// It says that it belongs to this portal, and the portal does not say so: it gets nothing.
    Denied {
        /// What the portal said.
        reason: Option<ServiceError>,
    },
    /// It belongs to no portal and has users of its own.
    StandAlone,
    /// It belongs to no portal and asks for no token.
    Open,
    /// It is asked by plain `http` over the network, where no token goes.
    Plain,
    /// It does not say what it is.
    Unknown,
}

impl Federation {
    /// The tokens of `provider`, which are those of `portal`, and tokens for its servers, asked for
    /// over `transport`, which should retry and follow redirects but must not attach tokens.
    #[must_use]
    pub fn new(
        portal: Portal,
        provider: Arc<dyn TokenProvider>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self {
            hub: Arc::new(Hub {
                portal,
                provider,
                transport,
                clock: Arc::new(SystemClock::new()),
                counters: Arc::default(),
                discerning: OnceCell::new(),
                listed: OnceCell::new(),
            }),
            servers: Vec::new(),
            roots: Mutex::default(),
        }
    }

    /// Adds a provider for a stand-alone server: its tokens go where its own
    /// [`trust`](TokenProvider::trust) allows. It comes before all that the portal says.
    #[must_use]
    pub fn with_server(mut self, provider: Arc<dyn TokenProvider>) -> Self {
        self.servers.push(provider);
        self
    }

    /// Sets the clock for what is remembered and for expiry.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        let counters = Arc::clone(&self.hub.counters);
        self.rebuilt(clock, counters)
    }

    pub(crate) fn with_counters(self, counters: Arc<Counters>) -> Self {
        let clock = Arc::clone(&self.hub.clock);
        self.rebuilt(clock, counters)
    }

    fn rebuilt(self, clock: Arc<dyn Clock>, counters: Arc<Counters>) -> Self {
        Self {
            hub: Arc::new(Hub {
                portal: self.hub.portal.clone(),
                provider: Arc::clone(&self.hub.provider),
                transport: Arc::clone(&self.hub.transport),
                clock,
                counters,
                discerning: OnceCell::new(),
                listed: OnceCell::new(),
            }),
            servers: self.servers,
            roots: self.roots,
        }
    }

    /// The portal.
    #[must_use]
    pub fn portal(&self) -> &Portal {
        &self.hub.portal
    }

    /// How the server of `url` stands to the portal; finds it out if it is not known.
    ///
    /// # Errors
    ///
    /// If the server or the portal cannot be asked, or if the portal gives no token to ask with.
    pub async fn membership(&self, url: &Url) -> Result<Membership, Error> {
        Ok(self.find(url).await?.membership)
    }

    fn roots(&self) -> MutexGuard<'_, HashMap<String, Arc<Root>>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn find(&self, url: &Url) -> Result<Found, Error> {
        for server in &self.servers {
            if server.trust().allows(url) {
                return Ok(Found::given(server));
            }
        }
        let root = server_root(url);
        let trusted = self.hub.provider.trust().allows(url);
        let online = self.hub.portal.origin().is_arcgis_online();
        let is_online = Origin::of(url).is_ok_and(|origin| origin.is_arcgis_online());
        if trusted && ((online && is_online) || root == self.hub.portal.to_string()) {
            return Ok(Found::known(Membership::Own, None));
        }
        let entry = Arc::clone(self.roots().entry(root.clone()).or_default());
        let mut known = entry.0.lock().await;
        let now = self.hub.clock.monotonic();
        if let Some(found) = &*known {
            if found.until.is_none_or(|until| now < until) {
                return Ok(found.clone());
            }
        }
        let found = if trusted {
            let near = NearServer::new(Arc::clone(&self.hub), &root)?;
            Found::known(Membership::Near, Some(Arc::new(near)))
        } else {
            let found = self.hub.find_out(&root).await?;
            tracing::info!(target: "arcgis::federation", %root, portal = %self.hub.portal, membership = %found.membership, "server looked at");
            found
        };
        *known = Some(found.clone());
        Ok(found)
    }
}

impl Found {
    fn known(membership: Membership, delegate: Option<Arc<dyn TokenProvider>>) -> Self {
        Self {
            membership,
            delegate,
            until: None,
        }
    }

    fn given(server: &Arc<dyn TokenProvider>) -> Self {
        Self::known(Membership::Given, Some(Arc::clone(server)))
    }

    /// A server that gets nothing, remembered from `now` on.
    fn nothing(membership: Membership, now: Duration) -> Self {
        let remembered = match membership {
            Membership::Unknown => UNKNOWN_FOR,
            _ => REMEMBERED,
        };
        Self {
            membership,
            delegate: None,
            until: Some(now + remembered),
        }
    }
}

impl TokenProvider for Federation {
    fn trust(&self) -> &TrustPolicy {
        self.hub.provider.trust()
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

    fn delegate<'a>(
        &'a self,
        url: &'a Url,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn TokenProvider>>, Error>> {
        async move { Ok(self.find(url).await?.delegate) }.boxed()
    }

    fn kind(&self) -> CredentialKind {
        self.hub.provider.kind()
    }

    fn warm_up(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.hub.provider.warm_up()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.roots().clear();
        self.hub.provider.close()
    }
}

impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("the portal itself"),
            Self::Near => f.write_str("beside the portal"),
            Self::Federated => f.write_str("federated with the portal"),
            Self::Listed => f.write_str("listed by the portal"),
            Self::Given => f.write_str("has a credential of its own"),
            Self::Elsewhere { portal } => write!(f, "belongs to {portal}"),
            Self::Denied { reason: None } => f.write_str("not known to the portal"),
            Self::Denied {
                reason: Some(reason),
            } => {
                write!(f, "not known to the portal: {reason}")
            }
            Self::StandAlone => f.write_str("stands alone"),
            Self::Open => f.write_str("open to everybody"),
            Self::Plain => f.write_str("plain http"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("portal", &self.portal)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Federation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Federation")
            .field("portal", &self.hub.portal)
            .field("provider", &self.hub.provider)
            .finish_non_exhaustive()
    }
}
