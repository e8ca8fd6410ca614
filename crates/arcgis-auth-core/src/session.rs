//! Any ArcGIS request, with a token that looks after itself.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use tracing::Instrument as _;
use url::Url;

use crate::clock::{Clock, SystemClock};
use crate::credential_kind::CredentialKind;
use crate::envelope::ServiceError;
use crate::error::{Error, Unauthorized, UnauthorizedReason};
use crate::origin::Origin;
use crate::outcome::{Outcome, Refusal};
use crate::portal::find_segment;
use crate::provider::{Refresh, TokenProvider};
use crate::refusers::Refusers;
use crate::request::Request;
use crate::request_kind::TokenPlacement;
use crate::response::Response;
use crate::sign_in::SignInPlaces;
use crate::transport::Transport;

/// A [`Transport`] around a transport that attaches the token of a [`TokenProvider`].
///
/// - A token goes only where the provider's [`TrustPolicy`](crate::TrustPolicy) allows. A provider may
///   name another for an address ([`TokenProvider::delegate`]), which then stands for itself.
/// - A request that brings a token or an authorisation header of its own is left alone.
/// - A refused token (498 or 499, in the status or in the body) is replaced once and the request sent
///   once more; a second refusal is [`Error::Unauthorized`]. It never goes on anonymously. A 403 is
///   about the account, not its token: nothing is replaced.
/// - A server that refuses one new token after the other gets no more for a minute: its requests fail
///   at once with [`UnauthorizedReason::RefusesAll`], so that it does not cost two mints each time.
/// - A service that wants a token where there is none is asked once for its `rest/info`, without a
///   token, so that [`Unauthorized::sign_in_at`](crate::Unauthorized) can name the portal.
/// - Where a server does not look at the header (499 although a token was sent), the token moves to
///   the form body, and stays there for that server.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use arcgis_auth_core::{Error, Origin, Request, StaticToken, Token, TokenSession, Transport, TrustPolicy};
/// # async fn example(transport: Arc<dyn Transport>) -> Result<(), Error> {
/// let portal: url::Url = "https://gis.example.com/portal".parse().map_err(|_| Error::from(
///     arcgis_auth_core::ConfigError::NoHost))?;
/// let trust = TrustPolicy::bound_to(Origin::of(&portal)?);
/// let session = TokenSession::new(transport, Arc::new(StaticToken::new(Token::new("…"), trust)));
/// let response = session.send(Request::read(portal).with_param("f", "json")).await?;
/// println!("{} bytes", response.into_ok()?.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenSession {
    transport: Arc<dyn Transport>,
    provider: Option<Arc<dyn TokenProvider>>,
    placement: TokenPlacement,
    /// Server roots that were found to read the token from the form only.
    fallbacks: Arc<Mutex<HashMap<String, TokenPlacement>>>,
    refusers: Refusers,
    sign_in: SignInPlaces,
    clock: Arc<dyn Clock>,
}

impl TokenSession {
    /// A session over `transport` with the tokens of `provider`.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, provider: Arc<dyn TokenProvider>) -> Self {
        Self::anonymous(transport).with_provider(provider)
    }

    /// A session without credential: it adds nothing, and turns a demand for a token into
    /// [`Error::Unauthorized`], which says where to sign in.
    #[must_use]
    pub fn anonymous(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            provider: None,
            placement: TokenPlacement::default(),
            fallbacks: Arc::default(),
            refusers: Refusers::default(),
            sign_in: SignInPlaces::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Sets where the token goes; [`TokenPlacement::EsriHeader`] by default.
    #[must_use]
    pub fn with_placement(mut self, placement: TokenPlacement) -> Self {
        self.placement = placement;
        self
    }

    /// The same session with `provider` in place of its own, such as another wrapper around that: what
    /// it finds out about servers is shared, so that it should be of the same credential.
    #[must_use]
    pub fn with_provider(mut self, provider: Arc<dyn TokenProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Sets the clock for how long a server that refuses every token is left alone; the machine's by
    /// default.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The provider, unless the session is anonymous.
    #[must_use]
    pub fn provider(&self) -> Option<&Arc<dyn TokenProvider>> {
        self.provider.as_ref()
    }

    fn placement_for(&self, root: &str) -> TokenPlacement {
        let fallbacks = self
            .fallbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        fallbacks.get(root).copied().unwrap_or(self.placement)
    }

    fn remember(&self, root: String, placement: TokenPlacement) {
        self.fallbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(root, placement);
    }

    async fn authorized(
        &self,
        provider: &dyn TokenProvider,
        request: Request,
    ) -> Result<Response, Error> {
        let root = server_root(request.url());
        if let Some((wait, service)) = self.refusers.wait(&root, &*self.clock) {
            let reason = UnauthorizedReason::RefusesAll { wait };
            return Err(refused(&request, reason, service, provider.kind())?);
        }
        let mut placement = self.placement_for(&root);
        let Some(mut token) = provider.token().await? else {
            return self.bare(request, UnauthorizedReason::NoCredential).await;
        };
        let mut attempts = 0;
        let mut may_refresh = true;
        let mut may_move = is_header(placement);
        loop {
            let sent = request.clone().with_token(token.clone(), placement);
            let response = self.transport.send(sent.clone()).await?.blotted(&sent);
            attempts += response.attempts();
            let mut refusal = match response.outcome() {
                Outcome::TokenRefused(refusal) => refusal,
                outcome => {
                    if outcome == Outcome::Ok {
                        self.refusers.accepts(&root);
                    }
                    return Ok(response.with_attempts(attempts));
                }
            };
            tracing::debug!(
                target: "arcgis::refresh",
                server = root,
                required = refusal == Refusal::Required,
                again = may_refresh,
                "token refused"
            );
            if refusal == Refusal::Required && may_move {
                // 499 although a token was sent: an old server that knows the form only.
                may_move = false;
                placement = TokenPlacement::FormBody;
                let sent = request.clone().with_token(token.clone(), placement);
                let moved = self.transport.send(sent.clone()).await?.blotted(&sent);
                attempts += moved.attempts();
                if !matches!(moved.outcome(), Outcome::TokenRefused(_)) {
                    self.refusers.accepts(&root);
                    self.remember(root, placement);
                    return Ok(moved.with_attempts(attempts));
                }
                if moved.outcome() == Outcome::TokenRefused(Refusal::Invalid) {
                    // It was read there, and is not valid.
                    refusal = Refusal::Invalid;
                    self.remember(root.clone(), placement);
                } else {
                    placement = self.placement;
                }
            }
            let refused_for_good = || {
                let service = response.verdict().error().cloned();
                let reason = UnauthorizedReason::Refused;
                refused(&request, reason, service, provider.kind())
            };
            if !may_refresh {
                let service = response.verdict().error();
                let now = self.clock.monotonic();
                if self.refusers.refuses_fresh(&root, &token, service, now) {
                    tracing::warn!(target: "arcgis::refresh", server = root, "every token refused");
                }
                // A server that does not look at the token says nothing of its worth elsewhere.
                if refusal == Refusal::Invalid {
                    provider.reject(&token);
                }
                return Err(refused_for_good()?);
            }
            may_refresh = false;
            let span = tracing::debug_span!(target: "arcgis::refresh", "refresh", server = root);
            let refresh = provider.refresh(Refresh::Rejected(&token));
            match refresh.instrument(span).await? {
                Some(fresh) if !fresh.is_same(&token) => token = fresh,
                _ => return Err(refused_for_good()?),
            }
        }
    }

    /// Sends a request as it is: there is no token for its address, for this reason.
    async fn bare(&self, request: Request, reason: UnauthorizedReason) -> Result<Response, Error> {
        let response = self
            .transport
            .send(request.clone())
            .await?
            .blotted(&request);
        if !matches!(response.outcome(), Outcome::TokenRefused(_)) {
            return Ok(response);
        }
        Err(Error::Unauthorized(Arc::new(Unauthorized {
            origin: Origin::of(request.url())?,
            reason,
            service: response.verdict().error().cloned(),
            credential: None,
            sign_in_at: self.sign_in.of(request.url(), &self.transport).await,
        })))
    }
}

impl Transport for TokenSession {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Error>> {
        async move {
            if request.has_own_authentication() || request.token().is_some() {
                let response = self.transport.send(request.clone()).await?;
                let response = response.blotted(&request);
                if matches!(response.outcome(), Outcome::TokenRefused(_)) {
                    let service = response.verdict().error().cloned();
                    let reason = UnauthorizedReason::Refused;
                    return Err(refused(&request, reason, service, CredentialKind::Token)?);
                }
                return Ok(response);
            }
            let delegate = match &self.provider {
                Some(provider) => provider.delegate(request.url()).await?,
                None => None,
            };
            match delegate.as_ref().or(self.provider.as_ref()) {
                Some(provider) if provider.trust().allows(request.url()) => {
                    self.authorized(&**provider, request).await
                }
                Some(provider) => {
                    let reason = UnauthorizedReason::BoundElsewhere {
                        bound_to: provider.trust().origin().to_string(),
                    };
                    self.bare(request, reason).await
                }
                None => self.bare(request, UnauthorizedReason::NoCredential).await,
            }
        }
        .boxed()
    }
}

fn is_header(placement: TokenPlacement) -> bool {
    matches!(
        placement,
        TokenPlacement::EsriHeader | TokenPlacement::AuthorizationHeader
    )
}

fn refused(
    request: &Request,
    reason: UnauthorizedReason,
    service: Option<ServiceError>,
    credential: CredentialKind,
) -> Result<Error, Error> {
    Ok(Error::Unauthorized(Arc::new(Unauthorized {
        origin: Origin::of(request.url())?,
        reason,
        service,
        credential: Some(credential),
        sign_in_at: None,
    })))
}

/// The part of a URL that names one ArcGIS server: all before `/rest/services`, `/rest/admin` or the
/// like, else the origin.
///
/// ```
/// use arcgis_auth_core::server_root;
///
/// let url = "https://host/arcgis/rest/services/x/FeatureServer/0/query".parse()?;
/// assert_eq!(server_root(&url), "https://host/arcgis");
/// # Ok::<(), url::ParseError>(())
/// ```
#[must_use]
pub fn server_root(url: &Url) -> String {
    let path = url.path();
    let lower = path.to_ascii_lowercase();
    let end = [
        "/rest/services",
        "/rest/info",
        "/rest/admin",
        "/sharing/rest",
        "/tokens",
    ]
    .iter()
    .filter_map(|marker| find_segment(&lower, marker))
    .min()
    .unwrap_or(0);
    let origin = Origin::of(url).map_or_else(|_| String::new(), |origin| origin.to_string());
    format!("{origin}{}", path.get(..end).unwrap_or_default())
}

impl fmt::Debug for TokenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSession")
            .field("provider", &self.provider)
            .field("placement", &self.placement)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
