//! Where tokens come from.

use std::fmt;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use url::Url;

use crate::credential_kind::CredentialKind;
use crate::error::Error;
use crate::token::Token;
use crate::trust::TrustPolicy;

/// Why a token should be replaced.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Refresh<'a> {
    /// A server refused this token. If it has been replaced already, the newer one is the answer:
    /// a hundred refusals of one token cost one mint.
    Rejected(&'a Token),
    /// The caller wants a new token even if the current one is valid.
    Forced,
}

/// Gives a token that is ready for use, and another when one was refused.
///
/// A provider of one's own implements three methods; [`TokenCache`](crate::TokenCache) adds life,
/// single flight and early refresh to anything that can mint.
///
/// ```
/// use arcgis_auth_core::{Error, Origin, Refresh, Token, TokenProvider, TrustPolicy};
/// use futures_util::future::{BoxFuture, FutureExt};
///
/// /// Reads the token from a place that something else keeps fresh.
/// #[derive(Debug)]
/// struct Sidecar(TrustPolicy);
///
/// impl TokenProvider for Sidecar {
///     fn trust(&self) -> &TrustPolicy {
///         &self.0
///     }
///     fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
///         async { Ok(Some(Token::new("read from the side car"))) }.boxed()
///     }
///     fn refresh<'a>(&'a self, _: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
///         self.token()
///     }
/// }
/// ```
pub trait TokenProvider: fmt::Debug + Send + Sync {
    /// Where these tokens may be sent.
    fn trust(&self) -> &TrustPolicy;

    /// A usable token, or none for anonymous access.
    ///
    /// # Errors
    ///
    /// If there should be a token and none can be had.
    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>>;

    /// Another token. `None` says that there is no other.
    ///
    /// # Errors
    ///
    /// If another token should exist and cannot be had.
    fn refresh<'a>(&'a self, why: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>>;

    /// Says that a server refused `token` and that nobody waits for another: it should not be given out
    /// again. Does nothing by default. A provider around a provider passes it on.
    fn reject(&self, token: &Token) {
        let _ = token;
    }

    /// The provider whose tokens go to `url` in place of this one's, such as a federated server's own;
    /// `None`, the default, if this provider serves that address itself.
    ///
    /// [`TokenSession`](crate::TokenSession) asks once for each request, before anything is sent. It
    /// holds the provider that it gets to that provider's own [`trust`](TokenProvider::trust), and
    /// does not ask it for another.
    ///
    /// # Errors
    ///
    /// If it cannot be found out, or if nothing may be sent there.
    fn delegate<'a>(
        &'a self,
        url: &'a Url,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn TokenProvider>>, Error>> {
        let _ = url;
        async { Ok(None) }.boxed()
    }

    /// What kind of credential the tokens come from: for the advice in
    /// [`Unauthorized`](crate::Unauthorized). [`CredentialKind::Other`] by default.
    fn kind(&self) -> CredentialKind {
        CredentialKind::Other
    }

    /// Gets a token ahead of the first request. Does nothing by default.
    ///
    /// # Errors
    ///
    /// As [`TokenProvider::token`].
    fn warm_up(&self) -> BoxFuture<'_, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }

    /// Releases what the provider holds. May be called more than once. Does nothing by default.
    fn close(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

impl<P: TokenProvider + ?Sized> TokenProvider for Arc<P> {
    fn trust(&self) -> &TrustPolicy {
        (**self).trust()
    }

    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        (**self).token()
    }

    fn refresh<'a>(&'a self, why: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        (**self).refresh(why)
    }

    fn reject(&self, token: &Token) {
        (**self).reject(token);
    }

    fn delegate<'a>(
        &'a self,
        url: &'a Url,
    ) -> BoxFuture<'a, Result<Option<Arc<dyn TokenProvider>>, Error>> {
        (**self).delegate(url)
    }

    fn kind(&self) -> CredentialKind {
        (**self).kind()
    }

    fn warm_up(&self) -> BoxFuture<'_, Result<(), Error>> {
        (**self).warm_up()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        (**self).close()
    }
}

/// One token that nothing renews: pasted, from an environment, or an API key.
#[derive(Debug)]
pub struct StaticToken {
    token: Token,
    trust: TrustPolicy,
    kind: CredentialKind,
}

impl StaticToken {
    /// A token for the origins that `trust` allows.
    #[must_use]
    pub fn new(token: Token, trust: TrustPolicy) -> Self {
        Self {
            kind: CredentialKind::of_token(&token),
            token,
            trust,
        }
    }

    /// Sets what kind of credential it is; what its beginning says by default.
    #[must_use]
    pub fn with_kind(mut self, kind: CredentialKind) -> Self {
        self.kind = kind;
        self
    }
}

impl TokenProvider for StaticToken {
    fn trust(&self) -> &TrustPolicy {
        &self.trust
    }

    fn token(&self) -> BoxFuture<'_, Result<Option<Token>, Error>> {
        async { Ok(Some(self.token.clone())) }.boxed()
    }

    fn refresh<'a>(&'a self, _: Refresh<'a>) -> BoxFuture<'a, Result<Option<Token>, Error>> {
        async { Ok(None) }.boxed()
    }

    fn kind(&self) -> CredentialKind {
        self.kind
    }
}
