//! Tokens of a user who has signed in.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arcgis_auth_core::{
    Body, Clock, CredentialKind, CredentialStore, Error, ExposeSecret, Origin, Request,
    ServiceError, StoreKey, StoredLogin, SystemClock, Token, TokenSource, Transport, TrustPolicy,
    UserLogin,
};
use futures_util::future::{BoxFuture, FutureExt};

use super::endpoint::{Answer, OAuthEndpoint};
use super::error::OAuthError;
use super::reply::{Refused, TokenReply};
use crate::discovery::trust_of;
use crate::minted::minted;
use crate::stats::Counters;

/// A refresh token with less life than this is exchanged for a new one.
const EXCHANGE_WITHIN: Duration = Duration::from_secs(24 * 3600);

/// A kept access token has to live at least this long to be of use.
const WORTH_USING: Duration = Duration::from_secs(60);

/// Makes tokens for a user who has signed in, for a [`TokenCache`](arcgis_auth_core::TokenCache):
/// OAuth's grant `refresh_token`.
///
/// - An access token that the login holds and that still lives is used first, once.
/// - A refresh token with less than a day left is exchanged for a new one (`exchange_refresh_token`),
///   which ends the old one. With a [store](Self::with_store) the new one is written down before it is
///   used. The store is tried out before the exchange, with a record of its own that holds no secret:
///   one that cannot be written now leaves the old token alive for its last day. Should writing fail right after the exchange, the login goes on in
///   this process, a warning is logged, and [`unsaved`](Self::unsaved) tells.
/// - Several processes may share a store: where the portal refuses the refresh token, the store is
///   read once more, since another process may have exchanged it. What another process has written, or
///   removed at a logout, is not overwritten with an access token for the old login.
/// - A refresh token that is not good any more is an [`Error::Mint`] with [`OAuthError::LoginEnded`],
///   and is not sent again: the user has to sign in. Once a minute at most the store is looked at, for a
///   login that another process has made since.
///
/// ```no_run
/// use std::sync::Arc;
/// use arcgis_auth_core::{CredentialStore, Error, StoreKey, TokenCache, Transport, UserLogin};
/// use arcgis_auth_http::RefreshGrant;
///
/// fn tokens(
///     login: UserLogin,
///     store: Arc<dyn CredentialStore>,
///     transport: Arc<dyn Transport>,
/// ) -> Result<TokenCache<RefreshGrant>, Error> {
///     let key = StoreKey::new(login.portal().clone(), "default");
///     Ok(TokenCache::new(RefreshGrant::new(login, transport)?.with_store(store, key)))
/// }
/// ```
pub struct RefreshGrant {
    endpoint: OAuthEndpoint,
    trust: TrustPolicy,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    store: Option<(Arc<dyn CredentialStore>, StoreKey)>,
    state: Mutex<State>,
}

struct State {
    login: UserLogin,
    /// The refusal of the login's refresh token, which is not sent again.
    ended: Option<ServiceError>,
    unsaved: Option<Error>,
}

impl RefreshGrant {
    /// Tokens of `login`, asked for over `transport`, which should retry and follow redirects but must
    /// not attach tokens.
    ///
    /// # Errors
    ///
    /// [`Error::Untrusted`] for a portal that can be reached by plain `http` only.
    pub fn new(login: UserLogin, transport: Arc<dyn Transport>) -> Result<Self, Error> {
        Ok(Self {
            endpoint: OAuthEndpoint::new(login.portal(), transport)?,
            trust: trust_of(login.portal()),
            clock: Arc::new(SystemClock::new()),
            counters: Arc::default(),
            store: None,
            state: Mutex::new(State {
                login,
                ended: None,
                unsaved: None,
            }),
        })
    }

    /// Keeps new tokens in `store` under `key`.
    #[must_use]
    pub fn with_store(mut self, store: Arc<dyn CredentialStore>, key: StoreKey) -> Self {
        self.store = Some((store, key));
        self
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

    /// The login as it is now: after an exchange with another refresh token than at first.
    #[must_use]
    pub fn login(&self) -> UserLogin {
        self.lock().login.clone()
    }

    /// Why the store does not hold the present refresh token, if it does not: without it the login ends with this
    /// process.
    #[must_use]
    pub fn unsaved(&self) -> Option<Error> {
        self.lock().unsaved.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn mint_now(&self) -> Result<Token, Error> {
        if let Some(token) = self.kept() {
            return Ok(token);
        }
        if self.exchange_is_due() {
            if let Some(token) = self.exchange().await? {
                return Ok(token);
            }
        }
        if self.lock().ended.is_some() {
            self.reread().await;
        }
        let mut reread = false;
        loop {
            if let Some(error) = self.lock().ended.clone() {
                return Err(self.failed(OAuthError::LoginEnded(error)));
            }
            let login = self.login();
            // Asking twice gives two tokens and harms nobody, so the request may be sent again.
            let form = Request::read(self.endpoint.url().clone())
                .with_body(Body::Form)
                .with_param("grant_type", "refresh_token")
                .with_param("client_id", login.client_id())
                .with_secret_param("refresh_token", login.refresh_token().clone());
            match self.endpoint.ask(form).await? {
                Answer::Token(reply) => {
                    let now = self.clock.now();
                    let token = reply.token(now).map_err(|error| self.failed(error))?;
                    minted(&self.counters, "refresh_token", self.endpoint.url());
                    self.adopt(&login, &reply, Some(token.clone()), now).await?;
                    return Ok(token);
                }
                Answer::Refused(Refused::Grant, error) => {
                    if !reread && self.reread().await {
                        reread = true;
                        continue;
                    }
                    self.lock().ended = Some(error);
                }
                Answer::Refused(Refused::Client, service) => {
                    return Err(self.failed(OAuthError::UnknownClient {
                        client_id: login.client_id().to_owned(),
                        service,
                    }));
                }
                Answer::Refused(_, error) => return Err(self.failed(OAuthError::Refused(error))),
            }
        }
    }

    fn failed(&self, error: OAuthError) -> Error {
        Error::mint(self.endpoint.at(), error)
    }

    /// The access token that came with the login, the first time and if it still lives.
    fn kept(&self) -> Option<Token> {
        let mut state = self.lock();
        let token = state.login.access_token().cloned()?;
        state.login = state.login.clone().with_access_token(None);
        let left = token.expires_at()?.duration_since(self.clock.now()).ok()?;
        (left > WORTH_USING).then_some(token)
    }

    fn exchange_is_due(&self) -> bool {
        let state = self.lock();
        let left = state
            .login
            .refresh_expires_at()
            .and_then(|at| at.duration_since(self.clock.now()).ok());
        state.ended.is_none() && left.is_some_and(|left| left < EXCHANGE_WITHIN)
    }

    /// Exchanges the refresh token; the access token that comes along, if one does. Failing to get
    /// a new one is no failure while the old one lives.
    async fn exchange(&self) -> Result<Option<Token>, Error> {
        // Another process may have done it already.
        if self.reread().await && !self.exchange_is_due() {
            return Ok(None);
        }
        let login = self.login();
        if let Some((store, key)) = &self.store {
            if let Err(error) = try_out(&**store, key, &login).await {
                tracing::warn!(
                    target: "arcgis::refresh",
                    store = %store.describe(), %error,
                    "the login cannot be renewed, because a new refresh token could not be kept; it ends within a day"
                );
                self.lock().unsaved = Some(error);
                return Ok(None);
            }
        }
        // Not sent again where the portal may have acted on it: the old token has ended then.
        let form = Request::write(self.endpoint.url().clone())
            .with_param("grant_type", "exchange_refresh_token")
            .with_param("client_id", login.client_id())
            .with_param("redirect_uri", login.redirect_uri())
            .with_secret_param("refresh_token", login.refresh_token().clone());
        let reply = match self.endpoint.ask(form).await {
            Ok(Answer::Token(reply)) => reply,
            Ok(Answer::Refused(_, error)) => {
                tracing::warn!(target: "arcgis::refresh", %error, "the refresh token was not exchanged");
                return Ok(None);
            }
            Err(error) => {
                tracing::warn!(target: "arcgis::refresh", %error, "the refresh token was not exchanged");
                return Ok(None);
            }
        };
        if reply.refresh_token.is_none() {
            tracing::warn!(target: "arcgis::refresh", "the exchange gave no refresh token");
            return Ok(None);
        }
        let now = self.clock.now();
        let token = reply.token(now).ok();
        if token.is_some() {
            minted(
                &self.counters,
                "exchange_refresh_token",
                self.endpoint.url(),
            );
        }
        self.adopt(&login, &reply, token.clone(), now).await?;
        tracing::info!(target: "arcgis::refresh", endpoint = %self.endpoint.url(), "refresh token exchanged");
        Ok(token)
    }

    /// Takes over what a reply says of the login and writes it down, before anyone uses it.
    async fn adopt(
        &self,
        login: &UserLogin,
        reply: &TokenReply,
        token: Option<Token>,
        now: SystemTime,
    ) -> Result<(), Error> {
        let old = login.refresh_token().expose_secret();
        let new = reply
            .refresh_token
            .as_ref()
            .filter(|new| new.expose_secret() != old);
        let mut changed = login.clone();
        if let Some(new) = new {
            let ends = reply.refresh_expires_at(now);
            changed = changed.with_refresh_token(new.clone(), ends)?;
        }
        if let (None, Some(name)) = (changed.username(), &reply.username) {
            changed = changed.with_username(name);
        }
        self.lock().login = changed.clone();
        let Some((store, key)) = &self.store else {
            return Ok(());
        };
        if new.is_none() && !self.is_kept(&changed).await {
            return Ok(());
        }
        let record = StoredLogin::User(changed.with_access_token(token));
        let mut saved = store.save(key, &record).await;
        if saved.is_err() && new.is_some() {
            saved = store.save(key, &record).await;
        }
        match saved {
            Ok(()) => self.lock().unsaved = None,
            Err(error) if new.is_some() => {
                tracing::warn!(
                    target: "arcgis::refresh",
                    store = %store.describe(), %error,
                    "the new refresh token could not be kept: sign in again after this run"
                );
                self.lock().unsaved = Some(error);
            }
            // The access token alone: the next process makes one of its own.
            Err(error) => {
                tracing::debug!(target: "arcgis::refresh", %error, "the access token was not kept");
            }
        }
        Ok(())
    }

    /// Whether the store still holds `login`, and not what another process made of it.
    async fn is_kept(&self, login: &UserLogin) -> bool {
        let Some((store, key)) = &self.store else {
            return false;
        };
        if self.lock().unsaved.is_some() {
            return true;
        }
        match store.load(key).await {
            Ok(Some(StoredLogin::User(kept))) => {
                kept.refresh_token().expose_secret() == login.refresh_token().expose_secret()
            }
            _ => false,
        }
    }

    /// Reads the store again; whether it has another refresh token, which is taken over.
    async fn reread(&self) -> bool {
        let Some((store, key)) = &self.store else {
            return false;
        };
        let stored = match store.load(key).await {
            Ok(Some(StoredLogin::User(stored))) => stored,
            Ok(_) => return false,
            Err(error) => {
                tracing::debug!(target: "arcgis::refresh", %error, "the store could not be read again");
                return false;
            }
        };
        let mut state = self.lock();
        let same_app = stored.client_id() == state.login.client_id()
            && stored.portal() == state.login.portal();
        let known = state.login.refresh_token().expose_secret();
        // One that could not be saved is newer than what is in the store.
        if !same_app || state.unsaved.is_some() || stored.refresh_token().expose_secret() == known {
            return false;
        }
        tracing::info!(target: "arcgis::refresh", "another process has renewed the login");
        state.login = stored.with_access_token(None);
        state.ended = None;
        true
    }
}

/// Whether `store` can be written: with a record as large as `login` that holds no secret, beside it.
/// The login itself may have been renewed or removed by another process in the meantime.
async fn try_out(
    store: &dyn CredentialStore,
    key: &StoreKey,
    login: &UserLogin,
) -> Result<(), Error> {
    let beside = StoreKey::new(key.portal().clone(), format!("{}.trial", key.profile()));
    let nothing = "0".repeat(login.refresh_token().expose_secret().len());
    let trial = login
        .clone()
        .with_access_token(None)
        .with_refresh_token(nothing, login.refresh_expires_at())?;
    store.save(&beside, &StoredLogin::User(trial)).await?;
    store.remove(&beside).await.map(drop)
}

impl TokenSource for RefreshGrant {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        async move { self.mint_now().await }.boxed()
    }

    fn kind(&self) -> CredentialKind {
        CredentialKind::User
    }

    fn lasts(&self, error: &Error) -> bool {
        matches!(
            OAuthError::of(error),
            Some(OAuthError::LoginEnded(_) | OAuthError::UnknownClient { .. })
        )
    }
}

impl fmt::Debug for RefreshGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshGrant")
            .field("endpoint", &self.endpoint)
            .field("login", &self.login())
            .finish_non_exhaustive()
    }
}
