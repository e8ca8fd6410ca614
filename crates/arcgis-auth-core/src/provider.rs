//! Where tokens come from.

use std::fmt;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

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
}

impl StaticToken {
    /// A token for the origins that `trust` allows.
    #[must_use]
    pub fn new(token: Token, trust: TrustPolicy) -> Self {
        Self { token, trust }
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
}
