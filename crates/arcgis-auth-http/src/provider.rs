//! From credentials to the provider of their tokens.

use std::sync::Arc;

use arcgis_auth_core::{
    ApiKeyKind, Clock, ConfigError, CredentialKind, CredentialStore, Credentials, Error, Origin,
    Portal, StaticToken, StoreKey, TokenCache, TokenProvider, TokenSource, Transport, TrustPolicy,
};

use crate::federation::Federation;
use crate::generate_token::GenerateToken;
use crate::oauth::{ClientCredentials, RefreshGrant};
use crate::stats::Counters;

/// What a client's provider is made with.
pub(crate) struct ProviderParts<'a> {
    /// Retries and follows redirects, and attaches no tokens: for this portal.
    pub(crate) transport: &'a dyn Fn(&Portal) -> Arc<dyn Transport>,
    pub(crate) trusted: Vec<Origin>,
    pub(crate) store: Option<(Arc<dyn CredentialStore>, StoreKey)>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
}

impl ProviderParts<'_> {
    /// The provider of `credentials`; `None` for anonymous access.
    pub(crate) fn of(
        self,
        credentials: Credentials,
    ) -> Result<Option<Arc<dyn TokenProvider>>, Error> {
        if self.store.is_some() && !matches!(credentials, Credentials::User(_)) {
            return Err(ConfigError::InvalidOption {
                option: "credential_store",
                problem: "is for a user who signed in by OAuth: other logins do not change"
                    .to_owned(),
            }
            .into());
        }
        let (clock, counters) = (&self.clock, &self.counters);
        Ok(Some(match credentials {
            Credentials::Anonymous => return Ok(None),
            Credentials::UserPassword(user) => {
                let portal = user.portal().clone();
                let transport = (self.transport)(&portal);
                let source = GenerateToken::new(user, Arc::clone(&transport))
                    .with_clock(Arc::clone(clock))
                    .with_counters(Arc::clone(counters));
                let trusted = self.trusted.iter().cloned();
                let source = trusted.fold(source, GenerateToken::with_trusted);
                self.federated(portal, source, transport)
            }
            Credentials::App(app) => {
                let portal = app.portal().clone();
                let transport = (self.transport)(&portal);
                let source = ClientCredentials::new(app, Arc::clone(&transport))?
                    .with_clock(Arc::clone(clock))
                    .with_counters(Arc::clone(counters));
                let trusted = self.trusted.iter().cloned();
                let source = trusted.fold(source, ClientCredentials::with_trusted);
                self.federated(portal, source, transport)
            }
            Credentials::User(login) => {
                let portal = login.portal().clone();
                let transport = (self.transport)(&portal);
                let mut source = RefreshGrant::new(login, Arc::clone(&transport))?
                    .with_clock(Arc::clone(clock))
                    .with_counters(Arc::clone(counters));
                if let Some((store, key)) = &self.store {
                    source = source.with_store(Arc::clone(store), key.clone());
                }
                let trusted = self.trusted.iter().cloned();
                let source = trusted.fold(source, RefreshGrant::with_trusted);
                self.federated(portal, source, transport)
            }
            Credentials::Token { token, trust } => {
                let trust = self
                    .trusted
                    .into_iter()
                    .fold(trust, TrustPolicy::with_origin);
                Arc::new(StaticToken::new(token, trust))
            }
            Credentials::ApiKey { key, trust } => {
                let kind = CredentialKind::ApiKey(ApiKeyKind::of(&key));
                let trust = self
                    .trusted
                    .into_iter()
                    .fold(trust, TrustPolicy::with_origin);
                Arc::new(StaticToken::new(key, trust).with_kind(kind))
            }
            _ => {
                return Err(ConfigError::InvalidOption {
                    option: "credentials",
                    problem: "of a kind that this version does not know".to_owned(),
                }
                .into());
            }
        }))
    }

    /// One cache for the credential, and the servers of its portal around it.
    fn federated(
        &self,
        portal: Portal,
        source: impl TokenSource,
        transport: Arc<dyn Transport>,
    ) -> Arc<dyn TokenProvider> {
        let cache = TokenCache::with_clock(source, Arc::clone(&self.clock));
        let federation = Federation::new(portal, Arc::new(cache), transport)
            .with_clock(Arc::clone(&self.clock))
            .with_counters(Arc::clone(&self.counters));
        Arc::new(federation)
    }
}
