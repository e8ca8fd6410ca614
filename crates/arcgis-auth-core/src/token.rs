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

#[derive(Clone)]
struct Inner {
    value: SecretString,
    expires_at: Option<SystemTime>,
    life: Option<Duration>,
    referer: Option<String>,
}

/// Clocks that differ by no more than this are taken as one: a `Date` has whole seconds, and took
/// some time to arrive. The finer of both is then this machine's.
const SAME_CLOCK: Duration = Duration::from_secs(2);

impl Token {
    /// A token that is not known to expire.
    #[must_use]
    pub fn new(value: impl Into<SecretString>) -> Self {
        Self(Arc::new(Inner {
            value: value.into(),
            expires_at: None,
            life: None,
            referer: None,
        }))
    }

    /// The same token, with the moment at which it ends, on this machine's wall clock. That is what
    /// to keep of a token that is written down; for one just issued, [`Token::with_life`] is exact.
    #[must_use]
    pub fn with_expiry(mut self, expires_at: SystemTime) -> Self {
        Arc::make_mut(&mut self.0).expires_at = Some(expires_at);
        self
    }

    /// The same token, with the time that it had left when it was issued, such as OAuth's
    /// `expires_in`. A [`TokenCache`](crate::TokenCache) counts it on the monotonic clock and
    /// prefers it to [`Token::expires_at`]: a wall clock that is wrong or moves does not matter.
    #[must_use]
    pub fn with_life(mut self, life: Duration) -> Self {
        Arc::make_mut(&mut self.0).life = Some(life);
        self
    }

    /// The same token, with the expiry that a reply names by the server's clock: `expires` as in
    /// [`Token::expiry_from_epoch`], `date` from the reply's `Date` header, and what this machine's
    /// wall clock shows now. `None` if `expires` is no moment.
    ///
    /// Sets [`Token::expires_at`] as this machine's clock will show it. With a `date` it sets
    /// [`Token::life`] too, counted by the server's clock where both clocks differ; a token that has
    /// ended has a life of zero.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use arcgis_auth_core::Token;
    ///
    /// // The server's clock is an hour ahead of ours; its token lives for ten minutes.
    /// let ours = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    /// let theirs = ours + Duration::from_secs(3600);
    /// let token = Token::new("secret")
    ///     .with_reported_expiry(1_700_004_200_000, Some(theirs), ours)
    ///     .ok_or("no moment")?;
    /// assert_eq!(token.life(), Some(Duration::from_secs(600)));
    /// assert_eq!(token.expires_at(), Some(ours + Duration::from_secs(600)));
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub fn with_reported_expiry(
        self,
        expires: i64,
        date: Option<SystemTime>,
        now: SystemTime,
    ) -> Option<Self> {
        let expires = Self::expiry_from_epoch(expires)?;
        let Some(date) = date else {
            return Some(self.with_expiry(expires));
        };
        let skew = match date.duration_since(now) {
            Ok(ahead) => ahead,
            Err(behind) => behind.duration(),
        };
        let server_now = if skew <= SAME_CLOCK { now } else { date };
        let life = expires.duration_since(server_now).unwrap_or_default();
        let ends = now.checked_add(life).unwrap_or(expires);
        Some(self.with_expiry(ends).with_life(life))
    }

    /// The same token, bound to a referer: each request that carries it must send this `Referer` header.
    #[must_use]
    pub fn with_referer(mut self, referer: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).referer = Some(referer.into());
        self
    }

    /// The same token with another value.
    pub(crate) fn with_value(mut self, value: SecretString) -> Self {
        Arc::make_mut(&mut self.0).value = value;
        self
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

    /// When the token ends on this machine's wall clock, if the server said so.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at
    }

    /// How long the token had to live when it was issued, if the server said so.
    #[must_use]
    pub fn life(&self) -> Option<Duration> {
        self.0.life
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
    fn a_skewed_clock_does_not_shorten_or_lengthen_a_life() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let token = |expires: i64, date: Option<u64>| {
            let date = date.map(|at| SystemTime::UNIX_EPOCH + Duration::from_secs(at));
            Token::new("t").with_reported_expiry(expires, date, start)
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (expires, date, life, ends) in [
            // The server is an hour ahead, an hour behind, and right to the second.
            (1_700_003_900_000, 1_700_003_600, 300, 300),
            (1_699_996_700_000, 1_699_996_400, 300, 300),
            (1_700_000_300_000, 1_699_999_999, 300, 300),
            // In seconds, and at its end.
            (1_700_003_900, 1_700_003_600, 300, 300),
            (1_700_003_500_000, 1_700_003_600, 0, 0),
        ] {
            let token = token(expires, Some(date)).unwrap();
            assert_eq!(token.life(), seconds(life), "{expires} at {date}");
            assert_eq!(token.expires_at(), Some(start + Duration::from_secs(ends)));
        }
        let without = token(1_700_003_900_000, None).unwrap();
        assert_eq!(without.life(), None);
        assert_eq!(
            without.expires_at(),
            Some(start + Duration::from_secs(3900))
        );
        assert!(token(-1, None).is_none());
    }

    #[test]
    fn what_is_added_to_a_token_leaves_its_copies_alone() {
        let token = Token::new("t");
        let copy = token
            .clone()
            .with_life(Duration::from_secs(1))
            .with_referer("r");
        assert_eq!((token.life(), token.referer()), (None, None));
        assert_eq!(copy.life(), Some(Duration::from_secs(1)));
        assert_eq!((copy.referer(), copy.expose()), (Some("r"), "t"));
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
