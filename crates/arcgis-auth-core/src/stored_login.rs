//! A login as it is written down.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use secrecy::zeroize::{Zeroize, Zeroizing};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::app_login::AppLogin;
use crate::credentials::{ClientBinding, Credentials, UserPassword};
use crate::error::Error;
use crate::portal::Portal;
use crate::store::StoreError;
use crate::token::Token;
use crate::user_login::UserLogin;

/// The version of the JSON that is written.
const VERSION: u64 = 1;

/// A login for a [`CredentialStore`](crate::CredentialStore) to keep, together with the portal that
/// it belongs to.
#[derive(Clone)]
#[non_exhaustive]
pub enum StoredLogin {
    /// A user who signed in by OAuth.
    User(UserLogin),
    /// A user name and password.
    UserPassword(UserPassword),
    /// An application.
    App(AppLogin),
    /// A token that someone else obtained.
    Token {
        /// Where it belongs.
        portal: Portal,
        /// The token.
        token: Token,
    },
    /// An API key.
    ApiKey {
        /// Where it belongs.
        portal: Portal,
        /// The key.
        key: Token,
    },
}

impl StoredLogin {
    /// The portal that the login belongs to.
    #[must_use]
    pub fn portal(&self) -> &Portal {
        match self {
            Self::User(user) => user.portal(),
            Self::UserPassword(user) => user.portal(),
            Self::App(app) => app.portal(),
            Self::Token { portal, .. } | Self::ApiKey { portal, .. } => portal,
        }
    }

    /// The name of the user, if there is one and it is known.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::User(user) => user.username(),
            Self::UserPassword(user) => Some(user.username()),
            Self::App(_) | Self::Token { .. } | Self::ApiKey { .. } => None,
        }
    }

    /// The login as a credential.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an empty token.
    pub fn into_credentials(self) -> Result<Credentials, Error> {
        Ok(match self {
            Self::User(user) => Credentials::User(user),
            Self::UserPassword(user) => Credentials::UserPassword(user),
            Self::App(app) => Credentials::App(app),
            Self::Token { portal, token } => Credentials::of_token(&portal, token)?,
            Self::ApiKey { portal, key } => Credentials::of_api_key(&portal, key)?,
        })
    }

    /// The login as JSON, for a place where nobody else reads it.
    ///
    /// # Errors
    ///
    /// None in practice: every login can be written.
    pub fn to_json(&self) -> Result<SecretString, Error> {
        let record = Record::of(self);
        // With room for all of it: a buffer that grows leaves copies behind.
        let mut json = Zeroizing::new(Vec::with_capacity(record.room()));
        serde_json::to_writer(&mut *json, &record).map_err(|_| damaged("cannot be written"))?;
        let text = std::str::from_utf8(&json).map_err(|_| damaged("not text"))?;
        Ok(text.into())
    }

    /// Reads what [`StoredLogin::to_json`] wrote, of the login at `portal`.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] for text of another form or version, and for the login of another portal.
    pub fn from_json(json: &SecretString, portal: &Portal) -> Result<Self, Error> {
        let text = json.expose_secret();
        let head: Head = serde_json::from_str(text).map_err(|_| damaged("not a login"))?;
        if head.version != VERSION {
            return Err(Error::store(StoreError::UnknownVersion {
                found: head.version,
                known: VERSION,
            }));
        }
        let record: Record<'_> =
            serde_json::from_str(text).map_err(|_| damaged("not a login of this version"))?;
        let found = Portal::parse(record.portal.as_str()).ok();
        if found.as_ref() != Some(portal) {
            return Err(Error::store(StoreError::OtherPortal {
                found: found.map_or_else(|| "no portal".to_owned(), |found| found.to_string()),
                wanted: portal.clone(),
            }));
        }
        match record.read(portal) {
            Err(Error::Config(_)) => Err(damaged("a part of it is empty")),
            read => read,
        }
    }
}

fn damaged(problem: &'static str) -> Error {
    Error::store(StoreError::Damaged { problem })
}

impl fmt::Debug for StoredLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::UserPassword(user) => user.fmt(f),
            Self::App(app) => app.fmt(f),
            Self::Token { portal, .. } => write!(f, "Token({portal:?}, [redacted])"),
            Self::ApiKey { portal, .. } => write!(f, "ApiKey({portal:?}, [redacted])"),
        }
    }
}

#[derive(Deserialize)]
struct Head {
    version: u64,
}

/// What is written: flat, and borrowed, so that serde copies no secret. Moments are milliseconds
/// since 1970.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    version: u64,
    #[serde(borrow)]
    portal: Text<'a>,
    kind: Kind,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    username: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    password: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    client_id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token_expires: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    token: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expiration_minutes: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<Client>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    referer: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    User,
    UserPassword,
    App,
    Token,
    ApiKey,
}

/// What a password's tokens are bound to, as `generateToken` calls it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Client {
    Portal,
    Referer,
    RequestIp,
}

/// A text that does not stay in memory where it had to be copied.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(copied) = &mut self.0 {
            copied.zeroize();
        }
    }
}

impl<'a> Text<'a> {
    fn of(text: &'a str) -> Option<Self> {
        Some(Self(Cow::Borrowed(text)))
    }

    fn secret(secret: &'a SecretString) -> Option<Self> {
        Self::of(secret.expose_secret())
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> Record<'a> {
    fn of(login: &'a StoredLogin) -> Self {
        let record = |kind| Self::empty(login.portal().to_string(), kind);
        match login {
            StoredLogin::User(user) => Self {
                client_id: Text::of(user.client_id()),
                redirect_uri: Text::of(user.redirect_uri()),
                refresh_token: Text::secret(user.refresh_token()),
                refresh_token_expires: user.refresh_expires_at().and_then(epoch),
                username: user.username().and_then(Text::of),
                ..record(Kind::User).with_token(user.access_token())
            },
            StoredLogin::UserPassword(user) => {
                let (client, referer) = match user.binding() {
                    ClientBinding::Portal => (Client::Portal, None),
                    ClientBinding::Referer(referer) => (Client::Referer, Text::of(referer)),
                    ClientBinding::RequestIp => (Client::RequestIp, None),
                };
                Self {
                    username: Text::of(user.username()),
                    password: Text::secret(user.password()),
                    expiration_minutes: u32::try_from(user.expiration_minutes()).ok(),
                    client: Some(client),
                    referer,
                    ..record(Kind::UserPassword)
                }
            }
            StoredLogin::App(app) => Self {
                client_id: Text::of(app.client_id()),
                client_secret: Text::secret(app.client_secret()),
                expiration_minutes: u32::try_from(app.expiration_minutes()).ok(),
                ..record(Kind::App)
            },
            StoredLogin::Token { token, .. } => record(Kind::Token).with_token(Some(token)),
            StoredLogin::ApiKey { key, .. } => record(Kind::ApiKey).with_token(Some(key)),
        }
    }

    fn empty(portal: String, kind: Kind) -> Self {
        Self {
            version: VERSION,
            portal: Text(Cow::Owned(portal)),
            kind,
            username: None,
            password: None,
            client_id: None,
            client_secret: None,
            redirect_uri: None,
            refresh_token: None,
            refresh_token_expires: None,
            token: None,
            token_expires: None,
            expiration_minutes: None,
            client: None,
            referer: None,
        }
    }

    fn with_token(mut self, token: Option<&'a Token>) -> Self {
        if let Some(token) = token {
            self.token = Text::of(token.expose());
            self.token_expires = token.expires_at().and_then(epoch);
            self.referer = token.referer().and_then(Text::of);
        }
        self
    }

    /// More bytes than the JSON can have.
    fn room(&self) -> usize {
        let texts = [
            &self.username,
            &self.password,
            &self.client_id,
            &self.client_secret,
            &self.redirect_uri,
            &self.refresh_token,
            &self.token,
            &self.referer,
        ];
        let bytes: usize = texts.iter().map(|text| length(text)).sum();
        // A control character is six bytes in JSON; the names take less than 512.
        512 + 6 * (bytes + self.portal.as_str().len())
    }

    fn read(&self, portal: &Portal) -> Result<StoredLogin, Error> {
        let portal = portal.clone();
        Ok(match self.kind {
            Kind::User => {
                let login = UserLogin::new(
                    text(&self.client_id),
                    text(&self.redirect_uri),
                    text(&self.refresh_token),
                    portal,
                )?;
                let login = login.with_access_token(self.token());
                let login = match moment(self.refresh_token_expires) {
                    Some(at) => login.with_refresh_expiry(at),
                    None => login,
                };
                StoredLogin::User(match &self.username {
                    Some(name) => login.with_username(name.as_str()),
                    None => login,
                })
            }
            Kind::UserPassword => {
                let user = UserPassword::new(text(&self.username), text(&self.password), portal)?;
                let user = match self.expiration_minutes {
                    Some(minutes) => user.with_expiration_minutes(minutes)?,
                    None => user,
                };
                StoredLogin::UserPassword(user.with_binding(match &self.client {
                    Some(Client::Referer) => ClientBinding::Referer(text(&self.referer).to_owned()),
                    Some(Client::RequestIp) => ClientBinding::RequestIp,
                    Some(Client::Portal) | None => ClientBinding::Portal,
                }))
            }
            Kind::App => {
                let app = AppLogin::new(text(&self.client_id), text(&self.client_secret), portal)?;
                StoredLogin::App(match self.expiration_minutes {
                    Some(minutes) => app.with_expiration_minutes(minutes)?,
                    None => app,
                })
            }
            Kind::Token => StoredLogin::Token {
                portal,
                token: self.token().ok_or_else(|| damaged("it has no token"))?,
            },
            Kind::ApiKey => StoredLogin::ApiKey {
                portal,
                key: self.token().ok_or_else(|| damaged("it has no key"))?,
            },
        })
    }

    fn token(&self) -> Option<Token> {
        let token = Token::new(self.token.as_ref()?.as_str());
        let token = match moment(self.token_expires) {
            Some(at) => token.with_expiry(at),
            None => token,
        };
        Some(match &self.referer {
            Some(referer) => token.with_referer(referer.as_str()),
            None => token,
        })
    }
}

fn length(text: &Option<Text<'_>>) -> usize {
    text.as_ref().map_or(0, |text| text.as_str().len())
}

fn text<'a>(text: &'a Option<Text<'_>>) -> &'a str {
    text.as_ref().map_or("", Text::as_str)
}

fn epoch(at: SystemTime) -> Option<u64> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

fn moment(epoch: Option<u64>) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(epoch?))
}

#[cfg(test)]
#[path = "stored_login_tests.rs"]
mod tests;
