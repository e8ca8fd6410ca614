//! Tokens from a user name and password.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arcgis_auth_core::{
    Body, Clock, CredentialKind, Error, ExposeSecret, Origin, Request, Response, ServiceError,
    SystemClock, Token, TokenSource, Transport, TrustPolicy, UserPassword,
};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::OnceCell;

use crate::discovery::{TokenEndpoint, trust_of};
use crate::generated_token;
use crate::minted::minted;
use crate::stats::Counters;

/// Makes tokens at a portal's `generateToken`, for a [`TokenCache`](arcgis_auth_core::TokenCache).
///
/// Nothing is sent before the first [`mint`](TokenSource::mint). The endpoint is discovered then
/// and remembered; user name and password travel in the form of a POST, never in a URL, and only
/// to an endpoint that belongs to the portal.
///
/// Wrong user names and passwords are [`Error::InvalidCredentials`]: HTTP 401, and errors of the
/// service itself that speak of them. Every other failure is [`Error::Mint`] with its cause.
///
/// ```no_run
/// use std::sync::Arc;
/// use arcgis_auth_core::{Error, Portal, TokenCache, TokenSession, Transport, UserPassword};
/// use arcgis_auth_http::GenerateToken;
///
/// fn session(transport: Arc<dyn Transport>) -> Result<TokenSession, Error> {
///     let user = UserPassword::new("me", "secret", Portal::parse("https://gis.example.com/portal")?)?;
///     let tokens = TokenCache::new(GenerateToken::new(user, Arc::clone(&transport)));
///     Ok(TokenSession::new(transport, Arc::new(tokens)))
/// }
/// ```
pub struct GenerateToken {
    user: UserPassword,
    transport: Arc<dyn Transport>,
    trust: TrustPolicy,
    clock: Arc<dyn Clock>,
    endpoint: OnceCell<TokenEndpoint>,
    /// The server refuses the life that was asked for.
    short: AtomicBool,
    counters: Arc<Counters>,
}

impl GenerateToken {
    /// Tokens of `user`, asked for over `transport`, which should retry and follow redirects but must
    /// not attach tokens.
    #[must_use]
    pub fn new(user: UserPassword, transport: Arc<dyn Transport>) -> Self {
        Self {
            trust: trust_of(user.portal()),
            user,
            transport,
            clock: Arc::new(SystemClock::new()),
            endpoint: OnceCell::new(),
            short: AtomicBool::new(false),
            counters: Arc::default(),
        }
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

    /// Where the tokens are made; asks the portal the first time.
    ///
    /// # Errors
    ///
    /// As [`TokenEndpoint::discover`].
    pub async fn endpoint(&self) -> Result<&TokenEndpoint, Error> {
        // A password goes only where the user said, not to every origin that may see the token.
        let trust = trust_of(self.user.portal());
        self.endpoint
            .get_or_try_init(|| async {
                let portal = self.user.portal();
                let found = TokenEndpoint::discover(portal, &trust, &self.transport).await?;
                tracing::info!(target: "arcgis::mint", %portal, endpoint = %found.url(), "token endpoint found");
                Ok(found)
            })
            .await
    }

    /// The request for a token of `minutes`, or of the life that the server chooses.
    fn request(&self, endpoint: &TokenEndpoint, minutes: Option<u64>) -> Request {
        let request = Request::read(endpoint.url().clone())
            .with_body(Body::Form)
            .with_max_answer(generated_token::LONGEST_REPLY)
            .with_param("f", "json")
            .with_param("username", self.user.username())
            .with_secret_param("password", self.user.password().clone());
        let request = match self.user.referer() {
            Some(referer) => request
                .with_param("client", "referer")
                .with_param("referer", referer),
            None => request.with_param("client", "requestip"),
        };
        match minutes {
            Some(minutes) => request.with_param("expiration", minutes.to_string()),
            None => request,
        }
    }

    async fn ask(&self, endpoint: &TokenEndpoint) -> Result<Response, Error> {
        let asked = self.user.expiration_minutes();
        let short = || {
            endpoint
                .short_lived_minutes()
                .filter(|short| *short < asked)
        };
        if !self.short.load(Ordering::Relaxed) {
            let response = self
                .transport
                .send(self.request(endpoint, Some(asked)))
                .await?;
            // Said by servers before 10.1 of any life beyond the short-lived one.
            let too_long = response.verdict().error().is_some_and(|error| {
                error.mentions("long expiration") || error.mentions("client id is required")
            });
            if !too_long {
                return Ok(response);
            }
            self.short.store(true, Ordering::Relaxed);
        }
        self.transport.send(self.request(endpoint, short())).await
    }

    async fn mint_now(&self) -> Result<Token, Error> {
        let endpoint = self.endpoint().await?;
        let at = Origin::of(endpoint.url())?;
        let response = match self.ask(endpoint).await {
            Ok(response) => response,
            Err(error @ Error::Config(_)) => return Err(error),
            Err(error) => return Err(Error::mint(at, error)),
        };
        if let Some(error) = response.verdict().error() {
            let error = error.clone().without(self.user.password().expose_secret());
            if is_about_the_user(&error, is_object(&response)) {
                let reason = error
                    .details()
                    .first()
                    .map_or(error.message(), String::as_str);
                return Err(Error::InvalidCredentials {
                    endpoint: at,
                    credential: self.kind(),
                    reason: reason.to_owned(),
                });
            }
            return Err(Error::mint(at, error));
        }
        let token = generated_token::read(response, self.clock.now())
            .map_err(|reply| Error::mint(at, reply))?;
        minted(&self.counters, "password", endpoint.url());
        Ok(match self.user.referer() {
            Some(referer) => token.with_referer(referer),
            None => token,
        })
    }
}

/// Whether an error of `generateToken` says that user name or password are wrong, rather than the
/// form, the server, or what stands before it: wrong credentials are remembered and not sent again,
/// everything else may pass.
fn is_about_the_user(error: &ServiceError, from_the_service: bool) -> bool {
    if error.mentions("invalid username or password") {
        return true;
    }
    if error.status() == 401 {
        return true;
    }
    let codes = [error.code(), i64::from(error.status())];
    from_the_service
        && codes.iter().any(|code| matches!(code, 400 | 401 | 403))
        && speaks_of_credentials(error)
}

fn speaks_of_credentials(error: &ServiceError) -> bool {
    let about = [
        "username",
        "user name",
        "userid",
        "user id",
        "password",
        "credential",
        "login",
        "log in",
        "sign in",
    ];
    let verdicts = [
        "invalid",
        "incorrect",
        "wrong",
        "not valid",
        "not found",
        "not match",
        "does not exist",
        "unknown",
        "failed",
    ];
    // One sentence has to say both: the form has parts of such names too.
    std::iter::once(error.message())
        .chain(error.details().iter().map(String::as_str))
        .flat_map(|text| text.split(['.', ';']))
        .map(str::to_ascii_lowercase)
        .filter(|text| !text.contains("attempts") && !text.contains("must be specified"))
        .any(|text| {
            about.iter().any(|word| text.contains(word))
                && verdicts.iter().any(|word| text.contains(word))
        })
}

/// Whether an answer is a JSON object: what a gateway says in HTML is not the portal's word.
fn is_object(response: &Response) -> bool {
    let (_, _, body) = response.clone().into_raw();
    body.trim_ascii_start().starts_with(b"{")
}

impl TokenSource for GenerateToken {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn mint(self: Arc<Self>) -> BoxFuture<'static, Result<Token, Error>> {
        async move { self.mint_now().await }.boxed()
    }

    fn kind(&self) -> CredentialKind {
        CredentialKind::UserPassword
    }
}

impl fmt::Debug for GenerateToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerateToken")
            .field("user", &self.user)
            .field(
                "endpoint",
                &self.endpoint.get().map(|found| found.url().as_str()),
            )
            .finish_non_exhaustive()
    }
}
