//! The token model: a secret value, and when it ends.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};

/// An access token as a server issued it: its value, when it expires and the referer it is bound to.
///
/// Cheap to clone. `Debug` and `Display` never show the value; [`Token::expose`] is the one way to it.
///
/// ```
/// use arcgis_auth_core::Token;
///
/// let token = Token::new("secret");
/// assert_eq!(format!("{token:?}"), "Token { value: [redacted], expires_at: None }");
/// assert_eq!(token.expose(), "secret");
/// ```
#[derive(Clone)]
pub struct Token(Arc<Inner>);

struct Inner {
    value: SecretString,
    expires_at: Option<SystemTime>,
    referer: Option<String>,
}

impl Token {
    /// A token that is not known to expire.
    #[must_use]
    pub fn new(value: impl Into<SecretString>) -> Self {
        Self(Arc::new(Inner {
            value: value.into(),
            expires_at: None,
            referer: None,
        }))
    }

    /// The same token, with the moment at which the server ends it.
    #[must_use]
    pub fn with_expiry(self, expires_at: SystemTime) -> Self {
        Self(Arc::new(Inner {
            value: self.0.value.clone(),
            expires_at: Some(expires_at),
            referer: self.0.referer.clone(),
        }))
    }

    /// The same token, bound to a referer: each request that carries it must send this `Referer` header.
    #[must_use]
    pub fn with_referer(self, referer: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            value: self.0.value.clone(),
            expires_at: self.0.expires_at,
            referer: Some(referer.into()),
        }))
    }

    /// Reads an `expires` member of a token reply: milliseconds since 1970, or seconds where the
    /// number is below 1e11 (some servers send those). `None` if it is not after 1970.
    #[must_use]
    pub fn expiry_from_epoch(expires: i64) -> Option<SystemTime> {
        let millis = if expires < 100_000_000_000 {
            expires.checked_mul(1000)?
        } else {
            expires
        };
        let since_epoch = Duration::from_millis(u64::try_from(millis).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since_epoch)
    }

    /// The secret itself, for putting it on the wire.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.value.expose_secret()
    }

    /// When the server ends the token, if it said so.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at
    }

    /// The referer that the token is bound to.
    #[must_use]
    pub fn referer(&self) -> Option<&str> {
        self.0.referer.as_deref()
    }

    /// Whether both are the same token: compared by value.
    #[must_use]
    pub fn is_same(&self, other: &Token) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.expose() == other.expose()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("value", &format_args!("[redacted]"))
            .field("expires_at", &self.0.expires_at)
            .finish()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expires_is_read_in_milliseconds_or_seconds() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(
            Token::expiry_from_epoch(32_503_680_000_000),
            at(32_503_680_000)
        );
        assert_eq!(Token::expiry_from_epoch(1_000_000), at(1_000_000));
        assert_eq!(Token::expiry_from_epoch(0), at(0));
        assert_eq!(Token::expiry_from_epoch(-5), None);
        assert_eq!(Token::expiry_from_epoch(i64::MIN), None);
        assert!(Token::expiry_from_epoch(i64::MAX).is_some());
    }

    #[test]
    fn no_rendering_shows_the_value() {
        let token = Token::new("hunter2").with_referer("https://r");
        assert!(!format!("{token:?} {token} {token:#?}").contains("hunter2"));
    }

    #[test]
    fn tokens_are_compared_by_value() {
        assert!(Token::new("a").is_same(&Token::new("a").with_referer("x")));
        assert!(!Token::new("a").is_same(&Token::new("b")));
    }
}
