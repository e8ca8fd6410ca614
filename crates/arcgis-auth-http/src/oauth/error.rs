use std::time::Duration;

use arcgis_auth_core::{Error, ServiceError};

/// What went wrong with a login by OAuth, by what can be done about it.
///
/// Providers and flows give it as the source of an [`Error::Mint`]; [`OAuthError::of`] finds it there.
/// No variant holds a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum OAuthError {
    /// The refresh token is not good any more: expired, exchanged elsewhere, or revoked.
    #[error("the login has ended, sign in again: {0}")]
    LoginEnded(#[source] ServiceError),

    /// The code is not good: it was used already, is older than a few minutes, or belongs to another
    /// sign-in. Portals before 10.9.1 may refuse it because they know no PKCE.
    #[error(
        "the portal refused the code (codes work once and for a few minutes; an old portal may need PKCE off): {0}"
    )]
    CodeRefused(#[source] ServiceError),

    /// The portal does not know the client id.
    #[error("the portal does not know the client id {client_id}: {service}")]
    UnknownClient {
        /// The client id that was sent.
        client_id: String,
        /// What the portal said.
        #[source]
        service: ServiceError,
    },

    /// The redirect address is not registered with the application.
    #[error(
        "the redirect address {redirect_uri} has to be registered with the application: {reason}"
    )]
    RedirectRefused {
        /// The address that was sent.
        redirect_uri: String,
        /// What the portal said.
        reason: String,
    },

    /// The user, or the portal for them, said no.
    #[error("access was denied: {reason}")]
    Denied {
        /// What the portal said.
        reason: String,
    },

    /// The answer belongs to another sign-in: its `state` is not the one that was sent. Nothing was
    /// done with it.
    #[error("this answer belongs to another sign-in (its state differs); nothing was sent")]
    StateMismatch,

    /// There is no code in what came back or was pasted.
    #[error("there is no code in what came back")]
    NoCode,

    /// The browser did not come back in time.
    #[error("nobody signed in within {} s", .0.as_secs())]
    TimedOut(Duration),

    /// The local address that the browser should come back to cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Where.
        address: String,
        /// What the system said.
        reason: String,
    },

    /// The portal refused the request for another reason.
    #[error("the portal refused the request: {0}")]
    Refused(#[source] ServiceError),

    /// The portal's reply is not what it should be. Its body is never shown: there may be a token in it.
    #[error("the reply {0}")]
    Malformed(&'static str),

    /// The system gave no random numbers, without which no sign-in is safe.
    #[error("the system gave no random numbers")]
    NoRandomness,
}

impl OAuthError {
    /// The error behind `error`, if it is about OAuth.
    ///
    /// ```
    /// use arcgis_auth_core::{Error, Origin};
    /// use arcgis_auth_http::OAuthError;
    ///
    /// let portal = Origin::of(&"https://gis.example.com".parse()?)?;
    /// let error = Error::mint(portal, OAuthError::StateMismatch);
    /// assert!(matches!(OAuthError::of(&error), Some(OAuthError::StateMismatch)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        match error {
            Error::Mint { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }
}
