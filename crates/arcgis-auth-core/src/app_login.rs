//! An application that signs in as itself.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::error::{ConfigError, Error};
use crate::portal::Portal;

/// The life of an application's tokens where nothing else is asked for: what ArcGIS gives by itself.
const USUAL_LIFE: Duration = Duration::from_secs(120 * 60);

/// The id and secret of an application that is registered at a portal, and what to ask of its tokens:
/// OAuth's client credentials. There is no user behind them.
#[derive(Clone)]
pub struct AppLogin {
    client_id: String,
    client_secret: SecretString,
    portal: Portal,
    expiration: Duration,
}

impl AppLogin {
    /// An application of `portal`, asking for tokens of 120 minutes. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if id or secret is empty.
    pub fn new(
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
        portal: Portal,
    ) -> Result<Self, Error> {
        let (client_id, client_secret) = (client_id.into(), client_secret.into());
        let client_id = checked_client_id(&client_id)?;
        let secret = client_secret.expose_secret().trim();
        if secret.is_empty() {
            return Err(ConfigError::EmptyClientSecret.into());
        }
        Ok(Self {
            client_id,
            client_secret: secret.into(),
            portal,
            expiration: USUAL_LIFE,
        })
    }

    /// Sets the token life to ask for, in minutes; 120 by default. ArcGIS Online grants up to 20160
    /// (14 days); a server may grant less than was asked for.
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

    /// The id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The secret.
    #[must_use]
    pub fn client_secret(&self) -> &SecretString {
        &self.client_secret
    }

    /// Where the application is registered.
    #[must_use]
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// The token life to ask for, in minutes.
    #[must_use]
    pub fn expiration_minutes(&self) -> u64 {
        self.expiration.as_secs() / 60
    }
}

impl fmt::Debug for AppLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppLogin")
            .field("client_id", &self.client_id)
            .field("client_secret", &format_args!("[redacted]"))
            .field("portal", &self.portal)
            .finish_non_exhaustive()
    }
}

/// A client id without the blanks that come along when it is copied.
pub(crate) fn checked_client_id(client_id: &str) -> Result<String, Error> {
    let client_id = client_id.trim();
    if client_id.is_empty() {
        return Err(ConfigError::EmptyClientId.into());
    }
    Ok(client_id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_needs_both_halves() {
        let portal = || Portal::parse("https://h/portal").unwrap();
        assert!(matches!(
            AppLogin::new(" ", "s", portal()),
            Err(Error::Config(ConfigError::EmptyClientId))
        ));
        assert!(matches!(
            AppLogin::new("id", "\n", portal()),
            Err(Error::Config(ConfigError::EmptyClientSecret))
        ));
        let app = AppLogin::new(" id\n", "s\n", portal()).unwrap();
        assert_eq!(
            (app.client_id(), app.client_secret().expose_secret()),
            ("id", "s")
        );
        assert_eq!(app.expiration_minutes(), 120);
        assert_eq!(
            app.clone()
                .with_expiration_minutes(20160)
                .unwrap()
                .expiration_minutes(),
            20160
        );
        assert!(app.with_expiration_minutes(0).is_err());
    }
}
