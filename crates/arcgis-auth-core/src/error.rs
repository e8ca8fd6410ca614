//! What can go wrong, by what the caller can do next.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::credential_kind::CredentialKind;
use crate::envelope::ServiceError;
use crate::origin::Origin;
use crate::store::StoreError;

/// A cause from another library, shared so that errors stay cheap to clone.
pub type Cause = Arc<dyn StdError + Send + Sync + 'static>;

/// The error of this crate and of every [`Transport`](crate::Transport) and
/// [`TokenProvider`](crate::TokenProvider). No variant ever holds or prints a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request could not be completed: nothing, or not all of it, came back.
    /// Trying again later may help; see [`TransportError::kind`].
    #[error(transparent)]
    Transport(Arc<TransportError>),

    /// The service answered with an error. The code and details say whether the request has to change.
    #[error(transparent)]
    Service(Arc<ServiceError>),

    /// The service wants a token, or refused the one that it was given, for good: sign in or get another.
    #[error("{0}")]
    Unauthorized(Arc<Unauthorized>),

    /// The account may not do this (403). Another account might.
    #[error("no permission: {0}")]
    Forbidden(#[source] Arc<ServiceError>),

    /// The portal knows no such user and password, or no such application and secret. They are not
    /// tried again by themselves.
    #[error("{endpoint} refused {}: {reason}", credential.parts())]
    InvalidCredentials {
        /// The origin of the token endpoint.
        endpoint: Origin,
        /// What kind of credential it was.
        credential: CredentialKind,
        /// What the endpoint said.
        reason: String,
    },

    /// No token could be obtained, for a reason other than wrong credentials.
    #[error("no token could be obtained from {endpoint}: {source}")]
    Mint {
        /// The origin of the token endpoint.
        endpoint: Origin,
        /// What went wrong on the way.
        source: Cause,
    },

    /// A secret would have gone to a place that nobody vouched for; it was not sent.
    #[error(
        "{what} of {wanted_by} is at {found}, which is not trusted with the credential for {bound_to}"
    )]
    Untrusted {
        /// What was discovered, such as "the token endpoint".
        what: &'static str,
        /// Who pointed there.
        wanted_by: Origin,
        /// Where it pointed.
        found: String,
        /// Where the credential belongs.
        bound_to: Origin,
    },

    /// A login could not be kept, or what is kept is not usable.
    #[error(transparent)]
    Store(Arc<StoreError>),

    /// Something given to this library is not usable; nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Error {
    /// Shorthand for [`Error::Transport`].
    #[must_use]
    pub fn transport(error: TransportError) -> Self {
        Self::Transport(Arc::new(error))
    }

    /// Shorthand for [`Error::Store`].
    #[must_use]
    pub fn store(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }

    /// Shorthand for [`Error::Mint`].
    #[must_use]
    pub fn mint(endpoint: Origin, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Mint {
            endpoint,
            source: Arc::new(source),
        }
    }

    /// Whether the trouble is with who is asking: a missing, refused or unobtainable token, or no permission.
    #[must_use]
    pub fn is_authentication(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized(_)
                | Self::Forbidden(_)
                | Self::InvalidCredentials { .. }
                | Self::Mint { .. }
                | Self::Untrusted { .. }
        )
    }
}

/// What of a request could not be completed.
#[derive(Debug, Clone)]
pub struct TransportError {
    kind: TransportErrorKind,
    url: String,
    attempts: u32,
    source: Option<Cause>,
}

/// The ways in which a request can fail to complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: name not found, refused, unreachable, proxy said no.
    Connect,
    /// The TLS handshake failed: unknown issuer, wrong name, expired, client certificate wanted.
    Tls,
    /// The time limit passed.
    Timeout,
    /// The connection broke before the answer was whole.
    Interrupted,
    /// The answer is longer than the request allowed.
    TooLarge,
    /// A redirect that leads in circles, too far, or to where it may not be followed.
    Redirect,
    /// The peer does not speak HTTP as it should.
    Protocol,
    /// Who takes the body ([`Request::with_sink`](crate::Request::with_sink)) could not, or did not want it.
    Sink,
}

impl TransportError {
    /// An error about a request to `url`, which must not hold secrets
    /// (see [`Request::redacted_url`](crate::Request::redacted_url)).
    #[must_use]
    pub fn new(kind: TransportErrorKind, url: impl Into<String>) -> Self {
        Self {
            kind,
            url: url.into(),
            attempts: 1,
            source: None,
        }
    }

    /// Adds the cause. Its text must not hold secrets or URLs.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Says how many times the request was sent in all.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// How many times the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether the same request can be expected to work at another time. TLS failures, refused
    /// redirects and oversized answers stay as they are.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            TransportErrorKind::Connect
                | TransportErrorKind::Timeout
                | TransportErrorKind::Interrupted
                | TransportErrorKind::Protocol
        )
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            TransportErrorKind::Connect => "could not connect",
            TransportErrorKind::Tls => "no secure connection",
            TransportErrorKind::Timeout => "no complete answer in time",
            TransportErrorKind::Interrupted => "the connection broke",
            TransportErrorKind::TooLarge => "the answer is larger than allowed",
            TransportErrorKind::Redirect => "the redirect was not followed",
            TransportErrorKind::Protocol => "the answer is not valid HTTP",
            TransportErrorKind::Sink => "what came could not be taken",
        };
        write!(f, "{what}: {}", self.url)?;
        if self.attempts > 1 {
            write!(f, " ({} attempts)", self.attempts)?;
        }
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().and_then(|cause| cause.source())
    }
}

/// Why a request stays without access.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unauthorized {
    /// Where the request went.
    pub origin: Origin,
    /// What was done about it.
    pub reason: UnauthorizedReason,
    /// What the service said, if anything.
    pub service: Option<ServiceError>,
    /// What kind of credential was refused, if one was.
    pub credential: Option<CredentialKind>,
    /// Where to sign in for this server, as it says itself: the portal that it belongs to, or its
    /// own token service. Known where the service asked for a token and there was none.
    pub sign_in_at: Option<String>,
}

/// The ways to end without access.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnauthorizedReason {
    /// The service wants a token and there is no credential.
    NoCredential,
    /// The credential at hand is bound to another origin, so its token was not sent.
    BoundElsewhere {
        /// Where the credential belongs.
        bound_to: String,
    },
    /// The token was refused and no other can be had: it is static, or the fresh one was refused too.
    Refused,
    /// The server refused one new token after the other. For a while none is made for it, and nothing
    /// was sent.
    RefusesAll {
        /// How long the next try has to wait.
        wait: Duration,
    },
}

impl fmt::Display for Unauthorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            UnauthorizedReason::NoCredential => {
                write!(
                    f,
                    "{} wants a token and no credential was given",
                    self.origin
                )?;
            }
            UnauthorizedReason::BoundElsewhere { bound_to } => write!(
                f,
                "{} wants a token; the credential at hand belongs to {bound_to} and was not sent there",
                self.origin
            )?,
            UnauthorizedReason::Refused => write!(f, "{} refused the token", self.origin)?,
            UnauthorizedReason::RefusesAll { wait } => write!(
                f,
                "{} refused one new token after the other; none is made for it within the next {} s",
                self.origin,
                wait.as_secs().max(1)
            )?,
        }
        if let Some(service) = &self.service {
            write!(f, " ({} {})", service.code(), service.message())?;
        }
        if let Some(place) = &self.sign_in_at {
            write!(f, "; by its own word it belongs to {place}: sign in there")?;
        }
        if let Some(hint) = self.credential.and_then(CredentialKind::hint) {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

/// What is wrong with something given to this library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is no URL.
    #[error("not a URL: {0}")]
    InvalidUrl(String),
    /// Only `http` and `https` are spoken.
    #[error("only http and https URLs are supported, not {0}:")]
    NotHttp(String),
    /// The URL names no host.
    #[error("the URL has no host")]
    NoHost,
    /// A user name is needed.
    #[error("the user name is empty")]
    EmptyUser,
    /// A password is needed.
    #[error("the password is empty")]
    EmptyPassword,
    /// A token is needed.
    #[error("the token is empty")]
    EmptyToken,
    /// An application's id is needed.
    #[error("the client id is empty")]
    EmptyClientId,
    /// An application's secret is needed.
    #[error("the client secret is empty")]
    EmptyClientSecret,
    /// A token life of no minutes cannot be asked for.
    #[error("the token expiration must be at least 1 minute")]
    ZeroExpiration,
    /// One part of a credential is there and the other is not.
    #[error("{present} is set but {missing} is not")]
    Incomplete {
        /// The variable that is there.
        present: &'static str,
        /// The variable that is missing.
        missing: &'static str,
    },
    /// A credential is given twice.
    #[error("{0} and {1} are both set: give one of them")]
    Ambiguous(&'static str, &'static str),
    /// A file of variables could not be read.
    #[error("{path} could not be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A header value has characters that no header may have.
    #[error("the value of {0} cannot stand in an HTTP header")]
    InvalidHeader(&'static str),
    /// A secret parameter on a request that has to be a GET.
    #[error("a secret parameter may not travel in a URL")]
    SecretInUrl,
    /// Any other option that cannot be used.
    #[error("{option}: {problem}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// What is wrong with its value.
        problem: String,
    },
}
