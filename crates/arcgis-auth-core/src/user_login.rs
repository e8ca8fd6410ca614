//! A user who has signed in by OAuth, and stays so by a refresh token.

use std::fmt;
use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};

use crate::app_login::checked_client_id;
use crate::error::{ConfigError, Error};
use crate::portal::Portal;
use crate::token::Token;

/// What a user's sign-in by OAuth leaves: a refresh token, from which access tokens are made.
///
/// ```
/// use arcgis_auth_core::{Portal, UserLogin};
///
/// let portal = Portal::parse("https://gis.example.com/portal")?;
/// let login = UserLogin::new("client-id", "http://127.0.0.1:8765/", "refresh-secret", portal)?
///     .with_username("me");
/// assert!(!format!("{login:?}").contains("refresh-secret"));
/// # Ok::<(), arcgis_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct UserLogin {
    client_id: String,
    redirect_uri: String,
    refresh_token: SecretString,
    refresh_expires_at: Option<SystemTime>,
    portal: Portal,
    username: Option<String>,
    access_token: Option<Token>,
}

impl UserLogin {
    /// A login at `portal` through the application `client_id`. `redirect_uri` is the one that was
    /// signed in with: exchanging the refresh token for a new one asks for it. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the id or the refresh token is empty.
    pub fn new(
        client_id: impl Into<String>,
        redirect_uri: impl Into<String>,
        refresh_token: impl Into<SecretString>,
        portal: Portal,
    ) -> Result<Self, Error> {
        Ok(Self {
            client_id: checked_client_id(&client_id.into())?,
            redirect_uri: redirect_uri.into(),
            refresh_token: checked_refresh_token(refresh_token.into())?,
            refresh_expires_at: None,
            portal,
            username: None,
            access_token: None,
        })
    }

    /// The same login with another refresh token, as an exchange gives it, and when that one ends.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if it is empty.
    pub fn with_refresh_token(
        mut self,
        refresh_token: impl Into<SecretString>,
        expires_at: Option<SystemTime>,
    ) -> Result<Self, Error> {
        self.refresh_token = checked_refresh_token(refresh_token.into())?;
        self.refresh_expires_at = expires_at;
        Ok(self)
    }

    /// Sets when the refresh token ends; not known by default.
    #[must_use]
    pub fn with_refresh_expiry(mut self, expires_at: SystemTime) -> Self {
        self.refresh_expires_at = Some(expires_at);
        self
    }

    /// Sets the name of the user who signed in.
    #[must_use]
    pub fn with_username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Sets an access token that still lives, so that the first request needs no refresh. What is
    /// kept of it across processes is its value and [`Token::expires_at`].
    #[must_use]
    pub fn with_access_token(mut self, access_token: Option<Token>) -> Self {
        self.access_token = access_token;
        self
    }

    /// The application that the user signed in through.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The redirect address that the user signed in with.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The refresh token.
    #[must_use]
    pub fn refresh_token(&self) -> &SecretString {
        &self.refresh_token
    }

    /// When the refresh token ends, if that is known.
    #[must_use]
    pub fn refresh_expires_at(&self) -> Option<SystemTime> {
        self.refresh_expires_at
    }

    /// Where the user signed in.
    #[must_use]
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// The user's name, if the portal gave it.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// The access token that was kept.
    #[must_use]
    pub fn access_token(&self) -> Option<&Token> {
        self.access_token.as_ref()
    }
}

fn checked_refresh_token(token: SecretString) -> Result<SecretString, Error> {
    let trimmed = token.expose_secret().trim();
    if trimmed.is_empty() {
        return Err(ConfigError::EmptyToken.into());
    }
    Ok(trimmed.into())
}

impl fmt::Debug for UserLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserLogin")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .field("refresh_token", &format_args!("[redacted]"))
            .field("refresh_expires_at", &self.refresh_expires_at)
            .field("portal", &self.portal)
            .field("username", &self.username)
            .field("access_token", &self.access_token)
            .finish()
    }
}
