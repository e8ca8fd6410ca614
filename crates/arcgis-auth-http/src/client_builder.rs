//! Putting the stack together.

use std::fmt;
#[cfg(feature = "hyper")]
use std::net::SocketAddr;
#[cfg(feature = "hyper")]
use std::path::PathBuf;
use std::sync::Arc;
#[cfg(feature = "hyper")]
use std::time::Duration;

use arcgis_auth_core::http::header::AUTHORIZATION;
use arcgis_auth_core::http::{HeaderMap, HeaderName};
use arcgis_auth_core::{
    Clock, ConfigError, CredentialStore, Credentials, Error, ExposeSecret, Origin, SecretString,
    StoreKey, SystemClock, TokenPlacement, TokenProvider, TokenSession, Transport,
};

use crate::basic_auth::BasicAuth;
use crate::client::ArcGisClient;
use crate::extra_headers::{self, ExtraHeaders};
#[cfg(feature = "hyper")]
use crate::hyper_transport::{HyperTransport, HyperTransportBuilder};
#[cfg(feature = "hyper")]
use crate::identity::ClientIdentity;
use crate::long_url::LongUrl;
use crate::provider::ProviderParts;
use crate::redirect::Redirect;
use crate::retry::{Retry, RetryPolicy};
use crate::stats::{Counters, Metered};
use crate::throttle::{self, Throttle};

/// What an [`ArcGisClient`] is made with. Values are checked by [`build`](Self::build).
///
/// The stack, from the outside: [`Retry`] ▸ [`Throttle`] ▸ [`TokenSession`] ▸ [`ExtraHeaders`] ▸
/// [`Redirect`] ▸ [`LongUrl`] ▸ [`BasicAuth`] ▸ the transport. Tokens are made over a stack of their own, [`Retry`] ▸
/// [`ExtraHeaders`] ▸ [`Redirect`] ▸ the same transport, and while they are made no permit is held.
pub struct ArcGisClientBuilder {
    credentials: Option<Credentials>,
    provider: Option<Arc<dyn TokenProvider>>,
    trusted: Vec<Origin>,
    store: Option<(Arc<dyn CredentialStore>, StoreKey)>,
    placement: TokenPlacement,
    retry: RetryPolicy,
    concurrency: usize,
    rate: Option<f64>,
    headers: Vec<(String, SecretString)>,
    logins: Vec<(Origin, String, SecretString)>,
    clock: Option<Arc<dyn Clock>>,
    transport: Option<Arc<dyn Transport>>,
    #[cfg(feature = "hyper")]
    hyper: HyperTransportBuilder,
    #[cfg(feature = "hyper")]
    hyper_option: Option<&'static str>,
}

impl Default for ArcGisClientBuilder {
    fn default() -> Self {
        Self {
            credentials: None,
            provider: None,
            trusted: Vec::new(),
            store: None,
            placement: TokenPlacement::default(),
            retry: RetryPolicy::default(),
            concurrency: 8,
            rate: None,
            headers: Vec::new(),
            logins: Vec::new(),
            clock: None,
            transport: None,
            #[cfg(feature = "hyper")]
            hyper: HyperTransport::builder(),
            #[cfg(feature = "hyper")]
            hyper_option: None,
        }
    }
}

impl ArcGisClientBuilder {
    /// Sets who is asking; [`Credentials::Anonymous`] by default. Credentials of a portal are good for
    /// the servers that are federated with it too; see [`Federation`](crate::Federation).
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Takes tokens from a provider of the caller's, in place of [`credentials`](Self::credentials).
    #[must_use]
    pub fn token_provider(mut self, provider: Arc<dyn TokenProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Lets the credential's tokens go to another origin too, such as a server that belongs to the
    /// portal but has a host of its own. Passwords still go to the portal alone. May be repeated.
    #[must_use]
    pub fn trust(mut self, origin: Origin) -> Self {
        self.trusted.push(origin);
        self
    }

    /// Keeps the new refresh tokens of [`Credentials::User`] in `store` under `key`, before they are
    /// used; see [`RefreshGrant`](crate::RefreshGrant). Without a store the login ends when its refresh token does.
    #[must_use]
    pub fn credential_store(mut self, store: Arc<dyn CredentialStore>, key: StoreKey) -> Self {
        self.store = Some((store, key));
        self
    }

    /// Sets where in a request the token goes; [`TokenPlacement::EsriHeader`] by default.
    #[must_use]
    pub fn placement(mut self, placement: TokenPlacement) -> Self {
        self.placement = placement;
        self
    }

    /// Sets how many times a failed request is sent again; 4 by default.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retry = self.retry.with_retries(retries);
        self
    }

    /// Sets everything about sending again.
    #[must_use]
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Limits how many requests are under way at each server; 8 by default. Where a server cannot
    /// take so many, there are fewer: see [`Throttle`].
    #[must_use]
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.concurrency = requests;
        self
    }

    /// Limits how many requests start at each server in a second, retries included; evenly spaced.
    /// 0.5 is one every 2 seconds. No limit by default.
    #[must_use]
    pub fn rate(mut self, per_second: f64) -> Self {
        self.rate = Some(per_second);
        self
    }

    /// Adds a header to every request, and never shows its value. It does not go along with a
    /// redirect to another origin, nor to ArcGIS Online for a token: a gateway's secret is not its
    /// business. May be repeated.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<SecretString>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Signs in at the web tier of `origin` by HTTP basic authentication, beside an ArcGIS token, which
    /// then travels in `X-Esri-Authorization`. The password goes to that origin alone; see
    /// [`BasicAuth`]. May be repeated, for other origins.
    #[must_use]
    pub fn basic_auth(
        mut self,
        origin: Origin,
        user: impl Into<String>,
        password: impl Into<SecretString>,
    ) -> Self {
        self.logins.push((origin, user.into(), password.into()));
        self
    }

    /// Sets the clock for waiting and for expiry; the machine's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sends over a transport of the caller's, in place of hyper. It should send each request once
    /// and follow no redirects.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Checks the values and makes the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a value that cannot be used, and for two options that exclude each other.
    pub fn build(self) -> Result<ArcGisClient, Error> {
        if self.concurrency == 0 {
            return Err(invalid("concurrency", "must be at least 1"));
        }
        if self
            .rate
            .is_some_and(|rate| throttle::spacing(rate).is_none())
        {
            return Err(invalid(
                "rate",
                "must be more than 0 requests per second, and at least one in a day",
            ));
        }
        let clock = self
            .clock
            .clone()
            .unwrap_or_else(|| Arc::new(SystemClock::new()));
        let counters = Arc::<Counters>::default();
        let headers = self.parsed_headers()?;
        let adapter = self.adapter(&counters)?;
        let redirect: Arc<dyn Transport> = Arc::new(Redirect::new(Arc::new(LongUrl::new(
            self.web_tier(adapter)?,
        ))));
        let with_headers: Arc<dyn Transport> =
            Arc::new(ExtraHeaders::new(Arc::clone(&redirect), headers)?);
        let retrying = |inner: Arc<dyn Transport>| {
            Retry::new(inner, self.retry.clone())
                .with_clock(Arc::clone(&clock))
                .with_counters(Arc::clone(&counters))
        };

        if self.store.is_some() && self.credentials.is_none() {
            return Err(invalid("credential_store", "no credentials are given"));
        }
        let provider = match (self.provider, self.credentials) {
            (Some(_), Some(_)) => {
                return Err(invalid("token_provider", "credentials are given too"));
            }
            (Some(_), None) if !self.trusted.is_empty() => {
                return Err(invalid(
                    "trust",
                    "a provider of one's own says itself whom it trusts",
                ));
            }
            (provider, None) => provider,
            (None, Some(credentials)) => {
                let parts = ProviderParts {
                    transport: &|portal| {
                        // A gateway's secret is not the business of ArcGIS Online.
                        let below = match portal.origin().is_arcgis_online() {
                            true => &redirect,
                            false => &with_headers,
                        };
                        Arc::new(retrying(Arc::clone(below)))
                    },
                    trusted: self.trusted,
                    store: self.store,
                    clock: Arc::clone(&clock),
                    counters: Arc::clone(&counters),
                };
                parts.of(credentials)?
            }
        };
        let session = match &provider {
            Some(provider) => TokenSession::new(with_headers, Arc::clone(provider)),
            None => TokenSession::anonymous(with_headers),
        };
        let session = session
            .with_placement(self.placement)
            .with_clock(Arc::clone(&clock));
        let throttle = Throttle::around(session, self.concurrency)
            .with_clock(Arc::clone(&clock))
            .with_counters(Arc::clone(&counters))
            .with_rate(self.rate.unwrap_or_default());
        let stack = Arc::new(retrying(Arc::new(throttle)));
        Ok(ArcGisClient::new(stack, provider, counters))
    }

    fn web_tier(&self, adapter: Arc<dyn Transport>) -> Result<Arc<dyn Transport>, Error> {
        if self.logins.is_empty() {
            return Ok(adapter);
        }
        let by_header = |(name, _): &(String, _)| name.trim().eq_ignore_ascii_case("authorization");
        if self.headers.iter().any(by_header) {
            return Err(invalid(
                "basic_auth",
                "the Authorization header is set already",
            ));
        }
        if !self.is_anonymous() && self.placement == TokenPlacement::AuthorizationHeader {
            return Err(invalid(
                "basic_auth",
                "the token is to travel in Authorization, where the web tier looks for the password: \
                 leave the token in X-Esri-Authorization",
            ));
        }
        let mut web_tier = BasicAuth::new(adapter);
        for (origin, user, password) in &self.logins {
            web_tier = web_tier.with_login(origin.clone(), user, password)?;
        }
        Ok(Arc::new(web_tier))
    }

    fn is_anonymous(&self) -> bool {
        self.provider.is_none() && matches!(self.credentials, None | Some(Credentials::Anonymous))
    }

    fn parsed_headers(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let (name, value) = extra_headers::parse(name, value.expose_secret())?;
            headers.insert(name, value);
        }
        let taken = match self.placement {
            TokenPlacement::EsriHeader => Some(HeaderName::from_static("x-esri-authorization")),
            TokenPlacement::AuthorizationHeader => Some(AUTHORIZATION),
            _ => None,
        };
        match taken {
            Some(taken) if !self.is_anonymous() && headers.contains_key(&taken) => Err(invalid(
                "header",
                &format!("{taken} is where the credential's token goes"),
            )),
            _ => Ok(headers),
        }
    }

    #[cfg(feature = "hyper")]
    fn adapter(&self, counters: &Arc<Counters>) -> Result<Arc<dyn Transport>, Error> {
        match (&self.transport, self.hyper_option) {
            (Some(_), Some(option)) => Err(invalid(
                option,
                "has no effect on a transport of the caller's",
            )),
            (Some(transport), None) => Ok(metered(transport, counters)),
            (None, _) => {
                let transport = self.hyper.clone().counters(Arc::clone(counters)).build()?;
                Ok(Arc::new(transport))
            }
        }
    }

    #[cfg(not(feature = "hyper"))]
    fn adapter(&self, counters: &Arc<Counters>) -> Result<Arc<dyn Transport>, Error> {
        match &self.transport {
            Some(transport) => Ok(metered(transport, counters)),
            None => Err(invalid(
                "transport",
                "is needed: this build has no transport of its own (feature `hyper`)",
            )),
        }
    }
}

fn metered(transport: &Arc<dyn Transport>, counters: &Arc<Counters>) -> Arc<dyn Transport> {
    Arc::new(Metered::new(Arc::clone(transport), Arc::clone(counters)))
}

/// The options of the transport over hyper.
#[cfg(feature = "hyper")]
impl ArcGisClientBuilder {
    fn with_hyper(
        mut self,
        option: &'static str,
        change: impl FnOnce(HyperTransportBuilder) -> HyperTransportBuilder,
    ) -> Self {
        self.hyper = change(self.hyper);
        self.hyper_option = Some(option);
        self
    }

    /// Limits the time for one exchange, from connecting to the last byte; 60 seconds by default.
    /// Waiting for a turn and between retries does not count.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with_hyper("timeout", |hyper| hyper.timeout(timeout))
    }

    /// Limits the time for making a connection; 15 seconds by default.
    #[must_use]
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.with_hyper("connect_timeout", |hyper| hyper.connect_timeout(timeout))
    }

    /// Limits the size of an answer in bytes, after decompression; 512 MiB by default.
    #[must_use]
    pub fn max_body(self, bytes: u64) -> Self {
        self.with_hyper("max_body", |hyper| hyper.max_body(bytes))
    }

    /// Believes the certificate authorities in this PEM file too. May be repeated.
    #[must_use]
    pub fn cacert(self, path: impl Into<PathBuf>) -> Self {
        self.with_hyper("cacert", |hyper| hyper.cacert(path))
    }

    /// As [`cacert`](Self::cacert), of a PEM text.
    #[must_use]
    pub fn cacert_pem(self, pem: impl Into<Vec<u8>>) -> Self {
        self.with_hyper("cacert_pem", |hyper| hyper.cacert_pem(pem))
    }

    /// Believes every certificate; see [`HyperTransportBuilder::insecure`].
    #[must_use]
    pub fn insecure(self, insecure: bool) -> Self {
        self.with_hyper("insecure", |hyper| hyper.insecure(insecure))
    }

    /// Shows this client certificate to servers that ask for one.
    #[must_use]
    pub fn client_identity(self, identity: ClientIdentity) -> Self {
        self.with_hyper("client_identity", |hyper| hyper.client_identity(identity))
    }

    /// Connects to `address` for URLs with this host; see [`HyperTransportBuilder::resolve`].
    #[must_use]
    pub fn resolve(self, host: impl Into<String>, address: SocketAddr) -> Self {
        self.with_hyper("resolve", |hyper| hyper.resolve(host, address))
    }

    /// Sends everything through this proxy; see [`HyperTransportBuilder::proxy`].
    #[must_use]
    pub fn proxy(self, proxy: impl Into<SecretString>) -> Self {
        self.with_hyper("proxy", |hyper| hyper.proxy(proxy))
    }

    /// Sets the `User-Agent`; `arcgis-rs/` and the version by default.
    #[must_use]
    pub fn user_agent(self, user_agent: impl Into<String>) -> Self {
        self.with_hyper("user_agent", |hyper| hyper.user_agent(user_agent))
    }
}

fn invalid(option: &'static str, problem: &str) -> Error {
    ConfigError::InvalidOption {
        option,
        problem: problem.to_owned(),
    }
    .into()
}

impl fmt::Debug for ArcGisClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArcGisClientBuilder")
            .field("credentials", &self.credentials)
            .field("placement", &self.placement)
            .field("retry", &self.retry)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
