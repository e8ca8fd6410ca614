//! What a user signs in with, bound to where it belongs.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::app_login::AppLogin;
use crate::credential_kind::{ApiKeyKind, CredentialKind};
use crate::error::{ConfigError, Error};
use crate::origin::Origin;
use crate::portal::Portal;
use crate::provider::StaticToken;
use crate::redact::is_secret_parameter;
use crate::token::Token;
use crate::trust::TrustPolicy;
use crate::user_login::UserLogin;

/// A credential together with the origin that it may go to, or none.
///
/// ```
/// use arcgis_auth_core::{Credentials, Portal};
///
/// let portal = Portal::parse("https://gis.example.com/portal")?;
/// let credentials = Credentials::user_password("me", "secret", portal)?;
/// assert!(!format!("{credentials:?}").contains("secret"));
/// # Ok::<(), arcgis_auth_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// Public services only.
    Anonymous,
    /// A token that someone else obtained. It is not renewed.
    Token {
        /// The token.
        token: Token,
        /// Where it may go.
        trust: TrustPolicy,
    },
    /// An API key: a token that lives for up to a year.
    ApiKey {
        /// The key.
        key: Token,
        /// Where it may go.
        trust: TrustPolicy,
    },
    /// A user name and password, from which tokens are made at the portal.
    UserPassword(UserPassword),
    /// An application, for which tokens are made at the portal.
    App(AppLogin),
    /// A user who signed in by OAuth; tokens are made from the refresh token.
    User(UserLogin),
}

impl Credentials {
    /// A token that may go to the origin of `url`: for a token that was given together with a layer's URL.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an empty token or a URL that is not `http` or `https`.
    pub fn token_for(url: &Url, token: impl Into<SecretString>) -> Result<Self, Error> {
        Ok(Self::Token {
            token: checked(Token::new(token))?,
            trust: TrustPolicy::bound_to(Origin::of(url)?),
        })
    }

    /// A token of `portal`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an empty token.
    pub fn token(portal: &Portal, token: impl Into<SecretString>) -> Result<Self, Error> {
        Self::of_token(portal, Token::new(token))
    }

    /// As [`Credentials::token`], of a token with what is known of it: its expiry, its referer.
    ///
    /// # Errors
    ///
    /// As [`Credentials::token`].
    pub fn of_token(portal: &Portal, token: Token) -> Result<Self, Error> {
        Ok(Self::Token {
            token: checked(token)?,
            trust: TrustPolicy::bound_to(portal.origin().clone()),
        })
    }

    /// An API key of `portal`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an empty key.
    pub fn api_key(portal: &Portal, key: impl Into<SecretString>) -> Result<Self, Error> {
        Self::of_api_key(portal, Token::new(key))
    }

    /// As [`Credentials::api_key`], of a key with what is known of it: its expiry, its referer.
    ///
    /// # Errors
    ///
    /// As [`Credentials::api_key`].
    pub fn of_api_key(portal: &Portal, key: Token) -> Result<Self, Error> {
        Ok(Self::ApiKey {
            key: checked(key)?,
            trust: TrustPolicy::bound_to(portal.origin().clone()),
        })
    }

    /// A user name and password at `portal`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if either is empty.
    pub fn user_password(
        username: impl Into<String>,
        password: impl Into<SecretString>,
        portal: Portal,
    ) -> Result<Self, Error> {
        UserPassword::new(username, password, portal).map(Self::UserPassword)
    }

    /// The id and secret of an application that is registered at `portal`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if either is empty.
    pub fn app(
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
        portal: Portal,
    ) -> Result<Self, Error> {
        AppLogin::new(client_id, client_secret, portal).map(Self::App)
    }

    /// A user who signed in at `portal` through the application `client_id`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the id or the refresh token is empty.
    pub fn user(
        client_id: impl Into<String>,
        redirect_uri: impl Into<String>,
        refresh_token: impl Into<SecretString>,
        portal: Portal,
    ) -> Result<Self, Error> {
        UserLogin::new(client_id, redirect_uri, refresh_token, portal).map(Self::User)
    }

    /// Sends this `Referer` with the token: for keys and tokens that are limited to one, and as what
    /// a password's tokens are bound to.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for text that no header can hold, and for credentials whose tokens know no
    /// referer: anonymous access, applications, and users who signed in by OAuth.
    pub fn with_referer(self, referer: impl Into<String>) -> Result<Self, Error> {
        let referer = referer.into();
        if referer.trim().is_empty() || http::HeaderValue::from_str(&referer).is_err() {
            return Err(ConfigError::InvalidHeader("the referer").into());
        }
        match self {
            Self::Token { token, trust } => Ok(Self::Token {
                token: token.with_referer(referer),
                trust,
            }),
            Self::ApiKey { key, trust } => Ok(Self::ApiKey {
                key: key.with_referer(referer),
                trust,
            }),
            Self::UserPassword(user) => Ok(Self::UserPassword(
                user.with_binding(ClientBinding::Referer(referer)),
            )),
            Self::Anonymous | Self::App(_) | Self::User(_) => Err(ConfigError::InvalidOption {
                option: "referer",
                problem: "is for API keys, tokens and passwords".to_owned(),
            }
            .into()),
        }
    }

    /// Takes the `token` parameter out of a pasted URL: the URL without it and, if there was one, the
    /// token as a credential for that URL's origin.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the URL has a token and is not `http` or `https`.
    ///
    /// ```
    /// use arcgis_auth_core::Credentials;
    ///
    /// let pasted = "https://host/arcgis/rest/services/x/FeatureServer/0?f=json&token=SECRET".parse()?;
    /// let (url, credentials) = Credentials::split_from(&pasted)?;
    /// assert_eq!(url.as_str(), "https://host/arcgis/rest/services/x/FeatureServer/0?f=json");
    /// assert!(credentials.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split_from(pasted: &Url) -> Result<(Url, Option<Self>), Error> {
        let mut url = pasted.clone();
        let mut token = None;
        let mut kept = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in pasted.query_pairs() {
            if name.eq_ignore_ascii_case("token") {
                token = (!value.is_empty()).then(|| SecretString::from(value.into_owned()));
            } else if !is_secret_parameter(&name) {
                kept.append_pair(&name, &value);
            }
        }
        let kept = kept.finish();
        if pasted
            .query_pairs()
            .any(|(name, _)| is_secret_parameter(&name))
        {
            url.set_query((!kept.is_empty()).then_some(kept.as_str()));
        }
        let credentials = token
            .map(|token| Self::token_for(&url, token))
            .transpose()?;
        Ok((url, credentials))
    }

    /// The provider of a credential that needs no minting; `None` for anonymous access and for what
    /// needs a transport to become a token.
    #[must_use]
    pub fn as_static(&self) -> Option<StaticToken> {
        match self {
            Self::Token { token, trust } => Some(StaticToken::new(token.clone(), trust.clone())),
            Self::ApiKey { key, trust } => {
                let kind = CredentialKind::ApiKey(ApiKeyKind::of(key));
                Some(StaticToken::new(key.clone(), trust.clone()).with_kind(kind))
            }
            Self::Anonymous | Self::UserPassword(_) | Self::App(_) | Self::User(_) => None,
        }
    }

    /// What kind of credential it is; `None` for anonymous access.
    #[must_use]
    pub fn kind(&self) -> Option<CredentialKind> {
        match self {
            Self::Anonymous => None,
            Self::Token { token, .. } => Some(CredentialKind::of_token(token)),
            Self::ApiKey { key, .. } => Some(CredentialKind::ApiKey(ApiKeyKind::of(key))),
            Self::UserPassword(_) => Some(CredentialKind::UserPassword),
            Self::App(_) => Some(CredentialKind::App),
            Self::User(_) => Some(CredentialKind::User),
        }
    }

    /// The origin that the credential is bound to; none for anonymous access.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Anonymous => None,
            Self::Token { trust, .. } | Self::ApiKey { trust, .. } => Some(trust.origin()),
            Self::UserPassword(user) => Some(user.portal().origin()),
            Self::App(app) => Some(app.portal().origin()),
            Self::User(user) => Some(user.portal().origin()),
        }
    }
}

fn checked(token: Token) -> Result<Token, Error> {
    let trimmed = token.expose().trim();
    if trimmed.is_empty() {
        return Err(ConfigError::EmptyToken.into());
    }
    if trimmed.len() == token.expose().len() {
        return Ok(token);
    }
    let trimmed = trimmed.into();
    Ok(token.with_value(trimmed))
}

/// What a minted token is bound to, so that it is of no use elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ClientBinding {
    /// To a `Referer`, by default the portal's address; the same header goes with each request.
    /// ArcGIS Online accepts nothing else for its hosted services.
    #[default]
    Portal,
    /// To a `Referer` of the caller's.
    Referer(String),
    /// To the address that the token request comes from.
    RequestIp,
}

/// A user name and password at one portal, and what to ask of its tokens.
#[derive(Clone)]
pub struct UserPassword {
    username: String,
    password: SecretString,
    portal: Portal,
    expiration: Duration,
    binding: ClientBinding,
}

impl UserPassword {
    /// A user at `portal`, asking for tokens of 60 minutes that are bound to a referer. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if user name or password is empty.
    pub fn new(
        username: impl Into<String>,
        password: impl Into<SecretString>,
        portal: Portal,
    ) -> Result<Self, Error> {
        use secrecy::ExposeSecret;
        let (username, password) = (username.into(), password.into());
        if username.trim().is_empty() {
            return Err(ConfigError::EmptyUser.into());
        }
        if password.expose_secret().is_empty() {
            return Err(ConfigError::EmptyPassword.into());
        }
        Ok(Self {
            username,
            password,
            portal,
            expiration: Duration::from_secs(3600),
            binding: ClientBinding::default(),
        })
    }

    /// Sets the token life to ask for, in minutes; 60 by default. The server may grant less.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for 0.
    pub fn with_expiration_minutes(mut self, minutes: u32) -> Result<Self, Error> {
        if minutes == 0 {
            return Err(ConfigError::ZeroExpiration.into());
        }
        self.expiration = Duration::from_secs(u64::from(minutes) * 60);
        Ok(self)
    }

    /// Sets what the tokens are bound to; the portal's address as referer by default.
    #[must_use]
    pub fn with_binding(mut self, binding: ClientBinding) -> Self {
        self.binding = binding;
        self
    }

    /// The user name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &SecretString {
        &self.password
    }

    /// Where the user signs in.
    #[must_use]
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// The token life to ask for, in minutes.
    #[must_use]
    pub fn expiration_minutes(&self) -> u64 {
        self.expiration.as_secs() / 60
    }

    /// What the tokens are bound to.
    #[must_use]
    pub fn binding(&self) -> &ClientBinding {
        &self.binding
    }

    /// The referer to bind tokens to; `None` for binding to the caller's address.
    #[must_use]
    pub fn referer(&self) -> Option<String> {
        match &self.binding {
            ClientBinding::Portal => Some(self.portal.to_string()),
            ClientBinding::Referer(referer) => Some(referer.clone()),
            ClientBinding::RequestIp => None,
        }
    }
}

impl fmt::Debug for UserPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserPassword")
            .field("username", &self.username)
            .field("password", &format_args!("[redacted]"))
            .field("portal", &self.portal)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t11_unusable_credentials_are_refused_at_construction() {
        let portal = || Portal::parse("https://h/portal/").unwrap();
        assert!(matches!(
            UserPassword::new("", "p", portal()),
            Err(Error::Config(ConfigError::EmptyUser))
        ));
        assert!(matches!(
            UserPassword::new("u", "", portal()),
            Err(Error::Config(ConfigError::EmptyPassword))
        ));
        let user = UserPassword::new("u", "p", portal()).unwrap();
        assert_eq!(user.expiration_minutes(), 60);
        assert_eq!(user.referer().as_deref(), Some("https://h/portal"));
        assert!(matches!(
            user.clone().with_expiration_minutes(0),
            Err(Error::Config(ConfigError::ZeroExpiration))
        ));
        assert_eq!(user.with_binding(ClientBinding::RequestIp).referer(), None);
        assert!(Credentials::token(&portal(), "  \n").is_err());
    }

    #[test]
    fn a_pasted_token_is_bound_to_its_url() {
        let pasted = "http://127.0.0.1:9/x/FeatureServer/0/query?where=1%3D1&TOKEN=abc"
            .parse()
            .unwrap();
        let (url, credentials) = Credentials::split_from(&pasted).unwrap();
        assert_eq!(
            url.as_str(),
            "http://127.0.0.1:9/x/FeatureServer/0/query?where=1%3D1"
        );
        let provider = credentials.unwrap().as_static().unwrap();
        use crate::provider::TokenProvider;
        assert!(provider.trust().allows(&url));
        assert!(
            !provider
                .trust()
                .allows(&"http://127.0.0.1:10/".parse().unwrap())
        );

        let plain: Url = "https://h/x?where=a%20b".parse().unwrap();
        let (same, none) = Credentials::split_from(&plain).unwrap();
        assert_eq!(same, plain);
        assert!(none.is_none());
    }
}
